//! Ternary weights with a given dead zone: `sign(w) [|w| > eta]`.
//!
//! Two methods train with it. *Cost-aware* training ([`crate::cost`]) moves `eta` until the network costs what it may. The
//! other is a **reconstruction** of Faraone, Fraser, Gambardella, Blott and Leong, "Compressing Low Precision Deep Neural
//! Networks Using Sparsity-Induced Regularization in Ternary Networks" (ICONIP 2017, arXiv 1709.06262), whose abstract names
//! three stages but whose formulas we have not seen:
//!
//! 1. training with an L2 term, which shrinks latent weights into the dead zone, and with a threshold that grows
//!    linearly from `start` to `end` times the bound of the weights, to which latent weights are clipped;
//! 2. pruning: what quantises to zero is removed for good (the frozen mask);
//! 3. retraining of the rest without the L2 term; signs may flip.

use rayon::prelude::*;

use super::{Quantised, mask};
use crate::kernel::{CHUNK, wide};

/// Signs of the weights beyond `threshold`, and their mean magnitude as the scale.
pub fn quantise(latent: &[f32], threshold: f64, out: &mut Quantised) {
    let threshold = threshold as f32;
    out.weights.par_chunks_mut(CHUNK).zip(latent.par_chunks(CHUNK)).for_each(|(out, latent)| {
        wide(move || {
            for (q, &w) in out.iter_mut().zip(latent) {
                *q = if w.abs() > threshold { 1f32.copysign(w) } else { 0.0 };
            }
        });
    });
    out.scale = mask::scales(latent, &out.weights, latent.len());
    if out.scale[0] <= f32::MIN_POSITIVE {
        // Nothing is kept: gradients must still bring weights back at an ordinary pace.
        out.scale[0] = threshold.max(f32::MIN_POSITIVE);
    }
}
