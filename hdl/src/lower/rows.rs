//! What one stage has to compute, in original element numbers: the form that the builders and the proof both read.

use sterna_ir::{Range, Threshold};

use crate::lower::digits::digits;

/// One output channel: a weighted sum, then maybe comparisons.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// Original number of the channel.
    pub element: u32,
    /// Original input elements and their weights, none zero.
    pub terms: Vec<(u32, i64)>,
    /// Added to the sum; 0 when there are thresholds, which contain it.
    pub bias: i64,
    /// Comparisons on the sum.
    pub levels: Option<Levels>,
}

/// Comparisons of one channel, one per level in the network's order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Levels {
    /// Constants compared with.
    pub thresholds: Vec<i64>,
    /// Count `x <= t` instead of `x >= t`.
    pub falling: bool,
}

impl Levels {
    /// Channel `c` of a threshold layer, for a sum that lacks `bias`.
    pub fn of(t: &Threshold, c: usize, bias: i64) -> Self {
        Levels { thresholds: t.of(c).iter().map(|v| v - bias).collect(), falling: t.is_falling(c) }
    }

    /// For a sum that is larger by `lift`.
    pub fn raised(mut self, lift: i64) -> Self {
        self.thresholds.iter_mut().for_each(|t| *t += lift);
        self
    }
}

impl Row {
    /// Channel `o` of a simplified layer of `weights` and `bias`, with the threshold that follows it; `columns` give the
    /// original number of each weight's element, `element` is the original number of the channel.
    pub fn linear(
        (weights, bias): (&[i16], i64),
        threshold: Option<&Threshold>,
        o: usize,
        columns: &[u32],
        element: u32,
    ) -> Self {
        let weights = weights.iter().zip(columns).filter(|(w, _)| **w != 0);
        Row {
            element,
            terms: weights.map(|(&w, &c)| (c, i64::from(w))).collect(),
            bias: if threshold.is_some() { 0 } else { bias },
            levels: threshold.map(|t| Levels::of(t, o, bias)),
        }
    }

    /// A channel compared as it comes.
    pub fn encoder(t: &Threshold, c: usize, element: u32) -> Self {
        Row { element, terms: vec![(element, 1)], bias: 0, levels: Some(Levels::of(t, c, 0)) }
    }

    /// The same channel with the sum negated, so that falling comparisons rise: `x <= t` is `-x >= -t`.
    pub fn risen(mut self) -> Self {
        if let Some(levels) = self.levels.as_mut().filter(|l| l.falling) {
            levels.falling = false;
            levels.thresholds.iter_mut().for_each(|t| *t = -*t);
            self.terms.iter_mut().for_each(|(_, w)| *w = -*w);
        }
        self
    }

    /// Numbers of the elements this channel becomes: itself, or one per level when thermometer coded.
    pub fn outputs(&self, thermometer: bool) -> Vec<u32> {
        match &self.levels {
            Some(levels) if thermometer => {
                let n = levels.thresholds.len() as u32;
                (self.element * n..(self.element + 1) * n).collect()
            }
            _ => vec![self.element],
        }
    }

    /// Range of the sum, bias included; `None` past 64 bits.
    pub fn range(&self, x: impl Fn(u32) -> Range) -> Option<Range> {
        let term = |(element, weight): &(u32, i64)| x(*element).checked_scale(*weight);
        self.terms.iter().map(term).try_fold(Range::point(self.bias), |sum, x| sum.checked_add(x?))
    }

    /// Range of every partial sum of the signed digits in any order, the bias apart; `None` past 59 bits.
    pub fn partial_sums(&self, x: impl Fn(u32) -> Range) -> Option<Range> {
        let mut sum = Range::point(0);
        for &(element, weight) in &self.terms {
            for digit in digits(weight) {
                let factor = 1i64.checked_shl(u32::from(digit.shift))?;
                let term = x(element).checked_scale(if digit.negate { -factor } else { factor })?;
                sum = sum.checked_add(term.union(Range::point(0)))?;
            }
        }
        (sum.width() < sterna_ir::range::MAX_WIDTH).then_some(sum)
    }
}
