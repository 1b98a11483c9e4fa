//! The fast simulator as a single circuit.

use crate::lanes::{Compiled, Lanes};
use crate::machine::Machine;
use crate::planes::Planes;
use crate::program::{Program, Watch};
use crate::slice::slice;
use crate::sliced::Sliced;
use crate::word::{Word, WordSize};
use sterna_ir::interpret::Circuit;
use sterna_ir::netlist::{Netlist, NodeId, Op};
use sterna_ir::{Design, Range};

/// One simulated circuit, to be driven by [`sterna_ir::bench::run`] or by hand.
#[derive(Clone, Debug)]
pub struct Simulator {
    program: Program,
    inputs: Vec<Option<Range>>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    W16(Machine<i16, 1>),
    W32(Machine<i32, 1>),
    W64(Machine<i64, 1>),
}

macro_rules! each {
    ($state:expr, $machine:ident => $body:expr) => {
        match $state {
            State::W16($machine) => $body,
            State::W32($machine) => $body,
            State::W64($machine) => $body,
        }
    };
}

impl Simulator {
    /// Compiles a [checked](sterna_ir::check::check) netlist and powers it up. Only inputs, outputs and watched nodes can be
    /// read.
    pub fn new(netlist: &Netlist, watch: Watch) -> Self {
        Simulator::with(netlist, Program::new(netlist, watch))
    }

    /// A simulator of a design in which all streams can be read.
    pub fn for_design(design: &Design) -> Self {
        Simulator::with(&design.netlist, Program::for_design(design))
    }

    /// Powers up `program`, which was compiled from `netlist`.
    pub fn with(netlist: &Netlist, program: Program) -> Self {
        let state = match program.word_size() {
            WordSize::W16 => State::W16(Machine::new(&program)),
            WordSize::W32 => State::W32(Machine::new(&program)),
            WordSize::W64 => State::W64(Machine::new(&program)),
        };
        let input = |id| Some(netlist.node(id)).filter(|n| n.op == Op::Input).map(|n| n.range);
        Simulator { inputs: netlist.ids().map(input).collect(), program, state }
    }
}

fn put<T: Word>(machine: &mut Machine<T, 1>, slot: usize, value: i64) {
    machine.values[slot] = [T::cut(value)];
}

impl Circuit for Simulator {
    fn set(&mut self, input: NodeId, value: i64) {
        let fits = self.inputs[input.index()].is_some_and(|range| range.contains(value));
        assert!(fits, "node {} cannot be set to {value}", input.0);
        let slot = self.program.at(input);
        each!(&mut self.state, machine => put(machine, slot, value));
    }

    fn settle(&mut self) {
        each!(&mut self.state, machine => machine.settle(&self.program));
    }

    fn get(&self, node: NodeId) -> i64 {
        let slot = self.program.at(node);
        each!(&self.state, machine => machine.values[slot][0].wide())
    }

    fn clock(&mut self) {
        each!(&mut self.state, machine => machine.clock(&self.program));
    }
}

/// One circuit simulated bit by bit, as [`crate::run`] does where that is faster: 64 copies that all do the same.
#[derive(Clone, Debug)]
pub struct Bitwise<'a> {
    netlist: &'a Netlist,
    program: Planes,
    machine: Sliced<1>,
}

impl<'a> Bitwise<'a> {
    /// Compiles a [checked](sterna_ir::check::check) netlist and powers it up.
    pub fn new(netlist: &'a Netlist, watch: Watch) -> Self {
        let program = slice(netlist, watch);
        Bitwise { netlist, machine: Sliced::new(&program), program }
    }
}

impl Circuit for Bitwise<'_> {
    fn set(&mut self, input: NodeId, value: i64) {
        assert!(self.netlist.node(input).range.contains(value), "node {} cannot be set to {value}", input.0);
        self.machine.put(&self.program, input, value);
    }

    fn settle(&mut self) {
        self.machine.settle(&self.program);
    }

    fn get(&self, node: NodeId) -> i64 {
        self.netlist.node(node).range.wrap(self.machine.bits(&self.program, node))
    }

    fn clock(&mut self) {
        self.machine.clock(&self.program);
    }
}
