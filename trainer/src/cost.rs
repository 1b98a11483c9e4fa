//! Cost-aware training: each weight is pulled towards zero in proportion to the hardware that it costs, and the price of
//! hardware moves until the network costs what was asked for.
//!
//! With a dead zone drawn uniformly up to the bound `b`, weight `w` is nonzero with probability `|w| / b`; the expected cost
//! `C` of a layer then has the gradient `dC/dw = c(k) sign(w) / b`, `c(k)` being the cost of one more input for a neuron of
//! the present fan-in `k`, sharing included (its analogue under Gaussian weights is the density `erfc(r / sqrt 2)`). The
//! training descends on `loss + price * C`. A weight that stays off would lower the loss by less than it costs; one
//! that stays on pays.
//!
//! The price is the multiplier of `C <= budget`, found by dual ascent with a proportional term. When zeros are frozen, the dead zone
//! moves by the little that is missing, so that the cost is the most that the budget pays for.

use rayon::prelude::*;
use sterna_ir::cost::{CostTable, LayerCost, MILLI, Total, live_fan_ins};

use crate::config::{Config, Weights};
use crate::kernel::wide;
use crate::net::Net;
use crate::quantise::sca::magnitude;
use crate::step::Workspace;
use crate::{Error, Result};

/// Half width of the dead zone over the bound of the weights.
pub const DEAD_ZONE: f64 = 0.3;
/// Proportional part of the controller: the pull grows by this power per relative excess.
const PROPORTIONAL: f64 = 4.0;
/// Integral part: the logarithm of the price moves by this over the annealing, per relative excess.
const INTEGRAL: f64 = 60.0;
/// First pull over the mean magnitude of the gradient.
const FIRST: f64 = 0.02;

/// Weights beyond the last that fits that are tried one by one.
const TRIED: usize = 64;

/// Refuses a budget that no network of this shape can meet.
pub(crate) fn admit(config: &Config, inputs: usize, classes: usize) -> Result<()> {
    let Weights::Cost { table, budget, .. } = &config.weights else { return Ok(()) };
    let mut before = inputs;
    let mut least = Vec::new();
    for (layer, &outputs) in table.layers.iter().zip(config.hidden.iter().chain([&classes])) {
        least.push(layer.of(before, &vec![1; outputs.min(classes)]));
        before = outputs;
    }
    let least = table.sum(&least) as f64 / MILLI as f64;
    if *budget < least {
        let what = format!(
            "{budget} {}; one input for every class takes {least:.0}; give more, or fewer layers",
            table.unit
        );
        return Err(Error::config("weights.budget", what));
    }
    Ok(())
}

fn shapes(net: &Net) -> Vec<(usize, usize)> {
    net.dense.iter().map(|d| (d.inputs, d.outputs)).collect()
}

/// Cost of each layer in units of the table.
fn costs(table: &CostTable, shapes: &[(usize, usize)], nonzero: impl Fn(usize, usize) -> bool) -> Vec<f64> {
    let fan_ins = live_fan_ins(shapes, nonzero);
    let layers = table.layers.iter().zip(shapes).zip(&fan_ins);
    layers.map(|((cost, shape), k)| cost.of(shape.0, k) as f64 / MILLI as f64).collect()
}

/// Relative excess of each layer's cost over `budget`: of the sum, the same for all, or of each alone.
fn excess(table: &CostTable, costs: &[f64], budget: &[f64]) -> Vec<f64> {
    match table.total {
        Total::Sum => {
            let excess = costs.iter().sum::<f64>() / budget.iter().sum::<f64>() - 1.0;
            vec![excess; costs.len()]
        }
        Total::Longest => costs.iter().zip(budget).map(|(c, b)| c / b - 1.0).collect(),
    }
}

