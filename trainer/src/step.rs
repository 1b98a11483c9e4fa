//! One training step: forward, loss, backward. Buffers live as long as the training.
//!
//! Codes of a batch travel as small integers in `f32`; sums of ternary weights times codes are exact as long as they stay
//! below 2^24, which takes more than 65,000 inputs of 8 bits. (Evaluation uses `f64` and is exact always.)
//! Every layer is a few parallel passes over shards of [`ROWS`] samples, or of [`IMAGES`](crate::kernel::IMAGES) where it is
//! a convolution; sums over the batch are merged in shard order.

mod images;

use rayon::prelude::*;

use crate::config::{Config, Weights};
use crate::geometry::{spread, totals};
use crate::kernel::{ROWS, matrix, product, wide};
use crate::loss;
use crate::moments::{self, Moments};
use crate::net::{Dense, Net, strength};
use crate::norm;
use crate::quantise::{self, Pass, Quantised, sca};
use crate::residual;
use crate::sparse::{Lanes, Sparse, turn};
use crate::wires::Wires;

/// Buffers of a step, and the gradients that it leaves.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Samples in a batch.
    pub batch: usize,
    /// Encoded inputs of the batch, `[batch][inputs]`; filled by the caller.
    pub input: Vec<f32>,
    /// Labels of the batch; filled by the caller.
    pub labels: Vec<u8>,
    /// Steps since all neurons of an exact fan-in chose their inputs, whose turns [`step`] counts; 0 makes them choose. The
    /// caller sets it where a training may be resumed.
    pub turn: usize,
    /// Logits of a teacher, `[batch][classes]`; empty without one. Filled by the caller.
    pub teacher: Vec<f32>,
    /// One per layer of weights.
    pub layers: Vec<LayerSpace>,
    /// Gradient of the logarithm of the last layer's scale.
    pub gain_grad: f32,
    /// Gradient of the class biases.
    pub bias_grad: Vec<f32>,
    images: images::Scratch,
}

