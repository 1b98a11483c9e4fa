//! The integer network: a chain of layers over integer vectors with known ranges. It defines the meaning of everything
//! downstream; [`crate::eval`] is that definition as a program.
//!
//! Per-layer scales never exist here. Batch-norm has become thresholds, and the last layer keeps one common scale, so that
//! the arg max of its integer sums is the class.

use crate::{Error, Range, Result};

mod conv;
mod dense;
mod input;
mod pool;
mod threshold;
mod window;

pub use conv::Conv2d;
pub use dense::Dense;
pub use input::{Input, Ranges};
pub use threshold::Threshold;
pub use window::Window;

/// Most elements any vector of a network may have, and most weights a layer may have: bounds what a file can ask for.
pub const MAX_ELEMENTS: usize = 1 << 20;
/// Most weights of one layer.
pub const MAX_WEIGHTS: usize = 1 << 28;
/// Most products of a weight and an element in one convolution or pool.
pub const MAX_PRODUCTS: usize = 1 << 34;
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
    /// Convolution with small integer weights.
    Conv2d(Conv2d),
    /// Largest element of each window, channel by channel; no padding.
    MaxPool(Window),
    /// Sum of each window, channel by channel; no padding.
    SumPool(Window),
    /// Adds, element by element, the output of an earlier layer to that of the layer before this one.
    Add {
        /// Index of the earlier layer.
        from: usize,
    },
    /// Batch-norm and activation, folded into integer comparisons.
    Threshold(Threshold),
    /// Index of the largest element, the lowest index on a tie.
    ArgMax,
}

impl Network {
    /// Output length of layer `index`, given that the network is [checked](Network::check).
    pub fn outputs(&self, index: usize) -> usize {
        match &self.layers[index].op {
            LayerOp::Dense(d) => d.outputs,
            LayerOp::Conv2d(c) => c.outputs * c.window.positions(),
            LayerOp::MaxPool(w) | LayerOp::SumPool(w) => w.input[0] * w.positions(),
            LayerOp::Add { from } => self.outputs(*from),
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
        self.input.check()?;
        if self.layers.is_empty() {
            return Err(Error::format("layers", "no layers; want at least one"));
        }
        let mut current = self.input.of_elements();
        let mut all: Vec<Vec<Range>> = Vec::with_capacity(self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            let fail = |what: String| Error::Network { layer: index, name: layer.name.clone(), what };
            current = match &layer.op {
                LayerOp::Dense(d) => d.ranges(&current).map_err(fail)?,
                LayerOp::Conv2d(c) => c.ranges(&current).map_err(fail)?,
                LayerOp::MaxPool(w) => pool::max_ranges(w, &current).map_err(fail)?,
                LayerOp::SumPool(w) => pool::sum_ranges(w, &current).map_err(fail)?,
                LayerOp::Add { from } => match all.get(*from) {
                    Some(earlier) => pool::add_ranges(&current, earlier).map_err(fail)?,
                    None => return Err(fail(format!("adds layer {from}; want an earlier one"))),
                },
                LayerOp::Threshold(t) => t.ranges(&current).map_err(fail)?,
                LayerOp::ArgMax if index + 1 == self.layers.len() => {
                    vec![Range::new(0, current.len() as i64 - 1)]
                }
                LayerOp::ArgMax => return Err(fail("an arg max must be the last layer".into())),
            };
            all.push(current.clone());
        }
        Ok(all)
    }

    /// Refuses a network whose parts do not fit: lengths, unsorted thresholds, sums wider than 60 bits, sizes past the
    /// limits.
    pub fn check(&self) -> Result<()> {
        self.ranges().map(|_| ())
    }
}

#[cfg(test)]
mod tests;
