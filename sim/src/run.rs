//! Running many samples through a design: segments over lanes and threads.

mod dispatch;

use crate::bench::{Bench, Job};
use crate::fold::Watched;
use crate::packed::{Layout, Packed, Source};
use crate::{Error, Result};
use dispatch::dispatch;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use sterna_ir::bench::{Stall, Stalls};
use sterna_ir::design::{Design, Stream};

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
    /// Whether one beat of every fourth segment has a wrong `last`, where the input has one, so that its packet is cut short
    /// or does not end; and whether, unless nothing stalls, the results of another fourth, and of half of that one, are taken
    /// so seldom that the circuit fills up.
    pub harsh: bool,
    /// Cycles without a move after which a circuit counts as stuck; by default 10,000 and four times the timing,
    /// and what a result takes whose beats are taken seldom.
    pub patience: Option<u64>,
    /// Keep the results and their cycles.
    pub results: bool,
    /// Keep the vectors on the probes.
    pub probes: bool,
    /// Segments simulated side by side: 1, or the next of 16, 32 and 64 (fewer for wide values); bit by bit 64, 256 or 512.
    /// By default what seems fastest. The results do not depend on it.
    pub lanes: Option<usize>,
    /// Whether to simulate bit by bit; by default where that seems faster. The results do not depend on it.
    pub bitwise: Option<bool>,
    /// Threads; by default all of the machine's. The results do not depend on it.
    pub threads: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            segments: 64,
            stall_level: 0,
            seed: 0,
            harsh: false,
            patience: None,
            results: true,
            probes: false,
            lanes: None,
            bitwise: None,
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
    /// Samples that were cut short, and how many of their beats came.
    pub cut: BTreeMap<usize, usize>,
    /// One result vector per sample, unless not kept.
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

/// Stall levels of an output that is taken seldom, one cycle in 256 or, where samples come fast, in 16.
const SELDOM: u8 = 255;
const SELDOM_FAST: u8 = 240;

/// Samples inside a circuit that a faulty beat may find before it.
const MOST_INSIDE: u64 = 9;

/// Stalls of a segment. A faulty beat is the last, the first or any other of one of its first samples, or of one that finds
/// the circuit full of others, as far as a segment is that long.
pub(crate) fn stalls(design: &Design, options: &Options, segment: usize) -> Stalls {
    let seed = options.seed.wrapping_add(segment as u64) & (u64::MAX >> 2);
    let mut stalls = Stalls::random(seed, options.stall_level);
    // Of the segments with a faulty beat half, so that some such beat has to wait.
    let is_seldom = segment % 4 == 2 || segment % 8 == 5;
    if options.harsh && options.stall_level > 0 && is_seldom {
        let is_slow = design.timing.interval > 16;
        stalls.output.level = if is_slow { SELDOM } else { SELDOM_FAST };
    }
    if options.harsh && segment % 4 == 1 && design.input.last.is_some() {
        let mut dice = Stall::new(seed, 0);
        // The first states of neighbouring seeds are alike.
        (0..4).for_each(|_| _ = dice.draw());
        let beats = design.input.beats() as u64;
        let place = match dice.state >> 32 & 3 {
            0 => 0,
            1 => (dice.state >> 34) % beats,
            _ => beats - 1,
        };
        let inside = (design.timing.latency / design.timing.interval.max(1)).min(MOST_INSIDE);
        stalls.fault = Some(dice.state % (3 + inside) * beats + place);
    }
    stalls
}

/// Cycles without a beat that moves in or a result that is out that are still borne.
pub(crate) fn patience(design: &Design, options: &Options) -> u64 {
    options.patience.unwrap_or_else(|| usual_patience(design))
}

/// The same where nothing else is asked for: a result may take many beats, each taken in one cycle of 256.
pub fn usual_patience(design: &Design) -> u64 {
    let result = design.output.beats() as u64 * 256;
    10_000 + 4 * (design.timing.latency + design.timing.interval + result)
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
    check_streams(design)?;
    stream(design, &Packed::new(design, samples)?, options, progress)
}

/// The same with samples from anywhere: what is not kept takes no memory, however long the run.
///
/// # Errors
/// A circuit that stops moving.
pub fn stream(
    design: &Design,
    source: &dyn Source,
    options: &Options,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Run> {
    run_hashed(design, &[], source, options, progress)
}

/// The same with the streams to hash.
pub(crate) fn run_hashed(
    design: &Design,
    watched: &[Watched],
    source: &dyn Source,
    options: &Options,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Run> {
    check_streams(design)?;
    let bench = Bench {
        design,
        source,
        watched,
        results: options.results,
        probes: options.probes,
        patience: patience(design, options),
    };
    let bounds = split(source.count(), options.segments);
    let job = |(i, (first, end)): (usize, &(usize, usize))| Job {
        first: *first,
        end: *end,
        stalls: stalls(design, options, i),
    };
    let jobs: Vec<Job> = bounds.iter().enumerate().map(job).collect();
    let done = AtomicU64::new(0);
    let tell = |new: u64| progress(done.fetch_add(new, Ordering::Relaxed) + new, source.count() as u64);
    let simulate = || dispatch(&bench, &jobs, options, &tell);
    let outcomes = match options.threads {
        None => simulate(),
        Some(threads) => rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|e| Error::Request(format!("{threads} threads: {e}")))?
            .install(simulate),
    }
    .map_err(Error::Stuck)?;
    let vectors = |stream: &Stream, words: &[u64]| {
        let layout = Layout::new(&design.netlist, stream);
        words.chunks_exact(layout.words * layout.beats).map(|words| layout.unpack(words)).collect::<Vec<_>>()
    };
    let mut run = Run {
        cut: BTreeMap::new(),
        outputs: vec![],
        probes: vec![vec![]; if bench.probes { design.probes.len() } else { 0 }],
        started: vec![],
        finished: vec![],
        segments: vec![],
    };
    for (job, outcome) in jobs.iter().zip(outcomes) {
        let cut = job.stalls.cut(design.input.beats()).map(|(sample, beats)| (job.first + sample, beats));
        run.cut.extend(cut.filter(|(sample, _)| *sample < job.end));
        run.outputs.extend(vectors(&design.output, &outcome.outputs));
        run.started.extend(outcome.started);
        run.finished.extend(outcome.finished);
        for ((all, probe), words) in run.probes.iter_mut().zip(&design.probes).zip(&outcome.probes) {
            all.extend(vectors(&probe.stream, words));
            all.resize(job.end, Vec::new());
        }
        run.segments.push(Segment {
            first: job.first,
            samples: job.end - job.first,
            cycles: outcome.cycles,
            hashes: outcome.hashes,
        });
    }
    Ok(run)
}
