//! What one layer of weights can be built as, with cells and cycles.

use sterna_ir::{Design, LayerOp, Network};

use super::Watch;
use super::combine::Area;
use crate::estimate::{Estimate, estimate};
use crate::family::Family;
use crate::lower::{LayerInfo, MOST_LANES, Searched, pes_worth_trying, sketch};
use crate::{Folding, Options, Result, Style};

/// Layers of more nonzero weights are not tried unrolled: they fill the largest parts, and the search for their sums takes
/// minutes.
const MOST_UNROLLED: usize = 100_000;

/// One way to build one layer.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Style.
    pub style: Style,
    /// Elements per input beat, for the first layer of a network of vectors.
    pub input_lanes: Option<usize>,
    /// Cycles per sample when the neighbours never make the layer wait.
    pub cycles: u64,
    /// Cells of its module.
    pub area: Area,
}

/// Candidates of every layer of weights, slowest first, none slower and no smaller than another.
///
/// All layers are built at once, each as its candidate of the same rank.
pub fn candidates(
    network: &Network,
    options: &Options,
    family: Family,
    known: &mut Searched,
    watch: Watch,
) -> Result<Vec<Vec<Candidate>>> {
    let tries = pes_worth_trying(network)?;
    // Lanes can be chosen where a vector comes in and nothing stands before the first layer of weights.
    let inputs = match network.layers.first().map(|l| &l.op) {
        Some(LayerOp::Dense(_)) if options.input_lanes.is_none() => Some(network.input.elements()),
        _ => None,
    };
    let lanes = |cycles: usize| {
        let powers = (0..=MOST_LANES.ilog2()).map(|bits| 1usize << bits);
        let fits = inputs.map(|n| powers.take_while(move |lanes| *lanes <= n));
        fits.and_then(|mut powers| {
            let n = inputs?;
            let widest = powers.clone().last();
            powers.find(|lanes| n.div_ceil(*lanes) <= cycles).or(widest)
        })
    };
    let mut layers: Vec<Vec<Candidate>> = vec![Vec::new(); tries.len()];
    let ranks = tries.iter().map(Vec::len).max().unwrap_or(0);
    for (built, rank) in (0..ranks).map(Some).chain([None]).enumerate() {
        watch(built, ranks + 1);
        let last = |layer: &Vec<(usize, usize)>| layer.len() - 1;
        let style = |(layer, unrolls): (&Vec<(usize, usize)>, bool)| match rank {
            None if unrolls => Style::Unrolled,
            _ => Style::Folded { pes: layer[rank.unwrap_or(0).min(last(layer))].0 },
        };
        let styles: Vec<Style> = tries.iter().zip(unrollable(network)).map(style).collect();
        let lanes = match (styles.first(), tries.first()) {
            (Some(Style::Folded { .. }), Some(first)) => lanes(first[rank.unwrap_or(0).min(last(first))].1),
            _ => None,
        };
        let input_lanes = options.input_lanes.or(lanes);
        let folding = Folding::PerLayer(styles.clone());
        let (design, infos) = sketch(network, &Options { folding, input_lanes, ..options.clone() }, known)?;
        let found = estimate(&design.netlist, family, Some(family));
        for (i, info) in infos.iter().enumerate() {
            if rank.is_some_and(|rank| rank >= tries[i].len())
                || (rank.is_none() && styles[i] != Style::Unrolled)
            {
                continue;
            }
            layers[i].push(Candidate {
                style: styles[i],
                input_lanes: lanes.filter(|_| i == 0),
                cycles: cycles(&design, &infos, i),
                area: area(&found, &info.module),
            });
        }
    }
    Ok(layers.into_iter().map(worthy).collect())
}

/// Cycles of layer of weights `i`, the first of which waits for the input.
pub fn cycles(design: &Design, infos: &[LayerInfo], i: usize) -> u64 {
    let beats = if i == 0 { design.input.beats() as u64 } else { 1 };
    infos[i].least_cycles.max(beats)
}

/// Cells of a module.
pub fn area(found: &Estimate, module: &str) -> Area {
    let found = found.modules.iter().find(|(name, _)| name == module);
    found.map_or(Area::default(), |(_, cells)| Area::of(cells))
}

/// By layer of weights, whether it may be unrolled.
fn unrollable(network: &Network) -> impl Iterator<Item = bool> + '_ {
    network.layers.iter().filter_map(|layer| match &layer.op {
        LayerOp::Dense(d) => Some(d.nonzeros() <= MOST_UNROLLED),
        LayerOp::Conv2d(c) => Some(c.nonzeros() <= MOST_UNROLLED),
        _ => None,
    })
}

fn worthy(mut layer: Vec<Candidate>) -> Vec<Candidate> {
    let beaten = |c: &Candidate| {
        let beats = |o: &Candidate| {
            let better = o.cycles < c.cycles || o.area.lut < c.area.lut || o.area.bram < c.area.bram;
            better && o.cycles <= c.cycles && o.area.within(c.area)
        };
        layer.iter().any(beats)
    };
    let keep: Vec<bool> = layer.iter().map(|c| !beaten(c)).collect();
    let mut keep = keep.into_iter();
    layer.retain(|_| keep.next() == Some(true));
    layer.sort_by(|a, b| b.cycles.cmp(&a.cycles).then(a.area.lut.total_cmp(&b.area.lut)));
    layer
}
