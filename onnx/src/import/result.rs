//! The end of a network: the index of the largest score, exactly that of the model.

use num_traits::Zero;
use sterna_ir::LayerOp;

use crate::constant::Constant;
use crate::exact::{Ratio, as_integer, near, whole};
use crate::model::Node;
use crate::signal::Signal;
use crate::stairs::{Params, of_part};

use super::sparse::sparse;
use super::weigh::weigh;
use super::{Importer, Scores};

/// Bits of the low part of a factor that is two weights.
const LOW_BITS: u32 = 14;

impl Importer<'_> {
    pub(super) fn arg_max(&mut self, node: &Node, x: Signal) -> Result<Signal, String> {
        if node.int("select_last_index").unwrap_or(0) != 0 {
            return Err("the last of equal scores; want the first (select_last_index = 0)".into());
        }
        along_classes(&x, node.int("axis").unwrap_or(0))?;
        self.class_name = node.name.clone();
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
        self.bring(&x)?;
        let offset = (0..x.len()).map(|c| near(of_part(offset, c, x.len()))).collect();
        self.scores = Some(Scores { scale: near(&scale), offset });
        Ok(())
    }

    /// Ends the network with the index of the largest of `x`.
    pub(super) fn class(&mut self, x: Signal) -> Result<(), String> {
        if x.order.is_some() {
            return Err("scores in another layout than that of the layer before".into());
        }
        let classes = x.len();
        let (scales, offset) = x.scaled()?;
        if scales.iter().any(|s| *s <= Ratio::zero()) {
            return Err("scores that fall as their integers rise".into());
        }
        self.bring(&x)?;
        let offset: Params = (0..classes).map(|c| of_part(offset, c, classes).clone()).collect();
        if let [scale] = scales.as_slice() {
            let offset: Params = offset.iter().map(|o| o / scale).collect();
            let (factor, bias) = ordered(&offset).ok_or("biases of scores past 60 bits")?;
            if bias.iter().any(|b| *b != 0) {
                self.biased(factor, bias, classes)?;
            }
        } else {
            let scales: Params = (0..classes).map(|c| of_part(scales, c, classes).clone()).collect();
            self.weighed(&scales, &offset)?;
        }
        self.push_named(self.class_name.clone(), LayerOp::ArgMax);
        Ok(())
    }

    /// Brings scores with scales of their own to one, in one or two layers of diagonal matrices.
    fn weighed(&mut self, scales: &Params, offset: &Params) -> Result<(), String> {
        let ranges = self.ranges()?;
        let found = weigh(scales, offset, &ranges);
        let (factors, bias) =
            found.ok_or("scores whose scales are too alike to be told apart; want one scale for all")?;
        let classes = scales.len();
        let most = factors.iter().max().copied().unwrap_or(1);
        self.notes.push(format!(
            "each score has a scale of its own: they are multiplied by up to {most} in layers of their own"
        ));
        let narrow: Option<Vec<i16>> = factors.iter().map(|f| i16::try_from(*f).ok()).collect();
        if let Some(weights) = narrow {
            return self.by_class(&weights, bias);
        }
        // A factor past 16 bits is two: first all classes times the high parts, then all times the low ones.
        let halves = |c: usize| {
            [(c, c, (factors[c] >> LOW_BITS) as i16), (classes + c, c, (factors[c] % (1 << LOW_BITS)) as i16)]
        };
        let split = sparse(&[classes], 2 * classes, (0..classes).flat_map(halves), Vec::new())?;
        self.push_named("scores in parts".into(), split);
        let worths = |c: usize| [(c, c, 1 << LOW_BITS), (c, classes + c, 1)];
        let joined = sparse(&[2 * classes], classes, (0..classes).flat_map(worths), bias)?;
        self.push_named("scores".into(), joined);
        Ok(())
    }

    /// A layer that multiplies each score by a weight of its own.
    fn by_class(&mut self, weights: &[i16], bias: Vec<i64>) -> Result<(), String> {
        let each = weights.iter().enumerate().map(|(c, weight)| (c, c, *weight));
        let op = sparse(&[weights.len()], weights.len(), each, bias)?;
        self.push_named("scores".into(), op);
        Ok(())
    }

    /// Multiplies the scores and adds `bias`: in the layer that makes them where it can be, else in one more.
    fn biased(&mut self, factor: i16, bias: Vec<i64>, classes: usize) -> Result<(), String> {
        if let Some(LayerOp::Dense(last)) = self.layers.last_mut().map(|l| &mut l.op)
            && factor == 1
        {
            // The layer may have one of its own.
            last.bias = match last.bias.as_slice() {
                [] => bias,
                own => own.iter().zip(&bias).map(|(a, b)| a + b).collect(),
            };
            return Ok(());
        }
        if factor > 1 {
            self.notes.push(format!(
                "biases of the scores are fractions of a step: scores are multiplied by {factor} in a layer of their own"
            ));
        }
        self.by_class(&vec![factor; classes], bias)
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
    // Integers as they are: those of a network that was exported come back the same.
    if let Some(bias) = offset.iter().map(as_integer).collect() {
        return Some((1, bias));
    }
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
