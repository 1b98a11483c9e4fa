//! Real weights: the baseline without quantisation. On export they become symmetric integers, one step per layer.

use super::Quantised;

/// Copies the latent weights.
pub fn quantise(latent: &[f32], out: &mut Quantised) {
    out.weights.copy_from_slice(latent);
    out.scale = vec![1.0];
}

/// Integers of `bits` bits, `-(2^(bits-1) - 1)` to `2^(bits-1) - 1`, and the step between them.
pub fn integers(weights: &[f32], bits: u32) -> (Vec<i16>, f64) {
    let most = f64::from((1u32 << (bits - 1)) - 1);
    let largest = weights.iter().fold(0f32, |m, w| m.max(w.abs()));
    let step = if largest > 0.0 { f64::from(largest) / most } else { 1.0 };
    (weights.iter().map(|&w| (f64::from(w) / step).round() as i16).collect(), step)
}
