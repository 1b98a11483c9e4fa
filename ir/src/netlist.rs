//! The netlist: a flat arena of word-level nodes with exact value ranges, grouped into modules. The Verilog, the
//! simulation and the estimate are all read from this one description.
//!
//! There is one clock, and one reset input if any register needs it. Sequential nodes are [`Op::Reg`] and [`Op::Read`];
//! every other node is combinational. A cycle settles all combinational nodes, then clocks all sequential nodes and
//! memory writes at once.

use std::collections::BTreeSet;

use crate::Range;

/// Handle of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// Handle of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub u32);

/// Handle of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemoryId(pub u32);

impl NodeId {
    /// Position in [`Netlist::nodes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ModuleId {
    /// The outermost module.
    pub const TOP: ModuleId = ModuleId(0);

    /// Position in [`Netlist::modules`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl MemoryId {
    /// Position in [`Netlist::memories`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One operand of a sum: `node << shift`, subtracted when `negate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// The operand.
    pub node: NodeId,
    /// Left shift in bits; wiring only.
    pub shift: u8,
    /// Subtract instead of add.
    pub negate: bool,
}

impl Term {
    /// `+node`.
    pub fn plus(node: NodeId) -> Self {
        Term { node, shift: 0, negate: false }
    }

    /// `-node`.
    pub fn minus(node: NodeId) -> Self {
        Term { node, shift: 0, negate: true }
    }
}

/// What a node computes. Bits are nodes of range `0..=1` (or a single value of it).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Driven from outside; only in the top module.
    Input,
    /// A constant.
    Const(i64),
    /// Sum of one to three signed, shifted operands; exact, the range covers the result.
    Sum(Vec<Term>),
    /// 1 when `a >= b`.
    Ge(NodeId, NodeId),
    /// 1 when `a == b`.
    Eq(NodeId, NodeId),
    /// All bits set.
    And(Vec<NodeId>),
    /// Any bit set.
    Or(Vec<NodeId>),
    /// The bit inverted.
    Not(NodeId),
    /// A truth table of one to six bits: bit `i` of `table`, where input `k` is bit `k` of `i`.
    Lut {
        /// Bits, the first in the low position of the index.
        inputs: Vec<NodeId>,
        /// One result per combination; nothing is set past the last.
        table: u64,
    },
    /// `if sel { one } else { zero }`.
    Mux {
        /// A bit.
        sel: NodeId,
        /// Result when `sel` is 0.
        zero: NodeId,
        /// Result when `sel` is 1.
        one: NodeId,
    },
    /// The low bits of `a`, read as a word of this node's range, which must be a whole word ([`Range::word`]): the one
    /// place where a value may be cut. Counters and accumulators are closed through it.
    Wrap(NodeId),
    /// Bits `lo ..` of the two's complement word of `a`, as an unsigned word of this node's width.
    Slice {
        /// The word.
        a: NodeId,
        /// Lowest bit taken.
        lo: u32,
    },
    /// The words of the operands side by side, the first in the low bits; unsigned.
    Concat(Vec<NodeId>),
    /// A register. Without `reset` its power-up value is unknown and must not matter.
    Reg {
        /// Next value. May be a later node: registers close loops.
        d: NodeId,
        /// Holds its value while this bit is 0.
        enable: Option<NodeId>,
        /// Value while the netlist's reset is 1; for control only.
        reset: Option<i64>,
    },
    /// A registered read port of a memory: `q <= memory[addr]`, the old word when the address is written in that cycle.
    /// An address past the depth reads an unknown word that must not matter.
    Read {
        /// The memory.
        memory: MemoryId,
        /// Unsigned address.
        addr: NodeId,
        /// Holds its value while this bit is 0.
        enable: Option<NodeId>,
    },
}

/// One node of the arena.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it computes.
    pub op: Op,
    /// Every value it can take; the width follows.
    pub range: Range,
    /// Name for people, e.g. `n3_sum`; made unique and legal where it is printed.
    pub name: String,
    /// The module that contains it.
    pub module: ModuleId,
}

/// A group of nodes that is printed as one Verilog module. Its ports are derived: whatever crosses its border.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Name, e.g. `layer0`; made unique and legal where it is printed.
    pub name: String,
    /// The enclosing module; `None` for the top alone.
    pub parent: Option<ModuleId>,
    /// What it is, for the header of the printed file: one line each.
    pub about: Vec<String>,
}

/// A memory with any number of registered read ports ([`Op::Read`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Name for people.
    pub name: String,
    /// The module that contains it and all its read ports.
    pub module: ModuleId,
    /// Number of words.
    pub depth: usize,
    /// Every value a word can hold.
    pub word: Range,
    /// Contents.
    pub kind: MemoryKind,
}

