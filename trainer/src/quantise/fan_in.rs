//! An exact number of nonzero weights for every output, so that a neuron fits a look-up table. The dense straight-through
//! gradient lets wires return (as in the prune-and-regrow of Lou, Wu and Leong, "SparseLUT", 2025, without their
//! randomness) until the choice is frozen.

use rayon::prelude::*;

use super::binary_connect::sign;

/// Steps between two calls of [`rescale`].
pub const RESCALE_EVERY: usize = 20;

/// Keeps the signs of the `k` largest magnitudes of each row of `inputs` latent weights; ties go to the lower index.
pub fn keep_each(latent: &[f32], inputs: usize, k: usize, out: &mut [f32]) {
    let k = k.min(inputs);
    out.par_chunks_mut(inputs).zip(latent.par_chunks(inputs)).for_each(|(out, latent)| {
        let order = largest(latent, k);
        out.fill(0.0);
        order[..k].iter().for_each(|&key| {
            let i = index(key);
            out[i] = sign(latent[i]);
        });
    });
}

/// Divides every row whose `k`-th largest magnitude exceeds `bound` so that it equals it. Ranking and signs stay; weights
/// that grow without limit could no longer be overtaken, and clipping them would tie them.
pub fn rescale(latent: &mut [f32], inputs: usize, k: usize, bound: f32) {
    let k = k.clamp(1, inputs);
    latent.par_chunks_mut(inputs).for_each(|row| {
        let last = row[index(largest(row, k)[k - 1])].abs();
        if last > bound {
            row.iter_mut().for_each(|w| *w *= bound / last);
        }
    });
}

/// Keys of a row's elements, the `k` of largest magnitude first, the smallest of these in place `k - 1`.
fn largest(row: &[f32], k: usize) -> Vec<u64> {
    // Descending magnitude, then ascending index: the bits of a magnitude order like its value.
    let key = |(i, w): (usize, &f32)| (u64::from(!(w.to_bits() & 0x7fff_ffff)) << 32) | i as u64;
    let mut keys: Vec<u64> = row.iter().enumerate().map(key).collect();
    if k > 0 && k < keys.len() {
        keys.select_nth_unstable(k - 1);
    } else {
        keys.sort_unstable();
    }
    keys
}

fn index(key: u64) -> usize {
    (key & 0xffff_ffff) as usize
}
