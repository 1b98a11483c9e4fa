//! Registers moved from the operands of nodes to their results, where that takes fewer bits.
//!
//! A node whose operands all come out of registers with one enable is computed from what enters these registers, and its
//! result delayed instead: a pipeline becomes one function with a short delay behind it, whose values in between nobody has
//! to keep. Every node that is still there has the same value in every cycle, from power-up on. Registers with a reset are
//! control, and stay.

use crate::live::live;
use crate::program::{Watch, start_value};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use sterna_ir::interpret::computed;
use sterna_ir::netlist::{Netlist, Node, NodeId, Op};

/// A netlist, and what its registers hold at power-up.
pub(crate) struct Retimed {
    pub netlist: Netlist,
    pub start: Vec<i64>,
}

/// The enable of a register; nothing where it takes a value in every cycle.
type Enable = Option<NodeId>;

/// What a node is: what another was a number of enabled cycles ago.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Past {
    base: NodeId,
    age: u32,
    enable: Enable,
}

/// Moves the registers of those enables for which the moved ones are fewer.
pub(crate) fn retime(netlist: &Netlist, watch: Watch) -> Retimed {
    let before = bits(netlist, watch);
    let mut allowed: BTreeSet<Enable> = before.keys().copied().collect();
    loop {
        let retimed = Retimer::new(netlist, &allowed).finish();
        let after = bits(&retimed.netlist, watch);
        let all = allowed.len();
        allowed.retain(|enable| after.get(enable).unwrap_or(&0) < &before[enable]);
        if allowed.len() == all {
            return retimed;
        }
    }
}

/// Bits of the live registers without reset by enable.
fn bits(netlist: &Netlist, watch: Watch) -> BTreeMap<Enable, u32> {
    let live = live(netlist, watch);
    let mut bits = BTreeMap::new();
    for id in netlist.ids().filter(|id| live[id.index()]) {
        if let Node { op: Op::Reg { enable, reset: None, .. }, range, .. } = netlist.node(id) {
            *bits.entry(*enable).or_insert(0) += range.width();
        }
    }
    bits
}

struct Retimer {
    netlist: Netlist,
    start: Vec<i64>,
    past: Vec<Past>,
    /// What the registers behind a node hold at power-up, one after the other.
    starts: FxHashMap<(NodeId, Enable), Vec<i64>>,
    /// Those registers, as far as they were made.
    delays: FxHashMap<(NodeId, Enable), Vec<NodeId>>,
}

impl Retimer {
    fn new(netlist: &Netlist, allowed: &BTreeSet<Enable>) -> Self {
        let mut r = Retimer {
            netlist: netlist.clone(),
            start: netlist.nodes.iter().map(|n| start_value(n.range)).collect(),
            past: vec![],
            starts: FxHashMap::default(),
            delays: FxHashMap::default(),
        };
        for id in netlist.ids() {
            let past = match &netlist.node(id).op {
                Op::Reg { d, enable, reset: None } if *d < id && allowed.contains(enable) => {
                    r.register(id, *d, *enable)
                }
                op if op.is_sequential() => None,
                op => r.common(&op.operands()).map(|(age, enable)| r.moved(id, age, enable)),
            };
            r.past.push(past.unwrap_or(Past { base: id, age: 0, enable: None }));
        }
        r
    }

    /// A register as one more behind what enters it, unless another there powers up with another value.
    fn register(&mut self, id: NodeId, d: NodeId, enable: Enable) -> Option<Past> {
        let before = self.past[d.index()];
        let past = match before.enable == enable {
            true => Past { age: before.age + 1, enable, ..before },
            false => Past { base: d, age: 1, enable },
        };
        let starts = self.starts.entry((past.base, enable)).or_default();
        if starts.len() < past.age as usize {
            starts.push(self.start[id.index()]);
        }
        (starts[past.age as usize - 1] == self.start[id.index()]).then_some(past)
    }

    /// Age and enable of operands that agree in both; constants agree with any.
    fn common(&self, operands: &[NodeId]) -> Option<(u32, Enable)> {
        let varying = operands.iter().filter(|o| !matches!(self.netlist.node(**o).op, Op::Const(_)));
        let mut pasts = varying.map(|o| self.past[o.index()]).map(|past| (past.age, past.enable));
        let first = pasts.next().filter(|(age, _)| *age > 0)?;
        pasts.all(|past| past == first).then_some(first)
    }

