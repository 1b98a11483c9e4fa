//! Ternary weight networks: Li, Wang, Liu, Zhang, Yan, "Ternary Weight Networks" (arXiv 1605.04711), equations 5 to 7, with
//! one threshold and one scale per layer as in version 1. The threshold is `factor` times the mean magnitude: 0.7 in
//! version 1, 0.75 in version 3; larger factors give more zeros.

use rayon::prelude::*;

use super::Quantised;
use crate::kernel::{CHUNK, lane_sum, wide};

/// Signs of the weights above the threshold, and their mean magnitude as the scale.
pub fn quantise(latent: &[f32], factor: f64, out: &mut Quantised) {
    let sums: Vec<f64> = latent.par_chunks(CHUNK).map(|c| wide(|| lane_sum(c, f32::abs))).collect();
    let threshold = (factor * sums.iter().sum::<f64>() / latent.len() as f64) as f32;
    let kept: Vec<(f64, f64)> = out
        .weights
        .par_chunks_mut(CHUNK)
        .zip(latent.par_chunks(CHUNK))
        .map(|(out, latent)| {
            wide(|| {
                for (q, &w) in out.iter_mut().zip(latent) {
                    *q = if w.abs() > threshold { 1f32.copysign(w) } else { 0.0 };
                }
                let above = |w: f32| if w.abs() > threshold { w.abs() } else { 0.0 };
                (lane_sum(latent, above), lane_sum(out, f32::abs))
            })
        })
        .collect();
    let (sum, count) = kept.iter().fold((0.0, 0.0), |(s, n), k| (s + k.0, n + k.1));
    out.scale = vec![if count > 0.0 { (sum / count) as f32 } else { threshold.max(f32::MIN_POSITIVE) }];
}
