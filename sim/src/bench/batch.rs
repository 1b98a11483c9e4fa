//! The lanes of a machine under the protocol.

use super::{Bench, Job, Outcome};
use crate::lanes::{Compiled, Lanes};
use crate::mask::Mask;
use crate::packed::{Layout, Wanted};
use sterna_ir::bench::RESET_CYCLES;
use sterna_ir::design::Stream;
use sterna_ir::netlist::NodeId;

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
pub(super) struct Batch<'a, M: Lanes> {
    bench: &'a Bench<'a>,
    program: &'a M::Program,
    pub machine: M,
    input: Tap<<M::Program as Compiled>::Port>,
    output: Tap<<M::Program as Compiled>::Port>,
    probes: Vec<Tap<<M::Program as Compiled>::Port>>,
    last: Option<usize>,
    jobs: Vec<Job>,
    /// Sample that waits or is offered, and the one after the last.
    sample: Vec<usize>,
    end: Vec<usize>,
    /// Whether any lane stalls, and whether one has a wrong `last`.
    stalled: bool,
    faulty: bool,
    /// Lanes that still wait for results.
    pub running: Mask,
    /// Lanes whose samples have all moved in.
    exhausted: Mask,
    offered: Mask,
    /// `valid` on the pins.
    valid: Mask,
    /// Lanes with another beat than the one on the pins.
    stale: Mask,
    /// Beats to be put on the pins.
    wanted: Vec<Wanted>,
    /// Results that a lane waits for.
    pub left: Vec<usize>,
    /// Lanes in which a sample or result moved lately.
    pub moved: Mask,
    pub outcomes: Vec<Outcome>,
}

impl<'a, M: Lanes> Batch<'a, M> {
    pub fn new(bench: &'a Bench<'a>, program: &'a M::Program, jobs: &[Job]) -> Self {
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
            wanted: Vec::with_capacity(M::LANES),
            input,
            output: tap(&design.output),
            probes,
            last: design.input.last.map(|id| program.at(id)),
            jobs: jobs.to_vec(),
            sample: jobs.iter().map(|job| job.first).collect(),
            end: jobs.iter().map(|job| job.end).collect(),
            stalled: jobs.iter().any(|job| job.stalls.input.level > 0 || job.stalls.output.level > 0),
            faulty: jobs.iter().any(|job| job.stalls.fault.is_some()),
            running,
            exhausted: !running,
            offered: Mask::default(),
            valid: Mask::default(),
            stale: running,
            left: jobs.iter().map(|job| job.end - job.first).collect(),
            moved: Mask::default(),
            outcomes: vec![outcome; jobs.len()],
        }
    }

    fn set(&mut self, node: NodeId, bits: Mask) {
        self.machine.set(self.program, self.program.at(node), &bits);
    }

    pub fn reset(&mut self) {
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
    pub fn drive(&mut self) {
        let (mut hold_in, mut hold_out) = (Mask::default(), Mask::default());
        // A generator of level 0 never stalls, whatever its state.
        if self.stalled {
            let count = self.jobs.len();
            hold_in = Mask::from_fn(count, |l| self.jobs[l].stalls.input.draw());
            hold_out = Mask::from_fn(count, |l| self.jobs[l].stalls.output.draw());
        }
        let valid = self.running & !self.exhausted & (self.offered | !hold_in);
        let change = (valid & (!self.valid | self.stale)) | (self.valid & !valid);
        if !change.is_empty() {
            self.show(change, valid);
            self.stale = self.stale & !change;
            self.machine.load(self.program, &self.input.port, &self.input.packed);
            self.machine.set(self.program, self.input.valid, &valid);
            if let Some(last) = self.last {
                let ends = match (self.input.beats, self.faulty) {
                    (1, false) => !Mask::default(),
                    (beats, _) => {
                        Mask::from_fn(self.jobs.len(), |l| (self.input.beat[l] + 1 == beats) != self.fault(l))
                    }
                };
                self.machine.set(self.program, last, &(valid & ends));
            }
        }
        self.valid = valid;
        self.machine.set(self.program, self.output.ready, &(self.running & !hold_out));
    }

    /// Whether the waiting beat of lane `l` is the one with a wrong `last`.
    fn fault(&self, l: usize) -> bool {
        let job = &self.jobs[l];
        let beat = (self.sample[l] - job.first) as u64 * u64::from(self.input.beats);
        self.faulty && job.stalls.fault == Some(beat + u64::from(self.input.beat[l]))
    }

    /// Puts the waiting beats of the `change`d lanes, or nothing, where the input is loaded from.
    fn show(&mut self, change: Mask, valid: Mask) {
        for l in (change & !valid).lanes() {
            self.input.packed.chunks_exact_mut(M::LANES).for_each(|words| words[l] = 0);
        }
        self.wanted.clear();
        let (samples, beats) = (&self.sample, &self.input.beat);
        let wanted = |l: usize| Wanted { lane: l, sample: samples[l], beat: beats[l] as usize };
        self.wanted.extend((change & valid).lanes().map(wanted));
        self.bench.source.beats(&self.wanted, M::LANES, &mut self.input.packed);
    }

    /// Looks at a settled cycle; the number of results that came out.
    pub fn observe(&mut self, cycle: u64) -> u64 {
        let ready = self.machine.get(self.program, self.input.ready);
        let moves = self.valid & ready;
        self.offered = self.valid & !ready;
        self.stale = self.stale | moves;
        if self.bench.results {
            for l in moves.lanes().filter(|l| self.input.beat[*l] == 0) {
                self.outcomes[l].started.push(cycle);
            }
        }
        // A packet that is cut short ends as if all of it had come.
        if self.faulty {
            let cut = Mask::from_fn(self.jobs.len(), |l| self.fault(l));
            (moves & cut).lanes().for_each(|l| self.input.beat[l] = self.input.beats - 1);
        }
        for l in self.input.step(moves).lanes() {
            self.sample[l] += 1;
            if self.sample[l] == self.end[l] {
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
            self.left[l] -= 1;
            if self.bench.results {
                self.outcomes[l].finished.push(cycle);
            }
            if self.left[l] == 0 {
                self.running.remove(l);
            }
        }
        self.moved = self.moved | moves | done;
        count
    }
}

/// The lanes in which a beat moves.
fn moving<M: Lanes>(machine: &M, program: &M::Program, tap: &Tap<<M::Program as Compiled>::Port>) -> Mask {
    machine.get(program, tap.valid) & machine.get(program, tap.ready)
}