/// Cost of each layer when its weights are drawn at random, before any training.
fn random(table: &CostTable, shapes: &[(usize, usize)]) -> Vec<f64> {
    let layer = |(cost, &(inputs, outputs)): (&LayerCost, &(usize, usize))| {
        let fan_in = (inputs as f64 * (1.0 - DEAD_ZONE)).round() as u32;
        cost.of(inputs, &vec![fan_in; outputs]) as f64 / MILLI as f64
    };
    table.layers.iter().zip(shapes).map(layer).collect()
}

/// The budget of each layer at `part` of the training: from the cost of random weights geometrically to the final one. (Of
/// a sum only the sum counts.)
fn budgets(
    config: &Config,
    table: &CostTable,
    shapes: &[(usize, usize)],
    budget: f64,
    part: f64,
) -> Vec<f64> {
    let first = random(table, shapes);
    let free = budget - table.fixed as f64 / MILLI as f64;
    let anneal = config.weights.anneal().max(1e-9);
    let done = (part / anneal).min(1.0);
    let total: f64 = first.iter().sum();
    let last = |first: f64| match table.total {
        Total::Sum => first / total * free,
        Total::Longest => free,
    };
    first.iter().map(|&f| f.max(1e-9) * (last(f) / f.max(1e-9)).min(1.0).powf(done)).collect()
}

/// Cost of one more input of a neuron with fan-in `k`, over a few inputs so that a staircase has a slope, in units of the
/// table. `sum` is that of the layer's neurons before sharing, `density` their nonzeros in thousandths.
fn marginal(cost: &LayerCost, k: u32, shape: (usize, usize), sum: f64, density: u32) -> f64 {
    let unit = MILLI as f64;
    match cost {
        LayerCost::Folded { elements, .. } => 1.0 / f64::from((*elements).max(1)),
        LayerCost::Unrolled { neuron, sharing } => {
            let below = k.saturating_sub(2);
            let own = (neuron.at(k + 1) as f64 - neuron.at(below) as f64) / f64::from(k + 1 - below) / unit;
            let (low, high) = (density.saturating_sub(10), density + 10);
            let slope = (sharing.at(high) as f64 - sharing.at(low) as f64) / f64::from(high - low);
            let all = sum * slope / (shape.0 * shape.1) as f64;
            (own * sharing.at(density) as f64 / unit + all).max(0.0)
        }
    }
}

/// Moves the prices in `net` and adds the pull to the gradients in `space`; `steps` are those of the whole training.
pub(crate) fn press(net: &mut Net, config: &Config, space: &mut Workspace, part: f64, steps: usize) {
    let Weights::Cost { table, budget, anneal } = &config.weights else { return };
    if net.dense.iter().any(|d| d.mask.is_some()) {
        return;
    }
    let shapes = shapes(net);
    let costs = costs(table, &shapes, |layer, i| space.layers[layer].quantised.weights[i] != 0.0);
    let excess = excess(table, &costs, &budgets(config, table, &shapes, *budget, part));
    let slopes: Vec<Vec<f64>> = (0..shapes.len())
        .map(|layer| slopes(&table.layers[layer], &space.layers[layer].quantised.weights, shapes[layer]))
        .collect();
    let first = first_price(space, &slopes);
    for (index, dense) in net.dense.iter_mut().enumerate() {
        if dense.control == 0.0 {
            dense.control = first;
        }
        let gain = (INTEGRAL / (anneal * steps as f64).max(1.0)).min(0.2);
        dense.control *= (gain * excess[index].clamp(-1.0, 1.0)).exp();
        let pull = dense.control * (PROPORTIONAL * excess[index].clamp(-1.0, 1.0)).exp();
        let layer = &mut space.layers[index];
        let scale = f64::from(layer.quantised.scale[0]);
        let rows = layer.weight_grad.par_chunks_mut(dense.inputs);
        rows.zip(dense.weight.value.par_chunks(dense.inputs)).zip(&slopes[index]).for_each(
            |((grad, w), slope)| {
                let pull = (pull * slope / scale) as f32;
                wide(move || grad.iter_mut().zip(w).for_each(|(g, w)| *g += pull.copysign(*w)));
            },
        );
    }
}

