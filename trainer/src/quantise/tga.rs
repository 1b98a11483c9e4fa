//! TGA: He and Fan, "Simultaneously Optimizing Weight and Quantizer of Ternary Neural Network using Truncated Gaussian
//! Approximation" (CVPR 2019, arXiv 1810.01018), as the authors' code has it (elliothe/tern_repo,
//! `models/tern_threshold_trainable_5.py`).
//!
//! Per layer, with mean `mu` and standard deviation `sigma` of the latent weights and a trained `delta`:
//!
//! ```text
//! D = min(|delta|, 3 sigma);  a = D / sigma;  h = phi(a) / (1 - Phi(a))
//! S = mu + sigma h                                  the mean of the Gaussian's tail beyond mu + D
//! T = +1 above mu + D, -1 below mu - D, else 0;     the weight is S T
//! dS/dD = h (h - a);  dS/dmu = 1;  dS/dsigma = h - a h (h - a)
//! ```
//!
//! The threshold learns through `S` alone (which weights switch is not differentiated), its gradient clipped; a step of the
//! threshold and a step of everything else alternate on the same batch. Behind batch-norm the loss does not depend on `S`,
//! so that this gradient vanishes up to batch-norm's epsilon: thresholds of hidden layers stay close to their start.

use libm::erfc;
use rayon::prelude::*;

use super::Quantised;
use crate::kernel::{CHUNK, lane_sum, wide};

/// Scale and its partial derivatives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// `S`.
    pub value: f64,
    /// By `D`.
    pub by_threshold: f64,
    /// By `sigma`, `D` held.
    pub by_sigma: f64,
}

/// The closed form of the scale for mean `mu`, deviation `sigma` and threshold `d`, `0 <= d <= 3 sigma`.
pub fn scale(mu: f64, sigma: f64, d: f64) -> Scale {
    let a = d / sigma;
    let density = (-a * a / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let h = density / (0.5 * erfc(a / std::f64::consts::SQRT_2));
    Scale { value: mu + sigma * h, by_threshold: h * (h - a), by_sigma: h - a * h * (h - a) }
}

/// Start of the authors' code.
pub const START: f64 = 0.05;

/// The first threshold: `start` times the largest magnitude.
pub fn first_threshold(latent: &[f32], start: f64) -> f64 {
    start * f64::from(latent.iter().fold(0f32, |m, w| m.max(w.abs())))
}

/// Mean and standard deviation (of a sample: over `n - 1`).
fn moments(latent: &[f32]) -> (f64, f64) {
    let sum = |f: &(dyn Fn(f32) -> f32 + Sync)| -> f64 {
        let parts: Vec<f64> = latent.par_chunks(CHUNK).map(|c| lane_sum(c, f)).collect();
        parts.iter().sum()
    };
    let count = latent.len() as f64;
    let mu = sum(&|w| w) / count;
    let centre = mu as f32;
    let squares = sum(&|w| (w - centre) * (w - centre));
    (mu, (squares / (count - 1.0).max(1.0)).sqrt().max(1e-12))
}

/// Ternary weights and the closed-form scale.
pub fn quantise(latent: &[f32], delta: f64, out: &mut Quantised) {
    let (mu, sigma) = moments(latent);
    let d = delta.abs().min(3.0 * sigma);
    let (high, low) = ((mu + d) as f32, (mu - d) as f32);
    out.weights.par_chunks_mut(CHUNK).zip(latent.par_chunks(CHUNK)).for_each(|(out, latent)| {
        wide(move || {
            for (q, &w) in out.iter_mut().zip(latent) {
                *q = f32::from(u8::from(w > high)) - f32::from(u8::from(w < low));
            }
        });
    });
    out.scale = vec![scale(mu, sigma, d).value.max(f64::from(f32::MIN_POSITIVE)) as f32];
}

/// Adds to `grad` (by `S T`) the paths through `mu` and `sigma`; returns the gradient by `delta`.
pub fn backward(latent: &[f32], delta: f64, quantised: &Quantised, grad: &mut [f32]) -> f64 {
    let (mu, sigma) = moments(latent);
    let d = delta.abs().min(3.0 * sigma);
    let scale = scale(mu, sigma, d);
    let products = |(g, q): (&[f32], &[f32])| {
        let products: Vec<f32> = g.iter().zip(q).map(|(g, q)| g * q).collect();
        lane_sum(&products, |v| v)
    };
    let parts: Vec<f64> =
        grad.par_chunks(CHUNK).zip(quantised.weights.par_chunks(CHUNK)).map(products).collect();
    let by_scale: f64 = parts.iter().sum();
    let count = latent.len() as f64;
    let linear = (by_scale * scale.by_sigma / ((count - 1.0).max(1.0) * sigma)) as f32;
    let constant = (by_scale / count) as f32 - linear * mu as f32;
    grad.par_chunks_mut(CHUNK).zip(latent.par_chunks(CHUNK)).for_each(|(grad, latent)| {
        wide(move || grad.iter_mut().zip(latent).for_each(|(g, w)| *g += constant + linear * w));
    });
    if delta.abs() < 3.0 * sigma { by_scale * scale.by_threshold * delta.signum() } else { 0.0 }
}
