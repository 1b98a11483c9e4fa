//! Checks of a compiled network: evaluator against simulator, simulator against Verilator and Icarus, with zero tolerance.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rayon::prelude::*;
use serde_json::{Value, json};
use sterna_ir::design::{Probe, Stream};
use sterna_ir::netlist::{NodeId, Op};
use sterna_ir::{Design, Error, LayerOp, Network, Range, bench, eval};
use sterna_sim::verilator::{
    self, Mismatch, Pins, Place, Source, StreamPins, Tool, VerifyReport, VerifyRequest,
};
use sterna_sim::wave::Names;
use sterna_sim::{self as sim, Run};

use crate::build::Build;
use crate::pins::{names, pins, stream};
use crate::place;
use crate::slice::{Coverage, Slice, is_full, with_lanes};
use crate::stimuli::Edges;

/// The simulator's options for streams that are stalled in `percent` of all cycles, by generators of this seed.
///
/// # Errors
/// More than 99 percent: nothing would move.
pub fn options(percent: u8, seed: u64) -> Result<sim::Options> {
    anyhow::ensure!(percent <= 99, "stalls of {percent} percent: want 0 to 99");
    let stall_level = (u32::from(percent) * 256 / 100) as u8;
    Ok(sim::Options { stall_level, seed, ..sim::Options::default() })
}

/// The same for results alone, of so many samples: in as many parts side by side as have a few samples each, so that filling
/// the pipeline costs little.
pub fn in_parts(options: sim::Options, samples: usize) -> sim::Options {
    const MOST: usize = 512;
    let segments = (samples / 8).clamp(options.segments, MOST.max(options.segments));
    sim::Options { segments, ..options }
}

/// What the network evaluator says of each sample: the layers that probes and output show. Nothing of a sample whose end is
/// missing where inputs cannot be 0.
pub struct Expected {
    outputs: Vec<Vec<i64>>,
    layers: Vec<Vec<Vec<i64>>>,
    /// Thresholds that the samples tried from both sides.
    pub edges: Edges,
}

/// Evaluates `samples` for comparison with a run of `build` in which some were `cut` short.
pub fn expected(build: &Build, samples: &[Vec<i64>], cut: &BTreeMap<usize, usize>) -> Result<Expected> {
    let network = &build.network;
    let taken = |at: usize| match cut.get(&at) {
        Some(beats) => Cow::Owned(bench::filled(&build.design.input, &samples[at], *beats)),
        None => Cow::Borrowed(&samples[at]),
    };
    let trace = |at: &usize| match eval::evaluate(network, &taken(*at)) {
        Err(Error::Sample(_)) if cut.contains_key(at) => Ok(vec![]),
        trace => trace,
    };
    let wanted: Vec<usize> = build.design.probes.iter().map(|p| p.layer).collect();
    let mut edges = Edges::of(&build.network)?;
    let (mut outputs, mut probes) = (Vec::new(), Vec::new());
    // In parts, because the whole trace of every sample would fill the memory.
    let all: Vec<usize> = (0..samples.len()).collect();
    for part in all.chunks(1024) {
        let traces: Vec<_> = part.par_iter().map(trace).collect::<Result<_, _>>()?;
        for (at, mut trace) in part.iter().zip(traces) {
            if !trace.is_empty() {
                edges.see(network, &taken(*at), &trace);
            }
            probes
                .push(wanted.iter().map(|l| trace.get(*l).cloned().unwrap_or_default()).collect::<Vec<_>>());
            outputs.push(trace.pop().unwrap_or_default());
        }
    }
    let layers = (0..wanted.len()).map(|k| probes.iter().map(|p| p[k].clone()).collect()).collect();
    Ok(Expected { outputs, layers, edges })
}

/// The first difference between a run and the evaluator, as a line for people.
pub fn difference(build: &Build, expected: &Expected, run: &Run) -> Option<String> {
    for (probe, (want, got)) in build.design.probes.iter().zip(expected.layers.iter().zip(&run.probes)) {
        for (sample, (want, got)) in want.iter().zip(got).enumerate() {
            let both = |e: u32| want.get(e as usize).zip(got.get(e as usize));
            let differs = |e: &&u32| both(**e).is_some_and(|(want, got)| want != got);
            let element = probe.stream.order.iter().find(differs);
            if let Some(&e) = element {
                let layer = &build.network.layers[probe.layer].name;
                let (want, got) = (want[e as usize], got[e as usize]);
                let place = place::element(&build.network, probe.layer, e as usize);
                return Some(format!(
                    "sample {sample}, layer {layer}, {place}: network {want}, simulator {got}"
                ));
            }
        }
    }
    let differs = |s: &usize| !expected.outputs[*s].is_empty() && expected.outputs[*s] != run.outputs[*s];
    let sample = (0..run.outputs.len()).find(differs)?;
    let (want, got) = (&expected.outputs[sample], &run.outputs[sample]);
    Some(format!("sample {sample}, output: network {want:?}, simulator {got:?}"))
}

