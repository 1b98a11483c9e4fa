//! The first step of every network: 8-bit features to the codes that the first dense layer reads.

use serde::{Deserialize, Serialize};
use sterna_ir::{Range, Threshold};

use crate::config::{Config, Input};
use crate::geometry::image_of;

/// Codes of features by thresholds that are the same for all features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    /// Ascending; none leaves the features as they are.
    pub thresholds: Vec<i64>,
    /// One bit per threshold instead of the number of thresholds reached.
    pub thermometer: bool,
    /// The image that samples are, `[channels, height, width]`, when codes are wanted as `[height][width][channels]`;
    /// `None` leaves features in their order.
    pub image: Option<[usize; 3]>,
}

impl Encoder {
    /// The coding `input` of features in `range`. Thresholds cut the range into equal parts; a threshold of a narrow range
    /// may repeat.
    pub fn new(input: Input, range: Range) -> Self {
        let image = None;
        let size = range.hi - range.lo + 1;
        let uniform = |parts: i64| (1..parts).map(|i| range.lo + (i * size + parts - 1) / parts).collect();
        match input {
            Input::Raw => Encoder { thresholds: Vec::new(), thermometer: false, image },
            Input::Bits { bits } => Encoder { thresholds: uniform(1 << bits), thermometer: false, image },
            Input::Thermometer { levels } => {
                Encoder { thresholds: uniform(i64::from(levels) + 1), thermometer: true, image }
            }
        }
    }

    /// The coding of a training on samples of `shape`.
    pub fn of(config: &Config, shape: &[usize], range: Range) -> Self {
        let image = image_of(shape).filter(|_| config.reads_images());
        Encoder { image, ..Encoder::new(config.input, range) }
    }

    /// Codes per feature.
    pub fn width(&self) -> usize {
        if self.thermometer { self.thresholds.len() } else { 1 }
    }

    /// Largest code of a feature in `range`.
    pub fn largest(&self, range: Range) -> i64 {
        match self.thresholds.len() {
            0 => range.hi,
            _ if self.thermometer => 1,
            levels => levels as i64,
        }
    }

    /// Encodes one sample: `out` has `row.len() * width()` elements.
    pub fn encode<T: From<u8> + Copy>(&self, row: &[u8], out: &mut [T]) {
        match self.image {
            Some([channels, height, width]) if channels > 1 => {
                let (size, each) = (height * width, self.width());
                let mut codes = vec![T::from(0); out.len()];
                self.encode_in_order(row, &mut codes);
                for (at, codes) in codes.chunks_exact(each).enumerate() {
                    let to = (at % size * channels + at / size) * each;
                    out[to..to + each].copy_from_slice(codes);
                }
            }
            _ => self.encode_in_order(row, out),
        }
    }

    fn encode_in_order<T: From<u8>>(&self, row: &[u8], out: &mut [T]) {
        let reached = |v: u8, t: &i64| i64::from(v) >= *t;
        if self.thresholds.is_empty() {
            out.iter_mut().zip(row).for_each(|(o, &v)| *o = T::from(v));
        } else if self.thermometer {
            for (bits, &v) in out.chunks_exact_mut(self.thresholds.len()).zip(row) {
                bits.iter_mut()
                    .zip(&self.thresholds)
                    .for_each(|(o, t)| *o = T::from(u8::from(reached(v, t))));
            }
        } else {
            let code = |v: u8| self.thresholds.partition_point(|t| reached(v, t)) as u8;
            let table: [u8; 256] = std::array::from_fn(|v| code(v as u8));
            out.iter_mut().zip(row).for_each(|(o, &v)| *o = T::from(table[usize::from(v)]));
        }
    }

    /// The same as a layer of the integer network; `None` when features stay as they are.
    pub fn layer(&self, features: usize) -> Option<Threshold> {
        let (channels, positions) = match self.image {
            Some([channels, height, width]) => (channels, height * width),
            None => (features, 1),
        };
        (!self.thresholds.is_empty()).then(|| Threshold {
            channels,
            positions,
            levels: self.thresholds.len(),
            thresholds: self.thresholds.repeat(channels),
            falling: Vec::new(),
            thermometer: self.thermometer,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_the_full_range_are_the_top_bits() {
        for bits in 1..=8 {
            let encoder = Encoder::new(Input::Bits { bits }, Range::new(0, 255));
            let row: Vec<u8> = (0..=255).collect();
            let mut codes = vec![0u8; 256];
            encoder.encode(&row, &mut codes);
            assert!(row.iter().zip(&codes).all(|(v, c)| v >> (8 - bits) == *c), "{bits} bits");
        }
    }

    #[test]
    fn thermometer_keeps_bits_apart_and_agrees_with_its_layer() {
        let encoder = Encoder::new(Input::Thermometer { levels: 3 }, Range::new(0, 16));
        assert_eq!(encoder.thresholds, [5, 9, 13]);
        let mut bits = vec![0u8; 12];
        encoder.encode(&[4, 5, 12, 13], &mut bits);
        assert_eq!(bits, [0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 1, 1]);
        let layer = encoder.layer(4).expect("a threshold layer");
        assert_eq!((layer.outputs(), layer.of(3)), (12, &[5, 9, 13][..]));
    }
}