/// Marginal cost of an input of each output.
fn slopes(cost: &LayerCost, weights: &[f32], shape: (usize, usize)) -> Vec<f64> {
    let count = |row: &[f32]| row.iter().map(|&w| u32::from(w != 0.0)).sum::<u32>();
    let fan_in: Vec<u32> = weights.par_chunks(shape.0).map(count).collect();
    let sum = match cost {
        LayerCost::Unrolled { neuron, .. } => {
            fan_in.iter().map(|&k| neuron.at(k)).sum::<u64>() as f64 / MILLI as f64
        }
        LayerCost::Folded { .. } => 0.0,
    };
    let nonzeros: u64 = fan_in.iter().map(|&k| u64::from(k)).sum();
    let density = (nonzeros * MILLI / (shape.0 * shape.1) as u64) as u32;
    fan_in.iter().map(|&k| marginal(cost, k, shape, sum, density)).collect()
}

/// A price that pulls a little against the gradients at hand.
fn first_price(space: &Workspace, slopes: &[Vec<f64>]) -> f64 {
    let each = space.layers.iter().zip(slopes).map(|(layer, slopes)| {
        let mean = slopes.iter().sum::<f64>() / slopes.len() as f64;
        FIRST * magnitude(&layer.weight_grad) * f64::from(layer.quantised.scale[0]) / mean.max(1e-9)
    });
    (each.sum::<f64>() / slopes.len() as f64).max(1e-12)
}

/// The weights to keep: the largest over their bounds, as many as the budget pays for. Layers that share a budget share the
/// ranking; one whose random weights were within its own keeps its dead zone.
pub(crate) fn land(net: &Net, config: &Config) -> Option<Vec<Vec<bool>>> {
    let Weights::Cost { table, budget, .. } = &config.weights else { return None };
    let shapes = shapes(net);
    let free = budget - table.fixed as f64 / MILLI as f64;
    let size = |(layer, i): (usize, usize)| {
        f64::from(net.dense[layer].weight.value[i].abs()) / net.dense[layer].bound()
    };
    let weights = |layer: usize| (0..net.dense[layer].weight.value.len()).map(move |i| (layer, i));
    let beyond = |layer: usize| weights(layer).map(|at| size(at) > DEAD_ZONE).collect();
    let mut masks: Vec<Vec<bool>> = (0..shapes.len()).map(beyond).collect();
    let groups: Vec<Vec<usize>> = match table.total {
        Total::Sum => vec![(0..shapes.len()).collect()],
        Total::Longest => (0..shapes.len()).map(|l| vec![l]).collect(),
    };
    let first = random(table, &shapes);
    for group in groups {
        let spent = |masks: &[Vec<bool>]| {
            let costs = costs(table, &shapes, |l, i| masks[l][i]);
            group.iter().map(|&l| costs[l]).sum::<f64>()
        };
        // Nothing was bought with the price, and nothing is owed.
        if group.iter().map(|&l| first[l]).sum::<f64>() <= free && spent(&masks) <= free {
            continue;
        }
        let mut ranking: Vec<(usize, usize)> = group.iter().flat_map(|&l| weights(l)).collect();
        ranking.sort_by(|a, b| size(*b).total_cmp(&size(*a)));
        let (mut low, mut high) = (0, ranking.len() + 1);
        while low + 1 < high {
            let middle = low.midpoint(high);
            ranking.iter().enumerate().for_each(|(rank, &(l, i))| masks[l][i] = rank < middle);
            if spent(&masks) <= free { low = middle } else { high = middle }
        }
        ranking.iter().enumerate().for_each(|(rank, &(l, i))| masks[l][i] = rank < low);
        // The next weight may wake a whole neuron; others behind it may still fit.
        for &(l, i) in ranking.iter().skip(low).take(TRIED) {
            masks[l][i] = true;
            masks[l][i] = spent(&masks) <= free;
        }
    }
    Some(masks)
}
