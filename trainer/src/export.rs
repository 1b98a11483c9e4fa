//! Exact export: the [`Model`] as an integer network whose codes and classes are the same on every input.
//!
//! A code never falls, or never rises, as the sum rises. So each of its steps happens at one integer, found by bisection over
//! the exact range of the sum with the trainer's own expression, [`HiddenLayer::code`].

use rayon::prelude::*;
use sterna_ir::{Conv2d, Dense, Input, Layer, LayerOp, Network, Range, Threshold, Window, eval};

use crate::data::Split;
use crate::geometry::to_rows;
use crate::model::{HiddenLayer, Linear, Model, evaluate};
use crate::{Error, Result};

/// Writes `model` as an integer network: an optional input coding, then layers of weights and thresholds in turn, max pools
/// and residual sums behind the thresholds, then an arg max.
///
/// Errors when the network does not [check](Network::check), e.g. for too many elements.
pub fn export(model: &Model) -> Result<Network> {
    let input = Input::new(model.shape.clone(), model.range);
    let mut network = Network { name: model.name.clone(), input, layers: Vec::new() };
    let push = |network: &mut Network, name: String, op| network.layers.push(Layer { name, op });
    if let Some(layer) = model.encoder.layer(network.input.elements()) {
        push(&mut network, "input".into(), LayerOp::Threshold(layer));
    }
    // The image that the trainer keeps in another order.
    let mut image = model.encoder.image;
    // Layers of the network that hold what leaves the hidden layers.
    let mut leaves = Vec::new();
    for (index, layer) in model.hidden.iter().enumerate() {
        let number = index + 1;
        let geometry = layer.linear.geometry;
        let kind = if geometry.conv.is_some() { "conv" } else { "fc" };
        if let Some(w) = geometry.average {
            push(&mut network, format!("average{number}"), LayerOp::SumPool(w));
        }
        push(&mut network, format!("{kind}{number}"), weights(&layer.linear, Vec::new(), image));
        let ranges = network.ranges()?.pop().expect("a layer was pushed");
        push(&mut network, format!("act{number}"), LayerOp::Threshold(thresholds(layer, &ranges)));
        if let Some(w) = geometry.pool {
            push(&mut network, format!("pool{number}"), LayerOp::MaxPool(w));
        }
        if let Some(source) = geometry.source(index) {
            push(&mut network, format!("add{number}"), LayerOp::Add { from: leaves[source] });
        }
        leaves.push(network.layers.len() - 1);
        image = geometry.image(layer.linear.outputs);
    }
    if let Some(w) = model.last.geometry.average {
        push(&mut network, "average".into(), LayerOp::SumPool(w));
    }
    let name = format!("fc{}", model.hidden.len() + 1);
    push(&mut network, name, weights(&model.last, model.bias.clone(), image));
    push(&mut network, "class".into(), LayerOp::ArgMax);
    network.check()?;
    Ok(network)
}

/// The layer of `linear`, which reads `image` if that is what is before it.
fn weights(linear: &Linear, bias: Vec<i64>, image: Option<[usize; 3]>) -> LayerOp {
    let &Linear { inputs, outputs, ref weights, geometry } = linear;
    let channels = |w: Window| if geometry.depthwise { 1 } else { w.input[0] };
    let window = |w: Window| [channels(w), w.kernel[0], w.kernel[1]];
    // Behind an average every channel is one element, in their order.
    let image = image.filter(|_| geometry.average.is_none());
    let weights = match geometry.conv.map(window).or(image) {
        Some(order) => weights.chunks_exact(inputs).flat_map(|row| to_rows(row, order)).collect(),
        None => weights.clone(),
    };
    match geometry.conv {
        Some(window) => {
            let groups = window.input[0] / channels(window);
            LayerOp::Conv2d(Conv2d { window, outputs, groups, weights, bias })
        }
        None => LayerOp::Dense(Dense { inputs, outputs, weights, bias }),
    }
}

/// Thresholds of all channels, given the range of each sum, `[channels][positions]`.
fn thresholds(layer: &HiddenLayer, ranges: &[Range]) -> Threshold {
    let levels = layer.stairs.levels as usize;
    let falling: Vec<bool> = layer.slope.iter().map(|a| *a < 0.0).collect();
    let channel = |(c, range): (usize, &Range)| -> Vec<i64> {
        let reaches = |z: i64, level: usize| layer.code(c, z as f64) >= level as f64;
        if falling[c] {
            // Ascending thresholds: the highest code needs the smallest sum.
            (1..=levels).rev().map(|l| first(range.lo, range.hi, |z| !reaches(z, l)) - 1).collect()
        } else {
            (1..=levels).map(|l| first(range.lo, range.hi, |z| reaches(z, l))).collect()
        }
    };
    let positions = layer.linear.geometry.positions();
    let whole = |ranges: &[Range]| ranges.iter().copied().reduce(Range::union).expect("a position");
    let ranges: Vec<Range> = ranges.chunks_exact(positions).map(whole).collect();
    let thresholds: Vec<Vec<i64>> = ranges.par_iter().enumerate().map(channel).collect();
    Threshold {
        channels: ranges.len(),
        positions,
        levels,
        thresholds: thresholds.concat(),
        falling: if falling.contains(&true) { falling } else { Vec::new() },
        thermometer: false,
    }
}

