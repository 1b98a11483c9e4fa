//! Dual run: the interpreter and the fast simulator side by side, compared on every node in every cycle.

use crate::{Error, Simulator};
use sterna_ir::Design;
use sterna_ir::bench::{self, Stalls};
use sterna_ir::interpret::{Circuit, Interpreter};
use sterna_ir::netlist::{Netlist, NodeId};

/// The first difference between the two.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Name of the first differing node in the order of evaluation.
    pub node: String,
    /// Its number.
    pub id: u32,
    /// Settled cycles before this one, reset included.
    pub cycle: u64,
    /// The interpreter's value.
    pub expected: i64,
    /// The fast simulator's value.
    pub found: i64,
    /// What it is computed from in that cycle, nearest first, back to registers and inputs.
    pub cone: Vec<Operand>,
}

/// A node that a difference can come from. Both sides agree on it, since it is evaluated before.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Operand {
    /// Its name.
    pub node: String,
    /// Its number.
    pub id: u32,
    /// The value on both sides.
    pub value: i64,
}

/// Nodes of a cone that are listed.
const MOST_OPERANDS: usize = 32;

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Difference { node, id, cycle, expected, found, cone } = self;
        write!(f, "node {id}, {node}, cycle {cycle}: interpreter {expected}, simulator {found}")?;
        cone.iter().try_for_each(|o| write!(f, "\n  from node {}, {}: {}", o.id, o.node, o.value))
    }
}

/// Two circuits of one netlist driven alike; the first is believed.
#[derive(Debug)]
pub struct Dual<'a, A, B> {
    netlist: &'a Netlist,
    first: A,
    second: B,
    cycle: u64,
    /// The first difference seen, if any.
    pub difference: Option<Difference>,
}

impl<'a, A: Circuit, B: Circuit> Dual<'a, A, B> {
    /// Pairs two circuits of `netlist`, in which every node can be read.
    pub fn new(netlist: &'a Netlist, first: A, second: B) -> Self {
        Dual { netlist, first, second, cycle: 0, difference: None }
    }
}

impl<A: Circuit, B: Circuit> Circuit for Dual<'_, A, B> {
    fn set(&mut self, input: NodeId, value: i64) {
        self.first.set(input, value);
        self.second.set(input, value);
    }

    fn settle(&mut self) {
        // Both stand still from the first difference on, so that a run ends soon.
        if self.difference.is_some() {
            return;
        }
        self.first.settle();
        self.second.settle();
        let differs = |id: &NodeId| self.first.get(*id) != self.second.get(*id);
        self.difference = self.netlist.ids().find(differs).map(|id| Difference {
            node: self.netlist.node(id).name.clone(),
            id: id.0,
            cycle: self.cycle,
            expected: self.first.get(id),
            found: self.second.get(id),
            cone: self.cone(id),
        });
        self.cycle += 1;
    }

    fn get(&self, node: NodeId) -> i64 {
        self.first.get(node)
    }

    fn clock(&mut self) {
        if self.difference.is_none() {
            self.first.clock();
            self.second.clock();
        }
    }
}

impl<A: Circuit, B: Circuit> Dual<'_, A, B> {
    /// The operands of `id`, their operands and so on, up to what changes at the clock alone.
    fn cone(&self, id: NodeId) -> Vec<Operand> {
        let mut found = vec![id];
        let mut at = 0;
        while at < found.len() && found.len() <= MOST_OPERANDS {
            let op = &self.netlist.node(found[at]).op;
            for operand in op.operands() {
                if (at == 0 || !op.is_sequential()) && !found.contains(&operand) {
                    found.push(operand);
                }
            }
            at += 1;
        }
        let operand = |id: &NodeId| Operand {
            node: self.netlist.node(*id).name.clone(),
            id: id.0,
            value: self.first.get(*id),
        };
        found.iter().skip(1).take(MOST_OPERANDS).map(operand).collect()
    }
}

/// Streams samples through both, up to the first difference.
///
/// # Errors
/// When nothing moves for `patience` cycles.
pub fn run(
    design: &Design,
    samples: &[Vec<i64>],
    stalls: Stalls,
    patience: u64,
) -> Result<Option<Difference>, Error> {
    let interpreter = Interpreter::new(&design.netlist);
    let simulator = Simulator::new(&design.netlist, crate::Watch::All);
    let mut dual = Dual::new(&design.netlist, interpreter, simulator);
    let run = bench::run(design, &mut dual, samples, stalls, patience);
    match dual.difference {
        Some(difference) => Ok(Some(difference)),
        None => run.map(|_| None).map_err(Error::Stuck),
    }
}
