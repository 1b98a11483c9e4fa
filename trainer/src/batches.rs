//! Which samples are trained on, which are set aside, and in which order they come.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;

use crate::data::Split;
use crate::encode::Encoder;
use crate::kernel::ROWS;

/// Samples to train on and samples to validate on, as indices, ascending.
pub fn split(samples: usize, validation: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    // At least one sample stays for training.
    let aside = ((samples as f64 * validation).round() as usize).min(samples.saturating_sub(1));
    let mut order: Vec<usize> = (0..samples).collect();
    order.shuffle(&mut generator(seed, u64::MAX));
    let (val, train) = order.split_at_mut(aside);
    val.sort_unstable();
    train.sort_unstable();
    (train.to_vec(), val.to_vec())
}

/// Order of the training samples in `epoch`.
pub fn order(train: &[usize], seed: u64, epoch: usize) -> Vec<usize> {
    let mut order = train.to_vec();
    order.shuffle(&mut generator(seed, epoch as u64));
    order
}

/// A generator for one purpose, independent of all others.
fn generator(seed: u64, purpose: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed ^ purpose.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Encodes the samples `chosen` into `input` and their labels into `labels`.
pub fn gather(split: &Split, encoder: &Encoder, chosen: &[usize], input: &mut [f32], labels: &mut [u8]) {
    let width = input.len() / chosen.len();
    input.par_chunks_mut(ROWS * width).zip(chosen.par_chunks(ROWS)).for_each(|(input, chosen)| {
        for (out, &i) in input.chunks_exact_mut(width).zip(chosen) {
            match split.x.row(i).as_slice() {
                Some(row) => encoder.encode(row, out),
                None => encoder.encode(&split.x.row(i).to_vec(), out),
            }
        }
    });
    labels.iter_mut().zip(chosen).for_each(|(l, &i)| *l = split.y[i]);
}
