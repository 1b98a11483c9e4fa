//! Both descriptions driven by the same stimulus, and their outputs compared in every cycle.

use rand::{Rng, RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rust_hdl::prelude::*;
use sterna_ir::Range;
use sterna_ir::interpret::{Circuit, Interpreter};

use crate::part::Part;

/// A block of rust-hdl that can stand beside a [`Part`]: its pins in the same order, words as their bits.
pub trait Twin: Block {
    /// The output that says whether those behind it mean anything, if there is one.
    const VALID: Option<usize>;
    /// The clock.
    fn clock(&mut self) -> &mut Signal<In, Clock>;
    /// Sets all inputs.
    fn drive(&mut self, bits: &[u64]);
    /// All outputs.
    fn see(&self) -> Vec<u64>;
    /// The same in Verilog: which ports are to be connected with the inputs `i0`, `i1` and so on and the outputs `o0` and so on.
    fn connections(&self) -> String;
}

/// Where both differ first.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// Cycles before.
    pub cycle: usize,
    /// Name of the output.
    pub output: String,
    /// Bits of Sterna's, and of the other.
    pub bits: [u64; 2],
}

/// Runs both for `cycles` and compares every output in every cycle; how many words meant something.
///
/// # Panics
/// When rust-hdl does not settle.
pub fn compare<T: Twin>(
    part: &Part,
    twin: &mut T,
    cycles: usize,
    mut stimulus: impl FnMut(&mut Dice) -> Vec<i64>,
) -> Result<usize, Difference> {
    let mut ours = Interpreter::new(&part.netlist);
    let mut dice = Dice::new(46);
    let cut = |pin, value: i64| {
        let width = part.netlist.node(pin).range.width();
        value as u64 & (u64::MAX >> (64 - width))
    };
    twin.connect_all();
    settle(twin);
    let mut words = 0;
    for cycle in 0..cycles {
        let values = stimulus(&mut dice);
        let pins = || part.inputs.iter().copied().zip(values.iter().copied());
        assert_eq!(values.len(), part.inputs.len(), "a value for each input");
        pins().for_each(|(pin, value)| ours.set(pin, value));
        ours.settle();
        twin.drive(&Vec::from_iter(pins().map(|(pin, value)| cut(pin, value))));
        settle(twin);
        let seen = twin.see();
        assert_eq!(seen.len(), part.outputs.len(), "every output is looked at");
        let means = |index: usize| T::VALID.is_none_or(|valid| index <= valid || seen[valid] == 1);
        for (index, (pin, theirs)) in part.outputs.iter().zip(&seen).enumerate() {
            if !means(index) {
                continue;
            }
            let (bits, theirs) = (cut(*pin, ours.get(*pin)), *theirs);
            words += 1;
            if bits != theirs {
                let output = part.netlist.node(*pin).name.clone();
                return Err(Difference { cycle, output, bits: [bits, theirs] });
            }
        }
        ours.clock();
        for level in [true, false] {
            twin.clock().next = level.into();
            settle(twin);
        }
    }
    Ok(words)
}

fn settle(twin: &mut impl Twin) {
    assert!(simulate(twin, 100), "rust-hdl does not settle");
}

/// Random stimulus that is the same every time.
#[derive(Debug)]
pub struct Dice(Xoshiro256PlusPlus);

impl Dice {
    /// Dice of that seed.
    pub fn new(seed: u64) -> Self {
        Dice(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// 1 in so many of 100 cases.
    pub fn bit(&mut self, percent: u32) -> i64 {
        i64::from(self.0.random_range(0..100) < percent)
    }

    /// A value, in one of four cases at an end of the range.
    pub fn value(&mut self, range: Range) -> i64 {
        match self.0.next_u32() % 8 {
            0 => range.lo,
            1 => range.hi,
            _ => self.0.random_range(range.lo..=range.hi),
        }
    }
}
