//! What one layer of weights can be built as, with cells and cycles.

use sterna_ir::{LayerOp, Network};

use super::Watch;
use super::combine::Area;
use crate::estimate::estimate;
use crate::family::Family;
use crate::lower::{LayerInfo, MOST_LANES, Searched, pes_worth_trying, sketch};
use crate::{Folding, Options, Result, Style};

/// Layers of more nonzero weights are not tried as adder graphs: unrolled they fill the largest parts, and the search for
/// their sums takes minutes.
const MOST_UNROLLED: usize = 100_000;

/// Adder graphs, slowest first.
const GRAPHS: [Style; 4] =
    [Style::Serial { bits: 1 }, Style::Serial { bits: 2 }, Style::Serial { bits: 4 }, Style::Unrolled];

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
    let graphs: Vec<Vec<Style>> = graphs(network).collect();
    let folded = |(pes, _): &(usize, usize)| Style::Folded { pes: *pes };
    // By layer the style of a rank, if it has one: elements, then adder graphs.
    let of_rank = |rank: usize| {
        let one = |(tries, graphs): (&Vec<(usize, usize)>, &Vec<Style>)| match rank.checked_sub(ranks) {
            None => tries.get(rank).map(folded),
            Some(graph) => Some(GRAPHS[graph]).filter(|style| graphs.contains(style)),
        };
        tries.iter().zip(&graphs).map(one).collect::<Vec<Option<Style>>>()
    };
    let all: Vec<Vec<Option<Style>>> = (0..ranks + GRAPHS.len()).map(of_rank).collect();
    let all: Vec<_> = all.into_iter().filter(|styles| styles.iter().any(Option::is_some)).collect();
    for (built, new) in all.iter().enumerate() {
        watch(built, all.len());
        // Layers without a candidate of this rank are as fast as elements make them.
        let last = |tries: &Vec<(usize, usize)>| tries.last().map(folded).expect("one element can do it");
        let styles: Vec<Style> =
            new.iter().zip(&tries).map(|(new, tries)| new.unwrap_or(last(tries))).collect();
        let first = tries.first().and_then(|first| first.iter().find(|step| folded(step) == styles[0]));
        let lanes = first.and_then(|(_, cycles)| lanes(*cycles));
        let input_lanes = options.input_lanes.or(lanes);
        let found = figures(network, &Options { input_lanes, ..options.clone() }, family, styles, known)?;
        for (i, (cycles, area)) in found.into_iter().enumerate() {
            let Some(style) = new[i] else { continue };
            layers[i].push(Candidate { style, input_lanes: lanes.filter(|_| i == 0), cycles, area });
        }
    }
    Ok(layers.into_iter().map(worthy).collect())
}

/// By layer of weights its cycles, of the first at least those of the input, and the cells of its module, in a design of these
/// `styles`.
pub fn figures(
    network: &Network,
    options: &Options,
    family: Family,
    styles: Vec<Style>,
    known: &mut Searched,
) -> Result<Vec<(u64, Area)>> {
    let options = Options { folding: Folding::PerLayer(styles), ..options.clone() };
    let (design, infos) = sketch(network, &options, known)?;
    let found = estimate(&design.netlist, family, Some(family));
    let of_layer = |(i, info): (usize, &LayerInfo)| {
        let beats = if i == 0 { design.input.beats() as u64 } else { 1 };
        let module = found.modules.iter().find(|(name, _)| *name == info.module);
        (info.least_cycles.max(beats), module.map_or(Area::default(), |(_, cells)| Area::of(cells)))
    };
    Ok(infos.iter().enumerate().map(of_layer).collect())
}

/// By layer of weights, the adder graphs that it may be.
fn graphs(network: &Network) -> impl Iterator<Item = Vec<Style>> + '_ {
    let graphs = |nonzeros: usize, is_ternary: bool| {
        let fits = |style: &&Style| nonzeros <= MOST_UNROLLED && (is_ternary || **style == Style::Unrolled);
        GRAPHS.iter().filter(fits).copied().collect()
    };
    network.layers.iter().filter_map(move |layer| match &layer.op {
        LayerOp::Dense(d) => Some(graphs(d.nonzeros(), d.is_ternary())),
        LayerOp::Conv2d(c) => Some(graphs(c.nonzeros(), c.is_ternary())),
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
