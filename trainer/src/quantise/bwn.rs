//! Binary weight networks: Rastegari, Ordonez, Redmon and Farhadi, "XNOR-Net" (ECCV 2016, arXiv 1603.05279), section 3.1.
//! Signs times the mean magnitude, per filter as in the paper, or per layer. Unlike there, first and last layer are binary
//! too.

use super::{Quantised, binary_connect};
use crate::kernel::lane_sum;

/// Signs, and the mean magnitude of each `group` of consecutive latent weights.
pub fn quantise(latent: &[f32], group: usize, out: &mut Quantised) {
    binary_connect::signs(latent, &mut out.weights);
    out.scale = latent
        .chunks(group)
        .map(|row| (lane_sum(row, f32::abs) / row.len() as f64).max(f64::from(f32::MIN_POSITIVE)) as f32)
        .collect();
}
