//! One training step: forward, loss, backward. Buffers live as long as the training.
//!
//! Codes of a batch travel as small integers in `f32`; sums of ternary weights times codes are exact as long as they stay
//! below 2^24, which takes more than 65,000 inputs of 8 bits. (Evaluation uses `f64` and is exact always.)
//! Every layer is a few parallel passes over shards of [`ROWS`] samples; sums over the batch are merged in shard order.

use rayon::prelude::*;

use crate::config::{Config, Weights};
use crate::kernel::{ROWS, matrix, product, wide};
use crate::loss;
use crate::moments::{self, Moments};
use crate::net::{Net, strength};
use crate::quantise::{self, Pass, Quantised, sca};

/// Buffers of a step, and the gradients that it leaves.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Samples in a batch.
    pub batch: usize,
    /// Encoded inputs of the batch, `[batch][inputs]`; filled by the caller.
    pub input: Vec<f32>,
    /// Labels of the batch; filled by the caller.
    pub labels: Vec<u8>,
    /// Logits of a teacher, `[batch][classes]`; empty without one. Filled by the caller.
    pub teacher: Vec<f32>,
    /// One per dense layer.
    pub layers: Vec<LayerSpace>,
    /// Gradient of the logarithm of the last layer's scale.
    pub gain_grad: f32,
    /// Gradient of the class biases.
    pub bias_grad: Vec<f32>,
}

/// Buffers of one dense layer.
#[derive(Clone, Debug, Default)]
pub struct LayerSpace {
    /// Weights of this step.
    pub quantised: Quantised,
    /// Sums, `[batch][outputs]`.
    pub sums: Vec<f32>,
    /// Codes after the activation, `[batch][outputs]`; empty for the last layer.
    pub codes: Vec<f32>,
    /// Gradient by `codes`, then by `sums`.
    pub grad: Vec<f32>,
    /// Gradient by the latent weights, `[outputs][inputs]`.
    pub weight_grad: Vec<f32>,
    /// Gradient by the weight method's threshold; 0 for methods without.
    pub threshold_grad: f64,
    /// Gradient of the batch-norm gains.
    pub gamma_grad: Vec<f32>,
    /// Gradient of the batch-norm shifts.
    pub beta_grad: Vec<f32>,
    /// Batch mean per channel.
    pub mean: Vec<f32>,
    /// Batch variance per channel.
    pub var: Vec<f32>,
    slope: Vec<f32>,
    offset: Vec<f32>,
}

/// What a batch said about the network.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BatchResult {
    /// Mean cross-entropy.
    pub loss: f64,
    /// Samples classified correctly.
    pub correct: usize,
}

impl Workspace {
    /// Buffers for `net` and batches of `batch` samples.
    pub fn new(net: &Net, batch: usize) -> Self {
        let last = net.dense.len() - 1;
        let layer = |(i, d): (usize, &crate::net::Dense)| LayerSpace {
            sums: vec![0.0; batch * d.outputs],
            codes: vec![0.0; if i < last { batch * d.outputs } else { 0 }],
            grad: vec![0.0; batch * d.outputs],
            weight_grad: vec![0.0; d.inputs * d.outputs],
            ..LayerSpace::default()
        };
        Workspace {
            batch,
            input: vec![0.0; batch * net.dense[0].inputs],
            labels: vec![0; batch],
            teacher: Vec::new(),
            layers: net.dense.iter().enumerate().map(layer).collect(),
            gain_grad: 0.0,
            bias_grad: vec![0.0; net.dense[last].outputs],
        }
    }

    /// Fraction of zero weights in each layer; of SCA's real weights, those that round to zero.
    pub fn zeros(&self, method: &Weights) -> Vec<f64> {
        let part = |q: &Quantised| match method {
            Weights::Sca { .. } => sca::zeros(&q.weights),
            _ => 1.0 - q.nonzeros() as f64 / q.weights.len() as f64,
        };
        self.layers.iter().map(|l| part(&l.quantised)).collect()
    }
}

