//! Equality with Verilog simulators, Verilator and Icarus: the same stimuli, every stream compared in every cycle.

mod build;
mod compare;
mod generate;
mod icarus;
mod locate;
mod minimise;
mod model;
mod mutants;
mod pins;
mod race;
mod report;
mod serial;

pub use build::{Source, lint, version};
pub use minimise::Reproduction;
pub use mutants::{Fate, mutants};
pub use pins::{Pins, Signal, StreamPins};
pub use race::{Race, RaceRequest, Spent, race};
pub use report::{Kind, Mismatch, Place, VerifyReport};
pub use serial::{Board, Serial};

use crate::Result;
use crate::fold::Watched;
use crate::packed::Packed;
use crate::run::{Options, Run, check_streams, run_hashed, stalls};
use crate::wave::Names;
use compare::{Suspect, compare, group};
use model::{Mode, Model, Shape, Stimulus, Task};
use std::path::Path;
use std::time::Instant;
use sterna_ir::Design;
use sterna_ir::bench::Stall;

/// A Verilog simulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Verilator 5: a compiled model, two-valued, with random power-up states.
    Verilator,
    /// Icarus: interpreted and four-valued, so that whatever a reset forgot is unknown.
    Icarus,
}

impl Tool {
    /// First line of what it says of its version.
    ///
    /// # Errors
    /// [`crate::Error::Missing`] when it is not installed.
    pub fn version(self) -> Result<String> {
        match self {
            Tool::Verilator => version(),
            Tool::Icarus => icarus::version(),
        }
    }
}

/// What to verify.
#[derive(Clone, Copy, Debug)]
pub struct VerifyRequest<'a> {
    /// Who runs the Verilog.
    pub tool: Tool,
    /// The design, which is believed.
    pub design: &'a Design,
    /// Its Verilog.
    pub sources: &'a [Source],
    /// Name of the top module.
    pub top: &'a str,
    /// Ports of the top module.
    pub pins: &'a Pins,
    /// Wires of the top module that carry the design's probes, one entry per probe.
    pub probes: &'a [StreamPins],
    /// Samples to stream.
    pub samples: &'a [Vec<i64>],
    /// Segments and stalls.
    pub options: Options,
    /// Folder of built models.
    pub cache: &'a Path,
    /// Models that run at the same time; by default one per processor.
    pub processes: Option<usize>,
    /// Where to write the simulator's waveform around a difference: FST or VCD, as the name says.
    pub waveform: Option<&'a Path>,
    /// Names in it; by default those of the netlist.
    pub names: Option<&'a Names>,
    /// Cycles of its own stimulus that disturb a segment before its reset; by default none before the first and a random
    /// number before each other.
    pub before: Option<u64>,
    /// Whether to look for a small stimulus that shows a difference, too.
    pub minimise: bool,
}

/// Drives a model by the test bench protocol.
const HARNESS: &str = include_str!("harness.cpp");

/// Random power-up states that the first segment is run from, besides the one of the whole run.
const POWER_UPS: u32 = 8;

/// Cycles from which a slower build with a faster model pays.
const LONG: u64 = 3_000_000;

/// A design and its Verilog, ready to be compared.
struct Setup<'a> {
    request: &'a VerifyRequest<'a>,
    source: Packed,
    run: Run,
    model: Model,
    shape: Shape,
    simulate_seconds: f64,
    build_seconds: f64,
}

impl<'a> Setup<'a> {
    /// Runs the simulator and builds the model.
    fn new(request: &'a VerifyRequest<'a>) -> Result<Self> {
        let design = request.design;
        check_streams(design)?;
        generate::check(design, request.top, request.pins, request.probes)?;
        build::check_sources(request.sources)?;
        let watched = watched(design, request.pins, request.probes);
        let start = Instant::now();
        let source = Packed::new(design, request.samples)?;
        let run = run_hashed(design, &watched, &source, &request.options, &|_, _| ())?;
        let simulate_seconds = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let model = model(request, run.cycles())?;
        let build_seconds = start.elapsed().as_secs_f64();
        let shape = shape(request.pins, request.probes);
        Ok(Setup { request, source, run, model, shape, simulate_seconds, build_seconds })
    }

    fn tasks(&self, segments: std::ops::Range<usize>) -> Vec<Task<'_>> {
        segments.map(|s| task(self.request, &self.source, &self.run, s)).collect()
    }

    /// The first segment again from other power-up states; the state that shows a difference, and the difference.
    fn power_ups(&self) -> Result<Option<(u32, Suspect)>> {
        if self.request.tool == Tool::Icarus || self.run.segments.is_empty() {
            return Ok(None);
        }
        let stimulus = Stimulus::new(self.request.design, &self.tasks(0..1))?;
        for power_up in 1..=POWER_UPS {
            let mode = Mode { power_up, ..Mode::default() };
            let run = (&stimulus, mode);
            let found = group(self.request, &self.model, &self.shape, &self.run, 0..1, run, &|_| ())?;
            if let Some(suspect) = found {
                return Ok(Some((power_up, suspect)));
            }
        }
        Ok(None)
    }
}

