//! Exact export: the [`Model`] as an integer network whose codes and classes are the same on every input.
//!
//! A code never falls, or never rises, as the sum rises. So each of its steps happens at one integer, found by bisection over
//! the exact range of the sum with the trainer's own expression, [`HiddenLayer::code`].

use rayon::prelude::*;
use sterna_ir::{Dense, Input, Layer, LayerOp, Network, Range, Threshold, eval};

use crate::data::Split;
use crate::model::{HiddenLayer, Linear, Model, evaluate};
use crate::{Error, Result};

/// Writes `model` as an integer network: an optional input coding, then dense and threshold layers in turn, then an arg max.
///
/// Errors when the network does not [check](Network::check), e.g. for too many elements.
pub fn export(model: &Model) -> Result<Network> {
    let input = Input { shape: model.shape.clone(), range: model.range };
    let mut network = Network { name: model.name.clone(), input, layers: Vec::new() };
    let push = |network: &mut Network, name: String, op| network.layers.push(Layer { name, op });
    if let Some(layer) = model.encoder.layer(network.input.elements()) {
        push(&mut network, "input".into(), LayerOp::Threshold(layer));
    }
    for (index, layer) in model.hidden.iter().enumerate() {
        push(&mut network, format!("fc{}", index + 1), LayerOp::Dense(dense(&layer.linear, Vec::new())));
        let ranges = network.ranges()?.pop().expect("a layer was pushed");
        push(&mut network, format!("act{}", index + 1), LayerOp::Threshold(thresholds(layer, &ranges)));
    }
    let name = format!("fc{}", model.hidden.len() + 1);
    push(&mut network, name, LayerOp::Dense(dense(&model.last, model.bias.clone())));
    push(&mut network, "class".into(), LayerOp::ArgMax);
    network.check()?;
    Ok(network)
}

fn dense(linear: &Linear, bias: Vec<i64>) -> Dense {
    Dense { inputs: linear.inputs, outputs: linear.outputs, weights: linear.weights.clone(), bias }
}

/// Thresholds of all channels, given the range of each sum.
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
    let thresholds: Vec<Vec<i64>> = ranges.par_iter().enumerate().map(channel).collect();
    Threshold {
        channels: ranges.len(),
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
    let wanted: Vec<usize> = hidden_thresholds(network, model);
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
        for (codes, &layer) in ours.codes.iter().zip(&wanted) {
            for (c, (&code, &found)) in codes.row(s).iter().zip(&trace[layer]).enumerate() {
                compare(layer, c, i64::from(code), found)?;
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

/// Layers of `network` that hold the codes of the model's hidden layers.
fn hidden_thresholds(network: &Network, model: &Model) -> Vec<usize> {
    let is_threshold = |i: &usize| matches!(network.layers[*i].op, LayerOp::Threshold(_));
    let all = (0..network.layers.len()).filter(is_threshold);
    all.skip(usize::from(!model.encoder.thresholds.is_empty())).collect()
}

/// Hidden neurons whose code is the same for every sum in range, per hidden layer.
pub fn dead_neurons(network: &Network, model: &Model) -> Result<Vec<usize>> {
    let ranges = network.ranges()?;
    let layers = hidden_thresholds(network, model);
    Ok(layers.iter().map(|&l| ranges[l].iter().filter(|r| r.lo == r.hi).count()).collect())
}
