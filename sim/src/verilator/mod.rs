//! Equality with Verilator: the same stimuli, every stream compared in every cycle.

mod build;
mod generate;
mod locate;
mod model;
mod pins;

pub use build::{Source, lint, version};
pub use pins::{Pins, Signal, StreamPins};

use crate::Result;
use crate::fold::{BLOCK, Watched};
use crate::program::Program;
use crate::run::{Options, Run, check_streams, run_hashed, stalls};
use model::{Bits, Event, Mode, Shape, Task};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Instant;
use sterna_ir::Design;

/// What to verify.
#[derive(Clone, Copy, Debug)]
pub struct VerifyRequest<'a> {
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
    /// Optimisation level of the C++ compiler, 0 to 3; by default 1, or 3 for a long run.
    pub optimise: Option<u8>,
    /// Models that run at the same time; by default one per processor.
    pub processes: Option<usize>,
    /// Where to write the simulator's waveform around a difference (VCD).
    pub waveform: Option<&'a Path>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct VerifyReport {
    /// Samples streamed.
    pub samples: usize,
    /// Cycles simulated by both, resets excluded.
    pub cycles: u64,
    /// Streams compared, input and output included.
    pub streams: usize,
    /// Elements compared: of every sample on every watched stream.
    pub values: u64,
    /// First line of `verilator --version`.
    pub verilator: String,
    /// Whether the model was built before.
    pub cached: bool,
    /// Time for the fast simulation, s.
    pub simulate_seconds: f64,
    /// Time for building the model, s.
    pub build_seconds: f64,
    /// Time for running it, s.
    pub run_seconds: f64,
    /// The first difference; none when all is equal.
    pub mismatch: Option<Mismatch>,
}

/// The kind of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A beat carries another value.
    Value,
    /// `valid` or `ready` differs.
    Handshake,
    /// The Verilog stops moving.
    Stuck,
}

/// Where a difference was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The input stream.
    Input,
    /// A stream between layers.
    Probe {
        /// Index of the probe.
        probe: usize,
        /// The layer whose output it carries.
        layer: usize,
    },
    /// The output stream.
    Output,
}

/// The first difference between the design and its Verilog.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Mismatch {
    /// Its kind.
    pub kind: Kind,
    /// Segment of the run.
    pub segment: usize,
    /// Sample, counted over all segments.
    pub sample: usize,
    /// The stream.
    pub place: Place,
    /// `valid`, `ready`, `last` or `data`.
    pub signal: String,
    /// Lane of the stream, for data.
    pub lane: Option<usize>,
    /// Element of the vector, for data.
    pub element: Option<usize>,
    /// Cycle of the segment, counted from the end of reset.
    pub cycle: u64,
    /// The design's value.
    pub expected: i64,
    /// The Verilog's value.
    pub found: i64,
    /// The waveform written.
    pub waveform: Option<PathBuf>,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.place {
            Place::Input => write!(f, "input stream")?,
            Place::Probe { layer, .. } => write!(f, "output of layer {layer}")?,
            Place::Output => write!(f, "output stream")?,
        }
        write!(f, ", {}", self.signal)?;
        if let Some(element) = self.element {
            write!(f, " of element {element}")?;
        }
        let Mismatch { sample, segment, cycle, expected, found, .. } = self;
        write!(f, ", sample {sample}, cycle {cycle} of run {segment}: {expected} expected, {found} found")?;
        if self.kind == Kind::Stuck { write!(f, "; then the Verilog stops moving") } else { Ok(()) }
    }
}

/// Cycles from which a slower build with a faster model pays.
const LONG: u64 = 3_000_000;

/// Compares a design with its Verilog; `progress` hears of results and samples while the model runs.
///
/// # Errors
/// A request that does not fit together, Verilator missing, Verilog that does not compile, a model that crashes, a
/// design that is stuck by itself. A difference is no error.
pub fn verify(request: &VerifyRequest, progress: &dyn Fn(u64, u64)) -> Result<VerifyReport> {
    let design = request.design;
    check_streams(design)?;
    generate::check(design, request.top, request.pins, request.probes)?;
    build::check_sources(request.sources)?;
    let program = Program::for_design(design);
    let watched = watched(request, &program);
    let streams = watched.len();
    let start = Instant::now();
    let run = run_hashed(design, &program, watched, request.samples, &request.options, &|_, _| ())?;
    let simulate_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let model = build::build(
        request.cache,
        request.sources,
        request.top,
        &build::Harness {
            header: &generate::header(design, request.top, request.pins, request.probes)?,
            visible: &generate::visible(request.top, request.pins, request.probes),
            optimise: request.optimise.unwrap_or(if run.cycles() < LONG { 1 } else { 3 }),
        },
    )?;
    let build_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let shape = shape(request);
    let mismatch = match compare(request, &model.program, &shape, &run, progress)? {
        None => None,
        Some(suspect) => {
            let segment = &run.segments[suspect.segment];
            let window = match suspect.block {
                Some(block) => block * BLOCK..((block + 1) * BLOCK).min(segment.cycles),
                None => 0..segment.cycles,
            };
            let task = task(request, &run, suspect.segment);
            let place = (suspect.segment, task);
            Some(locate::locate(request, &model.program, &shape, place, window, segment.first)?)
        }
    };
    let vectors = design.probes.iter().map(|p| &p.stream).chain([&design.output]);
    Ok(VerifyReport {
        samples: request.samples.len(),
        cycles: run.cycles(),
        streams,
        values: vectors.map(|s| s.order.len() as u64).sum::<u64>() * request.samples.len() as u64,
        verilator: model.version,
        cached: model.cached,
        simulate_seconds,
        build_seconds,
        run_seconds: start.elapsed().as_secs_f64(),
        mismatch,
    })
}

