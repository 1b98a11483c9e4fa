//! A netlist compiled bit by bit: one plane per bit of every value, so that one machine word carries that bit of 64
//! circuits.
//!
//! Wiring (shifts, slices, sign extension, constants) is only a choice of planes. What is left are bitwise operations and
//! ripple carries over consecutive planes, in the order of the netlist.

use crate::lanes::Compiled;
use crate::live::{actions, live};
use crate::order::{Action, reads, schedule};
use crate::packed::Field;
use crate::program::Watch;
use sterna_ir::Range;
use sterna_ir::netlist::{Netlist, Node, NodeId, Op};

/// What an instruction does with the planes that it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Pairs of bits, lowest first: their sum.
    Add,
    /// Pairs of bits, lowest first: their difference.
    Subtract,
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
    /// Bits of a truth table's index.
    Lut(u64),
    /// A bit, then pairs of which it chooses.
    Mux,
    /// The planes themselves.
    Copy,
    /// A bit; where it is 1, the planes after it, else nothing changes.
    Keep,
}

/// One instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub gate: Gate,
    /// First plane written.
    pub out: u32,
    /// Planes written.
    pub width: u32,
    /// The end of what is read, in [`Planes::reads`]; it begins at the end of the step before.
    pub end: u32,
}

/// A netlist as bitwise operations.
#[derive(Clone, Debug)]
pub(crate) struct Planes {
    pub settle: Vec<Step>,
    pub clock: Vec<Step>,
    /// Planes read by the steps, those of `settle` first.
    pub reads: Vec<u32>,
    /// Every plane's bit at the start.
    pub start: Vec<bool>,
    /// The reset input.
    pub reset: Option<u32>,
    /// Planes with a reset value.
    pub resets: Vec<(u32, bool)>,
    /// Planes of every live node, lowest bit first.
    wires: Vec<Vec<u32>>,
}

/// The planes of the constants.
const ZERO: u32 = 0;
const ONE: u32 = 1;

impl Planes {
    /// Compiles a [checked](sterna_ir::check::check) netlist; `None` when it has memories, whose addresses are no bits.
    pub fn new(netlist: &Netlist, watch: Watch) -> Option<Self> {
        let live = live(netlist, watch);
        let is_live = |id: &NodeId| live[id.index()];
        if netlist.ids().filter(is_live).any(|id| matches!(netlist.node(id).op, Op::Read { .. })) {
            return None;
        }
        let mut p = Planes {
            settle: vec![],
            clock: vec![],
            reads: vec![],
            start: vec![false, true],
            reset: None,
            resets: vec![],
            wires: vec![vec![]; netlist.nodes.len()],
        };
        // Registers first: combinational nodes may read later ones.
        for id in netlist.ids().filter(is_live) {
            if let Op::Input | Op::Reg { .. } = netlist.node(id).op {
                p.wires[id.index()] = p.planes(netlist.node(id).range);
            }
        }
        for id in netlist.ids().filter(is_live) {
            p.combinational(netlist, id);
        }
        p.registers(netlist, &live);
        p.reset = netlist.reset.map(|id| p.wires[id.index()][0]);
        Some(p)
    }

    /// Planes read or written in a cycle: its cost.
    pub fn cost(&self) -> usize {
        let written: u32 = self.settle.iter().chain(&self.clock).map(|s| s.width).sum();
        self.reads.len() + written as usize
    }

    fn planes(&mut self, range: Range) -> Vec<u32> {
        let first = self.start.len() as u32;
        let value = 0i64.clamp(range.lo, range.hi);
        let width = range.width();
        self.start.extend((0..width).map(|i| value >> i & 1 == 1));
        (first..first + width).collect()
    }

    /// Bit `i` of a node, past its width too.
    fn bit(&self, netlist: &Netlist, id: NodeId, i: usize) -> u32 {
        let wires = &self.wires[id.index()];
        let beyond = if netlist.node(id).range.is_signed() { *wires.last().expect("a sign") } else { ZERO };
        wires.get(i).copied().unwrap_or(beyond)
    }

