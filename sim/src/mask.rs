//! One bit per lane.

use std::ops::{BitAnd, BitOr, Not};

/// Most lanes of any machine.
pub(crate) const MOST: usize = 512;

/// One bit for each of up to [`MOST`] lanes; bits past the machine's lanes mean nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mask(pub [u64; MOST / 64]);

impl Mask {
    /// The lanes below `count` for which `f` holds.
    pub fn from_fn(count: usize, mut f: impl FnMut(usize) -> bool) -> Self {
        let mut mask = Mask::default();
        for lane in 0..count {
            mask.0[lane / 64] |= u64::from(f(lane)) << (lane % 64);
        }
        mask
    }

    /// Whether no lane is set.
    pub fn is_empty(&self) -> bool {
        *self == Mask::default()
    }

    /// Whether `lane` is set.
    pub fn has(&self, lane: usize) -> bool {
        self.0[lane / 64] >> (lane % 64) & 1 == 1
    }

    /// Sets `lane`.
    pub fn insert(&mut self, lane: usize) {
        self.0[lane / 64] |= 1 << (lane % 64);
    }

    /// Clears `lane`.
    pub fn remove(&mut self, lane: usize) {
        self.0[lane / 64] &= !(1 << (lane % 64));
    }

    /// Whether every lane of `self` is in `other`.
    pub fn within(&self, other: &Mask) -> bool {
        (*self & !*other).is_empty()
    }

    /// The set lanes, upwards.
    pub fn lanes(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(i, mut word)| {
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros() as usize;
                word &= word.wrapping_sub(1);
                (bit < 64).then_some(64 * i + bit)
            })
        })
    }
}

impl BitAnd for Mask {
    type Output = Mask;
    fn bitand(self, other: Mask) -> Mask {
        Mask(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }
}

impl BitOr for Mask {
    type Output = Mask;
    fn bitor(self, other: Mask) -> Mask {
        Mask(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }
}

impl Not for Mask {
    type Output = Mask;
    fn not(self) -> Mask {
        Mask(self.0.map(|word| !word))
    }
}
