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
        self.first.settle();
        self.second.settle();
        if self.difference.is_none() {
            let differs = |id: &NodeId| self.first.get(*id) != self.second.get(*id);
            self.difference = self.netlist.ids().find(differs).map(|id| Difference {
                node: self.netlist.node(id).name.clone(),
                id: id.0,
                cycle: self.cycle,
                expected: self.first.get(id),
                found: self.second.get(id),
            });
        }
        self.cycle += 1;
    }

    fn get(&self, node: NodeId) -> i64 {
        self.first.get(node)
    }

    fn clock(&mut self) {
        self.first.clock();
        self.second.clock();
    }
}

/// Streams samples through both and returns the first difference, or none and the interpreter's results.
///
/// # Errors
/// When nothing moves for `patience` cycles.
pub fn run(
    design: &Design,
    samples: &[Vec<i64>],
    stalls: Stalls,
    patience: u64,
) -> Result<(bench::Run, Option<Difference>), Error> {
    let interpreter = Interpreter::new(&design.netlist);
    let simulator = Simulator::new(&design.netlist, crate::Watch::All);
    let mut dual = Dual::new(&design.netlist, interpreter, simulator);
    let run = bench::run(design, &mut dual, samples, stalls, patience).map_err(Error::Stuck)?;
    Ok((run, dual.difference))
}
