//! The test bench protocol of [`sterna_ir::bench`], followed to the cycle in every lane of a machine.

use crate::fold::{BLOCK, Fold, Watched};
use crate::lanes::{Compiled, Lanes};
use crate::mask::Mask;
use crate::packed::{Layout, Source};
use sterna_ir::bench::{RESET_CYCLES, Stalls};
use sterna_ir::design::{Design, Stream};
use sterna_ir::netlist::NodeId;

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

/// A stream in one machine, and the vectors that were taken from it.
struct Tap<P> {
    valid: usize,
    ready: usize,
    port: P,
    words: usize,
    beats: u32,
    beat: Vec<u32>,
    packed: Vec<u64>,
}

impl<P> Tap<P> {
    fn new<C: Compiled<Port = P>>(program: &C, layout: &Layout, stream: &Stream, lanes: usize) -> Self {
        Tap {
            valid: program.at(stream.valid),
            ready: program.at(stream.ready),
            port: program.port(&layout.fields),
            words: layout.words,
            beats: layout.beats as u32,
            beat: vec![0; lanes],
            packed: vec![0; lanes * layout.words],
        }
    }

    /// Lets the beats of `moves` move; the lanes whose vector is complete now.
    fn step(&mut self, moves: Mask) -> Mask {
        if self.beats == 1 {
            return moves;
        }
        let mut done = moves;
        for l in moves.lanes() {
            self.beat[l] += 1;
            if self.beat[l] == self.beats {
                self.beat[l] = 0;
            } else {
                done.remove(l);
            }
        }
        done
    }

    /// Appends the packed beat of lane `l` to `to`.
    fn take(&self, l: usize, to: &mut Vec<u64>) {
        let lanes = self.beat.len();
        to.extend((0..self.words).map(|w| self.packed[w * lanes + l]));
    }
}

/// The lanes' side of the protocol.
struct Batch<'a, M: Lanes> {
    bench: &'a Bench<'a>,
    program: &'a M::Program,
    machine: M,
    input: Tap<<M::Program as Compiled>::Port>,
    output: Tap<<M::Program as Compiled>::Port>,
    probes: Vec<Tap<<M::Program as Compiled>::Port>>,
    last: Option<usize>,
    jobs: Vec<Job>,
    /// Sample that waits or is offered.
    sample: Vec<usize>,
    /// Lanes that still wait for results.
    running: Mask,
    /// Lanes whose samples have all moved in.
    exhausted: Mask,
    offered: Mask,
    /// `valid` on the pins.
    valid: Mask,
    /// Lanes with another beat than the one on the pins.
    stale: Mask,
    /// A packed input beat.
    beat: Vec<u64>,
    results: Vec<usize>,
    moved: Vec<u64>,
    outcomes: Vec<Outcome>,
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
        // Nobody can be out of patience before.
        let mut check = self.patience;
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
            if cycle >= check {
                let oldest = before.lanes().min_by_key(|l| batch.moved[*l]).expect("a lane is running");
                if cycle + 1 - batch.moved[oldest] > self.patience {
                    let (done, all) = (batch.results[oldest], jobs[oldest].end - jobs[oldest].first);
                    return Err(format!(
                        "nothing moved for {} cycles after {done} of {all} results",
                        self.patience
                    ));
                }
                check = batch.moved[oldest] + self.patience;
            }
            batch.machine.clock(program);
            cycle += 1;
        }
        Ok(batch.outcomes)
    }
}

impl<'a, M: Lanes> Batch<'a, M> {
    fn new(bench: &'a Bench<'a>, program: &'a M::Program, jobs: &[Job]) -> Self {
        let design = bench.design;
        let tap =
            |stream: &Stream| Tap::new(program, &Layout::new(&design.netlist, stream), stream, M::LANES);
        let probes: Vec<_> = design.probes.iter().filter(|_| bench.probes).map(|p| tap(&p.stream)).collect();
        let outcome = Outcome { probes: vec![vec![]; probes.len()], ..Outcome::default() };
        let input = tap(&design.input);
        let running = Mask::from_fn(jobs.len(), |l| jobs[l].first < jobs[l].end);
        Batch {
            bench,
            program,
            machine: M::new(program),
            beat: vec![0; input.words],
            input,
            output: tap(&design.output),
            probes,
            last: design.input.last.map(|id| program.at(id)),
            jobs: jobs.to_vec(),
            sample: jobs.iter().map(|job| job.first).collect(),
            running,
            exhausted: !running,
            offered: Mask::default(),
            valid: Mask::default(),
            stale: running,
            results: vec![0; jobs.len()],
            moved: vec![0; jobs.len()],
            outcomes: vec![outcome; jobs.len()],
        }
    }

    fn set(&mut self, node: NodeId, bits: Mask) {
        self.machine.set(self.program, self.program.at(node), &bits);
    }

