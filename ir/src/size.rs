//! How much memory the weights of a ternary network take: as they are, coded, and at best.
//!
//! The code is a Golomb-Rice code (Rice and Plaunt, 1971) of the runs of zeros, row after row, each followed by one bit of
//! sign: within a few per cent of the entropy of independent weights at every sparsity.

use serde::{Deserialize, Serialize};

use crate::{Error, LayerOp, Network, Result};

/// Largest number of low bits that a run is coded with.
const MAX_PARAMETER: u32 = 20;
/// Bits that say which parameter a layer uses.
const PARAMETER_BITS: u64 = 5;

/// Bits of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Weights.
    pub weights: u64,
    /// Those that are not zero.
    pub nonzeros: u64,
    /// Zeroth-order entropy of zero, plus and minus, rounded up.
    pub entropy: u64,
    /// The Golomb-Rice code as it is written, its parameter included.
    pub coded: u64,
    /// Two bits each: plain ternary storage.
    pub two_bit: u64,
    /// One bit each: what a binary network of the same shape takes.
    pub one_bit: u64,
}

/// Ternary weights in Golomb-Rice code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coded {
    /// Weights in all.
    pub weights: usize,
    /// Low bits of each run.
    pub parameter: u32,
    /// Bits written.
    pub bits: u64,
    /// The bits, the first the lowest of the first byte.
    pub bytes: Vec<u8>,
}

impl Size {
    /// Sizes of one layer's weights; `None` when one of them is not -1, 0 or +1.
    pub fn of(weights: &[i16]) -> Option<Self> {
        let coded = encode(weights)?;
        let all = weights.len() as u64;
        let count = |v: i16| weights.iter().filter(|w| **w == v).count() as f64;
        let information = |n: f64| if n > 0.0 { n * (all as f64 / n).log2() } else { 0.0 };
        Some(Size {
            weights: all,
            nonzeros: all - count(0) as u64,
            entropy: [-1, 0, 1].map(|v| information(count(v))).iter().sum::<f64>().ceil() as u64,
            coded: coded.bits + PARAMETER_BITS,
            two_bit: 2 * all,
            one_bit: all,
        })
    }

    /// Sizes of all dense and convolution layers of `network` together; `None` when a weight is not ternary.
    pub fn of_network(network: &Network) -> Option<Self> {
        let mut sum = Size::default();
        for layer in &network.layers {
            let weights = match &layer.op {
                LayerOp::Dense(dense) => Some(&dense.weights),
                LayerOp::Conv2d(conv) => Some(&conv.weights),
                _ => None,
            };
            if let Some(weights) = weights {
                let size = Size::of(weights)?;
                sum.weights += size.weights;
                sum.nonzeros += size.nonzeros;
                sum.entropy += size.entropy;
                sum.coded += size.coded;
                sum.two_bit += size.two_bit;
                sum.one_bit += size.one_bit;
            }
        }
        Some(sum)
    }
}

/// Zeros before each nonzero weight, and whether that is negative.
fn runs(weights: &[i16]) -> Vec<(u64, bool)> {
    let mut zeros = 0;
    let mut out = Vec::new();
    for &w in weights {
        if w == 0 {
            zeros += 1;
        } else {
            out.push((zeros, w < 0));
            zeros = 0;
        }
    }
    out
}

/// Codes `weights` with the best parameter; `None` when one of them is not -1, 0 or +1.
pub fn encode(weights: &[i16]) -> Option<Coded> {
    if weights.iter().any(|w| !(-1..=1).contains(w)) {
        return None;
    }
    let runs = runs(weights);
    let length = |p: u32| runs.iter().map(|(zeros, _)| (zeros >> p) + 2 + u64::from(p)).sum::<u64>();
    let parameter = (0..=MAX_PARAMETER).min_by_key(|&p| length(p)).unwrap_or(0);
    let mut coded = Coded { weights: weights.len(), parameter, bits: 0, bytes: Vec::new() };
    for (zeros, negative) in runs {
        (0..zeros >> parameter).for_each(|_| coded.push(true));
        coded.push(false);
        (0..parameter).for_each(|b| coded.push(zeros >> b & 1 == 1));
        coded.push(negative);
    }
    Some(coded)
}

