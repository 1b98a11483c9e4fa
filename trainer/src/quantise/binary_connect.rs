//! BinaryConnect, deterministic: Courbariaux, Bengio and David, "BinaryConnect" (NIPS 2015, arXiv 1511.00363), section 2.2
//! and the authors' `binary_connect.py`. The weight is the sign of a latent weight that is clipped to `[-H, H]` after each
//! step, where `H` is the bound of its initial draw.

use rayon::prelude::*;

use super::Quantised;
use crate::kernel::{CHUNK, wide};

/// Signs; a latent 0 counts as positive.
pub fn quantise(latent: &[f32], out: &mut Quantised) {
    signs(latent, &mut out.weights);
    out.scale = vec![1.0];
}

/// Writes the signs of `latent` to `out`.
pub fn signs(latent: &[f32], out: &mut [f32]) {
    out.par_chunks_mut(CHUNK)
        .zip(latent.par_chunks(CHUNK))
        .for_each(|(out, latent)| wide(|| out.iter_mut().zip(latent).for_each(|(q, &w)| *q = sign(w))));
}

/// -1 or +1; 0 counts as positive.
#[inline(always)]
pub fn sign(w: f32) -> f32 {
    if w >= 0.0 { 1.0 } else { -1.0 }
}
