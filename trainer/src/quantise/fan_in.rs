//! An exact number of nonzero weights for every output, so that a neuron fits a look-up table. The dense straight-through
//! gradient lets wires return (as in the prune-and-regrow of Lou, Wu and Leong, "SparseLUT", 2025, without their
//! randomness) until the choice is frozen.

use multiversion::multiversion;
use rayon::prelude::*;

use super::binary_connect::sign;

/// Training begins with so many times the inputs that are wanted in the end, or with all.
pub const START: usize = 8;
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
    if k <= FEW {
        return few(row, k);
    }
    let mut keys = vec![0; row.len()];
    fill(row, &mut keys);
    if k < keys.len() {
        keys.select_nth_unstable(k - 1);
    }
    keys
}

/// The keys of a row.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn fill(row: &[f32], keys: &mut [u64]) {
    for (i, (out, &w)) in keys.iter_mut().zip(row).enumerate() {
        *out = key(i, w);
    }
}

/// Up to so many are found in one pass.
const FEW: usize = 32;

/// The `k` smallest keys in order.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn few(row: &[f32], k: usize) -> Vec<u64> {
    let mut keys = Vec::with_capacity(k + 1);
    let mut bound = 0;
    for (chunk, values) in row.chunks(16).enumerate() {
        // Most chunks hold nothing as large as what was found before.
        let top = values.iter().fold(0, |top: u32, w| top.max(w.to_bits() & MAGNITUDE));
        if keys.len() == k && top <= bound {
            continue;
        }
        for (i, &w) in values.iter().enumerate() {
            let key = key(chunk * 16 + i, w);
            let place = keys.partition_point(|&other| other < key);
            if place < k {
                keys.insert(place, key);
                keys.truncate(k);
            }
        }
        bound = keys.last().map_or(0, |&key| !((key >> 32) as u32));
    }
    keys
}

const MAGNITUDE: u32 = 0x7fff_ffff;

/// Descending magnitude, then ascending index: the bits of a magnitude order like its value.
#[inline(always)]
fn key(i: usize, w: f32) -> u64 {
    u64::from(!(w.to_bits() & MAGNITUDE)) << 32 | i as u64
}

fn index(key: u64) -> usize {
    (key & 0xffff_ffff) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_largest_magnitudes_are_kept(row in prop::collection::vec(-20i8..20, 1..90), k in 1..90usize) {
            let row: Vec<f32> = row.into_iter().map(f32::from).collect();
            let mut order: Vec<usize> = (0..row.len()).collect();
            order.sort_by_key(|&i| (-(row[i].abs() as i32), i));
            let mut out = vec![9.0; row.len()];
            keep_each(&row, row.len(), k, &mut out);
            for (place, &i) in order.iter().enumerate() {
                prop_assert_eq!(out[i], if place < k { sign(row[i]) } else { 0.0 }, "element {}", i);
            }
        }
    }
}