    fn step(&mut self, gate: Gate, out: &[u32]) {
        let end = self.reads.len() as u32;
        self.settle.push(Step { gate, out: out[0], width: out.len() as u32, end });
    }

    fn combinational(&mut self, netlist: &Netlist, id: NodeId) {
        let node = netlist.node(id);
        let width = node.range.width() as usize;
        let bits = |p: &Planes, a: NodeId, lo: usize, n: usize| -> Vec<u32> {
            (lo..lo + n).map(|i| p.bit(netlist, a, i)).collect()
        };
        let gate = match &node.op {
            Op::Input | Op::Reg { .. } => return,
            Op::Read { .. } => unreachable!("refused before"),
            Op::Const(value) => {
                let plane = |i: usize| if value >> i.min(63) & 1 == 1 { ONE } else { ZERO };
                self.wires[id.index()] = (0..width).map(plane).collect();
                return;
            }
            Op::Wrap(a) => {
                self.wires[id.index()] = bits(self, *a, 0, width);
                return;
            }
            Op::Slice { a, lo } => {
                self.wires[id.index()] = bits(self, *a, *lo as usize, width);
                return;
            }
            Op::Concat(parts) => {
                let part = |part: &NodeId| bits(self, *part, 0, netlist.node(*part).range.width() as usize);
                let mut wires: Vec<u32> = parts.iter().flat_map(part).collect();
                wires.resize(width, ZERO);
                self.wires[id.index()] = wires;
                return;
            }
            Op::Sum(_) => return self.sum(netlist, id),
            Op::Ge(a, b) => {
                self.ge(netlist, *a, *b);
                Gate::Ge
            }
            Op::Eq(a, b) => {
                let wide = [a, b].map(|n| netlist.node(*n).range.width() as usize + 1);
                let pairs = (0..wide[0].max(wide[1])).flat_map(|i| [(*a, i), (*b, i)]);
                let pairs: Vec<u32> = pairs.map(|(n, i)| self.bit(netlist, n, i)).collect();
                self.reads.extend(pairs);
                Gate::Eq
            }
            Op::And(list) | Op::Or(list) | Op::Lut { inputs: list, .. } => {
                let list: Vec<u32> = list.iter().map(|a| self.bit(netlist, *a, 0)).collect();
                self.reads.extend(list);
                match &node.op {
                    Op::And(_) => Gate::And,
                    Op::Or(_) => Gate::Or,
                    Op::Lut { table, .. } => Gate::Lut(*table),
                    _ => unreachable!("one of the three"),
                }
            }
            Op::Not(a) => {
                self.reads.push(self.bit(netlist, *a, 0));
                Gate::Not
            }
            Op::Mux { sel, zero, one } => {
                let pairs = (0..width).flat_map(|i| [(*zero, i), (*one, i)]);
                let pairs: Vec<u32> =
                    [(*sel, 0)].into_iter().chain(pairs).map(|(n, i)| self.bit(netlist, n, i)).collect();
                self.reads.extend(pairs);
                Gate::Mux
            }
        };
        // The width may exceed what a bit operation writes where the range is a single value.
        let out = self.planes(node.range);
        self.step(gate, &out);
        self.wires[id.index()] = out;
    }

