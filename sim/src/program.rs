//! A netlist compiled for simulation: slots for values, and runs of equal operations over consecutive slots.
//!
//! Slots are numbered in the order of evaluation: inputs, constants and state first, then the combinational nodes by
//! level and kind. So every run writes a consecutive block of slots and reads only slots before it.

use crate::order::{Action, Schedule, reads, schedule};
use crate::word::WordSize;
use sterna_ir::Design;
use sterna_ir::netlist::{MemoryId, MemoryKind, Netlist, Node, NodeId, Op};
use sterna_ir::{Range, design::Stream};

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
    slots: Vec<u32>,
    size: WordSize,
}

const DEAD: u32 = u32::MAX;

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
        let plan = schedule(netlist, &actions(netlist, &live));
        Compiler::new(netlist, &live, &plan).finish(netlist, &plan)
    }

    /// Compiles a design so that all its streams can be observed.
    pub fn for_design(design: &Design) -> Self {
        let streams = design.probes.iter().map(|p| &p.stream).chain([&design.input, &design.output]);
        let watched: Vec<NodeId> = streams.flat_map(stream_nodes).collect();
        Program::new(&design.netlist, Watch::Nodes(&watched))
    }

    /// Where a node's value is; `None` when the node was dropped.
    pub fn slot(&self, node: NodeId) -> Option<usize> {
        self.slots.get(node.index()).filter(|s| **s != DEAD).map(|s| *s as usize)
    }

    /// The slot of a node that is known to be watched.
    pub(crate) fn at(&self, node: NodeId) -> usize {
        self.slot(node).unwrap_or_else(|| panic!("node {} is not watched", node.0))
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

/// Every node of a stream.
pub(crate) fn stream_nodes(stream: &Stream) -> impl Iterator<Item = NodeId> + '_ {
    [stream.valid, stream.ready].into_iter().chain(stream.last).chain(stream.data.iter().copied())
}

fn live(netlist: &Netlist, watch: Watch) -> Vec<bool> {
    let nodes = match watch {
        Watch::All => return vec![true; netlist.nodes.len()],
        Watch::Nodes(nodes) => nodes,
    };
    let mut live = vec![false; netlist.nodes.len()];
    let inputs = netlist.ids().filter(|id| netlist.node(*id).op == Op::Input);
    let mut open: Vec<NodeId> = inputs.chain(netlist.outputs.iter().copied()).collect();
    open.extend(nodes.iter().copied().chain(netlist.reset));
    while let Some(id) = open.pop() {
        if std::mem::replace(&mut live[id.index()], true) {
            continue;
        }
        open.extend(netlist.node(id).op.operands());
        if let Op::Read { memory, .. } = netlist.node(id).op {
            open.extend(reads(netlist, Action::Write(memory)));
        }
    }
    live
}

fn actions(netlist: &Netlist, live: &[bool]) -> Vec<Action> {
    let sequential = |id: &NodeId| live[id.index()] && netlist.node(*id).op.is_sequential();
    let updates = netlist.ids().filter(sequential).map(Action::Update);
    let writes = (0..netlist.memories.len() as u32).map(MemoryId).filter(|id| {
        let read = |n: &Node| matches!(n.op, Op::Read { memory, .. } if memory == *id);
        matches!(netlist.memory(*id).kind, MemoryKind::Ram { .. })
            && netlist.ids().any(|node| live[node.index()] && read(netlist.node(node)))
    });
    updates.chain(writes.map(Action::Write)).collect()
}

struct Compiler {
    slots: Vec<u32>,
    copies: Vec<u32>,
    start: Vec<i64>,
    size: WordSize,
    args: Vec<Args>,
    parts: Vec<Part>,
    /// Combinational nodes by level and kind.
    levels: Vec<(u32, Kind, NodeId)>,
}

fn start_value(range: Range) -> i64 {
    0i64.clamp(range.lo, range.hi)
}

