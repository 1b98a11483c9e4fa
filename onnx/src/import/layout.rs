//! Nodes that move elements or name them anew, and compute nothing.

use crate::constant::Constant;
use crate::model::Node;
use crate::shapes;
use crate::signal::Signal;
use crate::tensor::Tensor;

use super::Importer;

impl Importer<'_> {
    /// The sizes of a tensor; those of its batch are 1 where the model leaves them open.
    pub(super) fn shape(&self, x: &Signal) -> Constant {
        let batch = self.model.input.batch.unwrap_or(1);
        let sizes = std::iter::once(batch).chain(x.shape.iter().map(|d| *d as i64));
        Constant::Plain(Tensor::ints(sizes.collect()).into())
    }

    /// `Flatten`, `Reshape`, `Squeeze` and `Unsqueeze`: the batch axis must stay what it is.
    pub(super) fn reshape(
        &self,
        node: &Node,
        x: Signal,
        constant: Option<&Constant>,
    ) -> Result<Signal, String> {
        let rank = x.shape.len() + 1;
        let listed = || match (node.ints("axes"), constant) {
            (Some(axes), _) => Ok(axes.to_vec()),
            (None, Some(axes)) => axes.integers(),
            (None, None) => Err("input 1 is no constant".to_string()),
        };
        let shape = match node.op.as_str() {
            "Flatten" => match shapes::cut(node.int("axis").unwrap_or(1), rank)? {
                1 => vec![x.len()],
                axis => return Err(format!("flattens from axis {axis}; want 1, behind the batch")),
            },
            "Reshape" => self.reshaped(node, &x, &listed()?)?,
            op => {
                let (axes, inserts) = (listed()?, op == "Unsqueeze");
                let all = if inserts { rank + axes.len() } else { rank };
                if axes.iter().any(|a| shapes::axis(*a, all) == Ok(0)) {
                    return Err("changes the batch axis".into());
                }
                let full: Vec<usize> = std::iter::once(1).chain(x.shape.iter().copied()).collect();
                shapes::squeezed(&full, &axes, inserts)?.split_off(1)
            }
        };
        // One sample of a tensor without sizes is one element.
        Ok(x.reshape(if shape.is_empty() { vec![1] } else { shape }))
    }

    fn reshaped(&self, node: &Node, x: &Signal, target: &[i64]) -> Result<Vec<usize>, String> {
        let keeps_zeros = node.int("allowzero") == Some(1);
        let [batch, rest @ ..] = target else { return Err("a reshape to a scalar".into()) };
        let known = self.model.input.batch.unwrap_or(1);
        // A batch that is left open takes what the other sizes leave: one sample.
        if !(*batch == -1 || *batch == known || *batch == 1 || (*batch == 0 && !keeps_zeros)) {
            return Err(format!("a reshape to {target:?}; want the batch in front, alone"));
        }
        let mut full = vec![1];
        full.extend(&x.shape);
        let sizes = std::iter::once(1).chain(rest.iter().copied()).collect::<Vec<i64>>();
        Ok(shapes::reshaped(&full, &sizes, keeps_zeros)?.split_off(1))
    }

    /// `Transpose` behind the batch axis.
    pub(super) fn transpose(&self, node: &Node, x: Signal) -> Result<Signal, String> {
        let axes = shapes::permutation(node.ints("perm"), x.shape.len() + 1)?;
        match axes.split_first() {
            Some((0, rest)) => Ok(x.transpose(&rest.iter().map(|a| a - 1).collect::<Vec<_>>())),
            _ => Err(format!("permutes axes to {axes:?}; want the batch first")),
        }
    }
}
