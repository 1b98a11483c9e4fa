//! The test bench protocol of [`sterna_ir::bench`], followed to the cycle in every lane of a machine.

mod batch;

use crate::fold::{BLOCK, Fold, Watched};
use crate::lanes::Lanes;
use crate::mask::Mask;
use crate::packed::Source;
use batch::Batch;
use sterna_ir::Design;
use sterna_ir::bench::Stalls;

/// Consecutive samples streamed from reset.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    /// Its first sample.
    pub first: usize,
    /// The sample after its last.
    pub end: usize,
    pub stalls: Stalls,
}

/// What came out of one job.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Packed results, if wanted.
    pub outputs: Vec<u64>,
    /// Packed vectors of each probe, if wanted.
    pub probes: Vec<Vec<u64>>,
    /// Cycle in which each sample moved in and each result out, if wanted.
    pub started: Vec<u64>,
    pub finished: Vec<u64>,
    pub cycles: u64,
    /// Hash after every block, and at the end.
    pub hashes: Vec<u64>,
}

/// What all batches of one design share.
pub(crate) struct Bench<'a> {
    pub design: &'a Design,
    pub source: &'a dyn Source,
    /// Streams to hash; none for no hashes.
    pub watched: &'a [Watched],
    /// Whether to keep results and their cycles.
    pub results: bool,
    /// Whether to keep the vectors on the probes.
    pub probes: bool,
    pub patience: u64,
}

impl Bench<'_> {
    /// Runs up to [`Lanes::LANES`] jobs side by side; `done` is told of new results.
    pub fn batch<M: Lanes>(
        &self,
        program: &M::Program,
        jobs: &[Job],
        done: &dyn Fn(u64),
    ) -> Result<Vec<Outcome>, String> {
        let mut batch = Batch::<M>::new(self, program, jobs);
        let mut fold = Fold::<M>::new(program, self.watched);
        batch.reset();
        let mut cycle = 0u64;
        while !batch.running.is_empty() {
            batch.drive();
            batch.machine.settle(program);
            if !self.watched.is_empty() {
                fold.cycle(program, &batch.machine, &batch.running);
            }
            let before = batch.running;
            let results = batch.observe(cycle);
            if results > 0 {
                done(results);
            }
            let block = (cycle + 1).is_multiple_of(BLOCK);
            if batch.running != before || block {
                for l in before.lanes().filter(|l| block || !batch.running.has(*l)) {
                    batch.outcomes[l].cycles = cycle + 1;
                    if !self.watched.is_empty() {
                        batch.outcomes[l].hashes.push(fold.hash[l]);
                    }
                }
            }
            if (cycle + 1).is_multiple_of(self.patience.max(1)) {
                if let Some(l) = (before & !batch.moved).lanes().next() {
                    let all = jobs[l].end - jobs[l].first;
                    let (cycles, done) = (self.patience, all - batch.left[l]);
                    return Err(format!("nothing moved for {cycles} cycles after {done} of {all} results"));
                }
                batch.moved = Mask::default();
            }
            batch.machine.clock(program);
            cycle += 1;
        }
        Ok(batch.outcomes)
    }
}