fn model(request: &VerifyRequest, cycles: u64) -> Result<Model> {
    let VerifyRequest { design, top, pins, probes, sources, cache, .. } = *request;
    match request.tool {
        Tool::Icarus => icarus::build(cache, sources, top, &icarus::harness(design, top, pins, probes)?),
        Tool::Verilator => {
            let harness = build::Harness {
                program: HARNESS,
                header: &generate::header(design, top, pins, probes)?,
                visible: &generate::visible(top, pins, probes),
                optimise: if cycles < LONG { "-O1" } else { "-O3" },
                defines: &[],
            };
            build::build(cache, sources, top, &harness)
        }
    }
}

/// Compares a design with its Verilog; `progress` hears of results and samples while the model runs.
///
/// Segments follow each other in one process, each from a reset of one cycle in mid-stream of stimulus that is not looked at.
/// The first begins with random power-up values (Verilator) or unknown ones (Icarus).
///
/// # Errors
/// A request that does not fit together, a simulator missing, Verilog that does not compile, a model that crashes, a
/// design that is stuck by itself. A difference is no error.
pub fn verify(request: &VerifyRequest, progress: &dyn Fn(u64, u64)) -> Result<VerifyReport> {
    let design = request.design;
    let setup = Setup::new(request)?;
    let Setup { source, run, model, shape, .. } = &setup;
    let start = Instant::now();
    let suspect = match compare(request, source, model, shape, run, progress)? {
        Some(suspect) => Some((0, suspect)),
        None => setup.power_ups()?,
    };
    let mismatch =
        suspect.map(|(power_up, suspect)| locate::locate(&setup, suspect, power_up)).transpose()?;
    let reproduction = match suspect {
        Some((power_up, suspect)) if request.minimise => minimise::minimise(&setup, suspect, power_up)?,
        _ => None,
    };
    let vectors = design.probes.iter().map(|p| &p.stream).chain([&design.output]);
    let resets = (0..run.segments.len()).filter(|s| before(request, *s) > 0).count();
    Ok(VerifyReport {
        samples: request.samples.len(),
        cycles: run.cycles(),
        resets,
        streams: shape.streams.len(),
        values: vectors.map(|s| s.order.len() as u64).sum::<u64>() * request.samples.len() as u64,
        tool: model.version.clone(),
        cached: model.cached,
        simulate_seconds: setup.simulate_seconds,
        build_seconds: setup.build_seconds,
        run_seconds: start.elapsed().as_secs_f64(),
        mismatch,
        reproduction,
    })
}

/// The streams in the order of the hash: input (handshake only), probes, output.
fn watched(design: &Design, pins: &Pins, probes: &[StreamPins]) -> Vec<Watched> {
    let one = |stream, data, last| Watched::new(&design.netlist, stream, data, last);
    let probes = design.probes.iter().zip(probes).map(|(p, pins)| one(&p.stream, true, pins.last.is_some()));
    let output = one(&design.output, true, pins.output.last.is_some());
    [one(&design.input, false, false)].into_iter().chain(probes).chain([output]).collect()
}

fn shape(pins: &Pins, probes: &[StreamPins]) -> Shape {
    let words = |pins: &StreamPins| {
        let bits: u32 = pins.last.iter().chain(&pins.data).map(|s| s.width).sum();
        bits.div_ceil(64) as usize
    };
    let streams = probes.iter().chain([&pins.output]).map(words);
    Shape { streams: [0].into_iter().chain(streams).collect() }
}

/// Whether a segment's results are compared one by one, as a check of the hashes.
fn is_told(segment: usize) -> bool {
    segment == 0
}

/// Cycles that disturb a segment before its reset: up to twice what a sample takes.
fn before(request: &VerifyRequest, segment: usize) -> u64 {
    let most = 2 * (request.design.timing.latency + request.design.timing.interval) + 1;
    let random = || {
        let mut dice = Stall::new(request.options.seed.wrapping_add(segment as u64), 0);
        // The first states of neighbouring seeds are alike.
        (0..4).for_each(|_| _ = dice.draw());
        dice.state % most.min(MOST_BEFORE) + 1
    };
    request.before.unwrap_or_else(|| if segment == 0 { 0 } else { random() })
}

/// Most cycles before a reset in mid-stream.
const MOST_BEFORE: u64 = 4096;

/// A segment for the model.
fn task<'a>(request: &VerifyRequest, source: &'a Packed, run: &Run, segment: usize) -> Task<'a> {
    let bounds = &run.segments[segment];
    Task {
        source,
        samples: bounds.first..bounds.first + bounds.samples,
        stalls: stalls(request.design, &request.options, segment),
        cycles: bounds.cycles,
        results: is_told(segment),
        before: before(request, segment),
    }
}
