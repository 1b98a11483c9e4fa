//! The convolutions of a step, shard by shard of images.

use multiversion::multiversion;
use rayon::prelude::*;
use sterna_ir::Window;

use super::LayerSpace;
use crate::conv;
use crate::kernel::{IMAGES, ROWS, wide};
use crate::moments::{self, Moments};
use crate::net::{Dense, Net};

/// What every shard of a batch needs for itself.
#[derive(Clone, Debug)]
pub(super) struct Scratch {
    /// A tile of windows for each shard.
    tiles: Vec<f32>,
    /// A weight gradient for each shard.
    gradients: Vec<f32>,
    shards: usize,
}

impl Scratch {
    pub(super) fn new(net: &Net, batch: usize) -> Self {
        let convs = net.dense.iter().filter_map(|d| Some((d.geometry.conv?, d.weight.value.len())));
        let shards = batch.div_ceil(IMAGES);
        let tile = convs.clone().map(|(w, _)| conv::tile(&w)).max().unwrap_or(0);
        let weights = convs.map(|(_, weights)| weights).max().unwrap_or(0);
        Scratch { tiles: vec![0.0; shards * tile], gradients: vec![0.0; shards * weights], shards }
    }
}

/// Sums of all windows of all images; returns mean and variance of each channel.
pub(super) fn sums(
    dense: &Dense,
    w: &Window,
    x: &[f32],
    layer: &mut LayerSpace,
    scratch: &mut Scratch,
) -> (Vec<f32>, Vec<f32>) {
    let weights = &layer.quantised.weights;
    let (elements, image, outputs) = (w.elements(), dense.sums(), dense.outputs);
    let tile = scratch.tiles.len() / scratch.shards;
    let shards = layer
        .sums
        .par_chunks_mut(IMAGES * image)
        .zip(x.par_chunks(IMAGES * elements))
        .zip(scratch.tiles.par_chunks_mut(tile));
    let moments: Vec<Vec<Moments>> = shards
        .map(|((sums, x), tile)| {
            let images = sums.chunks_exact_mut(image).zip(x.chunks_exact(elements));
            let each = |(sums, x): (&mut [f32], &[f32])| {
                conv::forward(w, dense.geometry.depthwise, weights, x, sums, tile);
                Moments::of(sums, outputs)
            };
            images.map(each).collect()
        })
        .collect();
    moments::merge(&moments.concat(), outputs)
}

/// Straight-through gradient by the latent weights, and the gradient by `x` where it is wanted.
pub(super) fn gradients(
    dense: &Dense,
    w: &Window,
    x: &[f32],
    x_grad: Option<&mut Vec<f32>>,
    layer: &mut LayerSpace,
    scratch: &mut Scratch,
) {
    let quantised = &layer.quantised;
    let weights = &quantised.weights;
    let fan_in = dense.inputs;
    let (elements, image) = (w.elements(), dense.sums());
    let tile = scratch.tiles.len() / scratch.shards;
    let grad = if layer.winners.is_empty() { &layer.grad } else { &layer.sums };
    let partial = &mut scratch.gradients[..scratch.shards * weights.len()];
    let shards = grad
        .par_chunks(IMAGES * image)
        .zip(x.par_chunks(IMAGES * elements))
        .zip(scratch.tiles.par_chunks_mut(tile))
        .zip(partial.par_chunks_mut(weights.len()));
    let each =
        |grad: &[f32], x: &[f32], mut x_grad: Option<&mut [f32]>, tile: &mut [f32], sum: &mut [f32]| {
            sum.fill(0.0);
            for (i, (grad, x)) in grad.chunks_exact(image).zip(x.chunks_exact(elements)).enumerate() {
                let x_grad = x_grad.as_mut().map(|all| {
                    let x_grad = &mut all[i * elements..(i + 1) * elements];
                    x_grad.fill(0.0);
                    x_grad
                });
                conv::backward(w, dense.geometry.depthwise, (weights, &mut *sum), (x, x_grad), grad, tile);
            }
        };
    match x_grad {
        Some(x_grad) => {
            shards
                .zip(x_grad.par_chunks_mut(IMAGES * elements))
                .for_each(|((((grad, x), tile), sum), x_grad)| each(grad, x, Some(x_grad), tile, sum));
        }
        None => shards.for_each(|(((grad, x), tile), sum)| each(grad, x, None, tile, sum)),
    }
    let partial = &*partial;
    layer.weight_grad.par_chunks_mut(ROWS * fan_in).enumerate().for_each(|(shard, out)| {
        total(partial.chunks_exact(weights.len()).map(|sum| &sum[shard * ROWS * fan_in..]), out);
        for (o, row) in out.chunks_exact_mut(fan_in).enumerate() {
            let factor = 1.0 / quantised.scale_of(shard * ROWS + o);
            wide(|| row.iter_mut().for_each(|g| *g *= factor));
        }
    });
}

/// The sum of the first elements of each of `parts`.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn total<'a, P: Iterator<Item = &'a [f32]>>(parts: P, out: &mut [f32]) {
    out.fill(0.0);
    for part in parts {
        for (o, g) in out.iter_mut().zip(part) {
            *o += g;
        }
    }
}
