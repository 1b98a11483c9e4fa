//! Dense layers of few nonzero weights, trained at the cost of those.
//!
//! Once the choice of zeros stays, only the weights that it keeps are trained. Before, with an exact fan-in, neurons look for
//! better inputs in turns: in every step a share of them gets the gradient by all its weights and chooses anew, the others
//! train the inputs that they have. (Evci et al., "Rigging the Lottery", ICML 2020, look at all weights of a layer now and
//! then; turns spread that evenly.)

use std::ops::Range;

use crate::config::Weights;
use crate::kernel::lane_sum;
use crate::optim::Param;
use crate::quantise::binary_connect::sign;
use crate::quantise::{Choice, Layer, Quantised, fan_in, mask};
use crate::sparse::{DENSITY, Lanes, Sparse};

/// Steps in which every neuron has its turn.
pub const TURNS: usize = 8;

/// Which weights of a layer are trained in a step, and their gradients.
#[derive(Clone, Debug)]
pub struct Wires {
    /// Inputs of a neuron while they may change; `None` once they stay.
    each: Option<usize>,
    /// Neurons whose turn it is.
    rows: Range<usize>,
    /// Gradient by each nonzero weight.
    grad: Vec<f32>,
}

impl Wires {
    /// Brings `nonzeros` and `out` to the latent weights of `layer`; `turn` counts the steps since all neurons chose.
    /// `None`, and nothing done, where a method has its own way or too many weights differ from zero.
    pub fn next(
        old: Option<Wires>,
        method: &Weights,
        layer: &Layer<'_>,
        turn: usize,
        nonzeros: &mut Option<Sparse>,
        out: &mut Quantised,
    ) -> Option<Wires> {
        let inputs = layer.inputs;
        let outputs = layer.latent.len() / inputs;
        let each = match layer.choice {
            Choice::KeepEach(k) if k as f64 <= inputs as f64 * DENSITY => Some(k),
            Choice::Frozen(_) if matches!(method, Weights::Float { .. }) => return None,
            Choice::Frozen(mask)
                if mask.iter().filter(|m| **m).count() as f64 <= mask.len() as f64 * DENSITY =>
            {
                None
            }
            _ => return None,
        };
        let first = turn == 0 || old.is_none_or(|old| old.each != each);
        let share = |turn: usize| turn * outputs / TURNS..(turn + 1) * outputs / TURNS;
        let rows = each.map_or(0..0, |_| share(turn % TURNS));
        out.weights.resize(layer.latent.len(), 0.0);
        match (layer.choice, each) {
            (Choice::Frozen(mask), _) if first => {
                mask::quantise(layer.latent, mask, layer.latent.len(), out);
                *nonzeros = Sparse::of(&out.weights, inputs);
            }
            (_, Some(k)) => {
                let chosen = if first { 0..outputs } else { rows.clone() };
                let part = chosen.start * inputs..chosen.end * inputs;
                fan_in::keep_each(&layer.latent[part.clone()], inputs, k, &mut out.weights[part.clone()]);
                match nonzeros {
                    Some(nonzeros) if !first => nonzeros.replace(chosen, &out.weights[part]),
                    _ => *nonzeros = Sparse::of(&out.weights, inputs),
                }
            }
            _ => {}
        }
        let nonzeros = nonzeros.as_mut().expect("few were made a list in the first step");
        let mut sizes = Vec::new();
        nonzeros.for_each_mut(|row, column, value| {
            let at = row * inputs + column;
            let w = layer.latent[at];
            sizes.push(w.abs());
            if *value != sign(w) {
                *value = sign(w);
                out.weights[at] = *value;
            }
        });
        let mean = |sizes: &[f32]| {
            ((lane_sum(sizes, |w| w) / sizes.len().max(1) as f64) as f32).max(f32::MIN_POSITIVE)
        };
        out.scale = match method.scale_group(inputs, layer.latent.len()) < layer.latent.len() {
            true => (0..outputs).map(|row| mean(&sizes[nonzeros.elements_of(row..row + 1)])).collect(),
            false => vec![mean(&sizes)],
        };
        Some(Wires { each, rows, grad: Vec::new() })
    }

    /// Neurons that are given the gradient by all their weights.
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// Straight-through gradient by the nonzero weights; `factor(r)` times `grad^T x`.
    pub fn gradient(
        &mut self,
        nonzeros: &Sparse,
        grad: &[Lanes],
        x: &[Lanes],
        factor: impl Fn(usize) -> f32,
    ) {
        self.grad = nonzeros.outer(grad, x, factor);
    }

