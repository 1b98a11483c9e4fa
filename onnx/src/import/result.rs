//! The end of a network: the index of the largest score, exactly that of the model.

use num_traits::Zero;
use sterna_ir::{Dense, LayerOp};

use crate::constant::Constant;
use crate::exact::{Ratio, as_integer, near, whole};
use crate::model::Node;
use crate::signal::Signal;
use crate::stairs::{Params, of_part};

use super::Importer;

impl Importer<'_> {
    pub(super) fn arg_max(&self, node: &Node, x: Signal) -> Result<Signal, String> {
        if node.int("select_last_index").unwrap_or(0) != 0 {
            return Err("the last of equal scores; want the first (select_last_index = 0)".into());
        }
        along_classes(&x, node.int("axis").unwrap_or(0))?;
        Ok(x)
    }

    /// The index of the one largest element.
    pub(super) fn top_k(&self, node: &Node, x: Signal, k: &Constant) -> Result<Signal, String> {
        if k.integers()? != [1] || node.int("largest").unwrap_or(1) != 1 {
            return Err("more than the one largest score; want k = 1".into());
        }
        along_classes(&x, node.int("axis").unwrap_or(-1))?;
        Ok(x)
    }

    /// Which score is the largest is the same before and behind it; nothing else may read it.
    pub(super) fn softmax(&mut self, node: &Node, x: Signal) -> Result<Signal, String> {
        along_classes(&x, node.int("axis").unwrap_or(-1))?;
        let output = node.outputs.first().map_or("", String::as_str);
        let mut readers = self.model.nodes.iter().filter(|n| n.inputs.iter().any(|i| i == output));
        if self.options.scores || readers.any(|n| !matches!(n.op.as_str(), "ArgMax" | "TopK")) {
            return Err(
                "a softmax whose values are used; only the index of the largest is the same without it"
                    .into(),
            );
        }
        Ok(x)
    }

    /// Ends the network with the integers of the scores.
    pub(super) fn scores(&mut self, x: Signal) -> Result<(), String> {
        let (scale, offset) = x.one_scale()?;
        if x.order.is_some() {
            return Err("scores in another layout than that of the layer before".into());
        }
        self.is_last(&x)?;
        let offsets: Vec<String> = offset.iter().map(|o| format!("{:.6e}", near(o))).collect();
        self.notes.push(format!(
            "a score is {:.6e} times the output plus [{}]",
            near(&scale),
            offsets.join(", ")
        ));
        Ok(())
    }

    /// Ends the network with the index of the largest of `x`.
    pub(super) fn class(&mut self, x: Signal) -> Result<(), String> {
        if x.order.is_some() {
            return Err("scores in another layout than that of the layer before".into());
        }
        let classes = x.len();
        let (scale, offset) = x.one_scale()?;
        if scale <= Ratio::zero() {
            return Err("scores that fall as their integers rise".into());
        }
        self.is_last(&x)?;
        let offset: Params = (0..classes).map(|c| of_part(offset, c, classes) / &scale).collect();
        let (factor, bias) = ordered(&offset).ok_or("biases of scores past 60 bits")?;
        if bias.iter().any(|b| *b != 0) {
            self.biased(factor, bias, classes)?;
        }
        self.layers.push(sterna_ir::Layer { name: "class".into(), op: LayerOp::ArgMax });
        Ok(())
    }

    /// Multiplies the scores and adds `bias`: in the layer that makes them where it can be, else in one more.
    fn biased(&mut self, factor: i16, bias: Vec<i64>, classes: usize) -> Result<(), String> {
        if let Some(LayerOp::Dense(last)) = self.layers.last_mut().map(|l| &mut l.op)
            && factor == 1
        {
            last.bias = bias;
            return Ok(());
        }
        let mut weights = vec![0; classes * classes];
        (0..classes).for_each(|i| weights[i * classes + i] = factor);
        let dense = Dense { inputs: classes, outputs: classes, weights, bias };
        if factor > 1 {
            self.notes.push(format!(
                "biases of the scores are fractions of a step: scores are multiplied by {factor} in a layer of their own"
            ));
        }
        self.layers.push(sterna_ir::Layer { name: "scores".into(), op: LayerOp::Dense(dense) });
        Ok(())
    }
}

fn along_classes(x: &Signal, axis: i64) -> Result<(), String> {
    let axis = crate::shapes::axis(axis, x.shape.len() + 1)?;
    if axis == 1 && x.shape[1..].iter().all(|d| *d == 1) {
        return Ok(());
    }
    Err(format!(
        "along axis {axis} of a tensor of shape {:?} a sample; want the classes of one vector",
        x.shape
    ))
}

/// A factor and integers such that `factor * z[c] + bias[c]` are in the order of `z[c] + offset[c]` for all integers `z`,
/// equal where those are: integers with different fractions behind them compare as their wholes do, then as their
/// fractions, of which only the order counts.
fn ordered(offset: &[Ratio]) -> Option<(i16, Vec<i64>)> {
    // Only differences count.
    let least = offset.iter().min()?;
    let moved: Vec<Ratio> = offset.iter().map(|o| o - least).collect();
    let mut fractions: Vec<Ratio> = moved.iter().map(Ratio::fract).collect();
    fractions.sort();
    fractions.dedup();
    // A power of two costs no adder.
    let factor = i16::try_from(fractions.len().next_power_of_two()).ok()?;
    let bias = |o: &Ratio| {
        let rank = fractions.binary_search(&o.fract()).expect("it is one of them") as i64;
        as_integer(&(o.floor() * whole(factor.into()) + whole(rank)))
    };
    Some((factor, moved.iter().map(bias).collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_with_fractions_stay_in_order(
            offsets in prop::collection::vec((-40i64..40, 1i64..7), 2..9),
            z in prop::collection::vec(-20i64..20, 9),
        ) {
            let offset: Vec<Ratio> = offsets.iter().map(|(n, d)| Ratio::new((*n).into(), (*d).into())).collect();
            let (factor, bias) = ordered(&offset).unwrap();
            for i in 0..offset.len() {
                for j in 0..offset.len() {
                    let real = (whole(z[i]) + &offset[i]).cmp(&(whole(z[j]) + &offset[j]));
                    let score = |c: usize| i64::from(factor) * z[c] + bias[c];
                    prop_assert_eq!(score(i).cmp(&score(j)), real);
                }
            }
        }
    }
}
