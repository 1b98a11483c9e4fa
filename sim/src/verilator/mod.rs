//! Equality with Verilator: the same stimuli, every stream compared in every cycle.

mod build;
mod compare;
mod generate;
mod locate;
mod model;
mod pins;
mod race;
mod report;
mod serial;

pub use build::{Source, lint, version};
pub use pins::{Pins, Signal, StreamPins};
pub use race::{Race, RaceRequest, Spent, race};
pub use report::{Kind, Mismatch, Place, VerifyReport};
pub use serial::{Board, Serial};

use crate::Result;
use crate::fold::{BLOCK, Watched};
use crate::packed::Packed;
use crate::run::{Options, Run, check_streams, run_hashed, stalls};
use compare::compare;
use model::{Shape, Task};
use std::path::Path;
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
    /// Models that run at the same time; by default one per processor.
    pub processes: Option<usize>,
    /// Where to write the simulator's waveform around a difference (VCD).
    pub waveform: Option<&'a Path>,
}

/// Drives a model by the test bench protocol.
const HARNESS: &str = include_str!("harness.cpp");

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
    let watched = watched(design, request.pins, request.probes);
    let start = Instant::now();
    let source = Packed::new(design, request.samples)?;
    let run = run_hashed(design, &watched, &source, &request.options, &|_, _| ())?;
    let simulate_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let model = build::build(
        request.cache,
        request.sources,
        request.top,
        &build::Harness {
            program: HARNESS,
            header: &generate::header(design, request.top, request.pins, request.probes)?,
            visible: &generate::visible(request.top, request.pins, request.probes),
            optimise: if run.cycles() < LONG { "-O1" } else { "-O3" },
            defines: &[],
        },
    )?;
    let build_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let shape = shape(request.pins, request.probes);
    let mismatch = match compare(request, &source, &model.program, &shape, &run, progress)? {
        None => None,
        Some(suspect) => {
            let segment = &run.segments[suspect.segment];
            let window = match suspect.block {
                Some(block) => block * BLOCK..((block + 1) * BLOCK).min(segment.cycles),
                None => 0..segment.cycles,
            };
            let task = task(request, &source, &run, suspect.segment);
            let place = (suspect.segment, task);
            Some(locate::locate(request, &model.program, &shape, place, window, segment.first)?)
        }
    };
    let vectors = design.probes.iter().map(|p| &p.stream).chain([&design.output]);
    Ok(VerifyReport {
        samples: request.samples.len(),
        cycles: run.cycles(),
        streams: watched.len(),
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

/// A segment for the model. The results of the first are compared one by one, as a check of the hashes.
fn task<'a>(request: &VerifyRequest, source: &'a Packed, run: &Run, segment: usize) -> Task<'a> {
    let bounds = &run.segments[segment];
    Task {
        source,
        samples: bounds.first..bounds.first + bounds.samples,
        stalls: stalls(&request.options, segment),
        cycles: bounds.cycles,
        results: segment == 0,
    }
}
