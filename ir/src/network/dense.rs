//! Matrix product with small integer weights.

use super::{MAX_ELEMENTS, MAX_WEIGHTS};
use crate::Range;
use crate::range::MAX_WIDTH;

/// `y[o] = bias[o] + sum_i weight[o][i] * x[i]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dense {
    /// Length of `x`.
    pub inputs: usize,
    /// Length of `y`.
    pub outputs: usize,
    /// Row-major `[outputs][inputs]`. Ternary and binary networks use -1, 0, +1; float baselines are quantised to 8 bits.
    pub weights: Vec<i16>,
    /// One integer per output, or empty for none.
    pub bias: Vec<i64>,
}

impl Dense {
    /// Weights of output `o`, one per input.
    pub fn row(&self, o: usize) -> &[i16] {
        &self.weights[o * self.inputs..(o + 1) * self.inputs]
    }

    /// Bias of output `o`, 0 when the layer has none.
    pub fn bias(&self, o: usize) -> i64 {
        self.bias.get(o).copied().unwrap_or(0)
    }

    /// Number of weights that are not zero.
    pub fn nonzeros(&self) -> usize {
        self.weights.iter().filter(|&&w| w != 0).count()
    }

    /// Whether every weight is -1, 0 or +1.
    pub fn is_ternary(&self) -> bool {
        self.weights.iter().all(|w| (-1..=1).contains(w))
    }

    pub(super) fn ranges(&self, x: &[Range]) -> Result<Vec<Range>, String> {
        if self.inputs != x.len() {
            return Err(format!("takes {} inputs but the layer before it gives {}", self.inputs, x.len()));
        }
        if self.outputs == 0
            || self.outputs > MAX_ELEMENTS
            || self.inputs.saturating_mul(self.outputs) > MAX_WEIGHTS
        {
            return Err(format!("{} x {} weights; want 1 to {MAX_WEIGHTS}", self.outputs, self.inputs));
        }
        if self.weights.len() != self.inputs * self.outputs {
            return Err(format!(
                "{} weights given, {} x {} needed",
                self.weights.len(),
                self.outputs,
                self.inputs
            ));
        }
        if !self.bias.is_empty() && self.bias.len() != self.outputs {
            return Err(format!("{} biases given, {} needed", self.bias.len(), self.outputs));
        }
        (0..self.outputs)
            .map(|o| {
                let terms = self.row(o).iter().zip(x).filter(|(w, _)| **w != 0);
                terms
                    .map(|(&w, range)| range.checked_scale(i64::from(w)))
                    .try_fold(Range::point(self.bias(o)), |sum, term| sum.checked_add(term?))
                    .filter(|r| r.width() <= MAX_WIDTH)
                    .ok_or_else(|| format!("the sum of output {o} needs more than {} bits", MAX_WIDTH))
            })
            .collect()
    }
}
