//! Cost-aware training: a weight is nonzero where it is worth the hardware that it takes, and the price of hardware moves
//! until the network costs what was asked for.
//!
//! Were the loss a parabola of curvature `h` around the latent weight `w`, zeroing it would lose `h w^2 / 2` and save
//! `price * c`, `c` being the cost of one more input in its layer, sharing included. So the best choice of zeros at a given
//! price is a dead zone of half width proportional to `sqrt(c)` (the proximal operator of the L0 penalty): dear layers need
//! larger weights than cheap ones. Latent weights are compared over the bound of their layer, in which Adam's steps are the
//! same everywhere.
//!
//! The price is the multiplier of `cost <= budget`. Dual ascent moves the logarithm of the half width, which is that of
//! the price but for a factor of two, with the relative excess over a budget that falls to the final one over
//! the annealing. When zeros are frozen, the dead zone moves by the little that is missing, so that the cost is the most that
//! the budget pays for.

use sterna_ir::cost::{CostTable, LayerCost, MILLI, Matrix, Total, live_fan_ins};

use crate::config::{Config, Weights};
use crate::geometry::Place;
use crate::net::{Dense, Net};
use crate::step::Workspace;
use crate::{Error, Result};

/// Half width of the dead zone over the bound of the weights, before any training, in a layer of mean cost.
const DEAD_ZONE: f64 = 0.3;
/// The logarithm of the half width moves by this per step and relative excess.
const GAIN: f64 = 0.02;

/// Weights beyond the last that fits that are tried one by one.
const TRIED: usize = 64;