    /// Updates, by `update`, all weights of the neurons whose turn it is, whose gradients are in `dense`, and the nonzero ones
    /// of the others.
    pub fn apply(
        &self,
        nonzeros: &Sparse,
        inputs: usize,
        dense: &[f32],
        param: &mut Param,
        update: impl Fn(&mut Param, Range<usize>, &[f32]),
    ) {
        let (turn, places) = (nonzeros.elements_of(self.rows()), nonzeros.places());
        for others in [0..turn.start, turn.end..places.len()] {
            param.at(&places[others.clone()], |few| update(few, 0..others.len(), &self.grad[others]));
        }
        let part = self.rows.start * inputs..self.rows.end * inputs;
        update(param, part.clone(), &dense[part]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantise::Pass;

    const INPUTS: usize = 16;

    fn layer<'a>(latent: &'a [f32], choice: Choice<'a>) -> Layer<'a> {
        Layer {
            latent,
            inputs: INPUTS,
            bound: 1.0,
            threshold: 0.0,
            control: 0.0,
            choice,
            pass: Pass::Training,
        }
    }

    fn latent(outputs: usize, seed: usize) -> Vec<f32> {
        (0..outputs * INPUTS).map(|i| ((i * 7919 + seed * 31) % 1009) as f32 - 504.5).collect()
    }

    #[test]
    fn every_neuron_has_its_turn_and_keeps_its_inputs_until_then() {
        for outputs in [1, 3, 8, 21] {
            let method = Weights::fan_in(2);
            let (mut nonzeros, mut out, mut wires) = (None, Quantised::default(), None);
            let chosen = |latent: &[f32]| {
                let mut out = vec![0.0; latent.len()];
                fan_in::keep_each(latent, INPUTS, 2, &mut out);
                out
            };
            let first = latent(outputs, 1);
            let mut step = |latent: &[f32], turn, wires: &mut Option<Wires>| {
                let layer = layer(latent, Choice::KeepEach(2));
                *wires = Wires::next(wires.take(), &method, &layer, turn, &mut nonzeros, &mut out);
                let places = nonzeros.as_ref().expect("few").places();
                assert!(places.iter().copied().eq((0..latent.len()).filter(|&i| out.weights[i] != 0.0)));
                (wires.as_ref().expect("few").rows(), out.weights.clone())
            };
            let (mut seen, mut expected) = step(&first, 0, &mut wires);
            assert_eq!(expected, chosen(&first), "all choose at first");
            let second = latent(outputs, 2);
            // The same inputs, with the signs that they have now.
            let signs = expected.iter_mut().zip(&second).filter(|(q, _)| **q != 0.0);
            signs.for_each(|(q, &w)| *q = sign(w));
            for turn in 1..=TURNS {
                let (rows, found) = step(&second, turn, &mut wires);
                let part = rows.start * INPUTS..rows.end * INPUTS;
                expected[part.clone()].copy_from_slice(&chosen(&second)[part]);
                assert_eq!(found, expected, "{outputs} neurons, turn {turn}");
                assert_eq!(rows.start, seen.end % outputs, "one after the other");
                seen = rows;
            }
            assert_eq!(expected, chosen(&second), "all had their turn");
        }
    }

    #[test]
    fn weights_outside_a_frozen_choice_stay() {
        let latent = latent(4, 1);
        let mask: Vec<bool> = (0..latent.len()).map(|i| i % 9 == 0).collect();
        let (mut nonzeros, mut out) = (None, Quantised::default());
        let layer = layer(&latent, Choice::Frozen(&mask));
        let mut wires = Wires::next(None, &Weights::twn(), &layer, 5, &mut nonzeros, &mut out).expect("few");
        let nonzeros = nonzeros.expect("few");
        let (grad, x) = (vec![[1.0; crate::kernel::ROWS]; 4], vec![[1.0; crate::kernel::ROWS]; INPUTS]);
        wires.gradient(&nonzeros, &grad, &x, |_| 0.5);
        let mut param = Param::new(latent.clone());
        wires.apply(&nonzeros, INPUTS, &[], &mut param, |param, part, grad| {
            param.value[part].iter_mut().zip(grad).for_each(|(w, g)| *w -= g);
        });
        for (i, (after, before)) in param.value.iter().zip(&latent).enumerate() {
            assert_eq!(before - after, if mask[i] { 16.0 } else { 0.0 }, "weight {i}");
        }
        let all = vec![true; latent.len()];
        let dense = Layer { choice: Choice::Frozen(&all), ..layer };
        assert!(Wires::next(None, &Weights::twn(), &dense, 5, &mut None, &mut out).is_none(), "too many");
    }
}
