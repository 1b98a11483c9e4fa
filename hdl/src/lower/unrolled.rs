//! An unrolled stage: all rows in one adder graph, a whole vector per cycle.

use std::collections::HashMap;

use sterna_ir::build::Builder;
use sterna_ir::netlist::NodeId;

use crate::lower::pipe::{Gate, Link, Pipe, Timed};
use crate::lower::rows::Row;
use crate::lower::sums::Sums;
use crate::lower::tree::{self, Bit, Item};

/// What an unrolled stage computes.
#[derive(Clone, Debug)]
pub struct Unrolled {
    /// Output channels.
    pub rows: Vec<Row>,
    /// Keep comparison bits apart.
    pub thermometer: bool,
    /// The sums of the rows, in their order.
    pub sums: Sums,
}

/// What the proof needs to know about a built stage.
#[derive(Clone, Debug)]
pub struct Built {
    /// Input element behind each input node.
    pub inputs: HashMap<NodeId, u32>,
    /// The clock enable.
    pub ce: NodeId,
    /// Valid bit of the input, and of the output.
    pub valid: (NodeId, NodeId),
    /// Registers on every path.
    pub latency: u32,
    /// Output nodes, in the order of the rows' outputs.
    pub outputs: Vec<NodeId>,
}

impl Unrolled {
    /// Builds the stage behind `gate`. `x` carries a whole vector per beat.
    pub fn build(&self, b: &mut Builder, gate: Gate, x: &Link, levels_per_stage: u32) -> (Link, Built) {
        let mut pipe = Pipe::new(gate.ready, levels_per_stage);
        let node_of: HashMap<u32, NodeId> = x.order.iter().copied().zip(x.data.iter().copied()).collect();
        let (mut outputs, mut order) = (Vec::new(), Vec::new());
        let sums = self.sums.place(b, &mut pipe, &node_of, &self.rows);
        for (row, sum) in self.rows.iter().zip(sums) {
            let name = format!("n{}", row.element);
            let results = self.results(b, &mut pipe, row, sum, &name);
            for (k, (element, at)) in row.outputs(self.thermometer).into_iter().zip(results).enumerate() {
                let suffix = if self.thermometer { format!("_{k}") } else { String::new() };
                outputs.push((at, format!("{name}{suffix}_q")));
                order.push(element);
            }
        }
        let (data, latency) = pipe.finish(b, x.valid, gate, outputs);
        let inputs = node_of.iter().map(|(element, node)| (*node, *element)).collect();
        let built =
            Built { inputs, ce: gate.ready, valid: (x.valid, gate.state), latency, outputs: data.clone() };
        (Link { valid: gate.state, data, order }, built)
    }

    fn results(&self, b: &mut Builder, pipe: &mut Pipe, row: &Row, acc: Item, name: &str) -> Vec<Timed> {
        let Some(levels) = &row.levels else { return vec![acc.at] };
        let compare =
            |(k, t): (usize, &i64)| tree::compare(b, pipe, acc, *t, levels.falling, &format!("{name}_{k}"));
        let bits: Vec<Bit> = levels.thresholds.iter().enumerate().map(compare).collect();
        if !self.thermometer {
            return vec![tree::count(b, pipe, &bits, name)];
        }
        let known = |b: &mut Builder, bit: &Bit| match bit {
            Bit::Node(at) => *at,
            Bit::Known(value) => Pipe::input(b.constant(i64::from(*value))),
        };
        bits.iter().map(|bit| known(b, bit)).collect()
    }
}