/// Buffers of one layer.
#[derive(Clone, Debug, Default)]
pub struct LayerSpace {
    /// Weights of this step.
    pub quantised: Quantised,
    /// Those of a dense layer that are not zero, where they are few.
    pub(crate) sparse: Option<Sparse>,
    /// Inputs of the batch, turned around for them.
    turned: Vec<Lanes>,
    /// Gradient by the sums, likewise.
    turned_grad: Vec<Lanes>,
    /// Where only those are trained.
    pub(crate) wires: Option<Wires>,
    /// Sums, `[batch][positions][outputs]`; behind a pool the backward pass turns them into the gradient by them.
    pub sums: Vec<f32>,
    /// Codes after the activation and the residual sum, `[batch][pooled positions][outputs]`; empty for the last layer.
    pub codes: Vec<f32>,
    /// Gradient by `codes`; without a pool then by `sums`.
    pub grad: Vec<f32>,
    /// Behind a pool: the sum that won each window.
    pub(crate) peaks: Vec<f32>,
    /// Its place in the window.
    pub(crate) winners: Vec<u8>,
    /// Behind a residual sum: the gradient by it, for what was added.
    bridged: Vec<f32>,
    /// The input summed over the positions of an image, where the layer reads it so; backward the gradient by it.
    totals: Vec<f32>,
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
    pub(crate) slope: Vec<f32>,
    pub(crate) offset: Vec<f32>,
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
        let layer = |(i, d): (usize, &Dense)| LayerSpace {
            sums: vec![0.0; batch * d.sums()],
            codes: vec![0.0; if i < last { batch * d.codes() } else { 0 }],
            grad: vec![0.0; batch * d.codes()],
            peaks: vec![0.0; if d.geometry.pool.is_some() { batch * d.codes() } else { 0 }],
            winners: vec![0; if d.geometry.pool.is_some() { batch * d.codes() } else { 0 }],
            weight_grad: vec![0.0; d.inputs * d.outputs],
            ..LayerSpace::default()
        };
        Workspace {
            batch,
            input: vec![0.0; batch * net.dense[0].elements()],
            labels: vec![0; batch],
            turn: 0,
            teacher: Vec::new(),
            layers: net.dense.iter().enumerate().map(layer).collect(),
            gain_grad: 0.0,
            bias_grad: vec![0.0; net.dense[last].outputs],
            images: images::Scratch::new(net, batch),
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
        let (done, rest) = space.layers.split_at_mut(index);
        let x = done.last().map_or(&space.input, |l| &l.codes);
        let (layer, dense) = (&mut rest[0], &net.dense[index]);
        quantise(net, config, index, (part, space.turn), layer);
        let moments = match (&dense.geometry.conv, &dense.geometry.average) {
            (Some(w), _) => images::sums(dense, w, x, layer, &mut space.images),
            (None, Some(w)) => {
                let totals = totals(w, x);
                let moments = sums(dense, &totals, layer);
                layer.totals = totals;
                moments
            }
            (None, None) => sums(dense, x, layer),
        };
        if index < last {
            (layer.mean, layer.var) = moments;
            norm::activate(net, config, index, layer);
            if let Some(source) = dense.geometry.source(index) {
                residual::add(&mut layer.codes, &done[source].codes);
            }
        } else if net.head.unit == 0.0 {
            let spread = moments.1.iter().sum::<f32>() / moments.1.len() as f32;
            net.head.unit = 1.0 / spread.max(1e-12).sqrt();
            net.head.strength = strength(&config.weights, &layer.quantised);
        }
    }
    let result = loss::loss(net, config, space);
    for index in (0..=last).rev() {
        let (done, rest) = space.layers.split_at_mut(index);
        let (layer, dense) = (&mut rest[0], &net.dense[index]);
        if index < last {
            if dense.geometry.skip > 0 {
                layer.bridged.clone_from(&layer.grad);
            }
            norm::backward(net, config, index, layer);
        }
        match &dense.geometry.conv {
            Some(w) => {
                let (x, x_grad) = match done.last_mut() {
                    Some(before) => (&before.codes, Some(&mut before.grad)),
                    None => (&space.input, None),
                };
                images::gradients(dense, w, x, x_grad, layer, &mut space.images);
            }
            None => {
                if layer.sparse.is_some() {
                    turn(&layer.grad, dense.outputs, &mut layer.turned_grad);
                }
                let mut totals = std::mem::take(&mut layer.totals);
                if index < config.trained_layers() {
                    let x = match dense.geometry.average {
                        Some(_) => &totals,
                        None => done.last().map_or(&space.input, |l| &l.codes),
                    };
                    weight_gradient(dense, x, layer);
                }
                if let Some(before) = done.last_mut() {
                    match &dense.geometry.average {
                        Some(w) => {
                            input_gradient(dense, layer, &mut totals);
                            spread(w, &totals, &mut before.grad);
                        }
                        None => input_gradient(dense, layer, &mut before.grad),
                    }
                }
                rest[0].totals = totals;
            }
        }
        // The vector before this layer also went to later sums.
        if let Some(before) = done.last_mut() {
            for (ahead, later) in rest.iter().enumerate() {
                if net.dense[index + ahead].geometry.source(index + ahead) == Some(index - 1) {
                    residual::add(&mut before.grad, &later.bridged);
                }
            }
        }
        let layer = &mut rest[0];
        let seen = net.layer(config, index, part, Pass::Training);
        let strength = regulariser(config, part, &layer.weight_grad);
        let grad = &mut layer.weight_grad;
        layer.threshold_grad = quantise::backward(&config.weights, &seen, &layer.quantised, strength, grad);
    }
    space.turn += 1;
    result
}

