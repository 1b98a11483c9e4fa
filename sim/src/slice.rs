//! Compiling a netlist to planes.
//!
//! A node is computed when somebody needs it, so that few values are alive at a time: first what is watched, then,
//! register by register, what each will hold next, just before it changes.

use crate::arrange::{Chunk, Step, arrange};
use crate::live::{actions, live};
use crate::order::{Action, reads, schedule};
use crate::planes::{Gate, Planes};
use crate::program::Watch;
use sterna_ir::Range;
use sterna_ir::netlist::{Netlist, NodeId, Op, Term};

/// The planes of the constants.
const ZERO: u32 = 0;
const ONE: u32 = 1;

/// Instructions that are arranged together: as many as their results stay in a near cache.
const CHUNK: usize = 4096;

struct Slicer<'a> {
    netlist: &'a Netlist,
    planes: Planes,
    chunks: Vec<Chunk>,
    /// Readers of every node; many of a node that is watched.
    uses: Vec<u32>,
    /// Planes that are read in place of others.
    copy_of: Vec<u32>,
}

/// Compiles a [checked](sterna_ir::check::check) netlist; `None` when it has memories, whose addresses are no bits.
pub(crate) fn slice(netlist: &Netlist, watch: Watch) -> Option<Planes> {
    let live = live(netlist, watch);
    let is_live = |id: &NodeId| live[id.index()];
    if netlist.ids().filter(is_live).any(|id| matches!(netlist.node(id).op, Op::Read { .. })) {
        return None;
    }
    let planes = Planes {
        start: vec![false, true],
        wires: vec![vec![]; netlist.nodes.len()],
        watched: vec![false; netlist.nodes.len()],
        ..Planes::default()
    };
    let mut s = Slicer {
        netlist,
        planes,
        chunks: vec![Chunk::default()],
        uses: uses(netlist, &live),
        copy_of: vec![],
    };
    for id in netlist.ids().filter(is_live) {
        if let Op::Input | Op::Reg { .. } = netlist.node(id).op {
            s.planes.wires[id.index()] = s.fresh(netlist.node(id).range);
        }
    }
    let state = s.planes.start.len() as u32;
    s.planes.reset = netlist.reset.map(|id| s.planes.wires[id.index()][0]);
    let inputs = netlist.ids().filter(|id| netlist.node(*id).op == Op::Input);
    let watched: Vec<NodeId> = match watch {
        Watch::All => netlist.ids().collect(),
        Watch::Nodes(nodes) => inputs.chain(netlist.outputs.iter().chain(nodes).copied()).collect(),
    };
    watched.iter().for_each(|id| s.uses[id.index()] = u32::MAX);
    for id in watched {
        s.need(id);
        s.break_if(CHUNK);
        s.planes.watched[id.index()] = true;
    }
    s.break_if(0);
    let settle = s.chunks.len() - 1;
    s.registers(&live);
    Some(arrange(s.planes, &s.chunks, settle, state))
}

fn uses(netlist: &Netlist, live: &[bool]) -> Vec<u32> {
    let mut uses = vec![0; netlist.nodes.len()];
    for id in netlist.ids().filter(|id| live[id.index()]) {
        netlist.node(id).op.operands().iter().for_each(|o| uses[o.index()] += 1);
    }
    uses
}

/// Most terms that are summed at once.
const TERMS: usize = 4;

