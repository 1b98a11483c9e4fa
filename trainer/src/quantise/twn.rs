//! Ternary weight networks: Li, Wang, Liu, Zhang, Yan, "Ternary Weight Networks" (arXiv 1605.04711), equations 5 to 7.
//! The threshold is `factor` times the mean magnitude, and the scale is the mean magnitude beyond it: one of each per layer
//! with factor 0.7 in version 1, per filter with 0.75 in version 3. Larger factors give more zeros.

use rayon::prelude::*;

use super::{Quantised, mask};
use crate::kernel::{CHUNK, lane_sum, wide};

/// The factor of version 1.
pub const FACTOR: f64 = 0.7;

/// Signs of the weights above the threshold of their `group` of consecutive weights, and their mean magnitude as the scale.
pub fn quantise(latent: &[f32], group: usize, factor: f64, out: &mut Quantised) {
    let mut thresholds = Vec::with_capacity(latent.len() / group);
    for (out, latent) in out.weights.chunks_mut(group).zip(latent.chunks(group)) {
        let sums: Vec<f64> = latent.par_chunks(CHUNK).map(|c| lane_sum(c, f32::abs)).collect();
        let threshold = (factor * sums.iter().sum::<f64>() / latent.len() as f64) as f32;
        out.par_chunks_mut(CHUNK).zip(latent.par_chunks(CHUNK)).for_each(|(out, latent)| {
            wide(move || {
                for (q, &w) in out.iter_mut().zip(latent) {
                    *q = if w.abs() > threshold { 1f32.copysign(w) } else { 0.0 };
                }
            });
        });
        thresholds.push(threshold);
    }
    out.scale = mask::scales(latent, &out.weights, group);
    for (scale, threshold) in out.scale.iter_mut().zip(thresholds) {
        // Nothing is kept: gradients must still bring weights back at an ordinary pace.
        if *scale <= f32::MIN_POSITIVE {
            *scale = threshold.max(f32::MIN_POSITIVE);
        }
    }
}
