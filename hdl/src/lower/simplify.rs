//! Folds away what cannot matter: elements with one possible value go forwards into the biases of their readers; elements
//! that nobody reads go backwards, with everything that only they read. Exact on every sample.

use sterna_ir::{Dense, Input, Layer, LayerOp, Network, Range, Threshold};

use crate::{Error, Result};

/// A smaller network that computes the same result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simplified {
    /// The smaller network. Its input is a plain vector of the kept inputs.
    pub network: Network,
    /// Original input elements that are still read, ascending.
    pub inputs: Vec<u32>,
    /// Per layer, the original output elements that are still computed, ascending.
    pub kept: Vec<Vec<u32>>,
}

/// Simplifies `network`. Every layer keeps at least one element, and the last two all of theirs, because the result names them.
///
/// A thermometer channel is kept whole when any of its bits is.
///
/// Errors for layers that no circuit is known for.
pub fn simplify(network: &Network) -> Result<Simplified> {
    known(network)?;
    let ranges = network.ranges()?;
    let start = vec![network.input.range; network.input.elements()];
    let before = |layer: usize| if layer == 0 { &start } else { &ranges[layer - 1] };

    let last = network.layers.len() - 1;
    let mut kept = vec![Vec::new(); network.layers.len()];
    kept[last] = (0..ranges[last].len() as u32).collect();
    let mut inputs = Vec::new();
    for layer in (0..=last).rev() {
        let read = read_by(&network.layers[layer].op, &kept[layer], before(layer));
        match layer.checked_sub(1) {
            Some(previous) => kept[previous] = whole_channels(&network.layers[previous].op, read),
            None => inputs = read,
        }
    }

    let mut layers = Vec::with_capacity(network.layers.len());
    for (index, layer) in network.layers.iter().enumerate() {
        let columns = if index == 0 { inputs.clone() } else { kept[index - 1].clone() };
        if let LayerOp::Threshold(t) = &layer.op {
            // Behind a thermometer more channels arrive than are read; a threshold passes all of them on.
            kept[index] = outputs_of(t, &columns);
        }
        let columns = &columns;
        let op = match &layer.op {
            LayerOp::Dense(d) => LayerOp::Dense(shrink_dense(d, columns, &kept[index], before(index))),
            LayerOp::Threshold(t) => LayerOp::Threshold(shrink_threshold(t, columns)),
            _ => LayerOp::ArgMax,
        };
        layers.push(Layer { name: layer.name.clone(), op });
    }
    let input = Input { shape: vec![inputs.len()], range: network.input.range };
    Ok(Simplified { network: Network { name: network.name.clone(), input, layers }, inputs, kept })
}

/// Refuses layers on images.
fn known(network: &Network) -> Result<()> {
    for (layer, Layer { name, op }) in network.layers.iter().enumerate() {
        let what = match op {
            LayerOp::Dense(_) | LayerOp::ArgMax => continue,
            LayerOp::Threshold(t) if t.positions == 1 => continue,
            LayerOp::Threshold(_) => "thresholds shared over an image",
            LayerOp::Conv2d(_) => "a convolution",
            LayerOp::MaxPool(_) => "a max pool",
            LayerOp::SumPool(_) => "a sum pool",
            LayerOp::Add { .. } => "a residual sum",
        };
        return Err(Error::Unsupported { layer, name: name.clone(), what });
    }
    Ok(())
}

fn is_constant(range: Range) -> bool {
    range.lo == range.hi
}

/// Inputs of a layer that its kept outputs need, ascending and never empty.
fn read_by(op: &LayerOp, outputs: &[u32], x: &[Range]) -> Vec<u32> {
    let mut read = vec![false; x.len()];
    match op {
        LayerOp::Dense(d) => {
            for &o in outputs {
                for (seen, &w) in read.iter_mut().zip(d.row(o as usize)) {
                    *seen |= w != 0;
                }
            }
            for (seen, range) in read.iter_mut().zip(x) {
                *seen &= !is_constant(*range);
            }
        }
        LayerOp::Threshold(t) => {
            let per_channel = if t.thermometer { t.levels } else { 1 };
            outputs.iter().for_each(|&o| read[o as usize / per_channel] = true);
        }
        _ => read.fill(true),
    }
    if !read.contains(&true) {
        read[0] = true;
    }
    (0..x.len() as u32).filter(|i| read[*i as usize]).collect()
}

fn whole_channels(op: &LayerOp, read: Vec<u32>) -> Vec<u32> {
    match op {
        LayerOp::Threshold(t) if t.thermometer => {
            let levels = t.levels as u32;
            let mut channels: Vec<u32> = read.iter().map(|bit| bit / levels).collect();
            channels.dedup();
            outputs_of(t, &channels)
        }
        _ => read,
    }
}

fn outputs_of(t: &Threshold, channels: &[u32]) -> Vec<u32> {
    let each = if t.thermometer { t.levels as u32 } else { 1 };
    channels.iter().flat_map(|c| c * each..(c + 1) * each).collect()
}

fn shrink_dense(d: &Dense, columns: &[u32], rows: &[u32], x: &[Range]) -> Dense {
    let mut weights = Vec::with_capacity(rows.len() * columns.len());
    let mut bias = Vec::with_capacity(rows.len());
    let constants: Vec<(usize, i64)> =
        x.iter().enumerate().filter(|(_, r)| is_constant(**r)).map(|(i, r)| (i, r.lo)).collect();
    for &o in rows {
        let row = d.row(o as usize);
        // A kept constant (see `whole_channels`) counts here already, so its column is zero.
        weights.extend(columns.iter().map(|&c| if is_constant(x[c as usize]) { 0 } else { row[c as usize] }));
        let fixed: i64 = constants.iter().map(|(i, value)| i64::from(row[*i]) * value).sum();
        bias.push(d.bias(o as usize) + fixed);
    }
    if bias.iter().all(|b| *b == 0) {
        bias.clear();
    }
    Dense { inputs: columns.len(), outputs: rows.len(), weights, bias }
}

fn shrink_threshold(t: &Threshold, channels: &[u32]) -> Threshold {
    let channel = |c: &u32| *c as usize;
    Threshold {
        channels: channels.len(),
        positions: 1,
        levels: t.levels,
        thresholds: channels.iter().flat_map(|c| t.of(channel(c)).iter().copied()).collect(),
        falling: match t.falling.is_empty() {
            true => Vec::new(),
            false => channels.iter().map(|c| t.is_falling(channel(c))).collect(),
        },
        thermometer: t.thermometer,
    }
}
