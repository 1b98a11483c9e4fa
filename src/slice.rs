//! A circuit too large for Verilog simulators, verified by a slice: some outputs of its unrolled layers, chosen at random,
//! with all that they depend on.

use std::collections::BTreeSet;
use std::str::FromStr;

use anyhow::{Context, Result};
use serde::Serialize;
use sterna_hdl::slice::{Kept, slice};
use sterna_hdl::verilog::SourceFile;
use sterna_ir::bench::Stall;
use sterna_ir::design::Stream;
use sterna_ir::netlist::NodeId;
use sterna_ir::{Design, Reach};

use crate::build::Build;

/// Nodes from which a circuit is sliced unless one says otherwise: Verilator takes minutes and a gigabyte for as many.
const TOO_MANY: usize = 50_000;
/// Nodes of a slice, about.
const ENOUGH: usize = 10_000;

/// How much of a circuit is compared with its Verilog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    /// All of it, or what Verilator can build.
    #[default]
    Auto,
    /// All of it.
    All,
    /// So many outputs of each unrolled layer.
    Outputs(usize),
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "all" => Ok(Size::All),
            Ok(count) if count > 0 => Ok(Size::Outputs(count)),
            _ => Err("want a number of outputs, at least 1, or all".into()),
        }
    }
}

/// The part that is compared.
#[derive(Clone, Debug)]
pub struct Slice {
    /// What it covers.
    pub coverage: Coverage,
    /// Lanes that stay, ascending: of each probe, then of the output.
    lanes: Vec<Vec<usize>>,
}

/// What a slice covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Values compared of each sample.
    pub outputs: usize,
    /// Values on all streams.
    pub all_outputs: usize,
    /// Nodes of the netlist that these depend on.
    pub nodes: usize,
    /// All nodes.
    pub all_nodes: usize,
}

/// Whether every beat is full, as those of unrolled layers are: then a lane is an output.
pub fn is_full(stream: &Stream) -> bool {
    stream.order.len().is_multiple_of(stream.data.len())
}

/// The stream with some of its lanes.
pub fn with_lanes(stream: &Stream, kept: impl Fn(usize) -> bool) -> Stream {
    let lanes = stream.data.len();
    let order = stream.order.iter().enumerate().filter(|(p, _)| kept(p % lanes)).map(|(_, e)| *e).collect();
    let data = stream.data.iter().enumerate().filter(|(lane, _)| kept(*lane)).map(|(_, id)| *id).collect();
    Stream { order, data, ..stream.clone() }
}

impl Slice {
    /// Chooses a part of a design by `seed`; `None` where all of it is compared.
    pub fn of(design: &Design, size: Size, seed: u64) -> Option<Self> {
        let netlist = &design.netlist;
        let wanted = match size {
            Size::All => return None,
            Size::Auto if netlist.nodes.len() <= TOO_MANY => return None,
            Size::Auto => None,
            Size::Outputs(count) => Some(count),
        };
        let streams: Vec<&Stream> = streams(design).collect();
        let mut reach = Reach::new(netlist);
        let control = [&design.input].into_iter().chain(streams.iter().copied());
        control.flat_map(|s| [Some(s.valid), Some(s.ready), s.last]).flatten().for_each(|id| reach.add(id));
        let mut lanes: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); streams.len()];
        for (chosen, stream) in lanes.iter_mut().zip(&streams).filter(|(_, s)| !is_full(s)) {
            chosen.extend(0..stream.data.len());
            stream.data.iter().for_each(|id| reach.add(*id));
        }
        for (stream, lane) in shuffled(&streams, seed) {
            let chosen = &mut lanes[stream];
            if !chosen.is_empty() && wanted.map_or(reach.count() >= ENOUGH, |most| chosen.len() >= most) {
                continue;
            }
            chosen.insert(lane);
            reach.add(streams[stream].data[lane]);
        }
        let some =
            |(s, lanes): (&&Stream, &BTreeSet<usize>)| with_lanes(s, |l| lanes.contains(&l)).order.len();
        let coverage = Coverage {
            outputs: streams.iter().zip(&lanes).map(some).sum(),
            all_outputs: streams.iter().map(|s| s.order.len()).sum(),
            nodes: reach.count(),
            all_nodes: netlist.nodes.len(),
        };
        Some(Slice { coverage, lanes: lanes.into_iter().map(|l| l.into_iter().collect()).collect() })
    }

    /// The design with the lanes that stay; elements of its output are counted among those.
    pub fn cut(&self, design: &Design) -> Design {
        let mut cut = design.clone();
        let all = cut.probes.iter_mut().map(|p| &mut p.stream).chain([&mut cut.output]);
        for (stream, lanes) in all.zip(&self.lanes) {
            *stream = with_lanes(stream, |lane| lanes.binary_search(&lane).is_ok());
        }
        cut.output.order = (0..cut.output.order.len() as u32).collect();
        cut
    }

    /// The element of the whole output that is `element` of the slice's.
    pub fn element(&self, design: &Design, element: usize) -> usize {
        let lanes = self.lanes.last().expect("the output is a stream");
        with_lanes(&design.output, |lane| lanes.binary_search(&lane).is_ok()).order[element] as usize
    }

    /// The Verilog of the part, cut out of that in the build folder.
    pub fn sources(&self, build: &Build, design: &Design) -> Result<Vec<SourceFile>> {
        let mut kept = Kept::new();
        let nodes = |s: &Stream| [s.valid, s.ready].into_iter().chain(s.last).chain(s.data.clone());
        let ends = streams(design).flat_map(nodes).chain(nodes(&design.input)).collect::<Vec<NodeId>>();
        for node in ends {
            if let Some(seen) = build.emitted.top_signal(node) {
                kept.entry(seen.name).or_default().extend(seen.lsb..seen.lsb + seen.width);
            }
        }
        let folder = tempfile::tempdir().context("no temporary folder")?;
        Ok(vec![slice(&build.sources, &build.emitted, &kept, folder.path())?])
    }
}

/// The streams that carry results: between layers, then out.
fn streams(design: &Design) -> impl Iterator<Item = &Stream> {
    design.probes.iter().map(|p| &p.stream).chain([&design.output])
}

/// Every lane of every stream in random order.
fn shuffled(streams: &[&Stream], seed: u64) -> Vec<(usize, usize)> {
    let full = streams.iter().enumerate().filter(|(_, s)| is_full(s));
    let mut all: Vec<_> = full.flat_map(|(i, s)| (0..s.data.len()).map(move |lane| (i, lane))).collect();
    let mut dice = Stall::new(seed, 0);
    // The first states of neighbouring seeds are alike.
    (0..4).for_each(|_| _ = dice.draw());
    for end in (1..all.len()).rev() {
        dice.draw();
        all.swap(end, (dice.state >> 8) as usize % (end + 1));
    }
    all
}
