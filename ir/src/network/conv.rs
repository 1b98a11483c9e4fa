//! Convolution with small integer weights.

use super::{MAX_WEIGHTS, Window};
use crate::Range;
use crate::range::MAX_WIDTH;

/// `y[o][p] = bias[o] + sum_(c, k) weight[o][c][k] * x[group(o) * channels + c][place k of window p]`, padding being 0.
///
/// Outputs are cut into `groups` equal parts, each reading its part of the input channels; as many groups as channels make
/// a depthwise convolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Where windows lie.
    pub window: Window,
    /// Output channels; the output is `[outputs, height, width]`.
    pub outputs: usize,
    /// Parts that channels are cut into; divides input and output channels.
    pub groups: usize,
    /// Row-major `[outputs][channels / groups][kernel height][kernel width]`.
    pub weights: Vec<i16>,
    /// One integer per output channel, or empty for none.
    pub bias: Vec<i64>,
}

impl Conv2d {
    /// Input channels of a group.
    pub fn channels(&self) -> usize {
        self.window.input[0] / self.groups
    }

    /// Weights of an output channel.
    pub fn fan_in(&self) -> usize {
        self.channels() * self.window.kernel[0] * self.window.kernel[1]
    }

    /// Weights of output channel `o`, `[channels][kernel height][kernel width]`.
    pub fn row(&self, o: usize) -> &[i16] {
        &self.weights[o * self.fan_in()..(o + 1) * self.fan_in()]
    }

    /// Bias of output channel `o`, 0 when the layer has none.
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

    /// Calls `f(window, element, weight)` for every product of output channel `o` whose weight is not zero.
    pub fn each(&self, o: usize, mut f: impl FnMut(usize, usize, i16)) {
        let [height, width] = self.window.kernel;
        let first = o / (self.outputs / self.groups) * self.channels();
        let size = self.window.input[1] * self.window.input[2];
        for (at, &weight) in self.row(o).iter().enumerate().filter(|(_, w)| **w != 0) {
            let channel = first + at / (height * width);
            let tap = [at / width % height, at % width];
            self.window.each(tap, |window, element| f(window, channel * size + element, weight));
        }
    }

    pub(super) fn ranges(&self, x: &[Range]) -> Result<Vec<Range>, String> {
        let channels = self.window.input[0];
        let divides = |n: usize| self.groups > 0 && n.is_multiple_of(self.groups);
        if !divides(channels) || !divides(self.outputs) {
            return Err(format!(
                "{} groups of {channels} input and {} output channels; want a divisor of both",
                self.groups, self.outputs
            ));
        }
        let sizes = [self.channels(), self.window.kernel[0], self.window.kernel[1]];
        let fan_in = sizes.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).unwrap_or(usize::MAX);
        self.window.check(x.len(), self.outputs, fan_in)?;
        let weights = fan_in.checked_mul(self.outputs).filter(|&n| n <= MAX_WEIGHTS);
        if weights != Some(self.weights.len()) {
            let given = self.weights.len();
            return Err(format!("{given} weights given, {} x {fan_in} needed", self.outputs));
        }
        if !self.bias.is_empty() && self.bias.len() != self.outputs {
            return Err(format!("{} biases given, {} needed", self.bias.len(), self.outputs));
        }
        let mut out = Vec::with_capacity(self.outputs * self.window.positions());
        for o in 0..self.outputs {
            let mut sums = vec![Some(Range::point(self.bias(o))); self.window.positions()];
            self.each(o, |window, element, weight| {
                let term = x[element].checked_scale(i64::from(weight));
                sums[window] = sums[window].zip(term).and_then(|(sum, term)| sum.checked_add(term));
            });
            let narrow = |sum: Option<Range>| sum.filter(|r| r.width() <= MAX_WIDTH);
            let sums = sums.into_iter().map(narrow).collect::<Option<Vec<Range>>>();
            out.extend(
                sums.ok_or_else(|| format!("a sum of output channel {o} needs more than {MAX_WIDTH} bits"))?,
            );
        }
        Ok(out)
    }
}
