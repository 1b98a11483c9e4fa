//! A netlist compiled bit by bit: one plane per bit of every value, so that one machine word carries that bit of 64
//! circuits.
//!
//! Wiring (shifts, slices, sign extension, constants) is only a choice of planes. What is left are bitwise operations and
//! ripple carries over consecutive planes.

use crate::lanes::Compiled;
use crate::packed::Field;
use crate::program::Bank;
use sterna_ir::netlist::NodeId;

/// What an instruction does with the planes that it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gate {
    /// Two to four bits for every bit of the result, lowest first: their sum, the last `minus` of them subtracted.
    Sum { terms: u8, minus: u8 },
    /// A bit; where it is 1, a register takes the sum.
    SumIf { terms: u8, minus: u8 },
    /// The width of the result, the number of bits that are added, a constant (none of them planes), then bits: the constant,
    /// and those that are added, and those that are inverted before.
    Count,
    /// Pairs of bits, lowest first: whether the unsigned number of the first is at least that of the second.
    Ge,
    /// Pairs of bits: whether all agree.
    Eq,
    /// All bits set.
    And,
    /// Any bit set.
    Or,
    /// The bit inverted.
    Not,
    /// The halves of a truth table, which are no planes, then the bits of its index.
    Lut,
    /// A bit, then pairs of which it chooses.
    Mux,
    /// The planes themselves.
    Copy,
    /// A register takes the planes.
    Take,
    /// A bit; where it is 1, a register takes the planes after it.
    TakeIf,
    /// The number of a memory, which is no plane, and a bit; where it is 1, a read port takes the word at the address after
    /// it.
    Read,
    /// The number of a memory, which is no plane, and a bit; where it is 1, the memory takes a word: its address, then its
    /// bits.
    Write,
}

/// Most bits of a [`Gate::Count`].
pub(crate) const MOST: usize = 256;
/// Most bits of its result.
pub(crate) const WIDEST: usize = 32;

/// Instructions of one shape, one after the other in [`Planes::code`]: the first plane written, then what is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub gate: Gate,
    /// Words of an instruction.
    pub stride: u32,
    /// Where the instructions end; they begin at the end of the run before.
    pub end: u32,
}

/// A netlist as bitwise operations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Planes {
    /// What settles the nodes that are watched, then all the rest and the registers.
    pub runs: Vec<Run>,
    /// Runs that settle.
    pub settle: usize,
    pub code: Vec<u32>,
    /// Every plane's bit at the start.
    pub start: Vec<bool>,
    /// The reset input.
    pub reset: Option<u32>,
    /// Planes with a reset value.
    pub resets: Vec<(u32, bool)>,
    /// Planes of every node, lowest bit first; those of nodes that are not watched may carry something else by now.
    pub wires: Vec<Vec<u32>>,
    /// Nodes that can be observed between settling and clocking.
    pub watched: Vec<bool>,
    /// The memories.
    pub memories: Vec<Memory>,
}

/// A memory.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub bank: Bank,
    /// Bits of a word.
    pub width: usize,
}

impl Planes {
    /// The planes of a watched node.
    pub fn of(&self, node: NodeId) -> &[u32] {
        assert!(self.watched[node.index()], "node {} is not watched", node.0);
        &self.wires[node.index()]
    }

    /// About how many planes are read or written in a cycle when the circuits are at `addresses` different places.
    pub fn cost(&self, addresses: usize) -> usize {
        let mut begin = 0;
        let mut access = 0;
        for run in &self.runs {
            let code = &self.code[begin..run.end as usize];
            begin = run.end as usize;
            if matches!(run.gate, Gate::Read | Gate::Write) {
                access +=
                    code.chunks_exact(run.stride as usize).map(|x| self.access(x, addresses)).sum::<usize>();
            }
        }
        3 * self.code.len() / 2 + access
    }

    /// What an access to a memory costs beyond an instruction of its length.
    fn access(&self, code: &[u32], addresses: usize) -> usize {
        let memory = &self.memories[code[1] as usize];
        let depth = match &memory.bank {
            Bank::Rom(words) => words.len(),
            Bank::Ram { depth, .. } => *depth,
            Bank::Unused => 0,
        };
        // Two planes for each word, and two for each branch on the way to it.
        addresses.min(depth) * (2 * memory.width + 4)
    }
}

/// Planes of the words of a stream.
pub(crate) struct Port {
    /// For each bit of each word the plane that it comes from and goes to.
    pub words: Vec<Vec<u32>>,
}

impl Compiled for Planes {
    type Port = Port;

    fn at(&self, node: NodeId) -> usize {
        self.of(node)[0] as usize
    }

    fn port(&self, fields: &[Field]) -> Port {
        let planes: Vec<u32> = fields.iter().flat_map(|f| self.of(f.node)).copied().collect();
        Port { words: planes.chunks(64).map(<[u32]>::to_vec).collect() }
    }
}
