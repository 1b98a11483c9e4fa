//! Running many samples through a design: segments over lanes and threads.

use crate::fold::Watched;
use crate::lanes::{Bench, Job, Outcome};
use crate::program::Program;
use crate::word::WordSize;
use crate::{Error, Result};
use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};
use sterna_ir::Design;
use sterna_ir::bench::Stalls;
use sterna_ir::netlist::Op;

/// How samples are streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Parts that the samples are split into; each is streamed from reset with stalls of its own. Fewer when there are
    /// fewer than four samples a part.
    pub segments: usize,
    /// Stall probability in 1/256 on both streams.
    pub stall_level: u8,
    /// Seed of the stalls; segment `s` uses `seed + s`.
    pub seed: u64,
    /// Cycles without a move after which a circuit counts as stuck; by default 10,000 and four times the timing.
    pub patience: Option<u64>,
    /// Collect the vectors on the probes.
    pub probes: bool,
    /// Segments simulated side by side: 1, or the next of 16 and 32 (16 at most for 64-bit values); by default as many as vectors of 64 bytes hold. The
    /// results do not depend on it.
    pub lanes: Option<usize>,
    /// Threads; by default all of the machine's. The results do not depend on it.
    pub threads: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            segments: 64,
            stall_level: 0,
            seed: 0,
            patience: None,
            probes: false,
            lanes: None,
            threads: None,
        }
    }
}

/// A segment that was run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Segment {
    /// Its first sample.
    pub first: usize,
    /// Number of samples.
    pub samples: usize,
    /// Cycles from the end of reset to the last result.
    pub cycles: u64,
    /// Stream hash after every 1,024 cycles and at the end.
    pub(crate) hashes: Vec<u64>,
}

/// Results in the order of the samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// One result vector per sample.
    pub outputs: Vec<Vec<i64>>,
    /// For each probe, one vector per sample; elements absent from the stream's order are 0. The last vector of a segment is
    /// empty where its last beats do not matter to the result. Empty unless asked for.
    pub probes: Vec<Vec<Vec<i64>>>,
    /// Cycle of its segment in which the first beat of each sample moved in.
    pub started: Vec<u64>,
    /// Cycle of its segment in which the last beat of each result moved out.
    pub finished: Vec<u64>,
    /// The segments.
    pub segments: Vec<Segment>,
}

impl Run {
    /// Simulated cycles, resets excluded.
    pub fn cycles(&self) -> u64 {
        self.segments.iter().map(|s| s.cycles).sum()
    }
}

/// Bounds of the segments of `samples` samples.
pub(crate) fn split(samples: usize, segments: usize) -> Vec<(usize, usize)> {
    let parts = segments.max(1).min(samples.div_ceil(4)).max(1);
    (0..parts).map(|i| (samples * i / parts, samples * (i + 1) / parts)).collect()
}

/// Stalls of a segment.
pub(crate) fn stalls(options: &Options, segment: usize) -> Stalls {
    Stalls::random(options.seed.wrapping_add(segment as u64) & (u64::MAX >> 2), options.stall_level)
}

/// Cycles without a move that are still borne.
pub(crate) fn patience(design: &Design, options: &Options) -> u64 {
    options.patience.unwrap_or(10_000 + 4 * (design.timing.latency + design.timing.interval))
}

/// Refuses streams that carry nothing.
pub(crate) fn check_streams(design: &Design) -> Result<()> {
    let streams = design.probes.iter().map(|p| &p.stream).chain([&design.input, &design.output]);
    for stream in streams {
        if stream.data.is_empty() || stream.order.is_empty() {
            return Err(Error::Request(format!("the stream at node {} carries nothing", stream.valid.0)));
        }
    }
    Ok(())
}

/// Refuses samples that the input pins cannot carry.
pub(crate) fn check_samples(design: &Design, samples: &[Vec<i64>]) -> Result<()> {
    let input = &design.input;
    let need = input.order.iter().max().map_or(0, |m| *m as usize + 1);
    for node in &input.data {
        if design.netlist.node(*node).op != Op::Input {
            return Err(Error::Request(format!("node {} of the input stream is not an input", node.0)));
        }
    }
    for (i, sample) in samples.iter().enumerate() {
        let bad = |what| Err(Error::Sample { sample: i, what });
        if sample.len() < need {
            return bad(format!("{} values given, the design takes {need}", sample.len()));
        }
        for (position, element) in input.order.iter().enumerate() {
            let range = design.netlist.node(input.data[position % input.data.len()]).range;
            let value = sample[*element as usize];
            if !range.contains(value) || !range.contains(0) {
                return bad(format!("element {element} is {value}, outside {range}"));
            }
        }
    }
    Ok(())
}

