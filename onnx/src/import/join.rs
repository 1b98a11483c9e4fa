//! Residual sums.

use num_traits::One;
use sterna_ir::LayerOp;

use crate::error::shown;
use crate::exact::{Ratio, as_integer, near};
use crate::model::Node;
use crate::signal::Signal;
use crate::stairs::zip;

use super::Importer;

impl Importer<'_> {
    /// The sum of two tensors, one of which the last layer makes; the other may be older.
    pub(super) fn add(&mut self, node: &Node, a: Signal, b: Signal) -> Result<Signal, String> {
        let last = self.layers.len().checked_sub(1);
        let (main, other) = if a.layer == last { (a, b) } else { (b, a) };
        if main.shape != other.shape || main.order != other.order {
            return Err(format!("adds tensors of shapes {:?} and {:?}", main.shape, other.shape));
        }
        self.is_last(&main)?;
        let Some(from) = other.layer else {
            return Err("adds the input itself; put a layer or a quantiser in front of both branches".into());
        };
        // Where steps are still to be chosen, those of the earlier tensor are.
        let main = match (&self.options.ternarise, other.one_scale()) {
            (Some(_), Ok((step, _))) if main.one_scale().map(|(s, _)| s) != Ok(step.clone()) => {
                self.coded_like(node, main, &step)?
            }
            _ => main,
        };
        let main = self.matched(node, main, &other)?;
        let (scale, offset) = main.scaled()?;
        let offset = zip(offset, other.scaled()?.1, |a, b| a + b).ok_or("offsets of other channels")?;
        let scale = scale.clone();
        let layer = self.push(node, LayerOp::Add { from });
        let y = Signal { layer: Some(layer), codes: None, ..main };
        Signal { steps: vec![crate::stairs::Step::identity()], ..y }.affine(scale, offset)
    }

    /// `main` from integers as fine as those of `other`: multiplied by a whole number where they are coarser.
    fn matched(&mut self, node: &Node, main: Signal, other: &Signal) -> Result<Signal, String> {
        let (mine, theirs) = (main.scaled()?.0, other.scaled()?.0);
        let ratios = zip(mine, theirs, |a, b| a / b).ok_or("scales of other channels")?;
        if ratios.iter().all(Ratio::is_one) {
            return Ok(main);
        }
        let factor = as_integer(&ratios[0]).filter(|m| (2..=i64::from(i16::MAX)).contains(m));
        let factor = factor.filter(|_| ratios.iter().all(|r| *r == ratios[0]));
        let Some(factor) = factor else {
            let earlier = other.layer.map_or("the input".into(), |l| shown(&self.layers[l].name));
            return Err(format!(
                "adds values in steps of {:.6e} to those of {earlier} in steps of {:.6e}; quantise both with one scale \
                 (in Brevitas share the quantiser)",
                near(&mine[0]),
                near(&theirs[0])
            ));
        };
        let (offset, scale) = (main.scaled()?.1.clone(), theirs.clone());
        self.multiplied(node, &main, factor as i16, Vec::new())?.affine(scale, offset)
    }
}