/// The streams in the order of the hash: input (handshake only), probes, output.
fn watched(request: &VerifyRequest, program: &Program) -> Vec<Watched> {
    let design = request.design;
    let one = |stream, data, last| Watched::new(program, &design.netlist, stream, data, last);
    let probes =
        design.probes.iter().zip(request.probes).map(|(p, pins)| one(&p.stream, true, pins.last.is_some()));
    let output = one(&design.output, true, request.pins.output.last.is_some());
    [one(&design.input, false, false)].into_iter().chain(probes).chain([output]).collect()
}

fn shape(request: &VerifyRequest) -> Shape {
    let words = |pins: &StreamPins| {
        let bits: u32 = pins.last.iter().chain(&pins.data).map(|s| s.width).sum();
        bits.div_ceil(64) as usize
    };
    let streams = request.probes.iter().chain([&request.pins.output]).map(words);
    Shape { streams: [0].into_iter().chain(streams).collect() }
}

fn task<'a>(request: &VerifyRequest<'a>, run: &Run, segment: usize) -> Task<'a> {
    let bounds = &run.segments[segment];
    Task {
        samples: &request.samples[bounds.first..bounds.first + bounds.samples],
        stalls: stalls(&request.options, segment),
        cycles: bounds.cycles,
    }
}

/// A segment that differs, and the block in which it does if a hash told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Suspect {
    segment: usize,
    block: Option<u64>,
}

/// Runs all segments in the model and returns the first that differs.
fn compare(
    request: &VerifyRequest,
    program: &Path,
    shape: &Shape,
    run: &Run,
    progress: &dyn Fn(u64, u64),
) -> Result<Option<Suspect>> {
    let count = run.segments.len();
    if request.samples.is_empty() {
        return Ok(None);
    }
    let processes =
        request.processes.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let groups = processes.clamp(1, count);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..groups)
            .map(|g| {
                let segments = count * g / groups..count * (g + 1) / groups;
                let sender = sender.clone();
                scope.spawn(move || group(request, program, shape, run, segments, &sender))
            })
            .collect();
        drop(sender);
        let mut done = 0;
        for results in receiver {
            done += results;
            progress(done, request.samples.len() as u64);
        }
        // The lowest segment, so that the answer does not depend on the number of processes.
        let results: Vec<_> =
            handles.into_iter().map(|h| h.join().expect("a group does not panic")).collect();
        results.into_iter().collect::<Result<Vec<_>>>().map(|found| found.into_iter().flatten().min())
    })
}

fn group(
    request: &VerifyRequest,
    program: &Path,
    shape: &Shape,
    run: &Run,
    segments: std::ops::Range<usize>,
    sender: &mpsc::Sender<u64>,
) -> Result<Option<Suspect>> {
    let tasks: Vec<Task> = segments.clone().map(|s| task(request, run, s)).collect();
    let stream = &request.design.output;
    let mut suspect = None;
    let (mut block, mut beat, mut results, mut odd) = (0, 0, 0, false);
    let mut vector = Vec::new();
    model::run(program, request.top, request.design, shape, &tasks, Mode::default(), &mut |index, event| {
        let at = segments.start + index;
        let segment = &run.segments[at];
        match event {
            Event::Block(hash) if segment.hashes.get(block) == Some(&hash) => block += 1,
            Event::Block(_) => suspect = Some(Suspect { segment: at, block: Some(block as u64) }),
            Event::Beat { cycle, words } => {
                let mut bits = Bits::new(&words);
                bits.take(request.pins.output.last.as_ref().map_or(0, |s| s.width));
                vector.resize(stream.order.iter().max().map_or(0, |m| *m as usize + 1), 0);
                for (id, element) in stream.data.iter().zip(&stream.order[beat * stream.data.len()..]) {
                    let range = request.design.netlist.node(*id).range;
                    vector[*element as usize] = range.wrap(bits.take(range.width()));
                }
                beat += 1;
                if beat == stream.beats() {
                    let sample = segment.first + results;
                    (beat, results) = (0, results + 1);
                    odd |=
                        run.finished.get(sample) != Some(&cycle) || run.outputs.get(sample) != Some(&vector);
                    vector.clear();
                    // Nobody listens any more only when the caller is gone.
                    let _ = sender.send(1);
                }
            }
            Event::Cycle { .. } => {}
            Event::End { .. } => {
                // Hashes that agree where results do not: then every cycle is read.
                if odd || results != segment.samples || block != segment.hashes.len() {
                    suspect = Some(Suspect { segment: at, block: None });
                }
                (block, beat, results, odd) = (0, 0, 0, false);
                vector.clear();
            }
        }
        suspect.is_none()
    })?;
    Ok(suspect)
}