/// Whether a memory is written at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemoryKind {
    /// Constant words, `depth` of them.
    Rom(Vec<i64>),
    /// One write port; power-up contents are unknown.
    Ram {
        /// Writes when this bit is 1.
        enable: NodeId,
        /// Unsigned address, below the depth whenever `enable` is 1.
        addr: NodeId,
        /// The word.
        data: NodeId,
    },
}

/// A named, ordered set of nodes that crosses module borders as one packed vector, the first node in the low bits. A node
/// is in at most one bus. At the top level a bus of inputs, or one of outputs, is one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bus {
    /// Port name, e.g. `s_axis_tdata`.
    pub name: String,
    /// Members, low bits first.
    pub nodes: Vec<NodeId>,
    /// Packing and order, for a comment.
    pub about: String,
}

/// The arena.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Netlist {
    /// Nodes; operands of combinational nodes come before them.
    pub nodes: Vec<Node>,
    /// Modules; the first is the top.
    pub modules: Vec<Module>,
    /// Memories.
    pub memories: Vec<Memory>,
    /// Buses.
    pub buses: Vec<Bus>,
    /// Nodes that leave the top module, as ports named like the node (or packed, when the node is in a bus).
    pub outputs: Vec<NodeId>,
    /// The reset input (synchronous, active high), when there is one.
    pub reset: Option<NodeId>,
    /// Registers with the same input as others, each to be placed near its own reader: synthesis must not merge them.
    pub copies: BTreeSet<NodeId>,
}

impl Netlist {
    /// The node behind a handle.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The memory behind a handle.
    pub fn memory(&self, id: MemoryId) -> &Memory {
        &self.memories[id.index()]
    }

    /// The module behind a handle.
    pub fn module(&self, id: ModuleId) -> &Module {
        &self.modules[id.index()]
    }

    /// All handles in arena order, which is an order of evaluation.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// Whether `inner` is `outer` or lies inside it.
    pub fn is_within(&self, inner: ModuleId, outer: ModuleId) -> bool {
        let mut at = Some(inner);
        while let Some(module) = at {
            if module == outer {
                return true;
            }
            at = self.module(module).parent;
        }
        false
    }
}

impl Op {
    /// Every node this one reads, in a fixed order. Write ports belong to the memory, not to its readers.
    pub fn operands(&self) -> Vec<NodeId> {
        let mut all = vec![];
        self.each_operand(|id| all.push(id));
        all
    }

    /// Calls `look` with each of the [`operands`](Self::operands).
    pub fn each_operand(&self, mut look: impl FnMut(NodeId)) {
        match self {
            Op::Input | Op::Const(_) => {}
            Op::Sum(terms) => terms.iter().for_each(|t| look(t.node)),
            Op::Ge(a, b) | Op::Eq(a, b) => [*a, *b].into_iter().for_each(look),
            Op::And(list) | Op::Or(list) | Op::Concat(list) | Op::Lut { inputs: list, .. } => {
                list.iter().for_each(|id| look(*id));
            }
            Op::Not(a) | Op::Wrap(a) | Op::Slice { a, .. } => look(*a),
            Op::Mux { sel, zero, one } => [*sel, *zero, *one].into_iter().for_each(look),
            Op::Reg { d: a, enable, .. } | Op::Read { addr: a, enable, .. } => {
                look(*a);
                enable.iter().for_each(|id| look(*id));
            }
        }
    }

    /// Replaces every operand, for passes that renumber.
    pub fn map_operands(&mut self, mut to: impl FnMut(NodeId) -> NodeId) {
        match self {
            Op::Input | Op::Const(_) => {}
            Op::Sum(terms) => terms.iter_mut().for_each(|t| t.node = to(t.node)),
            Op::Ge(a, b) | Op::Eq(a, b) => [a, b].into_iter().for_each(|id| *id = to(*id)),
            Op::And(list) | Op::Or(list) | Op::Concat(list) | Op::Lut { inputs: list, .. } => {
                list.iter_mut().for_each(|id| *id = to(*id));
            }
            Op::Not(a) | Op::Wrap(a) | Op::Slice { a, .. } => *a = to(*a),
            Op::Mux { sel, zero, one } => [sel, zero, one].into_iter().for_each(|id| *id = to(*id)),
            Op::Reg { d: a, enable, .. } | Op::Read { addr: a, enable, .. } => {
                std::iter::once(a).chain(enable).for_each(|id| *id = to(*id));
            }
        }
    }

    /// Whether the node changes only at the clock edge.
    pub fn is_sequential(&self) -> bool {
        matches!(self, Op::Reg { .. } | Op::Read { .. })
    }
}