fn bad(what: String) -> Error {
    Error::Format { place: "coded weights".into(), what }
}

impl Coded {
    fn push(&mut self, bit: bool) {
        if self.bits.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let (true, Some(last)) = (bit, self.bytes.last_mut()) {
            *last |= 1 << (self.bits % 8);
        }
        self.bits += 1;
    }

    fn bit(&self, at: &mut u64) -> Result<bool> {
        let byte = self.bytes.get((*at / 8) as usize).filter(|_| *at < self.bits);
        let bit = byte.ok_or_else(|| bad(format!("cut short at bit {at}; want it whole")))?;
        *at += 1;
        Ok(bit >> ((*at - 1) % 8) & 1 == 1)
    }

    /// The weights again. Errors when the code is cut short or holds more than it says.
    pub fn decode(&self) -> Result<Vec<i16>> {
        let mut weights = Vec::new();
        let mut at = 0;
        while at < self.bits {
            let mut zeros = 0u64;
            while self.bit(&mut at)? {
                zeros += 1;
            }
            zeros <<= self.parameter.min(MAX_PARAMETER);
            for b in 0..self.parameter.min(MAX_PARAMETER) {
                zeros |= u64::from(self.bit(&mut at)?) << b;
            }
            let sign = if self.bit(&mut at)? { -1 } else { 1 };
            if weights.len() as u64 + zeros >= self.weights as u64 {
                let what =
                    format!("a run of {zeros} zeros at weight {}; there are {}", weights.len(), self.weights);
                return Err(bad(what));
            }
            weights.resize(weights.len() + zeros as usize, 0);
            weights.push(sign);
        }
        weights.resize(self.weights, 0);
        Ok(weights)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A fixed pseudo-random ternary sequence with about `nonzeros` thousandths of nonzeros.
    fn sequence(length: usize, nonzeros: u64) -> Vec<i16> {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        (0..length)
            .map(|_| if next() % 1000 < nonzeros { [-1, 1][(next() % 2) as usize] } else { 0 })
            .collect()
    }

    #[test]
    fn sizes_per_weight_are_those_of_theory() {
        // Density in thousandths, entropy and Golomb-Rice bits per weight of independent weights.
        for (density, entropy, coded) in [(500, 1.5, 1.5), (100, 0.569, 0.576), (20, 0.161, 0.162)] {
            let size = Size::of(&sequence(400_000, density)).expect("ternary");
            let per = |bits: u64| bits as f64 / size.weights as f64;
            assert!((per(size.entropy) / entropy - 1.0).abs() < 0.02, "{density}: {}", per(size.entropy));
            assert!((per(size.coded) / coded - 1.0).abs() < 0.02, "{density}: {}", per(size.coded));
        }
    }

    #[test]
    fn other_integers_have_no_ternary_size() {
        assert_eq!(Size::of(&[0, 2]), None);
        assert_eq!(Size::of(&[]).expect("nothing").coded, PARAMETER_BITS);
    }

    #[test]
    fn a_code_cut_short_is_an_error() {
        let mut coded = encode(&[0, 0, 0, 1, -1, 0]).expect("ternary");
        assert_eq!(coded.decode().expect("whole"), [0, 0, 0, 1, -1, 0]);
        coded.bits -= 1;
        assert!(coded.decode().expect_err("cut").to_string().contains("cut short"));
        let mut few = encode(&[0, 0, 0, 1]).expect("ternary");
        few.weights = 2;
        assert!(few.decode().expect_err("too many").to_string().contains("there are 2"));
    }

    proptest! {
        #[test]
        fn codes_read_back(weights in prop::collection::vec(prop_oneof![8 => Just(0i16), 1 => Just(1i16), 1 => Just(-1i16)], 0..600)) {
            let coded = encode(&weights).expect("ternary");
            prop_assert_eq!(coded.bytes.len() as u64, coded.bits.div_ceil(8));
            prop_assert_eq!(coded.decode().expect("whole"), weights);
        }
    }
}
