//! Batch-norm, pool and activation behind the sums of a layer, forward and backward.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::config::Config;
use crate::kernel::wide;
use crate::net::Net;
use crate::pool;
use crate::step::LayerSpace;

/// Codes from sums, given the mean and variance of each channel.
pub(crate) fn activate(net: &Net, config: &Config, index: usize, layer: &mut LayerSpace) {
    let dense = &net.dense[index];
    (layer.slope, layer.offset) = net.norm[index].affine(&layer.mean, &layer.var, config.norm_epsilon);
    let (slope, offset) = (&layer.slope, &layer.offset);
    let width = dense.shard() * dense.codes();
    let codes = layer.codes.par_chunks_mut(width);
    let Some(w) = &dense.geometry.pool else {
        let shards = codes.zip(layer.sums.par_chunks(width));
        return shards.for_each(|(codes, sums)| config.activation.forward(sums, slope, offset, codes));
    };
    let peaks = layer.peaks.par_chunks_mut(width).zip(layer.winners.par_chunks_mut(width));
    let shards = codes.zip(layer.sums.par_chunks(dense.shard() * dense.sums())).zip(peaks);
    shards.for_each(|((codes, sums), (peaks, winners))| {
        let images = peaks.chunks_exact_mut(dense.codes()).zip(winners.chunks_exact_mut(dense.codes()));
        for (sums, (peaks, winners)) in sums.chunks_exact(dense.sums()).zip(images) {
            pool::peaks(w, sums, slope, peaks, winners);
        }
        config.activation.forward(peaks, slope, offset, codes);
    });
}

/// From the gradient by codes to the gradient by sums; leaves the gradients of gain and shift.
///
/// With `n = (z - mean) / sd` and `u = gamma n + beta`:
/// `dL/dz = gamma / sd * (dL/du - mean(dL/du) - n mean(n dL/du))`, the means taken over all sums of the channel, those that
/// no pool passed on included.
pub(crate) fn backward(net: &Net, config: &Config, index: usize, layer: &mut LayerSpace) {
    let dense = &net.dense[index];
    let outputs = dense.outputs;
    let width = dense.shard() * dense.codes();
    let (slope, offset, mean) = (&layer.slope, &layer.offset, &layer.mean);
    let inverse: Vec<f32> =
        layer.var.iter().map(|v| (1.0 / (f64::from(*v) + config.norm_epsilon).sqrt()) as f32).collect();
    let passed = if dense.geometry.pool.is_some() { &layer.peaks } else { &layer.sums };
    let shards: Vec<(Vec<f32>, Vec<f32>)> = layer
        .grad
        .par_chunks_mut(width)
        .zip(passed.par_chunks(width))
        .map(|(grad, sums)| {
            config.activation.backward(sums, slope, offset, grad);
            let (mut gamma, mut beta) = (vec![0f32; outputs], vec![0f32; outputs]);
            gradients(grad, sums, mean, &mut gamma, &mut beta);
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
    let Some(w) = &dense.geometry.pool else {
        let shards = layer.grad.par_chunks_mut(width).zip(layer.sums.par_chunks(width));
        return shards.for_each(|(grad, sums)| {
            combine(grad, sums, slope, &by_sum, &constant);
        });
    };
    let sums = layer.sums.par_chunks_mut(dense.shard() * dense.sums());
    let shards = sums.zip(layer.grad.par_chunks(width)).zip(layer.winners.par_chunks(width));
    shards.for_each(|((sums, grad), winners)| {
        let passed = grad.chunks_exact(dense.codes()).zip(winners.chunks_exact(dense.codes()));
        for (sums, (grad, winners)) in sums.chunks_exact_mut(dense.sums()).zip(passed) {
            wide(|| {
                for row in sums.chunks_exact_mut(outputs) {
                    row.iter_mut().zip(&by_sum).zip(&constant).for_each(|((z, b), k)| *z = b * *z + k);
                }
            });
            pool::back(w, winners, grad, slope, sums);
        }
    });
}

/// Adds what the rows of a shard give to the gradients of gain, but for the spread, and shift.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn gradients(grad: &[f32], sums: &[f32], mean: &[f32], gamma: &mut [f32], beta: &mut [f32]) {
    let outputs = mean.len();
    for (grad, sums) in grad.chunks_exact(outputs).zip(sums.chunks_exact(outputs)) {
        for ((((a, b), g), z), m) in gamma.iter_mut().zip(&mut *beta).zip(grad).zip(sums).zip(mean) {
            *a += g * (z - m);
            *b += g;
        }
    }
}

/// `grad = slope grad + by_sum sums + constant`, per channel.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn combine(grad: &mut [f32], sums: &[f32], slope: &[f32], by_sum: &[f32], constant: &[f32]) {
    let outputs = slope.len();
    for (grad, sums) in grad.chunks_exact_mut(outputs).zip(sums.chunks_exact(outputs)) {
        for ((((g, z), a), b), k) in grad.iter_mut().zip(sums).zip(slope).zip(by_sum).zip(constant) {
            *g = a * *g + b * z + k;
        }
    }
}
