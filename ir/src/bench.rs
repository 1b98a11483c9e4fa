//! The test bench protocol: how samples are driven into a [`Design`] and results taken out, with stalls on both sides.
//!
//! Every simulator follows this text to the cycle, so that all of them can be compared cycle by cycle:
//!
//! 1. Reset is 1 for [`RESET_CYCLES`] cycles with `valid` and `ready` at 0. Then cycle 0 begins.
//! 2. In every cycle, the input generator draws first, then the output generator ([`Stall::draw`]).
//! 3. Input `valid` is 1 when a beat waits and either it was already offered or the input draw is no stall. While it is 0,
//!    data and `last` are 0. `last` is 1 in the last beat of a sample, but for the one beat of [`Stalls::fault`], where it
//!    is wrong: where it is 1 too early, the packet ends there and the beat after it is the first of the next sample.
//! 4. Output `ready` is 1 when the output draw is no stall.
//! 5. Combinational logic settles; a beat moves where `valid` and `ready` are both 1; the clock rises.

use crate::design::{Design, Stream};
use crate::interpret::Circuit;

/// Cycles of reset before cycle 0.
pub const RESET_CYCLES: usize = 4;

/// A stall generator: xorshift64 (Marsaglia 2003, shifts 13, 7, 17), a stall when the top byte is below `level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Generator state; never zero.
    pub state: u64,
    /// Stall probability in 1/256: 0 never stalls; at most 255.
    pub level: u8,
}

impl Stall {
    /// A generator seeded by `seed`, stalling in `level` of 256 cycles.
    pub fn new(seed: u64, level: u8) -> Self {
        Stall { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, level }
    }

    /// Advances by one cycle; `true` is a stall.
    pub fn draw(&mut self) -> bool {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        ((self.state >> 56) as u8) < self.level
    }
}

/// Stalls on both sides of a design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stalls {
    /// Withholds input beats.
    pub input: Stall,
    /// Refuses output beats.
    pub output: Stall,
    /// The input beat, counted over all samples, whose `last` is inverted.
    pub fault: Option<u64>,
}

impl Stalls {
    /// No stalls at all.
    pub fn none() -> Self {
        Stalls { input: Stall::new(1, 0), output: Stall::new(2, 0), fault: None }
    }

    /// Independent stalls in `level` of 256 cycles on both sides.
    pub fn random(seed: u64, level: u8) -> Self {
        let (input, output) = (Stall::new(2 * seed, level), Stall::new(2 * seed + 1, level));
        Stalls { input, output, fault: None }
    }

    /// The sample that is cut short, and how many of its `beats` beats come.
    pub fn cut(&self, beats: usize) -> Option<(usize, usize)> {
        let fault = self.fault? as usize;
        let (sample, come) = (fault / beats, fault % beats + 1);
        (come < beats).then_some((sample, come))
    }
}

/// What is taken in place of a sample of which only so many beats come: zeros where it is cut off.
pub fn filled(input: &Stream, sample: &[i64], beats: usize) -> Vec<i64> {
    let mut sample = sample.to_vec();
    let missing = input.order.iter().skip(beats * input.data.len());
    missing.for_each(|element| sample[*element as usize] = 0);
    sample
}

/// Collects the vectors that move over a stream.
#[derive(Clone, Debug)]
pub struct Collector<'a> {
    stream: &'a Stream,
    beat: usize,
    elements: usize,
    current: Vec<i64>,
    /// Finished vectors; elements absent from the stream's order stay 0.
    pub vectors: Vec<Vec<i64>>,
}

impl<'a> Collector<'a> {
    /// Collects vectors of `elements` elements.
    pub fn new(stream: &'a Stream, elements: usize) -> Self {
        Collector { stream, beat: 0, elements, current: vec![0; elements], vectors: Vec::new() }
    }

    /// Looks at one settled cycle; `true` when a vector was completed.
    pub fn sample(&mut self, circuit: &impl Circuit) -> bool {
        if circuit.get(self.stream.valid) == 0 || circuit.get(self.stream.ready) == 0 {
            return false;
        }
        let base = self.beat * self.stream.data.len();
        for (node, element) in self.stream.data.iter().zip(&self.stream.order[base..]) {
            self.current[*element as usize] = circuit.get(*node);
        }
        self.beat += 1;
        if self.beat < self.stream.beats() {
            return false;
        }
        self.beat = 0;
        self.vectors.push(std::mem::replace(&mut self.current, vec![0; self.elements]));
        true
    }
}