/// Refuses a budget that no network of this shape can meet.
pub(crate) fn admit(config: &Config, places: &[Place]) -> Result<()> {
    let Weights::Cost { table, budget, .. } = &config.weights else { return Ok(()) };
    let classes = places.last().map_or(0, |p| p.outputs);
    let least = |(layer, p): (&LayerCost, &Place)| layer.of(p.inputs, &vec![1; p.outputs.min(classes)]);
    let least: Vec<u64> = table.layers.iter().zip(places).map(least).collect();
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

fn chain(net: &Net) -> Vec<Matrix> {
    let bridged = |(index, d): (usize, &Dense)| d.geometry.source(index);
    let sources: Vec<usize> = net.dense.iter().enumerate().filter_map(bridged).collect();
    let matrix = |(index, d): (usize, &Dense)| {
        let summed = d.geometry.skip > 0 || sources.contains(&index);
        Matrix { inputs: d.inputs, outputs: d.outputs, summed }
    };
    net.dense.iter().enumerate().map(matrix).collect()
}

/// Cost of each layer in units of the table.
fn costs(table: &CostTable, chain: &[Matrix], nonzero: impl Fn(usize, usize) -> bool) -> Vec<f64> {
    // Channels of the trainer's images run fastest.
    let source = |layer: usize, input: usize| input % chain[layer - 1].outputs;
    let fan_ins = live_fan_ins(chain, source, nonzero);
    let layers = table.layers.iter().zip(chain).zip(&fan_ins);
    layers.map(|((cost, matrix), k)| cost.of(matrix.inputs, k) as f64 / MILLI as f64).collect()
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
fn random(table: &CostTable, chain: &[Matrix]) -> Vec<f64> {
    let layer = |(cost, &Matrix { inputs, outputs, .. }): (&LayerCost, &Matrix)| {
        let fan_in = (inputs as f64 * (1.0 - DEAD_ZONE)).round() as u32;
        cost.of(inputs, &vec![fan_in; outputs]) as f64 / MILLI as f64
    };
    table.layers.iter().zip(chain).map(layer).collect()
}

/// The budget of each layer at `part` of the training: from the cost of random weights geometrically to the final one. (Of
/// a sum only the sum counts.)
fn budgets(config: &Config, table: &CostTable, chain: &[Matrix], budget: f64, part: f64) -> Vec<f64> {
    let first = random(table, chain);
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

/// Half widths of the dead zones over the bounds of the weights, before any training.
pub(crate) fn first_zones(table: &CostTable, shapes: &[(usize, usize)]) -> Vec<f64> {
    let marginal: Vec<f64> = table.layers.iter().zip(shapes).map(|(c, s)| marginal(c, *s)).collect();
    let mean = marginal.iter().sum::<f64>() / marginal.len() as f64;
    marginal.iter().map(|c| DEAD_ZONE * (c / mean.max(1e-12)).sqrt().clamp(0.2, 2.0)).collect()
}

/// Cost of one more input per neuron over the inputs there are, in a layer that is sparse already.
fn marginal(cost: &LayerCost, (inputs, outputs): (usize, usize)) -> f64 {
    let sparse = (inputs / 10).max(1) as u32;
    let of = |k: u32| cost.of(inputs, &vec![k; outputs]) as f64 / MILLI as f64 / outputs as f64;
    ((of(2 * sparse) - of(sparse)) / f64::from(sparse)).max(0.0)
}

/// Moves the dead zones in `net` by what the weights in `space` cost too much, at the net's charge.
pub(crate) fn steer(net: &mut Net, config: &Config, space: &Workspace, part: f64) {
    let Weights::Cost { table, budget, .. } = &config.weights else { return };
    if net.dense.iter().any(|d| d.mask.is_some()) {
        return;
    }
    let chain = chain(net);
    let costs = costs(table, &chain, |layer, i| space.layers[layer].quantised.weights[i] != 0.0);
    let budget = budget / net.charge;
    let excess = excess(table, &costs, &budgets(config, table, &chain, budget, part));
    let free = budget - table.fixed as f64 / MILLI as f64;
    let random = random(table, &chain);
    for (index, (dense, excess)) in net.dense.iter_mut().zip(excess).enumerate() {
        // What would be cheap enough without training needs no dead zone but the first.
        if table.total == Total::Longest && random[index] <= free && excess < 0.0 {
            continue;
        }
        dense.control = (dense.control * (GAIN * excess.clamp(-1.0, 1.0)).exp()).clamp(1e-4, 1e4);
    }
}

/// The weights to keep: the largest over their dead zones, as many as the budget pays for at the net's charge. Layers
/// that share a budget share the ranking; one whose random weights were within its own keeps its dead zone. With an earlier
/// choice, no weight outside it.
pub(crate) fn land(net: &Net, config: &Config, within: Option<&[Vec<bool>]>) -> Option<Vec<Vec<bool>>> {
    let Weights::Cost { table, budget, .. } = &config.weights else { return None };
    let chain = chain(net);
    let free = budget / net.charge - table.fixed as f64 / MILLI as f64;
    let size = |(layer, i): (usize, usize)| {
        let dense = &net.dense[layer];
        f64::from(dense.weight.value[i].abs()) / (dense.bound() * dense.control)
    };
    let weights = |layer: usize| (0..net.dense[layer].weight.value.len()).map(move |i| (layer, i));
    let beyond = |layer: usize| match within {
        Some(masks) => masks[layer].clone(),
        None => weights(layer).map(|at| size(at) > 1.0).collect(),
    };
    let mut masks: Vec<Vec<bool>> = (0..chain.len()).map(beyond).collect();
    let groups: Vec<Vec<usize>> = match table.total {
        Total::Sum => vec![(0..chain.len()).collect()],
        Total::Longest => (0..chain.len()).map(|l| vec![l]).collect(),
    };
    let first = random(table, &chain);
    for group in groups {
        let spent = |masks: &[Vec<bool>]| {
            let costs = costs(table, &chain, |l, i| masks[l][i]);
            group.iter().map(|&l| costs[l]).sum::<f64>()
        };
        // Nothing was bought with the price, and nothing is owed.
        if group.iter().map(|&l| first[l]).sum::<f64>() <= free && spent(&masks) <= free {
            continue;
        }
        let may = |&(l, i): &(usize, usize)| within.is_none_or(|masks| masks[l][i]);
        let mut ranking: Vec<(usize, usize)> = group.iter().flat_map(|&l| weights(l)).filter(may).collect();
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