    /// The low bits of the partial sums, which end in the exact sum.
    fn sum(&mut self, netlist: &Netlist, id: NodeId) {
        let node = netlist.node(id);
        let Op::Sum(terms) = &node.op else { unreachable!("called for sums") };
        let width = node.range.width() as usize;
        let ordered = terms.iter().filter(|t| !t.negate).chain(terms.iter().filter(|t| t.negate));
        let mut total: Option<Vec<u32>> = None;
        for term in ordered {
            let shift = usize::from(term.shift);
            let shifted = |i: usize| if i < shift { ZERO } else { self.bit(netlist, term.node, i - shift) };
            let value: Vec<u32> = (0..width).map(shifted).collect();
            let before = match total {
                None if !term.negate => {
                    total = Some(value);
                    continue;
                }
                None => vec![ZERO; width],
                Some(before) => before,
            };
            self.reads.extend(before.iter().zip(&value).flat_map(|(a, b)| [*a, *b]));
            let out = self.planes(node.range);
            self.step(if term.negate { Gate::Subtract } else { Gate::Add }, &out);
            total = Some(out);
        }
        self.wires[id.index()] = total.expect("sums have a term");
    }

    /// Pairs for an unsigned comparison: the signs, which count the other way, change places.
    fn ge(&mut self, netlist: &Netlist, a: NodeId, b: NodeId) {
        let ranges = [a, b].map(|n| netlist.node(n).range);
        let signed = ranges.iter().any(|r| r.is_signed());
        let width = |r: &Range| r.width() as usize + usize::from(signed && !r.is_signed());
        let wide = ranges.iter().map(width).max().expect("two operands");
        let mut low = true;
        for i in 0..wide {
            let (mut x, mut y) = (self.bit(netlist, a, i), self.bit(netlist, b, i));
            if signed && i + 1 == wide {
                (x, y) = (y, x);
            }
            // Nothing below the lowest 1 of a constant decides.
            low &= y == ZERO;
            if !low {
                self.reads.extend([x, y]);
            }
        }
    }

    fn registers(&mut self, netlist: &Netlist, live: &[bool]) {
        // Wires hide what a register really reads, so readers are found behind them.
        let roots = |action: Action| {
            let mut open = reads(netlist, action);
            let mut found = vec![];
            while let Some(id) = open.pop() {
                match &netlist.node(id).op {
                    op @ (Op::Wrap(_) | Op::Slice { .. } | Op::Concat(_)) => open.extend(op.operands()),
                    Op::Sum(terms) if terms.len() == 1 && !terms[0].negate => open.push(terms[0].node),
                    _ => found.push(id),
                }
            }
            found
        };
        let plan = schedule(&actions(netlist, live), roots, |_| None);
        let mut copy_of: Vec<u32> = (0..self.start.len() as u32).collect();
        for id in &plan.copied {
            let wires = self.wires[id.index()].clone();
            self.reads.extend(&wires);
            let out = self.planes(netlist.node(*id).range);
            self.step(Gate::Copy, &out);
            wires.iter().zip(out).for_each(|(from, to)| copy_of[*from as usize] = to);
        }
        for action in plan.waves.into_iter().flatten() {
            let Action::Update(id) = action else { unreachable!("there are no memories") };
            let node @ Node { op: Op::Reg { d, enable, reset }, .. } = netlist.node(id) else {
                unreachable!("there are no memories")
            };
            let out = self.wires[id.index()].clone();
            let next = (0..out.len()).map(|i| self.bit(netlist, *d, i));
            let enable = enable.map(|e| self.bit(netlist, e, 0));
            let read: Vec<u32> = enable.into_iter().chain(next).map(|p| copy_of[p as usize]).collect();
            self.reads.extend(read);
            let end = self.reads.len() as u32;
            let gate = if enable.is_some() { Gate::Keep } else { Gate::Copy };
            self.clock.push(Step { gate, out: out[0], width: node.range.width(), end });
            if let Some(value) = reset {
                self.resets.extend(out.iter().enumerate().map(|(i, p)| (*p, value >> i & 1 == 1)));
            }
        }
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
        *self.wires[node.index()].first().unwrap_or_else(|| panic!("node {} is not watched", node.0)) as usize
    }

    fn port(&self, fields: &[Field]) -> Port {
        let planes: Vec<u32> = fields.iter().flat_map(|f| self.wires[f.node.index()].clone()).collect();
        Port { words: planes.chunks(64).map(<[u32]>::to_vec).collect() }
    }
}