/// Fraction of the results of whole samples that are the right class; `None` for a network that does not end in an arg max.
pub fn accuracy(network: &Network, run: &Run, classes: &[u8]) -> Option<f64> {
    let last = network.layers.last()?;
    let whole = || run.outputs.iter().zip(classes).enumerate().filter(|(s, _)| !run.cut.contains_key(s));
    let right = whole().filter(|(_, (o, c))| o[0] == i64::from(**c)).count();
    let all = whole().count();
    (last.op == LayerOp::ArgMax && all > 0).then(|| right as f64 / all as f64)
}

/// What `verify` found.
pub struct Verdict {
    /// Evaluator against simulator: the first difference.
    pub difference: Option<String>,
    /// Simulator against the Verilog, in each of the Verilog simulators.
    pub reports: Vec<(Tool, VerifyReport)>,
    /// Accuracy on whole samples, when the classes are known.
    pub accuracy: Option<f64>,
    /// Samples that `tlast` ended too early.
    pub cut: usize,
    /// Thresholds that the samples tried from both sides.
    pub edges: Edges,
    /// What of the circuit was compared with its Verilog, where not all of it was.
    pub slice: Option<Coverage>,
}

impl Verdict {
    /// Whether all is equal.
    pub fn equal(&self) -> bool {
        self.difference.is_none() && self.mismatches().next().is_none()
    }

    /// The first difference in each Verilog simulator that has one.
    pub fn mismatches(&self) -> impl Iterator<Item = &Mismatch> {
        self.reports.iter().filter_map(|(_, report)| report.mismatch.as_ref())
    }

    /// The verdict as the object that `sterna verify --json` prints.
    pub fn object(&self, build: &Build) -> Value {
        let v = &self.reports[0].1;
        let of = |tool: Tool| self.reports.iter().find(|(t, _)| *t == tool).map(|(_, report)| &report.tool);
        json!({
            "equal": self.equal(), "latency": build.design.timing.latency, "interval": build.design.timing.interval,
            "samples": v.samples, "cycles": v.cycles, "resets": v.resets, "streams": v.streams, "values": v.values,
            "thresholds_tried": self.edges.tried().0, "thresholds": self.edges.tried().1,
            "accuracy": self.accuracy, "cut_short": self.cut, "difference": self.difference, "mismatch": self.mismatches().next(),
            "slice": self.slice, "edited": build.edited, "verilator": of(Tool::Verilator), "icarus": of(Tool::Icarus),
            "cached": v.cached, "simulate_seconds": v.simulate_seconds,
            "build_seconds": v.build_seconds, "run_seconds": v.run_seconds,
        })
    }
}

/// The layer, module and neuron of a difference between layers, as a line for people.
pub fn culprit(build: &Build, mismatch: &Mismatch) -> Option<String> {
    let Place::Probe { probe, layer } = mismatch.place else { return None };
    let name = build.network.layers.get(layer)?.name.escape_debug();
    let netlist = &build.design.netlist;
    let probe = &with_visible_probes(build).probes[probe];
    let module = &netlist.module(netlist.node(probe.stream.valid).module).name;
    let element = mismatch.element.map(|e| (e, place::element(&build.network, layer, e)));
    let element = element.map_or(String::new(), |(e, place)| format!("; element {e} is {place}"));
    Some(format!(
        "layer {layer} of the network is {name}, module {module} of the circuit (the files *_{module}*){element}"
    ))
}

/// What a check has come to.
#[derive(Clone, Copy, Debug)]
pub enum Progress {
    /// Results out of our simulator.
    Simulated(u64),
    /// The model is being built.
    Building(Tool),
    /// Results out of the model.
    Verified(Tool, u64),
}

/// What to check a build with.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// One vector per sample.
    pub samples: &'a [Vec<i64>],
    /// Their classes, when they are known.
    pub classes: Option<&'a [u8]>,
    /// Segments and stalls.
    pub options: sim::Options,
    /// Cycles before the reset of each segment, instead of random ones.
    pub before: Option<u64>,
    /// Folder of built models.
    pub cache: &'a Path,
    /// Where to write a waveform around the first difference.
    pub wave: Option<&'a Path>,
    /// Whether to look for a small stimulus that differs.
    pub minimise: bool,
    /// The part of the circuit that is compared with its Verilog; all of it without.
    pub part: Option<&'a Slice>,
}

/// Where everything that is watched is in the Verilog of a build.
pub struct Wires {
    sources: Vec<Source>,
    pins: Pins,
    design: Design,
    probes: Vec<StreamPins>,
    names: Names,
}

