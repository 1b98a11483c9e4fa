//! Compiling a netlist to planes.
//!
//! A node is computed when somebody needs it, so that few values are alive at a time: first what is watched, then,
//! register by register, what each will hold next, just before it changes.

mod counts;
mod state;
mod sums;

use crate::arrange::{Chunk, Step, arrange};
use crate::live::live;
use crate::order::{Action, reads};
use crate::planes::{Gate, Planes};
use crate::program::Watch;
use crate::retime::{Retimed, retime};
use counts::Counts;
use sterna_ir::netlist::{MemoryId, Netlist, NodeId, Op};

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
    /// Sums that are counts of bits.
    counts: Counts,
}

/// Compiles a [checked](sterna_ir::check::check) netlist.
pub(crate) fn slice(netlist: &Netlist, watch: Watch) -> Planes {
    let Retimed { netlist, start } = &retime(netlist, watch);
    let live = live(netlist, watch);
    let planes = Planes {
        start: vec![false, true],
        wires: vec![vec![]; netlist.nodes.len()],
        watched: vec![false; netlist.nodes.len()],
        memories: state::memories(netlist, &live),
        ..Planes::default()
    };
    let mut s = Slicer {
        netlist,
        planes,
        chunks: vec![Chunk::default()],
        uses: uses(netlist, &live),
        copy_of: vec![],
        counts: Counts::new(netlist, &live),
    };
    for id in netlist.ids().filter(|id| live[id.index()]) {
        if netlist.node(id).op == Op::Input || netlist.node(id).op.is_sequential() {
            let width = netlist.node(id).range.width();
            s.planes.wires[id.index()] = s.fresh(width, start[id.index()]);
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
    arrange(s.planes, &s.chunks, settle, state)
}

fn uses(netlist: &Netlist, live: &[bool]) -> Vec<u32> {
    let mut uses = vec![0; netlist.nodes.len()];
    for id in netlist.ids().filter(|id| live[id.index()]) {
        netlist.node(id).op.each_operand(|o| uses[o.index()] += 1);
    }
    for id in (0..netlist.memories.len() as u32).map(MemoryId) {
        reads(netlist, Action::Write(id)).iter().for_each(|o| uses[o.index()] += 1);
    }
    uses
}

impl Slicer<'_> {
    /// New planes, which hold `value` at the start.
    fn fresh(&mut self, width: u32, value: i64) -> Vec<u32> {
        let first = self.planes.start.len() as u32;
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
        let out = (out.first().copied().unwrap_or(ZERO), out.len() as u32);
        let chunk = self.chunks.last_mut().expect("there is always a chunk");
        chunk.push(Step { gate, table: 0, out: out.0, width: out.1, read });
    }

    /// The instruction that was added last.
    fn last(&mut self) -> &mut Step {
        self.chunks.last_mut().and_then(|chunk| chunk.last_mut()).expect("a step was added just now")
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
                let out = self.fresh(width as u32, 0);
                let read = inputs.iter().map(|a| self.bit(*a, 0)).collect();
                self.step(Gate::Lut, &out, read);
                self.last().table = *table;
                return out;
            }
            Op::Not(a) => (Gate::Not, vec![self.bit(*a, 0)]),
            Op::Mux { sel, zero, one } => {
                let pairs = (0..width).flat_map(|i| [self.bit(*zero, i), self.bit(*one, i)]);
                (Gate::Mux, [self.bit(*sel, 0)].into_iter().chain(pairs).collect())
            }
        };
        let out = self.fresh(width as u32, 0);
        self.step(gate, &out, read);
        out
    }
}
