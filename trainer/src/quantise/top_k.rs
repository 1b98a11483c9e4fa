//! Exact sparsity: the `k` largest magnitudes of a layer keep their sign, the others are zero (the fixed-sparsity variant of
//! trained ternary quantisation, Zhu, Han, Mao and Dally, ICLR 2017, `p_ternarize` in the authors' code). Dense latent
//! weights and dense straight-through gradients let zeros return until the choice is frozen.

use super::binary_connect::sign;
use super::{Choice, Quantised, binary_connect, fan_in, mask};
use crate::kernel::wide;

const BINS: usize = 1 << 12;

/// Signs of the chosen weights, and their mean magnitude as the scale.
pub fn quantise(latent: &[f32], inputs: usize, choice: Choice<'_>, out: &mut Quantised) {
    match choice {
        Choice::Keep(k) if k < latent.len() => keep(latent, k, &mut out.weights),
        Choice::KeepEach(k) => fan_in::keep_each(latent, inputs, k, &mut out.weights),
        _ => binary_connect::signs(latent, &mut out.weights),
    }
    out.scale = mask::scales(latent, &out.weights, latent.len());
}

/// Marks the `k` largest magnitudes of `latent`.
pub fn largest(latent: &[f32], k: usize) -> Vec<bool> {
    let mut signs = vec![1.0; latent.len()];
    if k < latent.len() {
        keep(latent, k, &mut signs);
    }
    signs.iter().map(|&q| q != 0.0).collect()
}

/// Magnitudes order as the bits of the float without its sign.
fn key(w: f32) -> u32 {
    w.to_bits() & 0x7fff_ffff
}

/// A histogram of the leading bits finds the bin of the k-th largest magnitude, so that only that bin needs sorting. Ties
/// go to the lower index: the number kept is exact.
fn keep(latent: &[f32], k: usize, out: &mut [f32]) {
    const SHIFT: u32 = 31 - BINS.trailing_zeros();
    let mut histogram = vec![0u32; BINS];
    latent.iter().for_each(|&w| histogram[(key(w) >> SHIFT) as usize] += 1);
    let (mut bin, mut above) = (BINS - 1, 0);
    while above + (histogram[bin] as usize) < k {
        above += histogram[bin] as usize;
        bin -= 1;
    }
    wide(|| {
        for (q, &w) in out.iter_mut().zip(latent) {
            *q = if (key(w) >> SHIFT) as usize > bin { sign(w) } else { 0.0 };
        }
    });
    let mut tied: Vec<(std::cmp::Reverse<u32>, usize)> = latent
        .iter()
        .enumerate()
        .filter(|(_, w)| (key(**w) >> SHIFT) as usize == bin)
        .map(|(i, &w)| (std::cmp::Reverse(key(w)), i))
        .collect();
    let wanted = k - above;
    if wanted > 0 && wanted < tied.len() {
        tied.select_nth_unstable(wanted - 1);
    }
    tied[..wanted].iter().for_each(|&(_, i)| out[i] = sign(latent[i]));
}
