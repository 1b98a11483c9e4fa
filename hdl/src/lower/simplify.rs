//! Folds away what cannot matter: channels with one possible value go forwards into the biases of their readers; channels
//! that nobody reads go backwards, with everything that only they read. Exact on every sample. A channel of a vector is an
//! element; of an image it is kept or left out as a whole.

mod shrink;

use sterna_ir::{Input, Layer, LayerOp, Network, Range, Ranges, Threshold};

use crate::Result;
use crate::lower::maps::{elements_of, positions, regroup};
use shrink::{is_constant, one_value, shrink};

/// A smaller network that computes the same result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simplified {
    /// The smaller network, all convolutions in one group.
    pub network: Network,
    /// Original channels of the input that are still read, ascending.
    pub inputs: Vec<u32>,
    /// Per layer, the original output channels that are still computed, ascending.
    pub kept: Vec<Vec<u32>>,
    /// Elements of a channel in front of every layer, and behind the last: 1 for a vector.
    pub positions: Vec<usize>,
}

impl Simplified {
    /// Channels that arrive at layer `index`.
    pub fn before(&self, index: usize) -> &[u32] {
        index.checked_sub(1).map_or(&self.inputs, |before| &self.kept[before])
    }

    /// Original elements that are left of the input.
    pub fn input_elements(&self) -> Vec<u32> {
        elements_of(&self.inputs, self.positions[0])
    }

    /// Original elements that are left behind layer `index`.
    pub fn elements(&self, index: usize) -> Vec<u32> {
        elements_of(&self.kept[index], self.positions[index + 1])
    }
}

/// Simplifies `network`. Every layer keeps at least one channel, and the last two all of theirs, because the result names
/// them.
///
/// A thermometer channel is kept whole when any of its bits is.
///
/// Errors for layers that no circuit is known for.
pub fn simplify(network: &Network) -> Result<Simplified> {
    let ranges = network.ranges()?;
    let positions = positions(network)?;
    let start = network.input.of_elements();
    let before = |layer: usize| if layer == 0 { &start } else { &ranges[layer - 1] };
    let channels = |layer: usize| before(layer).len() / positions[layer];

    // What is read of the input and behind every layer.
    let last = network.layers.len() - 1;
    let mut read: Vec<Vec<bool>> = (0..=last).map(|layer| vec![false; channels(layer)]).collect();
    read.push(vec![true; ranges[last].len() / positions[last + 1]]);
    for layer in (0..=last).rev() {
        let op = &network.layers[layer].op;
        let outputs = whole_channels(op, &read[layer + 1]);
        for channel in read_by(op, &outputs, before(layer), positions[layer]) {
            read[layer][channel] = true;
        }
        if let LayerOp::Add { from } = op {
            read[from + 1].fill(true);
        }
        if !read[layer].contains(&true) {
            read[layer][0] = true;
        }
    }
    let inputs = numbers(&read[0]);
    let mut small = Simplified { network: network.clone(), inputs, kept: Vec::new(), positions };
    for (index, layer) in network.layers.iter().enumerate() {
        let arriving = small.before(index).to_vec();
        let flattened = small.positions[index] > 1 && small.positions[index + 1] == 1;
        small.kept.push(match &layer.op {
            // What arrives is passed on, though behind a thermometer more may than is read.
            LayerOp::Threshold(t) if flattened => {
                outputs_of(t, &elements_of(&arriving, small.positions[index]))
            }
            LayerOp::Threshold(t) => outputs_of(t, &arriving),
            LayerOp::MaxPool(_) | LayerOp::SumPool(_) | LayerOp::Add { .. } => arriving,
            _ => whole_channels(&layer.op, &read[index + 1]),
        });
    }
    let layer = |(index, layer): (usize, &Layer)| {
        let op = shrink(&layer.op, index, &small, before(index));
        Layer { name: layer.name.clone(), op }
    };
    let layers = network.layers.iter().enumerate().map(layer).collect();
    let (shape, pixels) = match first_window(network) {
        Some([_, height, width]) if small.positions[0] > 1 => (vec![small.inputs.len(), height, width], 1),
        _ => (vec![small.inputs.len() * small.positions[0]], small.positions[0]),
    };
    let of_channel = |c: &u32| {
        let elements = elements_of(&[*c], small.positions[0]).into_iter().map(|e| start[e as usize]);
        std::iter::repeat_n(elements.reduce(Range::union).expect("a channel has elements"), pixels)
    };
    let ranges = match &network.input.ranges {
        same @ Ranges::Same(_) => same.clone(),
        Ranges::ByChannel(_) => Ranges::ByChannel(small.inputs.iter().flat_map(of_channel).collect()),
    };
    let input = Input::new(shape, ranges);
    small.network = Network { name: network.name.clone(), input, layers };
    Ok(small)
}

/// The image that the first window slides over.
fn first_window(network: &Network) -> Option<[usize; 3]> {
    network.layers.iter().find_map(|layer| match &layer.op {
        LayerOp::Conv2d(c) => Some(c.window.input),
        LayerOp::MaxPool(w) | LayerOp::SumPool(w) => Some(w.input),
        _ => None,
    })
}

fn numbers(read: &[bool]) -> Vec<u32> {
    (0..read.len() as u32).filter(|c| read[*c as usize]).collect()
}

/// Input channels of a layer that its kept outputs need; `x` are the ranges of the elements, `positions` to a channel.
fn read_by(op: &LayerOp, outputs: &[u32], x: &[Range], positions: usize) -> Vec<usize> {
    let mut read = vec![false; x.len() / positions];
    match op {
        LayerOp::Dense(d) => {
            for &o in outputs {
                let row = d.row(o as usize).iter().zip(x).enumerate();
                row.filter(|(_, (w, x))| **w != 0 && !is_constant(**x))
                    .for_each(|(i, _)| read[i / positions] = true);
            }
        }
        LayerOp::Conv2d(c) => {
            for &o in outputs {
                let first = o as usize / (c.outputs / c.groups) * c.channels();
                let kernels = c.row(o as usize).chunks_exact(c.fan_in() / c.channels());
                for (k, _) in kernels.enumerate().filter(|(_, kernel)| kernel.iter().any(|w| *w != 0)) {
                    read[first + k] |= one_value(&c.window, x, first + k).is_none();
                }
            }
        }
        LayerOp::Threshold(t) => {
            let per_channel = if t.thermometer { t.levels } else { 1 };
            // One threshold for each element of an image reads it as a vector.
            let group = if positions > 1 && t.positions == 1 { positions } else { 1 };
            outputs.iter().for_each(|&o| read[o as usize / per_channel / group] = true);
        }
        LayerOp::MaxPool(_) | LayerOp::SumPool(_) => outputs.iter().for_each(|&o| read[o as usize] = true),
        // Both summands are to have the same channels.
        LayerOp::Add { .. } | LayerOp::ArgMax => read.fill(true),
    }
    (0..read.len()).filter(|c| read[*c]).collect()
}

/// The channels that are read, and with a thermometer's bit all bits of its channel.
fn whole_channels(op: &LayerOp, read: &[bool]) -> Vec<u32> {
    match op {
        LayerOp::Threshold(t) if t.thermometer => {
            let mut channels: Vec<u32> = numbers(read).iter().map(|bit| bit / t.levels as u32).collect();
            channels.dedup();
            outputs_of(t, &channels)
        }
        _ => numbers(read),
    }
}

fn outputs_of(t: &Threshold, channels: &[u32]) -> Vec<u32> {
    let each = if t.thermometer { t.levels as u32 } else { 1 };
    channels.iter().flat_map(|c| c * each..(c + 1) * each).collect()
}
