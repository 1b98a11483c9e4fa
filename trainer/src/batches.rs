//! Which samples are trained on, which are set aside, and in which order they come.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;

use crate::augment::Changes;
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

/// The samples and labels of one batch, before their encoding.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Samples, `[batch][features]`.
    pub raw: Vec<u8>,
    /// One label each.
    pub labels: Vec<u8>,
}

impl Batch {
    /// Fills the batch with the samples `chosen`, changed by `changes` if there are any; what changes depends on the seed,
    /// the epoch and the sample alone.
    pub fn fill(
        &mut self,
        split: &Split,
        changes: Option<&Changes>,
        (seed, epoch): (u64, usize),
        chosen: &[usize],
    ) {
        let features = split.x.ncols();
        self.raw.resize(chosen.len() * features, 0);
        self.raw.par_chunks_mut(ROWS * features).zip(chosen.par_chunks(ROWS)).for_each(|(raw, chosen)| {
            for (out, &i) in raw.chunks_exact_mut(features).zip(chosen) {
                let row = split.x.row(i);
                let copy;
                let row = match row.as_slice() {
                    Some(row) => row,
                    None => {
                        copy = row.to_vec();
                        &copy
                    }
                };
                match changes {
                    None => out.copy_from_slice(row),
                    Some(changes) => {
                        // Epochs use the numbers below 2^32 alone.
                        let purpose = ((i as u64 + 1) << 32) | epoch as u64;
                        changes.apply(row, &mut generator(seed, purpose), out);
                    }
                }
            }
        });
        self.labels.clear();
        self.labels.extend(chosen.iter().map(|&i| split.y[i]));
    }

    /// Encodes the samples into `input`, `[batch][inputs]`.
    pub fn encode(&self, encoder: &Encoder, input: &mut [f32]) {
        let samples = self.labels.len();
        let (features, width) = (self.raw.len() / samples, input.len() / samples);
        let shards = input.par_chunks_mut(ROWS * width).zip(self.raw.par_chunks(ROWS * features));
        shards.for_each(|(input, raw)| {
            let rows = input.chunks_exact_mut(width).zip(raw.chunks_exact(features));
            rows.for_each(|(out, row)| encoder.encode(row, out));
        });
    }
}