/// Smallest integer of `lo..=hi` where `holds`, which must not become false again; `hi + 1` if there is none.
fn first(lo: i64, hi: i64, holds: impl Fn(i64) -> bool) -> i64 {
    let (mut below, mut at) = (lo - 1, hi + 1);
    while below + 1 < at {
        let middle = below + (at - below) / 2;
        if holds(middle) { at = middle } else { below = middle }
    }
    at
}

/// What [`check_export`] compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Samples.
    pub samples: usize,
    /// Hidden codes.
    pub codes: usize,
}

/// Compares the trainer's evaluation of every sample with the network's: all hidden codes and the class.
///
/// Errors at the first difference in the order of samples.
pub fn check_export(model: &Model, network: &Network, split: &Split) -> Result<Checked> {
    network.check()?;
    let ours = evaluate(model, split.x.view());
    let wanted: Vec<usize> = hidden_codes(network, model);
    // Trainer's element of each element of the network.
    let order = |h: &HiddenLayer| -> Vec<usize> {
        let Linear { outputs, geometry, .. } = h.linear;
        let image = geometry.image(outputs).unwrap_or([outputs, 1, 1]);
        to_rows(&(0..image.iter().product()).collect::<Vec<usize>>(), image)
    };
    let orders: Vec<Vec<usize>> = model.hidden.iter().map(order).collect();
    let sample = |s: usize| -> Result<usize> {
        let x: Vec<i64> = split.x.row(s).iter().map(|&v| i64::from(v)).collect();
        let trace = eval::evaluate(network, &x)?;
        let compare = |layer: usize, element: usize, trainer: i64, found: i64| {
            if trainer == found {
                return Ok(());
            }
            let layer = network.layers[layer].name.clone();
            Err(Error::Export { sample: s, layer, element, trainer, network: found })
        };
        for ((codes, order), &layer) in ours.codes.iter().zip(&orders).zip(&wanted) {
            for (element, (&at, &found)) in order.iter().zip(&trace[layer]).enumerate() {
                compare(layer, element, i64::from(codes[[s, at]]), found)?;
            }
        }
        let last = network.layers.len() - 1;
        compare(last, 0, i64::from(ours.classes[s]), trace[last][0])?;
        Ok(ours.codes.iter().map(ndarray::Array2::ncols).sum())
    };
    let results: Vec<Result<usize>> = (0..split.x.nrows()).into_par_iter().map(sample).collect();
    let codes = results.into_iter().sum::<Result<usize>>()?;
    Ok(Checked { samples: split.x.nrows(), codes })
}

/// Threshold layers of `network` behind the model's hidden layers.
fn hidden_thresholds(network: &Network, model: &Model) -> Vec<usize> {
    let is_threshold = |i: &usize| matches!(network.layers[*i].op, LayerOp::Threshold(_));
    let all = (0..network.layers.len()).filter(is_threshold);
    all.skip(usize::from(!model.encoder.thresholds.is_empty())).collect()
}

/// Layers of `network` that hold what leaves the model's hidden layers.
fn hidden_codes(network: &Network, model: &Model) -> Vec<usize> {
    let passes_on = |op: &LayerOp| matches!(op, LayerOp::MaxPool(_) | LayerOp::Add { .. });
    let left = |l: usize| l + network.layers[l + 1..].iter().take_while(|layer| passes_on(&layer.op)).count();
    hidden_thresholds(network, model).into_iter().map(left).collect()
}

/// Hidden neurons, or channels, whose code is the same for every sum in range, per hidden layer.
pub fn dead_neurons(network: &Network, model: &Model) -> Result<Vec<usize>> {
    let ranges = network.ranges()?;
    let layers = hidden_thresholds(network, model).into_iter().zip(&model.hidden);
    let dead = |(l, hidden): (usize, &HiddenLayer)| {
        let channels = ranges[l].chunks_exact(hidden.linear.geometry.positions());
        channels.filter(|c| c.iter().all(|r| *r == Range::point(c[0].lo))).count()
    };
    Ok(layers.map(dead).collect())
}
