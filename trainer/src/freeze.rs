//! From the trained real network to the [`Model`]: integer weights, folded batch-norm, fitted ReLU steps.

use ndarray::ArrayView2;
use sterna_ir::Range;

use crate::activation::Staircase;
use crate::config::{Activation, Config, Weights};
use crate::encode::Encoder;
use crate::model::{HiddenLayer, Linear, Model, encode};
use crate::net::{Dense, Net, Norm};
use crate::quantise::{Pass, Quantised, float};
use crate::residual::Kept;

/// Which batch-norm statistics the model gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// The running averages of the training.
    Running,
    /// Those of the final integer weights over the given samples, layer by layer.
    Measured,
}

/// The fixed facts of the data that a model carries.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// Name of the data set.
    pub name: &'a str,
    /// Shape of a sample.
    pub shape: &'a [usize],
    /// Range of every feature.
    pub range: Range,
}

/// Freezes `net`; `samples` are training samples, for statistics and ReLU steps.
pub fn freeze(
    net: &Net,
    config: &Config,
    source: &Source<'_>,
    samples: ArrayView2<'_, u8>,
    statistics: Statistics,
) -> Model {
    let encoder = Encoder::of(config, source.shape, source.range);
    let mut values = encode(&encoder, samples);
    let mut kept = Kept::new(net.dense.iter().map(|d| &d.geometry));
    // What one code of the layer's input stands for.
    let mut code_unit = 1.0;
    let mut hidden = Vec::with_capacity(net.norm.len());
    for (index, norm) in net.norm.iter().enumerate() {
        let (linear, step, _) = integer_weights(net, config, index);
        let sum_unit = step * code_unit;
        let sums = linear.sums(&values);
        let (mean, var) = match statistics {
            Statistics::Measured => moments(&sums, linear.outputs, sum_unit),
            Statistics::Running => {
                let real = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect();
                (real(&norm.mean), real(&norm.var))
            }
        };
        let (slope, offset) = fold(norm, &mean, &var, config.norm_epsilon, sum_unit);
        let stairs = match (config.activation, config.activation.staircase()) {
            (_, Some(stairs)) => stairs,
            (Activation::Relu { bits }, None) => relu_stairs(&sums, &slope, &offset, bits),
            _ => unreachable!("only ReLU has no fixed staircase"),
        };
        code_unit = if matches!(config.activation, Activation::Relu { .. }) { stairs.step } else { 1.0 };
        let layer = HiddenLayer { linear, slope, offset, stairs };
        values = layer.codes(sums);
        kept.leave(index, &mut values);
        hidden.push(layer);
    }
    let (last, step, quantised) = integer_weights(net, config, net.norm.len());
    let scale = f64::from(net.head.scale(&config.weights, &quantised)) * step * code_unit;
    // Far beyond any sum, so that a vanishing scale still gives the class of the largest bias.
    let limit = (1i64 << 40) as f64;
    let integer = |b: &f32| (f64::from(*b) / scale).round().clamp(-limit, limit) as i64;
    Model {
        name: source.name.to_string(),
        shape: source.shape.to_vec(),
        range: source.range,
        encoder,
        hidden,
        bias: net.head.bias.value.iter().map(integer).collect(),
        last,
    }
}

/// Integers of dense layer `index`, the real step between them as the training saw it, and its weights.
fn integer_weights(net: &Net, config: &Config, index: usize) -> (Linear, f64, Quantised) {
    let mut quantised = Quantised::default();
    net.quantise(config, index, 1.0, Pass::Judging, &mut quantised);
    let (weights, step) = match config.weights {
        Weights::Float { bits } => float::integers(&quantised.weights, bits),
        _ => (quantised.weights.iter().map(|&w| w as i16).collect(), 1.0),
    };
    let dense = &net.dense[index];
    let &Dense { inputs, outputs, geometry, .. } = dense;
    (Linear { inputs, outputs, weights, geometry }, step, quantised)
}

/// Mean and variance per column of `sums * unit`.
fn moments(sums: &[f64], cols: usize, unit: f64) -> (Vec<f64>, Vec<f64>) {
    let scale = cols as f64 / sums.len() as f64;
    let (mut mean, mut var) = (vec![0.0; cols], vec![0.0; cols]);
    for row in sums.chunks_exact(cols) {
        mean.iter_mut().zip(row).for_each(|(m, z)| *m += z * scale);
    }
    for row in sums.chunks_exact(cols) {
        var.iter_mut().zip(row).zip(&mean).for_each(|((v, z), m)| *v += (z - m).powi(2) * scale);
    }
    (mean.iter().map(|m| m * unit).collect(), var.iter().map(|v| v * unit * unit).collect())
}

/// Batch-norm as an affine map of the integer sum.
fn fold(norm: &Norm, mean: &[f64], var: &[f64], epsilon: f64, sum_unit: f64) -> (Vec<f64>, Vec<f64>) {
    let channel = |c: usize| {
        let slope = f64::from(norm.gamma.value[c]) / (var[c] + epsilon).sqrt();
        (slope * sum_unit, f64::from(norm.beta.value[c]) - slope * mean[c])
    };
    (0..mean.len()).map(channel).unzip()
}

/// Codes of `bits` bits whose rounding and clipping of the positive outputs loses the least squared error, among steps that
/// place the last code at a tenth, two tenths, ... all of the largest output.
fn relu_stairs(sums: &[f64], slope: &[f64], offset: &[f64], bits: u32) -> Staircase {
    let outputs: Vec<f64> = sums
        .chunks_exact(slope.len())
        .flat_map(|row| row.iter().enumerate().map(|(c, z)| slope[c] * z + offset[c]))
        .filter(|&u| u > 0.0)
        .collect();
    let largest = outputs.iter().copied().fold(0.0, f64::max);
    let levels = f64::from((1u32 << bits) - 1);
    // A stride bounds the search; neurons and samples both vary along it.
    let stride = 1 + outputs.len() / 100_000;
    let candidate = |tenths: u32| {
        let stairs = Staircase::rounded(largest * f64::from(tenths) / 10.0 / levels, bits);
        let error: f64 =
            outputs.iter().step_by(stride).map(|&u| (stairs.code(u) * stairs.step - u).powi(2)).sum();
        (error, stairs)
    };
    if largest <= 0.0 {
        return Staircase::rounded(1.0, bits);
    }
    (1..=10).map(candidate).min_by(|a, b| a.0.total_cmp(&b.0)).expect("ten candidates").1
}
