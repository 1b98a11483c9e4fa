//! The speed of both simulators on the same design and stimuli.

use super::build::{Harness, build};
use super::model::{self, Event, Mode, Stimulus, Task};
use super::{HARNESS, Pins, Source, generate, shape, watched};
use crate::run::{Options, Segment, run_hashed, stalls};
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
    /// The fast simulator, from the netlist and packed samples to hashes.
    pub ours: Spent,
    /// The Verilator model on one thread, from samples in a file to hashes.
    pub verilator: Spent,
}

/// Time, s.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Spent {
    /// By the clock on the wall.
    pub wall: f64,
    /// Of all processors.
    pub processor: f64,
}

impl Spent {
    const LONG: Spent = Spent { wall: f64::MAX, processor: f64::MAX };

    fn least(self, other: Spent) -> Spent {
        Spent { wall: self.wall.min(other.wall), processor: self.processor.min(other.processor) }
    }
}

fn processor() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Runs both simulators by turns, input and output streams hashed in every cycle: compilation of either is left out, as is
/// packing of the samples.
///
/// # Errors
/// As [`super::verify`].
pub fn race(request: &RaceRequest) -> Result<Race> {
    let design = &Design { probes: vec![], ..request.design.clone() };
    let pins = request.pins;
    let options = Options { results: false, probes: false, ..request.options };
    generate::check(design, request.top, pins, &[])?;
    let harness = Harness {
        program: HARNESS,
        header: &generate::header(design, request.top, pins, &[])?,
        visible: &generate::visible(request.top, pins, &[]),
        optimise: "-O3 -march=native",
        defines: &[],
    };
    let model = build(request.cache, request.sources, request.top, &harness)?;
    let source = Packed::from_source(design, &Noise::new(design, request.samples, 1)?);
    let watched = watched(design, pins, &[]);
    let shape = shape(pins, &[]);
    let mut race = Race { cycles: 0, equal: true, ours: Spent::LONG, verilator: Spent::LONG };
    for _ in 0..request.rounds {
        let (start, before) = (Instant::now(), processor());
        let run = run_hashed(design, &watched, &source, &options, &|_, _| ())?;
        let ours = Spent { wall: start.elapsed().as_secs_f64(), processor: processor() - before };
        race.ours = race.ours.least(ours);
        race.cycles = run.cycles();
        let task = |(i, segment): (usize, &Segment)| Task {
            source: &source,
            samples: segment.first..segment.first + segment.samples,
            stalls: stalls(design, &options, i),
            cycles: segment.cycles,
            results: false,
            before: 0,
        };
        let tasks: Vec<Task> = run.segments.iter().enumerate().map(task).collect();
        let mut hashes = vec![vec![]; tasks.len()];
        let (mut start, mut spent) = (None, Spent::LONG);
        let mut look = |index: usize, event| {
            let start = *start.get_or_insert_with(Instant::now);
            match event {
                Event::Block(hash) => hashes[index].push(hash),
                Event::Time(processor) => spent = Spent { wall: start.elapsed().as_secs_f64(), processor },
                _ => {}
            }
            true
        };
        let stimulus = Stimulus::new(design, &tasks)?;
        model::run(&model, &shape, &stimulus, Mode::default(), &mut look)?;
        race.verilator = race.verilator.least(spent);
        race.equal &= run.segments.iter().zip(&hashes).all(|(segment, hashes)| segment.hashes == *hashes);
    }
    Ok(race)
}