impl Compiler {
    /// Gives every live node its slot.
    fn new(netlist: &Netlist, live: &[bool], plan: &Schedule) -> Self {
        let none = vec![DEAD; netlist.nodes.len()];
        let mut c = Compiler {
            slots: none.clone(),
            copies: none,
            start: vec![],
            size: WordSize::W16,
            args: vec![],
            parts: vec![],
            levels: vec![],
        };
        let alive = || netlist.ids().filter(|id| live[id.index()]);
        let is = |id: &NodeId, input: bool| match netlist.node(*id).op {
            Op::Input => input,
            Op::Const(_) => !input,
            _ => false,
        };
        let state = plan.waves.iter().flat_map(|wave| sorted(netlist, wave)).filter_map(|(_, a)| match a {
            Action::Update(id) => Some(id),
            Action::Write(_) => None,
        });
        for id in alive().filter(|id| is(id, true)).chain(alive().filter(|id| is(id, false))).chain(state) {
            c.slots[id.index()] = c.new_slot(netlist, id);
        }
        for id in &plan.copied {
            c.copies[id.index()] = c.new_slot(netlist, *id);
        }
        let mut level = vec![0u32; netlist.nodes.len()];
        for id in alive().filter(|id| c.slots[id.index()] == DEAD) {
            let node = netlist.node(id);
            level[id.index()] = 1 + node.op.operands().iter().map(|o| level[o.index()]).max().unwrap_or(0);
            c.levels.push((level[id.index()], kind(node), id));
        }
        c.levels.sort_unstable();
        for i in 0..c.levels.len() {
            let id = c.levels[i].2;
            c.slots[id.index()] = c.new_slot(netlist, id);
        }
        c
    }

    fn new_slot(&mut self, netlist: &Netlist, id: NodeId) -> u32 {
        let node = netlist.node(id);
        self.size = self.size.max(WordSize::of(node.range));
        if let Op::Sum(terms) = &node.op {
            for term in terms.iter().filter(|t| t.shift > 0) {
                let range = netlist.node(term.node).range.checked_scale(1i64 << term.shift);
                self.size = self.size.max(range.map_or(WordSize::W64, WordSize::of));
            }
        }
        self.start.push(if let Op::Const(value) = node.op { value } else { start_value(node.range) });
        self.start.len() as u32 - 1
    }

    fn finish(mut self, netlist: &Netlist, plan: &Schedule) -> Program {
        // A run must not read what it writes, so none reaches over a level.
        let (mut blocks, mut settle) = (vec![], vec![]);
        for id in &plan.copied {
            let args = Args { at: [self.slots[id.index()], 0, 0], ..Args::default() };
            let kind = Kind::Sum { terms: 1, minus: 0, shifted: false };
            self.push(&mut settle, kind, self.copies[id.index()] as usize, args);
        }
        let mut last = 0;
        for (level, kind, id) in std::mem::take(&mut self.levels) {
            if level != last {
                blocks.push(std::mem::take(&mut settle));
                last = level;
            }
            let args = self.combinational(netlist, netlist.node(id));
            self.push(&mut settle, kind, self.slots[id.index()] as usize, args);
        }
        blocks.push(settle);
        let (mut clock, mut resets, mut used) = (vec![], vec![], vec![false; netlist.memories.len()]);
        for (kind, action) in plan.waves.iter().flat_map(|wave| sorted(netlist, wave)) {
            let first = match action {
                Action::Update(id) => self.slots[id.index()] as usize,
                Action::Write(memory) => memory.index(),
            };
            let mut args = Args::default();
            for (at, id) in args.at.iter_mut().zip(reads(netlist, action)) {
                let copy = self.copies[id.index()];
                *at = if copy == DEAD { self.slots[id.index()] } else { copy };
            }
            if let Action::Update(id) = action {
                match netlist.node(id).op {
                    Op::Read { memory, .. } => {
                        args.at[2] = memory.0;
                        used[memory.index()] = true;
                    }
                    Op::Reg { reset: Some(value), .. } => resets.push((first as u32, value)),
                    _ => {}
                }
            }
            self.push(&mut clock, kind, first, args);
        }
        let banks = netlist.memories.iter().zip(used).map(|(m, used)| {
            self.size = if used { self.size.max(WordSize::of(m.word)) } else { self.size };
            match &m.kind {
                _ if !used => Bank::Unused,
                MemoryKind::Rom(words) => Bank::Rom(words.clone()),
                MemoryKind::Ram { .. } => Bank::Ram { depth: m.depth, start: start_value(m.word) },
            }
        });
        let banks = banks.collect();
        Program {
            settle: blocks.concat(),
            clock,
            args: self.args,
            parts: self.parts,
            start: self.start,
            banks,
            reset: netlist.reset.map(|id| self.slots[id.index()]),
            resets,
            slots: self.slots,
            size: self.size,
        }
    }