/// Runs `net` forward and backward on the batch in `space`, with batch statistics; `part` (0 to 1) of the training is done.
///
/// The first call sets the unit of `net.head`.
pub fn step(net: &mut Net, config: &Config, space: &mut Workspace, part: f64) -> BatchResult {
    let last = net.dense.len() - 1;
    for index in 0..=last {
        net.quantise(config, index, part, Pass::Training, &mut space.layers[index].quantised);
        let (done, rest) = space.layers.split_at_mut(index);
        let x = done.last().map_or(&space.input, |l| &l.codes);
        let layer = &mut rest[0];
        let moments = sums(&net.dense[index], x, layer);
        if index < last {
            (layer.mean, layer.var) = moments;
            activate(net, config, index, layer);
        } else if net.head.unit == 0.0 {
            let spread = moments.1.iter().sum::<f32>() / moments.1.len() as f32;
            net.head.unit = 1.0 / spread.max(1e-12).sqrt();
            net.head.strength = strength(&config.weights, &layer.quantised);
        }
    }
    let result = loss::loss(net, config, space);
    for index in (0..=last).rev() {
        let (done, rest) = space.layers.split_at_mut(index);
        let layer = &mut rest[0];
        if index < last {
            norm_backward(net, config, index, layer);
        }
        weight_gradient(&net.dense[index], done.last().map_or(&space.input, |l| &l.codes), layer);
        let seen = net.layer(config, index, part, Pass::Training);
        let strength = regulariser(config, part, &layer.weight_grad);
        let grad = &mut layer.weight_grad;
        layer.threshold_grad = quantise::backward(&config.weights, &seen, &layer.quantised, strength, grad);
        if let Some(before) = done.last_mut() {
            input_gradient(&net.dense[index], layer, &mut before.grad);
        }
    }
    result
}

/// Strength of SCA's regulariser: it grows with the part of the training before the freeze.
fn regulariser(config: &Config, part: f64, grad: &[f32]) -> f64 {
    let Weights::Sca { lambda, .. } = config.weights else { return 0.0 };
    lambda * (part / config.freeze_at().max(1e-9)).min(1.0) * sca::magnitude(grad)
}

/// `sums = x weights^T`; returns mean and variance of each output over the batch.
fn sums(dense: &crate::net::Dense, x: &[f32], layer: &mut LayerSpace) -> (Vec<f32>, Vec<f32>) {
    let (inputs, outputs) = (dense.inputs, dense.outputs);
    let weights = matrix(&layer.quantised.weights, outputs, inputs).transpose();
    let shards: Vec<Moments> = layer
        .sums
        .par_chunks_mut(ROWS * outputs)
        .zip(x.par_chunks(ROWS * inputs))
        .map(|(sums, x)| {
            let rows = sums.len() / outputs;
            product(sums, matrix(x, rows, inputs), weights);
            wide(|| Moments::of(sums, outputs))
        })
        .collect();
    moments::merge(&shards, outputs)
}

fn activate(net: &Net, config: &Config, index: usize, layer: &mut LayerSpace) {
    (layer.slope, layer.offset) = net.norm[index].affine(&layer.mean, &layer.var, config.norm_epsilon);
    let (slope, offset, width) = (&layer.slope, &layer.offset, ROWS * net.dense[index].outputs);
    let shards = layer.codes.par_chunks_mut(width).zip(layer.sums.par_chunks(width));
    shards.for_each(|(codes, sums)| config.activation.forward(sums, slope, offset, codes));
}