/// What came out of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// One result vector per sample.
    pub outputs: Vec<Vec<i64>>,
    /// For each probe, one vector per sample; the last is empty where its last beats do not matter to the result.
    pub probes: Vec<Vec<Vec<i64>>>,
    /// Cycle in which the first beat of each sample moved in.
    pub started: Vec<u64>,
    /// Cycle in which the last beat of each result moved out.
    pub finished: Vec<u64>,
}

/// Streams `samples` through `design` as simulated by `circuit`, until every result is out.
///
/// Stops with an error text when nothing moves for `patience` cycles (a deadlock).
pub fn run(
    design: &Design,
    circuit: &mut impl Circuit,
    samples: &[Vec<i64>],
    mut stalls: Stalls,
    patience: u64,
) -> Result<Run, String> {
    let (input, output) = (&design.input, &design.output);
    reset(design, circuit);
    let mut results = Collector::new(output, output.order.len());
    let size = |s: &Stream| s.order.iter().max().map_or(0, |m| *m as usize + 1);
    let mut probes: Vec<Collector> =
        design.probes.iter().map(|p| Collector::new(&p.stream, size(&p.stream))).collect();
    let (mut started, mut finished) = (Vec::new(), Vec::new());
    let (mut sample, mut beat, mut offered) = (0, 0, false);
    let (mut cycle, mut moved) = (0u64, 0u64);
    while results.vectors.len() < samples.len() {
        let (hold_in, hold_out) = (stalls.input.draw(), stalls.output.draw());
        let valid = sample < samples.len() && (offered || !hold_in);
        let faulty = stalls.fault == Some((sample * input.beats() + beat) as u64);
        offer(input, circuit, valid.then(|| (samples[sample].as_slice(), beat)), faulty);
        circuit.set(output.ready, i64::from(!hold_out));
        circuit.settle();
        offered = valid && circuit.get(input.ready) == 0;
        if valid && !offered {
            if beat == 0 {
                started.push(cycle);
            }
            beat += 1;
            if faulty || beat == input.beats() {
                (beat, sample) = (0, sample + 1);
            }
            moved = cycle;
        }
        for probe in &mut probes {
            probe.sample(circuit);
        }
        if results.sample(circuit) {
            finished.push(cycle);
            moved = cycle;
        }
        circuit.clock();
        cycle += 1;
        if cycle - moved > patience {
            let done = results.vectors.len();
            return Err(format!(
                "nothing moved for {patience} cycles after {done} of {} results",
                samples.len()
            ));
        }
    }
    let probes = probes.into_iter().map(|mut probe| {
        probe.vectors.resize(samples.len(), Vec::new());
        probe.vectors
    });
    let probes = probes.collect();
    Ok(Run { outputs: results.vectors, probes, started, finished })
}

/// Step 1 of the protocol.
pub fn reset(design: &Design, circuit: &mut impl Circuit) {
    offer(&design.input, circuit, None, false);
    circuit.set(design.output.ready, 0);
    if let Some(reset) = design.netlist.reset {
        circuit.set(reset, 1);
    }
    for _ in 0..RESET_CYCLES {
        circuit.settle();
        circuit.clock();
    }
    if let Some(reset) = design.netlist.reset {
        circuit.set(reset, 0);
    }
}

/// Sets the input stream's pins: a beat of a sample, with a wrong `last` if it is faulty, or nothing.
pub fn offer(input: &Stream, circuit: &mut impl Circuit, beat: Option<(&[i64], usize)>, faulty: bool) {
    circuit.set(input.valid, i64::from(beat.is_some()));
    let lanes = input.data.len();
    for (lane, node) in input.data.iter().enumerate() {
        let element = |(sample, beat): (&[i64], usize)| {
            input.order.get(beat * lanes + lane).map_or(0, |e| sample[*e as usize])
        };
        circuit.set(*node, beat.map_or(0, element));
    }
    if let Some(last) = input.last {
        circuit.set(last, i64::from(beat.is_some_and(|(_, b)| (b + 1 == input.beats()) != faulty)));
    }
}
