//! Running the model over all segments and comparing it with the simulator's run, hash by hash.

use super::model::{self, Bits, Event, Mode, Model, Shape, Stimulus, Task};
use super::{VerifyRequest, is_told, task};
use crate::Result;
use crate::packed::{Layout, Packed};
use crate::run::Run;
use std::sync::mpsc;

/// A segment that differs, and the block in which it does if a hash told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Suspect {
    pub segment: usize,
    pub block: Option<u64>,
    /// The first segment that ran in the same process.
    pub since: usize,
}

/// Runs all segments in the model and returns the first that differs.
pub(super) fn compare(
    request: &VerifyRequest,
    source: &Packed,
    model: &Model,
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
                scope.spawn(move || {
                    let tasks: Vec<Task> = segments.clone().map(|s| task(request, source, run, s)).collect();
                    let stimulus = Stimulus::new(request.design, &tasks)?;
                    // Nobody listens any more only when the caller is gone.
                    let told = |results| _ = sender.send(results);
                    group(request, model, shape, run, segments, (&stimulus, Mode::default()), &told)
                })
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

/// Runs consecutive segments in one process, up to the first that differs.
pub(super) fn group(
    request: &VerifyRequest,
    model: &Model,
    shape: &Shape,
    run: &Run,
    segments: std::ops::Range<usize>,
    (stimulus, mode): (&Stimulus, Mode),
    told_results: &dyn Fn(u64),
) -> Result<Option<Suspect>> {
    let output = &request.design.output;
    let layout = Layout::new(&request.design.netlist, output);
    let skip = request.pins.output.last.as_ref().map_or(0, |s| s.width);
    let since = segments.start;
    let mut suspect = None;
    let (mut block, mut beat, mut told, mut odd) = (0, 0, 0, false);
    model::run(model, shape, stimulus, mode, &mut |index, event| {
        let at = segments.start + index;
        let Some(segment) = run.segments.get(at) else { return true };
        match event {
            Event::Block(hash) if segment.hashes.get(block) == Some(&hash) => block += 1,
            Event::Block(_) => suspect = Some(Suspect { segment: at, block: Some(block as u64), since }),
            Event::Beat { cycle, words } => {
                let sample = segment.first + told;
                let mut bits = Bits::new(&words);
                bits.take(skip);
                for (field, element) in layout.beat(beat) {
                    let value = field.range.wrap(bits.take(field.range.width()));
                    odd |= run.outputs.get(sample).is_none_or(|vector| vector[element] != value);
                }
                beat += 1;
                if beat == output.beats() {
                    odd |= run.finished.get(sample) != Some(&cycle);
                    (beat, told) = (0, told + 1);
                }
            }
            Event::Cycle { .. } | Event::Time(_) => {}
            Event::End { results, .. } => {
                // Hashes that agree where results do not: then every cycle is read.
                odd |= is_told(at) && told != segment.samples;
                if odd || results != segment.samples as u64 || block != segment.hashes.len() {
                    suspect = Some(Suspect { segment: at, block: None, since });
                }
                (block, beat, told, odd) = (0, 0, 0, false);
                told_results(results);
            }
        }
        suspect.is_none()
    })?;
    Ok(suspect)
}
