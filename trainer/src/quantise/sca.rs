//! SCA: Deng and Zhang, "Sparsity-Control Ternary Weight Networks" (Neural Networks 145, 2022, arXiv 2011.00580).
//!
//! Weights `w = tanh(theta)` train as real numbers, with the weight discretisation regulariser
//!
//! ```text
//! R = sum_i (alpha - w_i^2) w_i^2;   dR/dtheta = 2 w (alpha - 2 w^2) (1 - w^2)
//! ```
//!
//! which draws magnitudes below `sqrt(alpha / 2)` to 0 and the others to 1, so that zeros rise with alpha. The circuit gets
//! `round(w)`; no straight-through estimator is needed until the choice of zeros is frozen. (The formula is that of public
//! implementations; the paper's body was not at hand.)
//!
//! Ours are: `theta` is the latent weight times [`GAIN`] over its bound, because weights drawn near 0 would all be drawn
//! to 0; the strength is relative to the loss gradient and grows from 0; and [`steer`] moves alpha, layer by layer, until
//! the zeros are those asked for.

use rayon::prelude::*;

use super::{Layer, Pass, Quantised};
use crate::kernel::{CHUNK, lane_sum, wide};

/// `theta` of a latent weight at its initial bound; `tanh` of it is 0.91.
pub const GAIN: f64 = 1.5;

/// Real weights `tanh(theta)` for training, rounded ones for judging.
pub fn quantise(latent: &[f32], bound: f64, pass: Pass, out: &mut Quantised) {
    let slope = (GAIN / bound) as f32;
    let rounded = pass == Pass::Judging;
    out.weights.par_chunks_mut(CHUNK).zip(latent.par_chunks(CHUNK)).for_each(|(out, latent)| {
        for (q, &w) in out.iter_mut().zip(latent) {
            *q = (slope * w).tanh();
        }
        if rounded {
            wide(|| out.iter_mut().for_each(|q| *q = if q.abs() < 0.5 { 0.0 } else { 1f32.copysign(*q) }));
        }
    });
    out.scale = vec![1.0];
}

/// Turns `grad` from the gradient of the loss by `w` into that of `loss + strength * R` by the latent weights.
pub fn backward(layer: &Layer<'_>, strength: f64, quantised: &Quantised, grad: &mut [f32]) {
    let (slope, alpha, strength) = ((GAIN / layer.bound) as f32, layer.control as f32, strength as f32);
    grad.par_chunks_mut(CHUNK).zip(quantised.weights.par_chunks(CHUNK)).for_each(|(grad, weights)| {
        wide(move || {
            for (g, &w) in grad.iter_mut().zip(weights) {
                let square = w * w;
                *g = (*g + strength * 2.0 * w * (alpha - 2.0 * square)) * (1.0 - square) * slope;
            }
        });
    });
}

/// Mean magnitude of a gradient: the unit of the regulariser's strength.
pub fn magnitude(grad: &[f32]) -> f64 {
    let parts: Vec<f64> = grad.par_chunks(CHUNK).map(|c| lane_sum(c, f32::abs)).collect();
    parts.iter().sum::<f64>() / grad.len().max(1) as f64
}

/// Fraction of weights that round to 0, of those that `tanh` gave.
pub fn zeros(weights: &[f32]) -> f64 {
    let small = |c: &[f32]| lane_sum(c, |w| f32::from(u8::from(w.abs() < 0.5)));
    let parts: Vec<f64> = weights.par_chunks(CHUNK).map(small).collect();
    parts.iter().sum::<f64>() / weights.len().max(1) as f64
}

/// Zeros to steer to at `part` of the training before the freeze: from those of random weights straight to the `last`.
pub fn wanted(last: f64, part: f64) -> f64 {
    let first = 0.5f64.atanh() / GAIN;
    first + (last - first) * (part / 0.7).min(1.0)
}

/// The next alpha when the weights have `found` zeros and should have `wanted`: integral control, by `gain` per step.
pub fn steer(alpha: f64, wanted: f64, found: f64, gain: f64) -> f64 {
    (alpha + gain * (wanted - found)).clamp(0.0, 2.0)
}

/// How far weights are from 0 and 1: the mean of `w^2 (1 - w^2)`, at most 1/4.
pub fn rounding_gap(weights: &[f32]) -> f64 {
    let part = |c: &[f32]| lane_sum(c, |w| w * w * (1.0 - w * w));
    let parts: Vec<f64> = weights.par_chunks(CHUNK).map(part).collect();
    parts.iter().sum::<f64>() / weights.len().max(1) as f64
}