    fn reset(&mut self) {
        let design = self.bench.design;
        self.set(design.input.valid, Mask::default());
        self.set(design.output.ready, Mask::default());
        design.input.last.into_iter().for_each(|last| self.set(last, Mask::default()));
        self.machine.load(self.program, &self.input.port, &self.input.packed);
        let reset = design.netlist.reset;
        reset.into_iter().for_each(|id| self.set(id, !Mask::default()));
        for _ in 0..RESET_CYCLES {
            self.machine.settle(self.program);
            self.machine.clock(self.program);
        }
        reset.into_iter().for_each(|id| self.set(id, Mask::default()));
    }

    /// Steps 2 to 4 of the protocol.
    fn drive(&mut self) {
        let (mut hold_in, mut hold_out) = (Mask::default(), Mask::default());
        // A generator of level 0 never stalls, whatever its state.
        if self.jobs.iter().any(|job| job.stalls.input.level > 0 || job.stalls.output.level > 0) {
            let count = self.jobs.len();
            hold_in = Mask::from_fn(count, |l| self.jobs[l].stalls.input.draw());
            hold_out = Mask::from_fn(count, |l| self.jobs[l].stalls.output.draw());
        }
        let valid = self.running & !self.exhausted & (self.offered | !hold_in);
        let change = (valid & (!self.valid | self.stale)) | (self.valid & !valid);
        if !change.is_empty() {
            for l in change.lanes() {
                self.show(l, valid.has(l));
            }
            self.stale = self.stale & !change;
            self.machine.load(self.program, &self.input.port, &self.input.packed);
            self.machine.set(self.program, self.input.valid, &valid);
            if let Some(last) = self.last {
                let beats = self.input.beats;
                let fault = |l: usize| {
                    let beat = (self.sample[l] - self.jobs[l].first) as u64 * u64::from(beats);
                    self.jobs[l].stalls.fault == Some(beat + u64::from(self.input.beat[l]))
                };
                let ends = Mask::from_fn(self.jobs.len(), |l| (self.input.beat[l] + 1 == beats) != fault(l));
                self.machine.set(self.program, last, &(valid & ends));
            }
        }
        self.valid = valid;
        self.machine.set(self.program, self.output.ready, &(self.running & !hold_out));
    }

    /// Puts the waiting beat of lane `l`, or nothing, where the input is loaded from.
    fn show(&mut self, l: usize, valid: bool) {
        if valid {
            self.bench.source.beat(self.sample[l], self.input.beat[l] as usize, &mut self.beat);
        } else {
            self.beat.fill(0);
        }
        for (w, word) in self.beat.iter().enumerate() {
            self.input.packed[w * M::LANES + l] = *word;
        }
    }

    /// Looks at a settled cycle; the number of results that came out.
    fn observe(&mut self, cycle: u64) -> u64 {
        let ready = self.machine.get(self.program, self.input.ready);
        let moves = self.valid & ready;
        self.offered = self.valid & !ready;
        self.stale = self.stale | moves;
        if self.bench.results {
            for l in moves.lanes().filter(|l| self.input.beat[*l] == 0) {
                self.outcomes[l].started.push(cycle);
            }
        }
        for l in self.input.step(moves).lanes() {
            self.sample[l] += 1;
            if self.sample[l] == self.jobs[l].end {
                self.exhausted.insert(l);
            }
        }
        let running = self.running;
        for (i, probe) in self.probes.iter_mut().enumerate() {
            let moves = running & moving(&self.machine, self.program, probe);
            if !moves.is_empty() {
                self.machine.pack(self.program, &probe.port, &mut probe.packed);
                moves.lanes().for_each(|l| probe.take(l, &mut self.outcomes[l].probes[i]));
            }
        }
        let out = running & moving(&self.machine, self.program, &self.output);
        if self.bench.results && !out.is_empty() {
            self.machine.pack(self.program, &self.output.port, &mut self.output.packed);
            out.lanes().for_each(|l| self.output.take(l, &mut self.outcomes[l].outputs));
        }
        let done = self.output.step(out);
        let mut count = 0;
        for l in done.lanes() {
            count += 1;
            self.results[l] += 1;
            if self.bench.results {
                self.outcomes[l].finished.push(cycle);
            }
            if self.results[l] == self.jobs[l].end - self.jobs[l].first {
                self.running.remove(l);
            }
        }
        (moves | done).lanes().for_each(|l| self.moved[l] = cycle);
        count
    }
}

/// The lanes in which a beat moves.
fn moving<M: Lanes>(machine: &M, program: &M::Program, tap: &Tap<<M::Program as Compiled>::Port>) -> Mask {
    machine.get(program, tap.valid) & machine.get(program, tap.ready)
}
