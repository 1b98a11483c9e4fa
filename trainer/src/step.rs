//! One training step: forward, loss, backward. Buffers live as long as the training.
//!
//! Codes of a batch travel as small integers in `f32`; sums of ternary weights times codes are exact as long as they stay
//! below 2^24, which takes more than 65,000 inputs of 8 bits. (Evaluation uses `f64` and is exact always.)
//! Every layer is a few parallel passes over shards of [`ROWS`] samples; sums over the batch are merged in shard order.

use rayon::prelude::*;

use crate::config::Config;
use crate::kernel::{ROWS, matrix, product, wide};
use crate::moments::{self, Moments};
use crate::net::Net;
use crate::quantise::Quantised;

/// Buffers of a step, and the gradients that it leaves.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Samples in a batch.
    pub batch: usize,
    /// Encoded inputs of the batch, `[batch][inputs]`; filled by the caller.
    pub input: Vec<f32>,
    /// Labels of the batch; filled by the caller.
    pub labels: Vec<u8>,
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
            layers: net.dense.iter().enumerate().map(layer).collect(),
            gain_grad: 0.0,
            bias_grad: vec![0.0; net.dense[last].outputs],
        }
    }

    /// Fraction of zero weights in each layer.
    pub fn zeros(&self) -> Vec<f64> {
        let part = |q: &Quantised| 1.0 - q.nonzeros() as f64 / q.weights.len() as f64;
        self.layers.iter().map(|l| part(&l.quantised)).collect()
    }
}

/// Runs `net` forward and backward on the batch in `space`, with batch statistics; `part` (0 to 1) of the training is done.
///
/// The first call sets the unit of `net.head`.
pub fn step(net: &mut Net, config: &Config, space: &mut Workspace, part: f64) -> BatchResult {
    let last = net.dense.len() - 1;
    for index in 0..=last {
        net.quantise(config, index, part, &mut space.layers[index].quantised);
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
            net.head.nonzeros = layer.quantised.nonzeros();
        }
    }
    let result = loss(net, config, space);
    for index in (0..=last).rev() {
        let (done, rest) = space.layers.split_at_mut(index);
        let layer = &mut rest[0];
        if index < last {
            norm_backward(net, config, index, layer);
        }
        weight_gradient(&net.dense[index], done.last().map_or(&space.input, |l| &l.codes), layer);
        if let Some(before) = done.last_mut() {
            input_gradient(&net.dense[index], layer, &mut before.grad);
        }
    }
    result
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

/// Softmax cross-entropy and its gradient by the sums of the last layer.
fn loss(net: &Net, config: &Config, space: &mut Workspace) -> BatchResult {
    let classes = net.head.bias.value.len();
    let layer = space.layers.last_mut().expect("a last layer");
    let scale = net.head.scale(layer.quantised.nonzeros());
    let even = (config.label_smoothing / classes as f64) as f32;
    let (peak, weight) = (1.0 - config.label_smoothing as f32, 1.0 / space.batch as f32);
    let shards: Vec<(f64, usize, f32, Vec<f32>)> = layer
        .grad
        .par_chunks_mut(ROWS * classes)
        .zip(layer.sums.par_chunks(ROWS * classes))
        .zip(space.labels.par_chunks(ROWS))
        .map(|((grad, sums), labels)| {
            let (mut loss, mut correct, mut gain, mut bias) = (0.0, 0, 0f32, vec![0f32; classes]);
            for ((grad, sums), &label) in
                grad.chunks_exact_mut(classes).zip(sums.chunks_exact(classes)).zip(labels)
            {
                grad.iter_mut()
                    .zip(sums)
                    .zip(&net.head.bias.value)
                    .for_each(|((g, s), b)| *g = scale * s + b);
                let best = (1..classes).fold(0, |best, c| if grad[c] > grad[best] { c } else { best });
                correct += usize::from(best == usize::from(label));
                let top = grad[best];
                let total: f32 = grad.iter().map(|g| (g - top).exp()).sum();
                let log_total = total.ln() + top;
                for (c, g) in grad.iter_mut().enumerate() {
                    let target = even + if c == usize::from(label) { peak } else { 0.0 };
                    loss += f64::from(target * (log_total - *g));
                    *g = ((*g - log_total).exp() - target) * weight;
                    bias[c] += *g;
                    gain += *g * scale * sums[c];
                    *g *= scale;
                }
            }
            (loss, correct, gain, bias)
        })
        .collect();
    space.gain_grad = shards.iter().map(|s| s.2).sum();
    space.bias_grad = (0..classes).map(|c| shards.iter().map(|s| s.3[c]).sum()).collect();
    BatchResult {
        loss: shards.iter().map(|s| s.0).sum::<f64>() / space.batch as f64,
        correct: shards.iter().map(|s| s.1).sum(),
    }
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

/// Moves the parameters of `net` by the gradients in `space`; `step` counts from 1.
pub fn apply(net: &mut Net, config: &Config, space: &Workspace, rate: f64, step: usize) {
    use crate::config::Weights;
    use crate::optim::Rule;
    let plain = Rule { unit: 1.0, decay: 0.0, clip: None };
    let update = |param: &mut crate::optim::Param, grad: &[f32], rule| {
        param.update(grad, config.optimiser, rate, step, rule);
    };
    for (dense, layer) in net.dense.iter_mut().zip(&space.layers) {
        let bound = dense.bound();
        let clip = (config.weights == Weights::BinaryConnect).then_some(bound);
        update(&mut dense.weight, &layer.weight_grad, Rule { unit: bound, decay: config.weight_decay, clip });
    }
    for (norm, layer) in net.norm.iter_mut().zip(&space.layers) {
        update(&mut norm.gamma, &layer.gamma_grad, plain);
        update(&mut norm.beta, &layer.beta_grad, plain);
        let past = config.norm_momentum as f32;
        let blend = |old: &mut Vec<f32>, new: &[f32]| {
            old.iter_mut().zip(new).for_each(|(o, n)| *o = past * *o + (1.0 - past) * n);
        };
        blend(&mut norm.mean, &layer.mean);
        blend(&mut norm.var, &layer.var);
    }
    update(&mut net.head.gain, &[space.gain_grad], plain);
    update(&mut net.head.bias, &space.bias_grad, plain);
}