    fn push(&mut self, runs: &mut Vec<Run>, kind: Kind, first: usize, args: Args) {
        self.args.push(args);
        let end = self.args.len();
        match runs.last_mut() {
            Some(run) if run.kind == kind && kind != Kind::Write && run.first + run.args.len() == first => {
                run.args.end = end;
            }
            _ => runs.push(Run { kind, first, args: end - 1..end }),
        }
    }

    fn combinational(&mut self, netlist: &Netlist, node: &Node) -> Args {
        let slot = |id: &NodeId| self.slots[id.index()];
        let mut args = Args::default();
        match &node.op {
            Op::Sum(terms) => {
                let ordered =
                    terms.iter().filter(|t| !t.negate).chain(terms.iter().filter(|t| t.negate)).enumerate();
                for (i, term) in ordered {
                    args.at[i] = slot(&term.node);
                    // A longer shift than the word has bits is left only to a term that is always zero.
                    args.small[i] =
                        if u32::from(term.shift) < 16 { term.shift } else { self.long(term.shift) };
                }
            }
            Op::And(list) | Op::Or(list) | Op::Concat(list)
                if !matches!(kind(node), Kind::And2 | Kind::Or2) =>
            {
                let mut shift = 0;
                let begin = self.parts.len();
                for id in list {
                    let width = netlist.node(*id).range.width();
                    let part = Part { slot: self.slots[id.index()], width: width as u8, shift: shift as u8 };
                    self.parts.push(part);
                    shift += width;
                }
                args.at = [begin as u32, self.parts.len() as u32, 0];
            }
            Op::Lut { inputs, table } => {
                let begin = self.parts.len() as u32;
                self.parts.extend(inputs.iter().enumerate().map(|(k, id)| Part {
                    slot: self.slots[id.index()],
                    width: 1,
                    shift: k as u8,
                }));
                args.at = [begin, *table as u32, (table >> 32) as u32];
                args.small[0] = inputs.len() as u8;
            }
            op => {
                for (at, id) in args.at.iter_mut().zip(op.operands()) {
                    *at = slot(&id);
                }
                match op {
                    Op::Wrap(_) => args.small[0] = node.range.width() as u8,
                    Op::Slice { lo, .. } => args.small = [*lo as u8, node.range.width() as u8, 0],
                    _ => {}
                }
            }
        }
        args
    }

    fn long(&self, shift: u8) -> u8 {
        let bits = match self.size {
            WordSize::W16 => 16,
            WordSize::W32 => 32,
            WordSize::W64 => 64,
        };
        if shift < bits { shift } else { 0 }
    }
}

/// The actions of a wave with their kinds, by kind.
fn sorted(netlist: &Netlist, wave: &[Action]) -> Vec<(Kind, Action)> {
    let kind = |action: &Action| match action {
        Action::Update(id) => kind(netlist.node(*id)),
        Action::Write(_) => Kind::Write,
    };
    let mut list: Vec<(Kind, Action)> = wave.iter().map(|a| (kind(a), *a)).collect();
    list.sort_unstable();
    list
}

fn kind(node: &Node) -> Kind {
    match &node.op {
        Op::Sum(terms) => Kind::Sum {
            terms: terms.len() as u8,
            minus: terms.iter().filter(|t| t.negate).count() as u8,
            shifted: terms.iter().any(|t| t.shift != 0),
        },
        Op::Ge(..) => Kind::Ge,
        Op::Eq(..) => Kind::Eq,
        Op::And(bits) if bits.len() == 2 => Kind::And2,
        Op::Or(bits) if bits.len() == 2 => Kind::Or2,
        Op::And(_) => Kind::And,
        Op::Or(_) => Kind::Or,
        Op::Not(_) => Kind::Not,
        Op::Lut { .. } => Kind::Lut,
        Op::Mux { .. } => Kind::Mux,
        Op::Wrap(_) if node.range.is_signed() => Kind::WrapSigned,
        Op::Wrap(_) => Kind::WrapUnsigned,
        Op::Slice { .. } => Kind::Slice,
        Op::Concat(_) => Kind::Concat,
        Op::Reg { enable: None, .. } => Kind::Reg,
        Op::Reg { .. } => Kind::RegEnable,
        Op::Read { enable: None, .. } => Kind::Read,
        Op::Read { .. } => Kind::ReadEnable,
        Op::Input | Op::Const(_) => unreachable!("inputs and constants are preloaded"),
    }
}
