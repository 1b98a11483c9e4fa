//! The test bench protocol of [`sterna_ir::bench`], followed to the cycle in every lane of a machine.

use crate::fold::{BLOCK, Fold, Watched};
use crate::machine::Machine;
use crate::program::Program;
use crate::word::Word;
use sterna_ir::bench::{RESET_CYCLES, Stalls};
use sterna_ir::design::{Design, Stream};

/// Consecutive samples streamed from reset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job<'a> {
    pub samples: &'a [Vec<i64>],
    pub stalls: Stalls,
}

/// What came out of one job.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub outputs: Vec<Vec<i64>>,
    pub probes: Vec<Vec<Vec<i64>>>,
    pub started: Vec<u64>,
    pub finished: Vec<u64>,
    pub cycles: u64,
    /// Hash after every block, and at the end.
    pub hashes: Vec<u64>,
}

/// The parts of a stream by slot.
struct Taps {
    valid: usize,
    ready: usize,
    last: Option<usize>,
    data: Vec<usize>,
    elements: usize,
}

impl Taps {
    fn new(program: &Program, stream: &Stream) -> Self {
        Taps {
            valid: program.at(stream.valid),
            ready: program.at(stream.ready),
            last: stream.last.map(|id| program.at(id)),
            data: stream.data.iter().map(|id| program.at(*id)).collect(),
            elements: stream.order.iter().max().map_or(0, |m| *m as usize + 1),
        }
    }
}

/// What all batches of one design share.
pub(crate) struct Bench<'a> {
    pub program: &'a Program,
    pub design: &'a Design,
    /// Streams to hash; none for no hashes.
    pub watched: Vec<Watched>,
    /// Whether to collect the vectors on the probes.
    pub probes: bool,
    pub patience: u64,
    input: Taps,
    output: Taps,
    taps: Vec<Taps>,
}

/// Collects the vectors of one stream in one lane.
#[derive(Clone, Debug, Default)]
struct Collect {
    beat: usize,
    current: Vec<i64>,
}

impl Collect {
    /// Takes a moving beat; the vector when it is complete.
    fn take<T: Word, const L: usize>(
        &mut self,
        (stream, taps): (&Stream, &Taps),
        values: &[[T; L]],
        lane: usize,
    ) -> Option<Vec<i64>> {
        if values[taps.valid][lane] == T::ZERO || values[taps.ready][lane] == T::ZERO {
            return None;
        }
        self.current.resize(taps.elements, 0);
        let base = self.beat * taps.data.len();
        for (slot, element) in taps.data.iter().zip(&stream.order[base..]) {
            self.current[*element as usize] = values[*slot][lane].wide();
        }
        self.beat += 1;
        if self.beat < stream.beats() {
            return None;
        }
        self.beat = 0;
        Some(std::mem::take(&mut self.current))
    }
}

/// One lane's side of the protocol.
struct Lane<'a> {
    job: Job<'a>,
    stalls: Stalls,
    sample: usize,
    beat: usize,
    offered: bool,
    /// The beat on the pins.
    shown: Option<(usize, usize)>,
    moved: u64,
    running: bool,
    result: Collect,
    probes: Vec<Collect>,
    outcome: Outcome,
}

impl<'a> Bench<'a> {
    pub fn new(program: &'a Program, design: &'a Design, patience: u64) -> Self {
        Bench {
            program,
            design,
            watched: vec![],
            probes: false,
            patience,
            input: Taps::new(program, &design.input),
            output: Taps::new(program, &design.output),
            taps: design.probes.iter().map(|p| Taps::new(program, &p.stream)).collect(),
        }
    }

    /// Runs up to `L` jobs side by side; `done` is told of every result.
    pub fn batch<T: Word, const L: usize>(
        &self,
        jobs: &[Job],
        done: &dyn Fn(),
    ) -> Result<Vec<Outcome>, String> {
        let mut machine = Machine::<T, L>::new(self.program);
        let mut lanes: Vec<Lane> = jobs.iter().map(|job| self.lane(*job)).collect();
        let mut fold = Fold::<L>::new(&self.watched);
        self.reset(&mut machine);
        let mut cycle = 0u64;
        while lanes.iter().any(|lane| lane.running) {
            for (l, lane) in lanes.iter_mut().enumerate() {
                self.drive(&mut machine.values, l, lane);
            }
            machine.settle(self.program);
            fold.cycle(&self.watched, &machine.values);
            for (l, lane) in lanes.iter_mut().enumerate().filter(|(_, lane)| lane.running) {
                if self.observe(&machine.values, l, lane, cycle) {
                    done();
                }
                lane.running = lane.outcome.outputs.len() < lane.job.samples.len();
                if !self.watched.is_empty() && (!lane.running || (cycle + 1).is_multiple_of(BLOCK)) {
                    lane.outcome.hashes.push(fold.hash[l]);
                }
                lane.outcome.cycles = cycle + 1;
                if cycle + 1 - lane.moved > self.patience {
                    return Err(format!(
                        "nothing moved for {} cycles after {} of {} results",
                        self.patience,
                        lane.outcome.outputs.len(),
                        lane.job.samples.len()
                    ));
                }
            }
            machine.clock(self.program);
            cycle += 1;
        }
        Ok(lanes.into_iter().map(|lane| lane.outcome).collect())
    }