    /// Node `id`, computed from the past of its operands, and so itself in the past.
    fn moved(&mut self, id: NodeId, age: u32, enable: Enable) -> Past {
        let Node { op, range, module, .. } = self.netlist.node(id);
        // Nobody asks for it by name.
        let mut node = Node { op: op.clone(), range: *range, name: String::new(), module: *module };
        node.op.map_operands(|o| self.past[o.index()].base);
        let base = self.push(node, 0);
        let held = |o: NodeId, k: u32| match self.netlist.node(o).op {
            Op::Const(value) => value,
            _ => self.starts[&(o, enable)][k as usize],
        };
        let start = |k| computed(&self.netlist, base, |o| held(o, k)).expect("it is combinational");
        let starts = (0..age).map(start).collect();
        self.starts.insert((base, enable), starts);
        Past { base, age, enable }
    }

    fn push(&mut self, node: Node, start: i64) -> NodeId {
        self.netlist.nodes.push(node);
        self.start.push(start);
        NodeId(self.netlist.nodes.len() as u32 - 1)
    }

    /// Nodes that were moved become delays of what they are computed as now.
    fn finish(mut self) -> Retimed {
        for i in 0..self.past.len() {
            let Past { base, age, enable } = self.past[i];
            if age > 0 && !self.netlist.nodes[i].op.is_sequential() {
                let d = self.delayed(base, age - 1, enable);
                self.start[i] = self.starts[&(base, enable)][age as usize - 1];
                self.netlist.nodes[i].op = Op::Reg { d, enable, reset: None };
            }
        }
        Retimed { netlist: self.netlist, start: self.start }
    }

    /// The node that has the value of `base` from `age` cycles ago.
    fn delayed(&mut self, base: NodeId, age: u32, enable: Enable) -> NodeId {
        let mut last = base;
        for k in 0..age as usize {
            let known = self.delays.get(&(base, enable)).and_then(|chain| chain.get(k)).copied();
            last = known.unwrap_or_else(|| {
                let op = Op::Reg { d: last, enable, reset: None };
                let start = self.starts[&(base, enable)][k];
                let id = self.push(Node { op, ..self.netlist.node(base).clone() }, start);
                self.delays.entry((base, enable)).or_default().push(id);
                id
            });
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bitwise;
    use sterna_ir::Range;
    use sterna_ir::bench::Stall;
    use sterna_ir::build::Builder;
    use sterna_ir::interpret::{Circuit, Interpreter};
    use sterna_ir::netlist::Term;

    /// A pipeline of three stages whose values at power-up show: nothing but its one output is left to be delayed.
    #[test]
    fn a_pipeline_is_one_function_and_the_same_in_every_cycle() {
        let mut b = Builder::new("t", vec![]);
        let go = b.input("go", Range::BIT);
        let inputs: Vec<NodeId> = (0..8).map(|i| b.input(format!("x{i}"), Range::signed(4))).collect();
        let mut values: Vec<NodeId> = inputs.iter().map(|x| b.reg(*x, Some(go), "r")).collect();
        let five = b.constant(5);
        while values.len() > 1 {
            let add = |(i, pair): (usize, &[NodeId])| {
                let sum =
                    b.sum(&[Term::minus(pair[0]), Term::plus(pair[1]), Term::plus(five)], format!("s{i}"));
                b.reg(sum, Some(go), "r")
            };
            values = values.chunks(2).enumerate().map(add).collect();
        }
        let large = b.ge(values[0], five, "large");
        let late = b.reg(large, Some(go), "late");
        let small = b.not(late, "small");
        b.output(small);
        let netlist = b.finish();
        let watch = Watch::Nodes(&[]);
        let all = |bits: BTreeMap<Enable, u32>| bits.into_values().sum::<u32>();
        assert!(all(bits(&netlist, watch)) > 60);
        assert_eq!(all(bits(&retime(&netlist, watch).netlist, watch)), 5);
        let (mut slow, mut fast) = (Interpreter::new(&netlist), Bitwise::new(&netlist, watch));
        let mut dice = Stall::new(1, 90);
        let mut seen = [0, 0];
        for cycle in 0..500 {
            let circuits: [&mut dyn Circuit; 2] = [&mut slow, &mut fast];
            let on = i64::from(!dice.draw());
            let values: Vec<i64> = inputs
                .iter()
                .map(|_| {
                    dice.draw();
                    (dice.state >> 20) as i64 % 8
                })
                .collect();
            let outputs = circuits.map(|circuit| {
                circuit.set(go, on);
                inputs.iter().zip(&values).for_each(|(x, value)| circuit.set(*x, *value));
                circuit.settle();
                let output = circuit.get(small);
                circuit.clock();
                output
            });
            assert_eq!(outputs[0], outputs[1], "cycle {cycle}");
            seen[outputs[0] as usize] += 1;
        }
        assert!(seen.iter().all(|n| *n > 20), "{seen:?}");
    }
}
