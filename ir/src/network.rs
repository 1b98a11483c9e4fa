//! The integer network: a chain of layers over integer vectors with known ranges. It defines the meaning of everything
//! downstream; [`crate::eval`] is that definition as a program.
//!
//! Per-layer scales never exist here. Batch-norm has become thresholds, and the last layer keeps one common scale, so that
//! the arg max of its integer sums is the class.

use serde::{Deserialize, Serialize};

use crate::{Error, Range, Result};

/// Most elements any vector of a network may have, and most weights a layer may have: bounds what a file can ask for.
pub const MAX_ELEMENTS: usize = 1 << 20;
/// Most weights of one layer.
pub const MAX_WEIGHTS: usize = 1 << 28;
/// Most thresholds per channel (8-bit codes have 255).
pub const MAX_LEVELS: usize = 255;

/// A whole network: input, then layers, each reading the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Name given by the user; free text, legalised where it reaches Verilog.
    pub name: String,
    /// Shape and range of a sample.
    pub input: Input,
    /// Layers in order of evaluation.
    pub layers: Vec<Layer>,
}

/// What a sample looks like. Elements are ordered row-major over `shape`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// `[n]` or `[channels, height, width]`.
    pub shape: Vec<usize>,
    /// Range of every element.
    pub range: Range,
}

impl Input {
    /// Elements of one sample.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A named layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Name given by the trainer, e.g. `fc1`; free text.
    pub name: String,
    /// What it computes.
    pub op: LayerOp,
}

/// The kinds of layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerOp {
    /// Matrix product with small integer weights.
    Dense(Dense),
    /// Batch-norm and activation, folded into integer comparisons.
    Threshold(Threshold),
    /// Index of the largest element, the lowest index on a tie.
    ArgMax,
}

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

/// `y[c] = #{ l : x[c] >= t[c][l] }`, or `<=` for a channel whose batch-norm slope was negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Length of `x`.
    pub channels: usize,
    /// Thresholds per channel; codes are `0..=levels`.
    pub levels: usize,
    /// `[channels][levels]`, ascending within a channel.
    pub thresholds: Vec<i64>,
    /// Per channel: count `x <= t` instead of `x >= t`; empty when no channel is.
    pub falling: Vec<bool>,
    /// Keep the comparisons apart: `channels * levels` bits, level-minor, instead of their count (thermometer coding).
    pub thermometer: bool,
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
        if self.thermometer { self.channels * self.levels } else { self.channels }
    }
}

impl Network {
    /// Output length of layer `index`, given that the network is [checked](Network::check).
    pub fn outputs(&self, index: usize) -> usize {
        match &self.layers[index].op {
            LayerOp::Dense(d) => d.outputs,
            LayerOp::Threshold(t) => t.outputs(),
            LayerOp::ArgMax => 1,
        }
    }

    /// Number of classes: the length of the vector that the final arg max reads, or of the last layer's output.
    pub fn classes(&self) -> usize {
        let last = self.layers.len().saturating_sub(1);
        match self.layers.get(last).map(|l| &l.op) {
            Some(LayerOp::ArgMax) if last > 0 => self.outputs(last - 1),
            Some(_) => self.outputs(last),
            None => self.input.elements(),
        }
    }

    /// Exact range of every element after every layer, by interval arithmetic: `ranges[layer][element]`.
    ///
    /// Errors when the network does not [check](Network::check).
    pub fn ranges(&self) -> Result<Vec<Vec<Range>>> {
        self.check_input()?;
        let mut current = vec![self.input.range; self.input.elements()];
        let mut all = Vec::with_capacity(self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            let fail = |what: String| Error::Network { layer: index, name: layer.name.clone(), what };
            current = match &layer.op {
                LayerOp::Dense(d) => dense_ranges(d, &current).map_err(fail)?,
                LayerOp::Threshold(t) => threshold_ranges(t, &current).map_err(fail)?,
                LayerOp::ArgMax if index + 1 == self.layers.len() => {
                    vec![Range::new(0, current.len() as i64 - 1)]
                }
                LayerOp::ArgMax => return Err(fail("an arg max must be the last layer".into())),
            };
            all.push(current.clone());
        }
        Ok(all)
    }

    /// Refuses a network whose parts do not fit: lengths, unsorted thresholds, sums wider than 60 bits, sizes past the limits.
    pub fn check(&self) -> Result<()> {
        self.ranges().map(|_| ())
    }

