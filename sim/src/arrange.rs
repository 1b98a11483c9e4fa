//! The order of instructions on planes, and where their results lie.
//!
//! Instructions of one shape follow each other, so that the processor sees long loops instead of surprises. Planes that
//! nobody reads any more are used again: what is alive stays in a near cache.

use crate::planes::{Gate, Planes, Run};
use std::collections::BTreeMap;

/// One instruction on planes that are never used again.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub gate: Gate,
    /// Of a [`Gate::Lut`]; the number of the memory of a [`Gate::Read`] or [`Gate::Write`]; of a [`Gate::Count`] how many
    /// bits are added, and the constant above it.
    pub table: u64,
    /// First plane written.
    pub out: u32,
    /// Planes written.
    pub width: u32,
    pub read: Vec<u32>,
}

/// Instructions in an order of evaluation, registers after all that reads them.
pub(crate) type Chunk = Vec<Step>;

/// Writes the code: `settle` chunks first settle what is watched; the first `state` planes are there before any step and
/// stay. Consecutive planes of one result stay consecutive.
pub(crate) fn arrange(mut program: Planes, chunks: &[Chunk], settle: usize, state: u32) -> Planes {
    let count = program.start.len();
    let order: Vec<Vec<&Step>> = chunks.iter().map(|chunk| sorted(chunk)).collect();
    let steps: Vec<&Step> = order.iter().flatten().copied().collect();
    let settled: usize = chunks[..settle].iter().map(Vec::len).sum();
    let mut last = vec![0; count];
    for (i, step) in steps.iter().enumerate() {
        step.read.iter().for_each(|p| last[*p as usize] = i);
    }
    let watched = program.wires.iter().zip(&program.watched).filter(|(_, watched)| **watched);
    watched.flat_map(|(wires, _)| wires).for_each(|p| {
        last[*p as usize] = last[*p as usize].max(settled);
    });
    let mut place: Vec<u32> = (0..count as u32).collect();
    program.start.truncate(state as usize);
    // Results to be given up after a step, and places of each width that are free.
    let mut ends: BTreeMap<usize, Vec<(u32, u32)>> = BTreeMap::new();
    let mut free: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (i, step) in steps.iter().enumerate() {
        if step.out >= state {
            let first = free.entry(step.width).or_default().pop().unwrap_or_else(|| {
                let first = program.start.len();
                program.start.resize(first + step.width as usize, false);
                first as u32
            });
            let planes = step.out..step.out + step.width;
            let end = last[planes.start as usize..planes.end as usize].iter().max().copied();
            ends.entry(end.unwrap_or(i).max(i)).or_default().push((first, step.width));
            planes.zip(first..).for_each(|(p, to)| place[p as usize] = to);
        }
        program.emit(step, &place, i == settled);
        if i + 1 == settled {
            program.settle = program.runs.len();
        }
        for (first, width) in ends.remove(&i).into_iter().flatten() {
            free.entry(width).or_default().push(first);
        }
    }
    program.wires.iter_mut().flatten().for_each(|p| *p = place[*p as usize]);
    program
}

/// By level within the chunk, then by shape; registers last.
fn sorted(chunk: &Chunk) -> Vec<&Step> {
    let mut level: BTreeMap<u32, u32> = BTreeMap::new();
    let mut keyed: Vec<(u32, Gate, u32, usize, &Step)> = Vec::with_capacity(chunk.len());
    for step in chunk {
        let below = step.read.iter().filter_map(|p| level.get(p)).max().copied().unwrap_or(0);
        let own = match step.gate {
            Gate::Take | Gate::TakeIf | Gate::SumIf { .. } | Gate::Read | Gate::Write => u32::MAX,
            _ => below + 1,
        };
        if own < u32::MAX {
            (step.out..step.out + step.width).for_each(|p| _ = level.insert(p, own));
        }
        keyed.push((own, step.gate, step.width, step.read.len(), step));
    }
    keyed.sort_by_key(|(level, gate, width, reads, _)| (*level, *gate, *width, *reads));
    keyed.into_iter().map(|(.., step)| step).collect()
}

impl Planes {
    /// Appends an instruction, to the last run if it has its shape.
    fn emit(&mut self, step: &Step, place: &[u32], new: bool) {
        let begin = self.code.len();
        self.code.push(place[step.out as usize]);
        match step.gate {
            Gate::Lut => self.code.extend([step.table as u32, (step.table >> 32) as u32]),
            Gate::Count => self.code.extend([step.width, step.table as u32, (step.table >> 32) as u32]),
            Gate::Read | Gate::Write => self.code.push(step.table as u32),
            _ => {}
        }
        self.code.extend(step.read.iter().map(|p| place[*p as usize]));
        let (stride, end) = ((self.code.len() - begin) as u32, self.code.len() as u32);
        match self.runs.last_mut() {
            Some(run) if !new && run.gate == step.gate && run.stride == stride => run.end = end,
            _ => self.runs.push(Run { gate: step.gate, stride, end }),
        }
    }
}
