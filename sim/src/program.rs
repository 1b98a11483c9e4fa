//! A netlist compiled for simulation: slots for values, and runs of equal operations over consecutive slots.
//!
//! Slots are numbered in the order of evaluation: inputs, constants and state first, then the combinational nodes by
//! level and kind. So every run writes a consecutive block of slots and reads only slots before it.

use crate::compile::Compiler;
use crate::live::{actions, live};
use crate::order::{memory, reads, schedule};
use crate::word::WordSize;
use sterna_ir::Range;
use sterna_ir::design::{Design, Stream};
use sterna_ir::netlist::{Memory, MemoryKind, Netlist, NodeId};

/// What all instructions of a run do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Sum of `terms` operands, the last `minus` of them subtracted.
    Sum { terms: u8, minus: u8, shifted: bool },
    /// `a >= b`.
    Ge,
    /// `a == b`.
    Eq,
    /// Two bits.
    And2,
    /// Two bits.
    Or2,
    /// A list of bits.
    And,
    /// A list of bits.
    Or,
    /// The bit inverted.
    Not,
    /// A list of bits; the table's halves are in `at[1..]`, the number of bits in `small[0]`.
    Lut,
    /// `sel, zero, one`.
    Mux,
    /// Low bits, sign-extended.
    WrapSigned,
    /// Low bits.
    WrapUnsigned,
    /// Bits from `small[0]`, `small[1]` of them.
    Slice,
    /// A list of words.
    Concat,
    /// `d`.
    Reg,
    /// `d, enable`.
    RegEnable,
    /// `addr, -, memory`.
    Read,
    /// `addr, enable, memory`.
    ReadEnable,
    /// `enable, addr, data`; the run's first slot is the memory.
    Write,
}

/// Operands of one instruction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Args {
    /// Slots, or the bounds of a list in [`Program::parts`].
    pub at: [u32; 3],
    /// Shifts or widths.
    pub small: [u8; 3],
}

/// One operand of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub slot: u32,
    pub width: u8,
    pub shift: u8,
}

/// Instructions of one kind into consecutive slots.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub kind: Kind,
    /// Slot written by the first instruction.
    pub first: usize,
    /// The instructions, in [`Program::args`].
    pub args: std::ops::Range<usize>,
}

/// A memory: the words of a ROM, or the power-up word of a RAM.
#[derive(Clone, Debug)]
pub(crate) enum Bank {
    Rom(Vec<i64>),
    Ram { depth: usize, start: i64 },
    Unused,
}

impl Bank {
    /// `memory`, without contents where it is not used.
    pub fn of(memory: &Memory, used: bool) -> Self {
        match &memory.kind {
            _ if !used => Bank::Unused,
            MemoryKind::Rom(words) => Bank::Rom(words.clone()),
            MemoryKind::Ram { .. } => Bank::Ram { depth: memory.depth, start: start_value(memory.word) },
        }
    }
}

/// What a value of `range` is at power-up.
pub(crate) fn start_value(range: Range) -> i64 {
    0i64.clamp(range.lo, range.hi)
}

/// A compiled netlist.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) settle: Vec<Run>,
    pub(crate) clock: Vec<Run>,
    pub(crate) args: Vec<Args>,
    pub(crate) parts: Vec<Part>,
    /// Value of every slot at the start.
    pub(crate) start: Vec<i64>,
    pub(crate) banks: Vec<Bank>,
    /// The reset input's slot.
    pub(crate) reset: Option<u32>,
    /// Registers with a reset value.
    pub(crate) resets: Vec<(u32, i64)>,
    /// Slot of every node, or [`DEAD`].
    pub(crate) slots: Vec<u32>,
    pub(crate) size: WordSize,
}

/// No slot.
pub(crate) const DEAD: u32 = u32::MAX;

/// What one can ask for during simulation.
#[derive(Clone, Copy, Debug)]
pub enum Watch<'a> {
    /// Every node: nothing is dropped.
    All,
    /// These nodes, besides inputs and outputs.
    Nodes(&'a [NodeId]),
}

impl Program {
    /// Compiles a [checked](sterna_ir::check::check) netlist. Nodes that neither an output nor a watched node depends on
    /// are dropped.
    pub fn new(netlist: &Netlist, watch: Watch) -> Self {
        let live = live(netlist, watch);
        let actions = actions(netlist, &live);
        let plan = schedule(&actions, |a| reads(netlist, a), |a| memory(netlist, a));
        Compiler::new(netlist, &live, &plan).finish(netlist, &plan)
    }

    /// Compiles a design so that all its streams can be observed.
    pub fn for_design(design: &Design) -> Self {
        Program::new(&design.netlist, Watch::Nodes(&stream_nodes(design)))
    }

    /// Where a node's value is; `None` when the node was dropped.
    pub fn slot(&self, node: NodeId) -> Option<usize> {
        self.slots.get(node.index()).filter(|s| **s != DEAD).map(|s| *s as usize)
    }

    /// Number of values held.
    pub fn len(&self) -> usize {
        self.start.len()
    }

    /// Whether nothing is left to simulate.
    pub fn is_empty(&self) -> bool {
        self.start.is_empty()
    }

    /// The smallest word that holds every value.
    pub fn word_size(&self) -> WordSize {
        self.size
    }

    /// Computes in a wider word than necessary, or at least in this one.
    pub fn at_least(mut self, size: WordSize) -> Self {
        self.size = self.size.max(size);
        self
    }
}

/// Every node of a design's streams.
pub(crate) fn stream_nodes(design: &Design) -> Vec<NodeId> {
    let streams = design.probes.iter().map(|p| &p.stream).chain([&design.input, &design.output]);
    let nodes =
        |s: &Stream| [s.valid, s.ready].into_iter().chain(s.last).chain(s.data.iter().copied()).collect();
    streams.flat_map(|s| -> Vec<NodeId> { nodes(s) }).collect()
}
