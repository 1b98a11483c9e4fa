//! Running the model over all segments and comparing it with the simulator's run, hash by hash.

use super::model::{self, Bits, Event, Mode, Shape, Task};
use super::{VerifyRequest, task};
use crate::Result;
use crate::packed::{Layout, Packed};
use crate::run::Run;
use std::path::Path;
use std::sync::mpsc;

/// A segment that differs, and the block in which it does if a hash told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Suspect {
    pub segment: usize,
    pub block: Option<u64>,
}

/// Runs all segments in the model and returns the first that differs.
pub(super) fn compare(
    request: &VerifyRequest,
    source: &Packed,
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
                scope.spawn(move || group(request, source, program, shape, run, segments, &sender))
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
    source: &Packed,
    program: &Path,
    shape: &Shape,
    run: &Run,
    segments: std::ops::Range<usize>,
    sender: &mpsc::Sender<u64>,
) -> Result<Option<Suspect>> {
    let tasks: Vec<Task> = segments.clone().map(|s| task(request, source, run, s)).collect();
    let output = &request.design.output;
    let layout = Layout::new(&request.design.netlist, output);
    let skip = request.pins.output.last.as_ref().map_or(0, |s| s.width);
    let mut suspect = None;
    let (mut block, mut beat, mut told, mut odd) = (0, 0, 0, false);
    model::run(program, request.top, request.design, shape, &tasks, Mode::default(), &mut |index, event| {
        let at = segments.start + index;
        let Some(segment) = run.segments.get(at) else { return true };
        match event {
            Event::Block(hash) if segment.hashes.get(block) == Some(&hash) => block += 1,
            Event::Block(_) => suspect = Some(Suspect { segment: at, block: Some(block as u64) }),
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
                odd |= tasks[index].results && told != segment.samples;
                if odd || results != segment.samples as u64 || block != segment.hashes.len() {
                    suspect = Some(Suspect { segment: at, block: None });
                }
                (block, beat, told, odd) = (0, 0, 0, false);
                // Nobody listens any more only when the caller is gone.
                let _ = sender.send(results);
            }
        }
        suspect.is_none()
    })?;
    Ok(suspect)
}