    fn lane<'j>(&self, job: Job<'j>) -> Lane<'j> {
        let probes = if self.probes { self.taps.len() } else { 0 };
        Lane {
            job,
            stalls: job.stalls,
            sample: 0,
            beat: 0,
            offered: false,
            shown: None,
            moved: 0,
            running: !job.samples.is_empty(),
            result: Collect::default(),
            probes: vec![Collect::default(); probes],
            outcome: Outcome { probes: vec![vec![]; probes], ..Outcome::default() },
        }
    }

    fn reset<T: Word, const L: usize>(&self, machine: &mut Machine<T, L>) {
        let pins = [self.input.valid, self.output.ready].into_iter().chain(self.input.last);
        for slot in pins.chain(self.input.data.iter().copied()) {
            machine.values[slot] = [T::ZERO; L];
        }
        let set = |machine: &mut Machine<T, L>, value| {
            if let Some(slot) = self.program.reset {
                machine.values[slot as usize] = [value; L];
            }
        };
        set(machine, T::ONE);
        for _ in 0..RESET_CYCLES {
            machine.settle(self.program);
            machine.clock(self.program);
        }
        set(machine, T::ZERO);
    }

    /// Steps 2 to 4 of the protocol.
    fn drive<T: Word, const L: usize>(&self, values: &mut [[T; L]], l: usize, lane: &mut Lane) {
        let (hold_in, hold_out) = (lane.stalls.input.draw(), lane.stalls.output.draw());
        let valid = lane.running && lane.sample < lane.job.samples.len() && (lane.offered || !hold_in);
        values[self.output.ready][l] = T::bit(lane.running && !hold_out);
        let show = valid.then_some((lane.sample, lane.beat));
        if show == lane.shown {
            return;
        }
        lane.shown = show;
        values[self.input.valid][l] = T::bit(valid);
        let stream = &self.design.input;
        if let Some(last) = self.input.last {
            values[last][l] = T::bit(valid && lane.beat + 1 == stream.beats());
        }
        let (used, empty) = match show {
            None => self.input.data.split_at(0),
            Some((_, beat)) => {
                let left = stream.order.len() - beat * self.input.data.len();
                self.input.data.split_at(left.min(self.input.data.len()))
            }
        };
        if let Some((sample, beat)) = show {
            let sample = &lane.job.samples[sample];
            let order = &stream.order[beat * self.input.data.len()..];
            for (slot, element) in used.iter().zip(order) {
                values[*slot][l] = T::cut(sample[*element as usize]);
            }
        }
        for slot in empty {
            values[*slot][l] = T::ZERO;
        }
    }

    /// Looks at a settled cycle; `true` when a result came out.
    fn observe<T: Word, const L: usize>(
        &self,
        values: &[[T; L]],
        l: usize,
        lane: &mut Lane,
        cycle: u64,
    ) -> bool {
        let valid = lane.shown.is_some();
        lane.offered = valid && values[self.input.ready][l] == T::ZERO;
        if valid && !lane.offered {
            if lane.beat == 0 {
                lane.outcome.started.push(cycle);
            }
            lane.beat += 1;
            if lane.beat == self.design.input.beats() {
                (lane.beat, lane.sample) = (0, lane.sample + 1);
            }
            lane.moved = cycle;
        }
        for (i, collect) in lane.probes.iter_mut().enumerate() {
            let stream = (&self.design.probes[i].stream, &self.taps[i]);
            lane.outcome.probes[i].extend(collect.take(stream, values, l));
        }
        let result = lane.result.take((&self.design.output, &self.output), values, l);
        let done = result.is_some();
        if let Some(vector) = result {
            lane.outcome.outputs.push(vector);
            lane.outcome.finished.push(cycle);
            lane.moved = cycle;
        }
        done
    }
}