/// Turns `grad` from the gradient by codes into the gradient by sums; leaves the gradients of gain and shift.
///
/// With `n = (z - mean) / sd` and `u = gamma n + beta`:
/// `dL/dz = gamma / sd * (dL/du - mean(dL/du) - n mean(n dL/du))`.
fn norm_backward(net: &Net, config: &Config, index: usize, layer: &mut LayerSpace) {
    let outputs = net.dense[index].outputs;
    let (slope, offset, mean) = (&layer.slope, &layer.offset, &layer.mean);
    let inverse: Vec<f32> =
        layer.var.iter().map(|v| (1.0 / (f64::from(*v) + config.norm_epsilon).sqrt()) as f32).collect();
    let shards: Vec<(Vec<f32>, Vec<f32>)> = layer
        .grad
        .par_chunks_mut(ROWS * outputs)
        .zip(layer.sums.par_chunks(ROWS * outputs))
        .map(|(grad, sums)| {
            config.activation.backward(sums, slope, offset, grad);
            let (mut gamma, mut beta) = (vec![0f32; outputs], vec![0f32; outputs]);
            wide(|| {
                for (grad, sums) in grad.chunks_exact(outputs).zip(sums.chunks_exact(outputs)) {
                    for ((((a, b), g), z), m) in gamma.iter_mut().zip(&mut beta).zip(grad).zip(sums).zip(mean)
                    {
                        *a += g * (z - m);
                        *b += g;
                    }
                }
            });
            (gamma, beta)
        })
        .collect();
    let gamma = |c: usize| shards.iter().map(|s| s.0[c]).sum::<f32>() * inverse[c];
    layer.gamma_grad = (0..outputs).map(gamma).collect();
    layer.beta_grad = (0..outputs).map(|c| shards.iter().map(|s| s.1[c]).sum()).collect();

    let count = (layer.sums.len() / outputs) as f32;
    // dz = slope g + by_sum z + constant, per channel.
    let by_sum: Vec<f32> =
        (0..outputs).map(|c| -slope[c] * inverse[c] * layer.gamma_grad[c] / count).collect();
    let constant: Vec<f32> =
        (0..outputs).map(|c| -slope[c] * layer.beta_grad[c] / count - by_sum[c] * mean[c]).collect();
    let shards = layer.grad.par_chunks_mut(ROWS * outputs).zip(layer.sums.par_chunks(ROWS * outputs));
    shards.for_each(|(grad, sums)| {
        wide(|| {
            for (grad, sums) in grad.chunks_exact_mut(outputs).zip(sums.chunks_exact(outputs)) {
                for ((((g, z), a), b), k) in grad.iter_mut().zip(sums).zip(slope).zip(&by_sum).zip(&constant)
                {
                    *g = a * *g + b * z + k;
                }
            }
        });
    });
}

/// Straight-through gradient by the latent weights: `grad^T x` over the scale of the row.
fn weight_gradient(dense: &crate::net::Dense, x: &[f32], layer: &mut LayerSpace) {
    let (inputs, outputs) = (dense.inputs, dense.outputs);
    let batch = x.len() / inputs;
    let (x, grad) = (matrix(x, batch, inputs), matrix(&layer.grad, batch, outputs).transpose());
    let quantised = &layer.quantised;
    layer.weight_grad.par_chunks_mut(ROWS * inputs).enumerate().for_each(|(shard, out)| {
        let first = shard * ROWS;
        product(out, grad.subrows(first, out.len() / inputs), x);
        for (o, row) in out.chunks_exact_mut(inputs).enumerate() {
            let factor = 1.0 / quantised.scale_of(first + o);
            if factor != 1.0 {
                wide(|| row.iter_mut().for_each(|g| *g *= factor));
            }
        }
    });
}

fn input_gradient(dense: &crate::net::Dense, layer: &LayerSpace, out: &mut [f32]) {
    let (inputs, outputs) = (dense.inputs, dense.outputs);
    let weights = matrix(&layer.quantised.weights, outputs, inputs);
    let shards = out.par_chunks_mut(ROWS * inputs).zip(layer.grad.par_chunks(ROWS * outputs));
    shards.for_each(|(out, grad)| product(out, matrix(grad, grad.len() / outputs, outputs), weights));
}
