//! The speed of both simulators on the same design and stimuli.

use super::build::{Harness, build};
use super::model::{self, Event, Mode, Task};
use super::{Pins, Source, generate, shape, watched};
use crate::run::{Options, run_hashed, stalls};
use crate::{Noise, Packed, Result};
use std::path::Path;
use std::time::Instant;
use sterna_ir::Design;

/// A design, its Verilog, and how long to run.
#[derive(Clone, Copy, Debug)]
pub struct RaceRequest<'a> {
    /// The design.
    pub design: &'a Design,
    /// Its Verilog.
    pub sources: &'a [Source],
    /// Name of the top module.
    pub top: &'a str,
    /// Ports of the top module.
    pub pins: &'a Pins,
    /// Segments, stalls and threads; results are not kept.
    pub options: Options,
    /// Samples of uniform noise.
    pub samples: usize,
    /// Runs of each, by turns.
    pub rounds: usize,
    /// Folder of built models.
    pub cache: &'a Path,
}

/// The fastest run of each.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Race {
    /// Cycles that each simulated, resets excluded.
    pub cycles: u64,
    /// Whether all hashes agree.
    pub equal: bool,
    /// Time of the fast simulator from packed samples to hashes, s.
    pub seconds: f64,
    /// Time of the Verilator model from the samples in a file to hashes, s; one thread.
    pub verilator_seconds: f64,
}

/// Runs both simulators by turns, input and output streams hashed in every cycle: compilation of either is left out, as is packing of the samples.
///
/// # Errors
/// As [`super::verify`].
pub fn race(request: &RaceRequest) -> Result<Race> {
    let design = &Design { probes: vec![], ..request.design.clone() };
    let pins = request.pins;
    let options = Options { results: false, probes: false, ..request.options };
    generate::check(design, request.top, pins, &[])?;
    let harness = Harness {
        header: &generate::header(design, request.top, pins, &[])?,
        visible: &generate::visible(request.top, pins, &[]),
        optimise: "-O3 -march=native",
    };
    let model = build(request.cache, request.sources, request.top, &harness)?;
    let source = Packed::from_source(design, &Noise::new(design, request.samples, 1)?);
    let watched = watched(design, pins, &[]);
    let shape = shape(pins, &[]);
    let mut race = Race { cycles: 0, equal: true, seconds: f64::MAX, verilator_seconds: f64::MAX };
    for _ in 0..request.rounds {
        let start = Instant::now();
        let run = run_hashed(design, &watched, &source, &options, &|_, _| ())?;
        race.seconds = race.seconds.min(start.elapsed().as_secs_f64());
        race.cycles = run.cycles();
        let tasks: Vec<Task> = run
            .segments
            .iter()
            .enumerate()
            .map(|(i, segment)| Task {
                source: &source,
                samples: segment.first..segment.first + segment.samples,
                stalls: stalls(&options, i),
                cycles: segment.cycles,
                results: false,
            })
            .collect();
        let mut hashes = vec![vec![]; tasks.len()];
        let seconds = model::run(
            &model.program,
            request.top,
            design,
            &shape,
            &tasks,
            Mode::default(),
            &mut |index, event| {
                if let Event::Block(hash) = event {
                    hashes[index].push(hash);
                }
                true
            },
        )?;
        race.verilator_seconds = race.verilator_seconds.min(seconds);
        race.equal &= run.segments.iter().zip(&hashes).all(|(segment, hashes)| segment.hashes == *hashes);
    }
    Ok(race)
}