impl Wires {
    /// Finds it, in a part of the circuit if one was chosen.
    pub fn new(build: &Build, part: Option<&Slice>) -> Result<Self> {
        let whole = with_visible_probes(build);
        let mut design = part.map_or(whole.clone(), |part| part.cut(&whole));
        design.probes.extend(lone_outputs(build));
        let probes = design.probes.iter().map(|p| stream(build, &p.stream, false)).collect::<Result<_>>()?;
        let source =
            |f: &sterna_hdl::verilog::SourceFile| Source { name: f.name.clone(), text: f.text.clone() };
        let sources = match part {
            Some(part) => part.sources(build, &design)?.iter().map(source).collect(),
            None => build.sources.iter().map(source).collect(),
        };
        let mut pins = pins(build)?;
        pins.output = stream(build, &design.output, true)?;
        Ok(Wires { sources, pins, design, probes, names: names(build) })
    }

    /// What to ask of the simulators.
    pub fn request<'a>(&'a self, build: &'a Build, asked: &Request<'a>, tool: Tool) -> VerifyRequest<'a> {
        VerifyRequest {
            tool,
            design: &self.design,
            sources: &self.sources,
            top: &build.emitted.top,
            pins: &self.pins,
            probes: &self.probes,
            samples: asked.samples,
            options: asked.options,
            cache: asked.cache,
            processes: Some(rayon::current_num_threads()),
            waveform: asked.wave,
            names: Some(&self.names),
            before: asked.before,
            minimise: asked.minimise,
        }
    }
}

/// Compares evaluator, simulator and Verilog in each of `tools`, of which there is one at least.
///
/// # Errors
/// Samples that do not fit, a missing tool, Verilog that it refuses. A difference is no error but a verdict.
pub fn check(
    build: &Build,
    request: &Request,
    tools: &[Tool],
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Verdict> {
    let samples = request.samples;
    let with_probes = sim::Options { probes: true, ..request.options };
    let run = sim::run(&build.design, samples, &with_probes, &|done, _| progress(Progress::Simulated(done)))?;
    let expected = expected(build, samples, &run.cut)?;
    let difference = difference(build, &expected, &run);
    let wires = Wires::new(build, request.part)?;
    let mut reports = Vec::new();
    for &tool in tools {
        progress(Progress::Building(tool));
        let asked = wires.request(build, request, tool);
        let mut report = verilator::verify(&asked, &|done, _| progress(Progress::Verified(tool, done)))?;
        if let (Some(part), Some(mismatch)) = (request.part, &mut report.mismatch)
            && mismatch.place == Place::Output
        {
            mismatch.element = mismatch.element.map(|e| part.element(&build.design, e));
        }
        reports.push((tool, report));
    }
    let accuracy = request.classes.and_then(|c| accuracy(&build.network, &run, c));
    let slice = request.part.map(|part| part.coverage);
    Ok(Verdict { difference, reports, accuracy, cut: run.cut.len(), edges: expected.edges, slice })
}

/// The design without the probe lanes that are constants in the hardware: they have no signal that could be wrong. Only
/// where all beats are full, as those of unrolled layers are.
pub fn with_visible_probes(build: &Build) -> Design {
    let mut design = build.design.clone();
    let varies = |node: NodeId| !matches!(build.design.netlist.node(node).op, Op::Const(_));
    for stream in design.probes.iter_mut().map(|p| &mut p.stream).filter(|s| is_full(s)) {
        *stream = with_lanes(stream, |lane| varies(stream.data[lane]));
    }
    design.probes.retain(|p| !p.stream.data.is_empty());
    design
}

/// Outputs that belong to no stream, such as `frame_error`, each as a stream of one bit, so that it is compared in every
/// cycle. They carry the number of no layer.
fn lone_outputs(build: &Build) -> Vec<Probe> {
    let design = &build.design;
    let in_stream = |node: &NodeId| {
        [&design.input, &design.output]
            .iter()
            .any(|s| [s.valid, s.ready].contains(node) || s.last == Some(*node) || s.data.contains(node))
    };
    let is_lone = |node: &&NodeId| {
        !in_stream(node)
            && design.netlist.node(**node).range == Range::BIT
            && build.emitted.ports.iter().any(|port| port.nodes == [**node])
    };
    let lone = design.netlist.outputs.iter().filter(is_lone);
    let stream =
        |node: NodeId| Stream { valid: node, ready: node, last: None, data: vec![node], order: vec![0] };
    lone.map(|node| Probe { layer: build.network.layers.len(), stream: stream(*node) }).collect()
}

/// Variable that names the folder of built models.
pub const CACHE: &str = "STERNA_CACHE";

/// Folder of built models.
pub fn cache(given: Option<&Path>) -> Result<PathBuf> {
    let named = std::env::var_os(CACHE).map(PathBuf::from);
    let folder = match given.or(named.as_deref()) {
        Some(folder) => folder.to_path_buf(),
        None => dirs::cache_dir()
            .context("no cache folder is known; give one with --cache-dir")?
            .join("sterna/verilator"),
    };
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot write {}; give another --cache-dir", folder.display()))?;
    Ok(folder)
}