/// Weights of a step for layer `index`, as lists of what is not zero where that pays.
fn quantise(net: &Net, config: &Config, index: usize, (part, turn): (f64, usize), layer: &mut LayerSpace) {
    let dense = &net.dense[index];
    let (is_dense, is_trained) = (dense.geometry.conv.is_none(), index < config.trained_layers());
    let LayerSpace { quantised, sparse, wires, .. } = layer;
    *wires = match is_dense && is_trained {
        true => {
            let seen = net.layer(config, index, part, Pass::Training);
            Wires::next(wires.take(), &config.weights, &seen, turn, sparse, quantised)
        }
        false => None,
    };
    if wires.is_none() {
        net.quantise(config, index, part, Pass::Training, quantised);
        *sparse = if is_dense { Sparse::of(&quantised.weights, dense.inputs) } else { None };
    }
}

/// Strength of SCA's regulariser: it grows with the part of the training before the freeze.
fn regulariser(config: &Config, part: f64, grad: &[f32]) -> f64 {
    let Weights::Sca { lambda, .. } = config.weights else { return 0.0 };
    lambda * (part / config.freeze_at().max(1e-9)).min(1.0) * sca::magnitude(grad)
}

/// `sums = x weights^T`; returns mean and variance of each output over the batch.
fn sums(dense: &Dense, x: &[f32], layer: &mut LayerSpace) -> (Vec<f32>, Vec<f32>) {
    let (inputs, outputs) = (dense.inputs, dense.outputs);
    let sums = layer.sums.par_chunks_mut(ROWS * outputs);
    let shards: Vec<Moments> = match &layer.sparse {
        Some(sparse) => {
            turn(x, inputs, &mut layer.turned);
            let shard = |(sums, x): (&mut [f32], &[Lanes])| {
                sparse.product(x, sums);
                Moments::of(sums, outputs)
            };
            sums.zip(layer.turned.par_chunks(inputs)).map(shard).collect()
        }
        None => {
            let weights = matrix(&layer.quantised.weights, outputs, inputs).transpose();
            let shard = |(sums, x): (&mut [f32], &[f32])| {
                product(sums, matrix(x, sums.len() / outputs, inputs), weights);
                Moments::of(sums, outputs)
            };
            sums.zip(x.par_chunks(ROWS * inputs)).map(shard).collect()
        }
    };
    moments::merge(&shards, outputs)
}

/// Straight-through gradient by the latent weights: `grad^T x` over the scale of the row.
fn weight_gradient(dense: &Dense, x: &[f32], layer: &mut LayerSpace) {
    let (inputs, outputs) = (dense.inputs, dense.outputs);
    let batch = x.len() / inputs;
    let quantised = &layer.quantised;
    let factor = |o: usize| 1.0 / quantised.scale_of(o);
    let mut rows = 0..outputs;
    if let (Some(sparse), Some(wires)) = (&layer.sparse, &mut layer.wires) {
        wires.gradient(sparse, &layer.turned_grad, &layer.turned, factor);
        rows = wires.rows();
    }
    let (x, grad) = (matrix(x, batch, inputs), matrix(&layer.grad, batch, outputs).transpose());
    let part = &mut layer.weight_grad[rows.start * inputs..rows.end * inputs];
    part.par_chunks_mut(ROWS * inputs).enumerate().for_each(|(shard, out)| {
        let first = rows.start + shard * ROWS;
        product(out, grad.subrows(first, out.len() / inputs), x);
        for (o, row) in out.chunks_exact_mut(inputs).enumerate() {
            let factor = factor(first + o);
            if factor != 1.0 {
                wide(|| row.iter_mut().for_each(|g| *g *= factor));
            }
        }
    });
}

fn input_gradient(dense: &Dense, layer: &LayerSpace, out: &mut [f32]) {
    let (inputs, outputs) = (dense.inputs, dense.outputs);
    let weights = matrix(&layer.quantised.weights, outputs, inputs);
    let out = out.par_chunks_mut(ROWS * inputs);
    if let Some(sparse) = layer.sparse.as_ref().map(Sparse::transposed) {
        let shards = out.zip(layer.turned_grad.par_chunks(outputs));
        return shards.for_each(|(out, grad)| sparse.product(grad, out));
    }
    let shards = out.zip(layer.grad.par_chunks(ROWS * outputs));
    shards.for_each(|(out, grad)| product(out, matrix(grad, grad.len() / outputs, outputs), weights));
}
