//! The netlist interpreter: the slow, obvious definition of what a netlist does, cycle by cycle.

use crate::Range;
use crate::netlist::{MemoryKind, Netlist, NodeId, Op, Term};

/// Anything that can be driven as a clocked circuit: the interpreter, and the fast simulator.
pub trait Circuit {
    /// Sets an input.
    fn set(&mut self, input: NodeId, value: i64);
    /// Settles the combinational nodes after inputs were set.
    fn settle(&mut self);
    /// Value of a node; valid between [`Circuit::settle`] and the next [`Circuit::clock`].
    fn get(&self, node: NodeId) -> i64;
    /// One rising clock edge.
    fn clock(&mut self);
}

/// State of a netlist being interpreted. Power-up values that the netlist leaves unknown are zero here.
#[derive(Debug)]
pub struct Interpreter<'a> {
    netlist: &'a Netlist,
    values: Vec<i64>,
    memories: Vec<Vec<i64>>,
}

impl<'a> Interpreter<'a> {
    /// Starts with all registers at zero, or the nearest value of their range. `netlist` must be
    /// [checked](crate::check::check).
    pub fn new(netlist: &'a Netlist) -> Self {
        let start = |range: Range| 0i64.clamp(range.lo, range.hi);
        let memories = netlist.memories.iter().map(|m| match &m.kind {
            MemoryKind::Rom(words) => words.clone(),
            MemoryKind::Ram { .. } => vec![start(m.word); m.depth],
        });
        Interpreter {
            netlist,
            values: netlist.nodes.iter().map(|n| start(n.range)).collect(),
            memories: memories.collect(),
        }
    }

    fn next(&self, id: NodeId) -> Option<i64> {
        let v = |id: NodeId| self.values[id.index()];
        let held = |enable: &Option<NodeId>| enable.is_some_and(|e| v(e) == 0);
        match &self.netlist.node(id).op {
            Op::Reg { reset: Some(value), .. } if self.netlist.reset.is_some_and(|r| v(r) == 1) => {
                Some(*value)
            }
            Op::Reg { enable, .. } | Op::Read { enable, .. } if held(enable) => None,
            Op::Reg { d, .. } => Some(v(*d)),
            Op::Read { memory, addr, .. } => {
                Some(self.memories[memory.index()].get(v(*addr) as usize).copied().unwrap_or(0))
            }
            _ => None,
        }
    }
}

/// What a node computes from the values `v` of its operands; nothing for inputs and state.
pub fn computed(netlist: &Netlist, id: NodeId, v: impl Fn(NodeId) -> i64) -> Option<i64> {
    let node = netlist.node(id);
    let term = |t: &Term| if t.negate { -(v(t.node) << t.shift) } else { v(t.node) << t.shift };
    Some(match &node.op {
        Op::Input | Op::Reg { .. } | Op::Read { .. } => return None,
        Op::Const(value) => *value,
        Op::Sum(terms) => terms.iter().map(term).sum(),
        Op::Ge(a, b) => i64::from(v(*a) >= v(*b)),
        Op::Eq(a, b) => i64::from(v(*a) == v(*b)),
        Op::And(bits) => i64::from(bits.iter().all(|b| v(*b) == 1)),
        Op::Or(bits) => i64::from(bits.iter().any(|b| v(*b) == 1)),
        Op::Not(a) => 1 - v(*a),
        Op::Lut { inputs, table } => {
            let index: i64 = inputs.iter().enumerate().map(|(k, bit)| v(*bit) << k).sum();
            (table >> index & 1) as i64
        }
        Op::Mux { sel, zero, one } => v(if v(*sel) == 1 { *one } else { *zero }),
        Op::Wrap(a) => node.range.wrap(v(*a)),
        Op::Slice { a, lo } => (v(*a) >> lo) & node.range.hi,
        Op::Concat(parts) => {
            let mut word = 0;
            let mut at = 0;
            for part in parts {
                let width = netlist.node(*part).range.width();
                word |= (v(*part) & ((1i64 << width) - 1)) << at;
                at += width;
            }
            word
        }
    })
}

impl Circuit for Interpreter<'_> {
    fn set(&mut self, input: NodeId, value: i64) {
        let node = self.netlist.node(input);
        assert!(node.op == Op::Input && node.range.contains(value), "{} cannot be set to {value}", node.name);
        self.values[input.index()] = value;
    }

    fn settle(&mut self) {
        for id in self.netlist.ids() {
            if let Some(value) = computed(self.netlist, id, |o| self.values[o.index()]) {
                debug_assert!(
                    self.netlist.node(id).range.contains(value),
                    "{} = {value} leaves {}",
                    self.netlist.node(id).name,
                    self.netlist.node(id).range
                );
                self.values[id.index()] = value;
            }
        }
    }

    fn get(&self, node: NodeId) -> i64 {
        self.values[node.index()]
    }

    fn clock(&mut self) {
        let next: Vec<(NodeId, i64)> =
            self.netlist.ids().filter_map(|id| self.next(id).map(|value| (id, value))).collect();
        for (memory, words) in self.netlist.memories.iter().zip(&mut self.memories) {
            if let MemoryKind::Ram { enable, addr, data } = &memory.kind
                && self.values[enable.index()] == 1
                && let Some(word) = words.get_mut(self.values[addr.index()] as usize)
            {
                *word = self.values[data.index()];
            }
        }
        for (id, value) in next {
            self.values[id.index()] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Builder;
    use crate::check::check;

    /// A counter modulo 4 that writes 10 * count into a RAM and reads it back one cycle later.
    #[test]
    fn registers_and_memories_update_at_once() {
        let mut b = Builder::new("t", vec![]);
        b.reset("rst");
        let go = b.input("go", Range::BIT);
        let count = b.loop_reg(Range::unsigned(2), Some(go), Some(0), "count");
        let one = b.constant(1);
        let sum = b.sum(&[Term::plus(count), Term::plus(one)], "sum");
        let next = b.wrap(sum, Range::unsigned(2), "next");
        b.drive(count, next);
        let eight = Term { node: count, shift: 3, negate: false };
        let ten = b.sum(&[eight, Term::plus(count), Term::plus(count)], "ten");
        let memory = b.ram(4, go, count, ten, "memory");
        let q = b.read(memory, count, None, "q");
        let reset = b.netlist().reset.unwrap();
        let netlist = b.finish();
        check(&netlist).unwrap();
        let mut circuit = Interpreter::new(&netlist);
        let mut seen = Vec::new();
        for cycle in 0..12 {
            circuit.set(reset, i64::from(cycle < 2));
            circuit.set(go, i64::from(cycle != 5));
            circuit.settle();
            seen.push((circuit.get(count), circuit.get(q)));
            circuit.clock();
        }
        // Reads see the word from before the write of the same edge: zeros in the first round, then the first round's words.
        let counts = [0, 0, 0, 1, 2, 3, 3, 0, 1, 2, 3, 0];
        let reads = [0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 20, 30];
        assert_eq!(seen, counts.into_iter().zip(reads).collect::<Vec<_>>());
    }

    #[test]
    fn check_names_the_broken_guarantee() {
        let mut b = Builder::new("t", vec![]);
        let x = b.input("x", Range::new(-8, 7));
        let y = b.sum(&[Term::plus(x), Term::minus(x)], "y");
        let mut netlist = b.finish();
        check(&netlist).unwrap();
        netlist.nodes[y.index()].range = Range::new(-14, 15);
        let error = check(&netlist).unwrap_err().to_string();
        assert!(error.contains("(y)") && error.contains("does not cover -15..=15"), "{error}");
    }
}