/// Streams `samples` through `design`; `progress` hears of results and samples.
///
/// # Errors
/// A sample that does not fit; a circuit that stops moving.
pub fn run(
    design: &Design,
    samples: &[Vec<i64>],
    options: &Options,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Run> {
    let program = Program::for_design(design);
    check_streams(design)?;
    let mut bench = Bench::new(&program, design, patience(design, options));
    bench.probes = options.probes;
    run_bench(bench, samples, options, progress)
}

/// The same with the streams to hash.
pub(crate) fn run_hashed(
    design: &Design,
    program: &Program,
    watched: Vec<Watched>,
    samples: &[Vec<i64>],
    options: &Options,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Run> {
    let mut bench = Bench::new(program, design, patience(design, options));
    bench.watched = watched;
    run_bench(bench, samples, options, progress)
}

fn run_bench(
    bench: Bench,
    samples: &[Vec<i64>],
    options: &Options,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Run> {
    check_samples(bench.design, samples)?;
    let bounds = split(samples.len(), options.segments);
    let job = |(i, (from, to)): (usize, &(usize, usize))| Job {
        samples: &samples[*from..*to],
        stalls: stalls(options, i),
    };
    let jobs: Vec<Job> = bounds.iter().enumerate().map(job).collect();
    let done = AtomicU64::new(0);
    let tell = || progress(done.fetch_add(1, Ordering::Relaxed) + 1, samples.len() as u64);
    let simulate = || dispatch(&bench, &jobs, options.lanes, &tell);
    let outcomes = match options.threads {
        None => simulate(),
        Some(threads) => rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|e| Error::Request(format!("{threads} threads: {e}")))?
            .install(simulate),
    }
    .map_err(Error::Stuck)?;
    let mut run = Run {
        outputs: vec![],
        probes: vec![vec![]; if bench.probes { bench.design.probes.len() } else { 0 }],
        started: vec![],
        finished: vec![],
        segments: vec![],
    };
    for ((from, to), outcome) in bounds.into_iter().zip(outcomes) {
        run.outputs.extend(outcome.outputs);
        run.started.extend(outcome.started);
        run.finished.extend(outcome.finished);
        run.probes.iter_mut().zip(outcome.probes).for_each(|(all, part)| {
            all.extend(part);
            all.resize(to, Vec::new());
        });
        let segment =
            Segment { first: from, samples: to - from, cycles: outcome.cycles, hashes: outcome.hashes };
        run.segments.push(segment);
    }
    Ok(run)
}

/// Picks the machine for the word and the number of lanes.
fn dispatch(
    bench: &Bench,
    jobs: &[Job],
    lanes: Option<usize>,
    done: &(dyn Fn() + Sync),
) -> std::result::Result<Vec<Outcome>, String> {
    let size = bench.program.word_size();
    let lanes = lanes.unwrap_or(match size {
        _ if jobs.len() == 1 => 1,
        WordSize::W16 => 32,
        WordSize::W32 | WordSize::W64 => 16,
    });
    macro_rules! batches {
        ($word:ty, $lanes:literal) => {
            jobs.par_chunks($lanes).map(|jobs| bench.batch::<$word, $lanes>(jobs, done)).collect()
        };
    }
    let outcomes: std::result::Result<Vec<Vec<Outcome>>, String> = match (size, lanes) {
        (WordSize::W16, 0 | 1) => batches!(i16, 1),
        (WordSize::W16, 2..=16) => batches!(i16, 16),
        (WordSize::W16, _) => batches!(i16, 32),
        (WordSize::W32, 0 | 1) => batches!(i32, 1),
        (WordSize::W32, 2..=16) => batches!(i32, 16),
        (WordSize::W32, _) => batches!(i32, 32),
        (WordSize::W64, 0 | 1) => batches!(i64, 1),
        (WordSize::W64, _) => batches!(i64, 16),
    };
    Ok(outcomes?.into_iter().flatten().collect())
}