    fn check_input(&self) -> Result<()> {
        let shape = &self.input.shape;
        let elements = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).unwrap_or(usize::MAX);
        if shape.is_empty() || shape.len() > 3 || elements == 0 || elements > MAX_ELEMENTS {
            return Err(Error::format(
                "input.shape",
                format!("{shape:?}; want 1 to 3 sizes, 1 to {MAX_ELEMENTS} elements in all"),
            ));
        }
        let range = self.input.range;
        if range.lo > range.hi || range.width() > 32 {
            return Err(Error::format("input.range", format!("{range}; want lo <= hi within 32 bits")));
        }
        if self.layers.is_empty() {
            return Err(Error::format("layers", "no layers; want at least one"));
        }
        Ok(())
    }
}

fn dense_ranges(d: &Dense, x: &[Range]) -> std::result::Result<Vec<Range>, String> {
    if d.inputs != x.len() {
        return Err(format!("takes {} inputs but the layer before it gives {}", d.inputs, x.len()));
    }
    if d.outputs == 0 || d.outputs > MAX_ELEMENTS || d.inputs.saturating_mul(d.outputs) > MAX_WEIGHTS {
        return Err(format!("{} x {} weights; want 1 to {MAX_WEIGHTS}", d.outputs, d.inputs));
    }
    if d.weights.len() != d.inputs * d.outputs {
        return Err(format!("{} weights given, {} x {} needed", d.weights.len(), d.outputs, d.inputs));
    }
    if !d.bias.is_empty() && d.bias.len() != d.outputs {
        return Err(format!("{} biases given, {} needed", d.bias.len(), d.outputs));
    }
    (0..d.outputs)
        .map(|o| {
            let terms = d.row(o).iter().zip(x).filter(|(w, _)| **w != 0);
            terms
                .map(|(&w, range)| range.checked_scale(i64::from(w)))
                .try_fold(Range::point(d.bias(o)), |sum, term| sum.checked_add(term?))
                .filter(|r| r.width() <= crate::range::MAX_WIDTH)
                .ok_or_else(|| {
                    format!("the sum of output {o} needs more than {} bits", crate::range::MAX_WIDTH)
                })
        })
        .collect()
}

fn threshold_ranges(t: &Threshold, x: &[Range]) -> std::result::Result<Vec<Range>, String> {
    if t.channels != x.len() {
        return Err(format!("takes {} channels but the layer before it gives {}", t.channels, x.len()));
    }
    if t.levels == 0 || t.levels > MAX_LEVELS {
        return Err(format!("{} thresholds per channel; want 1 to {MAX_LEVELS}", t.levels));
    }
    if t.thresholds.len() != t.channels * t.levels {
        return Err(format!("{} thresholds given, {} x {} needed", t.thresholds.len(), t.channels, t.levels));
    }
    if !t.falling.is_empty() && t.falling.len() != t.channels {
        return Err(format!("{} slopes given, {} needed", t.falling.len(), t.channels));
    }
    if t.outputs() > MAX_ELEMENTS {
        return Err(format!("{} output bits; want at most {MAX_ELEMENTS}", t.outputs()));
    }
    let limit = Range::signed(crate::range::MAX_WIDTH);
    let mut out = Vec::with_capacity(t.outputs());
    for (c, range) in x.iter().enumerate() {
        let levels = t.of(c);
        if let Some(l) = levels.windows(2).position(|w| w[0] > w[1]) {
            return Err(format!("thresholds of channel {c} are not ascending at level {}", l + 1));
        }
        if let Some(value) = levels.iter().find(|v| !limit.contains(**v)) {
            return Err(format!(
                "threshold {value} of channel {c} needs more than {} bits",
                crate::range::MAX_WIDTH
            ));
        }
        let fires = |value: i64, level: i64| if t.is_falling(c) { value <= level } else { value >= level };
        let count = |value: i64| levels.iter().filter(|l| fires(value, **l)).count() as i64;
        if t.thermometer {
            let bit = |l: &i64| (i64::from(fires(range.lo, *l)), i64::from(fires(range.hi, *l)));
            out.extend(levels.iter().map(bit).map(|(a, b)| Range::new(a.min(b), a.max(b))));
        } else {
            let (a, b) = (count(range.lo), count(range.hi));
            out.push(Range::new(a.min(b), a.max(b)));
        }
    }
    Ok(out)
}