impl Slicer<'_> {
    /// New planes for a value.
    fn fresh(&mut self, range: Range) -> Vec<u32> {
        let first = self.planes.start.len() as u32;
        let value = 0i64.clamp(range.lo, range.hi);
        let width = range.width();
        self.planes.start.extend((0..width).map(|i| value >> i & 1 == 1));
        (first..first + width).collect()
    }

    /// Bit `i` of a node, past its width too.
    fn bit(&self, id: NodeId, i: usize) -> u32 {
        let wires = &self.planes.wires[id.index()];
        let signed = self.netlist.node(id).range.is_signed();
        let beyond = if signed { *wires.last().expect("the node was needed before") } else { ZERO };
        wires.get(i).copied().unwrap_or(beyond)
    }

    fn bits(&self, id: NodeId, lo: usize, count: usize) -> Vec<u32> {
        (lo..lo + count).map(|i| self.bit(id, i)).collect()
    }

    /// An instruction that reads `read`.
    fn step(&mut self, gate: Gate, out: &[u32], read: Vec<u32>) {
        let place = |p: u32| self.copy_of.get(p as usize).copied().unwrap_or(p);
        let read = read.into_iter().map(place).collect();
        let chunk = self.chunks.last_mut().expect("there is always a chunk");
        chunk.push(Step { gate, table: 0, out: out[0], width: out.len() as u32, read });
    }

    /// Begins a new chunk when the last has `count` steps or more.
    fn break_if(&mut self, count: usize) {
        if self.chunks.last().is_none_or(|chunk| chunk.len() >= count) {
            self.chunks.push(Chunk::default());
        }
    }

    /// Computes a node and all that it depends on, unless that was done.
    fn need(&mut self, id: NodeId) {
        let mut open = vec![(id, false)];
        while let Some((id, ready)) = open.pop() {
            if !self.planes.wires[id.index()].is_empty() {
                continue;
            }
            if ready {
                self.planes.wires[id.index()] = self.combinational(id);
            } else {
                open.push((id, true));
                open.extend(self.operands(id).into_iter().map(|o| (o, false)));
            }
        }
    }

    /// The planes of a node whose operands have theirs.
    fn combinational(&mut self, id: NodeId) -> Vec<u32> {
        let node = self.netlist.node(id);
        let width = node.range.width() as usize;
        let (gate, read) = match &node.op {
            Op::Input | Op::Reg { .. } | Op::Read { .. } => unreachable!("state has its planes"),
            Op::Const(value) => {
                return (0..width).map(|i| if value >> i & 1 == 1 { ONE } else { ZERO }).collect();
            }
            Op::Wrap(a) => return self.bits(*a, 0, width),
            Op::Slice { a, lo } => return self.bits(*a, *lo as usize, width),
            Op::Concat(parts) => {
                let part = |a: &NodeId| self.bits(*a, 0, self.netlist.node(*a).range.width() as usize);
                return parts.iter().flat_map(part).collect();
            }
            Op::Sum(_) => return self.sum(id),
            Op::Ge(a, b) => (Gate::Ge, self.ge(*a, *b)),
            Op::Eq(a, b) => {
                let wide = |n: &NodeId| self.netlist.node(*n).range.width() as usize + 1;
                let pair = |i: usize| [self.bit(*a, i), self.bit(*b, i)];
                (Gate::Eq, (0..wide(a).max(wide(b))).flat_map(pair).collect())
            }
            Op::And(list) => (Gate::And, list.iter().map(|a| self.bit(*a, 0)).collect()),
            Op::Or(list) => (Gate::Or, list.iter().map(|a| self.bit(*a, 0)).collect()),
            Op::Lut { inputs, table } => {
                let out = self.fresh(node.range);
                let read = inputs.iter().map(|a| self.bit(*a, 0)).collect();
                self.step(Gate::Lut, &out, read);
                let chunk = self.chunks.last_mut().expect("there is always a chunk");
                chunk.last_mut().expect("just pushed").table = *table;
                return out;
            }
            Op::Not(a) => (Gate::Not, vec![self.bit(*a, 0)]),
            Op::Mux { sel, zero, one } => {
                let pairs = (0..width).flat_map(|i| [self.bit(*zero, i), self.bit(*one, i)]);
                (Gate::Mux, [self.bit(*sel, 0)].into_iter().chain(pairs).collect())
            }
        };
        let out = self.fresh(node.range);
        self.step(gate, &out, read);
        out
    }

    /// What a node is computed from.
    fn operands(&self, id: NodeId) -> Vec<NodeId> {
        match &self.netlist.node(id).op {
            Op::Sum(_) => self.terms(id).iter().map(|t| t.node).collect(),
            op => op.operands(),
        }
    }

    /// The terms of a sum, added ones first. Sums that nobody else reads are part of it, as long as the terms are few.
    fn terms(&self, id: NodeId) -> Vec<Term> {
        let Op::Sum(terms) = &self.netlist.node(id).op else { unreachable!("called for sums") };
        let mut terms = terms.clone();
        let all_negated = |terms: &[Term]| usize::from(terms.iter().all(|t| t.negate));
        for at in 0.. {
            let Some(term) = terms.get(at).copied() else { break };
            let Op::Sum(inner) = &self.netlist.node(term.node).op else { continue };
            if self.uses[term.node.index()] != 1 {
                continue;
            }
            let mut longer = terms.clone();
            longer.remove(at);
            longer.extend(inner.iter().map(|t| Term {
                node: t.node,
                shift: t.shift + term.shift,
                negate: t.negate != term.negate,
            }));
            if longer.len() + all_negated(&longer) <= TERMS {
                terms = longer;
            }
        }
        terms.sort_by_key(|t| t.negate);
        terms
    }

    /// The operands of a sum, bit by bit. Carries out of the top are dropped: the result fits its width.
    fn summands(&self, id: NodeId) -> (u8, u8, Vec<u32>) {
        let width = self.netlist.node(id).range.width() as usize;
        let terms = self.terms(id);
        let minus = terms.iter().filter(|t| t.negate).count();
        let zero = usize::from(minus == terms.len());
        let bit = |t: &Term, i: usize| match i.checked_sub(usize::from(t.shift)) {
            Some(i) => self.bit(t.node, i),
            None => ZERO,
        };
        let read = (0..width).flat_map(|i| {
            std::iter::repeat_n(ZERO, zero).chain(terms.iter().map(move |t| bit(t, i))).collect::<Vec<u32>>()
        });
        ((terms.len() + zero) as u8, minus as u8, read.collect())
    }

    fn sum(&mut self, id: NodeId) -> Vec<u32> {
        let (terms, minus, read) = self.summands(id);
        if (terms, minus) == (1, 0) {
            return read;
        }
        let out = self.fresh(self.netlist.node(id).range);
        self.step(Gate::Sum { terms, minus }, &out, read);
        out
    }

    /// Pairs for an unsigned comparison: the signs, which count the other way, change places.
    fn ge(&self, a: NodeId, b: NodeId) -> Vec<u32> {
        let ranges = [a, b].map(|n| self.netlist.node(n).range);
        let signed = ranges.iter().any(|r| r.is_signed());
        let width = |r: &Range| r.width() as usize + usize::from(signed && !r.is_signed());
        let wide = ranges.iter().map(width).max().expect("two operands");
        let mut pairs = vec![];
        for i in 0..wide {
            let (x, y) = (self.bit(a, i), self.bit(b, i));
            let (x, y) = if signed && i + 1 == wide { (y, x) } else { (x, y) };
            // Nothing below the lowest 1 of a constant decides.
            if y != ZERO || !pairs.is_empty() {
                pairs.extend([x, y]);
            }
        }
        pairs
    }

    /// The registers that an action reads, through all that is still to be computed.
    fn roots(&self, action: Action) -> Vec<NodeId> {
        let mut seen = std::collections::BTreeSet::new();
        let mut open = reads(self.netlist, action);
        while let Some(id) = open.pop() {
            let op = &self.netlist.node(id).op;
            // Wires to registers are no planes of their own, so they are followed even where they are there.
            if seen.insert(id) && !op.is_sequential() {
                open.extend(op.operands());
            }
        }
        seen.into_iter().filter(|id| self.netlist.node(*id).op.is_sequential()).collect()
    }

    fn registers(&mut self, live: &[bool]) {
        let plan = schedule(&actions(self.netlist, live), |action| self.roots(action), |_| None);
        self.copy_of = (0..self.planes.start.len() as u32).collect();
        for id in &plan.copied {
            let wires = self.planes.wires[id.index()].clone();
            let out = self.fresh(self.netlist.node(*id).range);
            self.step(Gate::Copy, &out, wires.clone());
            wires.iter().zip(out).for_each(|(from, to)| self.copy_of[*from as usize] = to);
        }
        for wave in plan.waves {
            self.break_if(1);
            for action in wave {
                self.update(action);
                self.break_if(CHUNK);
            }
        }
    }

    /// The next value of a register, and the register.
    fn update(&mut self, action: Action) {
        let Action::Update(id) = action else { unreachable!("there are no memories") };
        let Op::Reg { d, enable, reset } = &self.netlist.node(id).op else {
            unreachable!("there are no memories")
        };
        let out = self.planes.wires[id.index()].clone();
        let enable = enable.map(|e| {
            self.need(e);
            self.bit(e, 0)
        });
        if let Some((gate, read)) = self.fused(*d, &out) {
            self.step(gate, &out, [enable.unwrap_or(ONE)].into_iter().chain(read).collect());
        } else {
            self.need(*d);
            let mut next = self.bits(*d, 0, out.len());
            // A register that takes bits of its own in other places would read what it has just written.
            if next.iter().zip(&out).any(|(from, to)| from != to && out.contains(from)) {
                let aside = self.fresh(self.netlist.node(id).range);
                self.step(Gate::Copy, &aside, next);
                next = aside;
            }
            let gate = if enable.is_some() { Gate::TakeIf } else { Gate::Take };
            self.step(gate, &out, enable.into_iter().chain(next).collect());
        }
        if let Some(value) = reset {
            self.planes.resets.extend(out.iter().enumerate().map(|(i, p)| (*p, value >> i & 1 == 1)));
        }
    }

    /// A sum that nobody but one register reads, of the register's width, to be computed where it stays.
    fn fused(&mut self, d: NodeId, out: &[u32]) -> Option<(Gate, Vec<u32>)> {
        let node = self.netlist.node(d);
        let alone = self.uses[d.index()] == 1 && matches!(node.op, Op::Sum(_));
        if !alone || node.range.width() as usize != out.len() {
            return None;
        }
        self.operands(d).into_iter().for_each(|o| self.need(o));
        let (terms, minus, read) = self.summands(d);
        // Bits of the register itself in other places would be read when they are already new.
        let moved = |(i, p): (usize, &u32)| out.contains(p) && out[i / usize::from(terms)] != *p;
        let wires = (terms, minus) == (1, 0);
        (!wires && !read.iter().enumerate().any(moved)).then_some((Gate::SumIf { terms, minus }, read))
    }
}
