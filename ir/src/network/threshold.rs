//! Batch-norm and activation, folded into integer comparisons.

use super::{MAX_ELEMENTS, MAX_LEVELS};
use crate::Range;
use crate::range::MAX_WIDTH;

/// `y[c][p] = #{ l : x[c][p] >= t[c][l] }`, or `<=` for a channel whose batch-norm slope was negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Channels of `x`, each with thresholds of its own.
    pub channels: usize,
    /// Elements of a channel: 1 for a vector, `height * width` for an image.
    pub positions: usize,
    /// Thresholds per channel; codes are `0..=levels`.
    pub levels: usize,
    /// `[channels][levels]`, ascending within a channel.
    pub thresholds: Vec<i64>,
    /// Per channel: count `x <= t` instead of `x >= t`; empty when no channel is.
    pub falling: Vec<bool>,
    /// Keep the comparisons apart: `[channels][levels][positions]` bits instead of their count (thermometer coding).
    pub thermometer: bool,
}

impl Threshold {
    /// Thresholds of channel `c`, ascending.
    pub fn of(&self, c: usize) -> &[i64] {
        &self.thresholds[c * self.levels..(c + 1) * self.levels]
    }

    /// Whether channel `c` counts `x <= t`.
    pub fn is_falling(&self, c: usize) -> bool {
        self.falling.get(c).copied().unwrap_or(false)
    }

    /// Length of the output vector.
    pub fn outputs(&self) -> usize {
        self.channels * self.positions * if self.thermometer { self.levels } else { 1 }
    }

    pub(super) fn ranges(&self, x: &[Range]) -> Result<Vec<Range>, String> {
        if self.channels.checked_mul(self.positions) != Some(x.len()) || x.is_empty() {
            let (channels, positions) = (self.channels, self.positions);
            return Err(format!(
                "takes {channels} channels of {positions} but the layer before it gives {}",
                x.len()
            ));
        }
        if self.levels == 0 || self.levels > MAX_LEVELS {
            return Err(format!("{} thresholds per channel; want 1 to {MAX_LEVELS}", self.levels));
        }
        if self.thresholds.len() != self.channels * self.levels {
            let given = self.thresholds.len();
            return Err(format!("{given} thresholds given, {} x {} needed", self.channels, self.levels));
        }
        if !self.falling.is_empty() && self.falling.len() != self.channels {
            return Err(format!("{} slopes given, {} needed", self.falling.len(), self.channels));
        }
        if self.outputs() > MAX_ELEMENTS {
            return Err(format!("{} output bits; want at most {MAX_ELEMENTS}", self.outputs()));
        }
        let limit = Range::signed(MAX_WIDTH);
        let mut out = Vec::with_capacity(self.outputs());
        for (c, x) in x.chunks_exact(self.positions).enumerate() {
            let levels = self.of(c);
            if let Some(l) = levels.windows(2).position(|w| w[0] > w[1]) {
                return Err(format!("thresholds of channel {c} are not ascending at level {}", l + 1));
            }
            if let Some(value) = levels.iter().find(|v| !limit.contains(**v)) {
                return Err(format!("threshold {value} of channel {c} needs more than {MAX_WIDTH} bits"));
            }
            let fires =
                |value: i64, level: i64| if self.is_falling(c) { value <= level } else { value >= level };
            let between = |a: i64, b: i64| Range::new(a.min(b), a.max(b));
            if self.thermometer {
                let bit = |level: i64, r: &Range| {
                    between(i64::from(fires(r.lo, level)), i64::from(fires(r.hi, level)))
                };
                levels.iter().for_each(|&level| out.extend(x.iter().map(|r| bit(level, r))));
            } else {
                let count = |value: i64| levels.iter().filter(|l| fires(value, **l)).count() as i64;
                out.extend(x.iter().map(|r| between(count(r.lo), count(r.hi))));
            }
        }
        Ok(out)
    }
}
