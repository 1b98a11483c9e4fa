//! A frozen choice of zeros, for every method: what is kept has a sign, and signs may still flip.

use rayon::prelude::*;

use super::Quantised;
use super::binary_connect::sign;
use crate::kernel::{CHUNK, lane_sum, wide};

/// Signs of the latent weights that `mask` marks, zeros elsewhere; the scale of each `group` of consecutive weights is the
/// mean magnitude of those it keeps.
pub fn quantise(latent: &[f32], mask: &[bool], group: usize, out: &mut Quantised) {
    let parts = out.weights.par_chunks_mut(CHUNK).zip(latent.par_chunks(CHUNK)).zip(mask.par_chunks(CHUNK));
    parts.for_each(|((out, latent), mask)| {
        wide(|| {
            for ((q, &w), &m) in out.iter_mut().zip(latent).zip(mask) {
                *q = if m { sign(w) } else { 0.0 };
            }
        });
    });
    out.scale = scales(latent, &out.weights, group);
}

/// Mean magnitude of the latent weights that are not zero in `weights`, for each `group` of consecutive ones.
pub fn scales(latent: &[f32], weights: &[f32], group: usize) -> Vec<f32> {
    let part = |(w, q): (&[f32], &[f32])| {
        let mut products = vec![0f32; q.len()];
        wide(|| products.iter_mut().zip(q).zip(w).for_each(|((p, q), w)| *p = q * w));
        (lane_sum(&products, f32::abs), lane_sum(q, f32::abs))
    };
    let mean = |(w, q): (&[f32], &[f32])| {
        let parts: Vec<(f64, f64)> = w.par_chunks(CHUNK).zip(q.par_chunks(CHUNK)).map(part).collect();
        let (sum, count) = parts.iter().fold((0.0, 0.0), |(s, n), p| (s + p.0, n + p.1));
        ((sum / f64::max(count, 1.0)) as f32).max(f32::MIN_POSITIVE)
    };
    latent.chunks(group).zip(weights.chunks(group)).map(mean).collect()
}
