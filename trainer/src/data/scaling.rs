//! From real features to 8-bit codes.

use serde::{Deserialize, Serialize};

/// The linear map of features to codes: the training split's minimum becomes 0, its maximum 255.
///
/// There is one pair of bounds per element. In images the elements of a channel have equal bounds, so that a weight
/// means the same at every position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Value of each element that becomes code 0.
    pub min: Vec<f64>,
    /// Value of each element that becomes code 255; not below `min`.
    pub max: Vec<f64>,
}

impl Scaling {
    /// Bounds of `rows`, finite and row-major with `channels * positions` values a row.
    pub(super) fn learn(rows: &[f64], channels: usize, positions: usize) -> Self {
        let mut bounds = vec![(f64::INFINITY, f64::NEG_INFINITY); channels];
        for row in rows.chunks_exact(channels * positions) {
            for (bound, plane) in bounds.iter_mut().zip(row.chunks_exact(positions)) {
                *bound = plane.iter().fold(*bound, |(lo, hi), &v| (lo.min(v), hi.max(v)));
            }
        }
        let spread = |bound: fn(&(f64, f64)) -> f64| {
            bounds.iter().flat_map(|b| std::iter::repeat_n(bound(b), positions)).collect()
        };
        Scaling { min: spread(|b| b.0), max: spread(|b| b.1) }
    }

    /// Code of a finite value of an element, rounded half up; values outside the bounds become 0 or 255, and so does
    /// everything but the one value of an element that never changed in training.
    pub fn code(&self, element: usize, value: f64) -> u8 {
        let (min, max) = (self.min[element], self.max[element]);
        if value <= min {
            return 0;
        }
        if value >= max {
            return 255;
        }
        // Halves keep the difference of the largest floats finite.
        let share = (value / 2.0 - min / 2.0) / (max / 2.0 - min / 2.0);
        (share * 255.0 + 0.5).floor() as u8
    }

    /// Codes of one sample; as many values as there are elements.
    pub fn apply(&self, sample: &[f64]) -> Vec<u8> {
        assert_eq!(sample.len(), self.min.len(), "values of a sample");
        sample.iter().enumerate().map(|(element, &value)| self.code(element, value)).collect()
    }
}
