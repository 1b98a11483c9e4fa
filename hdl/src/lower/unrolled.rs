//! An unrolled stage: all rows in one adder graph, a whole vector per cycle.

use std::collections::HashMap;

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::{Netlist, NodeId};

use crate::Options;
use crate::family::Family;
use crate::lower::lutsum::{self, Tables};
use crate::lower::pipe::{Gate, Link, Pipe, Timed};
use crate::lower::rows::Row;
use crate::lower::stages::{Limit, Step};
use crate::lower::sums::{Input, Sums};
use crate::lower::tree::{self, Bit, Item};

/// What an unrolled stage computes.
#[derive(Clone, Debug)]
pub struct Unrolled {
    /// Output channels.
    pub rows: Vec<Row>,
    /// Keep comparison bits apart.
    pub thermometer: bool,
    /// By element that rows read: every value its node can have, or more.
    pub x: Vec<Range>,
    /// The sums of the rows, in their order.
    pub sums: Sums,
}

/// What the proof needs to know about a built stage.
#[derive(Clone, Debug)]
pub struct Built {
    /// Input nodes and the elements behind them; places of a window that are always equal share a node.
    pub inputs: Vec<(NodeId, u32)>,
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
    pub fn build(&self, b: &mut Builder, gate: Gate, x: &Link, options: &Options) -> (Link, Built) {
        let node_of: HashMap<u32, NodeId> = x.order.iter().copied().zip(x.data.iter().copied()).collect();
        let (mut outputs, mut order) = (Vec::new(), Vec::new());
        let limit = |netlist: &Netlist, steps: &[Step]| Limit::of(options, netlist, steps);
        let place = |b: &mut Builder, pipe: &mut Pipe| self.place(b, pipe, &node_of, options);
        let (mut pipe, results) = Pipe::planned(b, gate.ready, options.family, limit, place);
        for (row, results) in self.rows.iter().zip(results) {
            for (k, (element, at)) in row.outputs(self.thermometer).into_iter().zip(results).enumerate() {
                let suffix = if self.thermometer { format!("_{k}") } else { String::new() };
                outputs.push((at, format!("n{}{suffix}_q", row.element)));
                order.push(element);
            }
        }
        let (data, latency) = pipe.finish(b, x.valid, gate, outputs);
        let inputs = x.data.iter().copied().zip(x.order.iter().copied()).collect();
        let built =
            Built { inputs, ce: gate.ready, valid: (x.valid, gate.state), latency, outputs: data.clone() };
        (Link { valid: gate.state, data, order, positions: x.positions }, built)
    }

    /// The outputs of each row, anywhere in the pipeline.
    pub fn place(
        &self,
        b: &mut Builder,
        pipe: &mut Pipe,
        node_of: &HashMap<u32, NodeId>,
        options: &Options,
    ) -> Vec<Vec<Timed>> {
        let mut tables = Tables::default();
        let input = |input: Input| match input {
            Input::Element(element) => node_of[&element],
            Input::Constant(value) => b.constant(value),
        };
        let inputs: Vec<NodeId> = self.sums.inputs().map(input).collect();
        let join = |b: &mut Builder, pipe: &mut Pipe, items: &[Item], name: String| {
            tree::join(b, pipe, items, name, true)
        };
        let sums = self.sums.place(b, pipe, &inputs, &self.rows, join);
        let mut results = Vec::new();
        for (index, (row, sum)) in self.rows.iter().zip(sums).enumerate() {
            let name = format!("n{}", row.element);
            results.push(match options.family.filter(|_| self.sums.is_counted(index)) {
                Some(family) => self.counted(b, pipe, &mut tables, (row, family), node_of, &name),
                None => self.results(b, pipe, row, node_of, (sum, 0), &name),
            });
        }
        results
    }

    /// A row of bits, as look-up tables.
    fn counted(
        &self,
        b: &mut Builder,
        pipe: &mut Pipe,
        tables: &mut Tables,
        (row, family): (&Row, Family),
        node_of: &HashMap<u32, NodeId>,
        name: &str,
    ) -> Vec<Timed> {
        if row.terms.len() <= lutsum::MOST_INPUTS {
            return lutsum::row(b, pipe, tables, (row, self.thermometer), node_of, family, name);
        }
        let settle = row.levels.is_none();
        let (mut items, mut offset) = lutsum::counted(b, pipe, tables, row, node_of, family, name);
        if settle && offset != 0 {
            items.push(Item::plus(Pipe::input(b.constant(offset))));
            offset = 0;
        }
        let acc = tree::sum(b, pipe, &items, name, settle).expect("there are items");
        self.results(b, pipe, row, node_of, (acc, offset), name)
    }

    /// What becomes of a row's sum, which lacks `offset`.
    fn results(
        &self,
        b: &mut Builder,
        pipe: &mut Pipe,
        row: &Row,
        node_of: &HashMap<u32, NodeId>,
        (acc, offset): (Item, i64),
        name: &str,
    ) -> Vec<Timed> {
        let Some(levels) = &row.levels else { return vec![acc.at] };
        let range = row.range(|e| b.range(node_of[&e])).and_then(|r| r.checked_add(Range::point(-offset)));
        let range = range.expect("sums stay within 60 bits");
        let compare = |(k, t): (usize, &i64)| {
            tree::compare(b, pipe, (acc, range), t - offset, levels.falling, &format!("{name}_{k}"))
        };
        let bits: Vec<Bit> = levels.thresholds.iter().enumerate().map(compare).collect();
        tree::code(b, pipe, &bits, self.thermometer, name)
    }
}
