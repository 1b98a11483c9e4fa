//! An unrolled stage: every row as an adder tree over its nonzeros, a whole vector per cycle.

use std::collections::HashMap;

use sterna_ir::build::Builder;
use sterna_ir::netlist::NodeId;

use crate::Options;
use crate::family::Family;
use crate::lower::digits::digits;
use crate::lower::lutsum::{self, Tables};
use crate::lower::pipe::{Gate, Link, Pipe, Timed};
use crate::lower::rows::Row;
use crate::lower::tree::{self, Bit, Item};

/// What an unrolled stage computes.
#[derive(Clone, Debug)]
pub struct Unrolled {
    /// Output channels.
    pub rows: Vec<Row>,
    /// Keep comparison bits apart.
    pub thermometer: bool,
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
    pub fn build(&self, b: &mut Builder, gate: Gate, x: &Link, options: &Options) -> (Link, Built) {
        let mut pipe = Pipe::new(gate.ready, options.levels_per_stage);
        let mut tables = Tables::default();
        let node_of: HashMap<u32, NodeId> = x.order.iter().copied().zip(x.data.iter().copied()).collect();
        let (mut outputs, mut order) = (Vec::new(), Vec::new());
        for row in &self.rows {
            let name = format!("n{}", row.element);
            let results = match options.family {
                Some(family) => self.mapped(b, &mut pipe, &mut tables, (row, family), &node_of, &name),
                None => None,
            };
            let results =
                results.unwrap_or_else(|| self.row(b, &mut pipe, (row, options.family), &node_of, &name));
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

    fn row(
        &self,
        b: &mut Builder,
        pipe: &mut Pipe,
        (row, family): (&Row, Option<Family>),
        node_of: &HashMap<u32, NodeId>,
        name: &str,
    ) -> Vec<Timed> {
        let mut items = Vec::new();
        for &(element, weight) in &row.terms {
            let at = Pipe::input(node_of[&element]);
            items.extend(digits(weight).map(|d| Item { at, shift: d.shift, negate: d.negate }));
        }
        if row.bias != 0 || items.is_empty() {
            items.push(Item::plus(Pipe::input(b.constant(row.bias))));
        }
        let acc = sum(b, pipe, items, family, name, row.levels.is_none());
        self.finish(b, pipe, row, acc, 0, name)
    }

    /// The row as look-up tables, where its inputs are bits.
    fn mapped(
        &self,
        b: &mut Builder,
        pipe: &mut Pipe,
        tables: &mut Tables,
        (row, family): (&Row, Family),
        node_of: &HashMap<u32, NodeId>,
        name: &str,
    ) -> Option<Vec<Timed>> {
        let short = lutsum::row(b, pipe, tables, (row, self.thermometer), node_of, family, name);
        if short.is_some() {
            return short;
        }
        let settle = row.levels.is_none();
        let (mut items, mut offset) = lutsum::counted(b, pipe, tables, row, node_of, family, name)?;
        if settle && offset != 0 {
            items.push(Item::plus(Pipe::input(b.constant(offset))));
            offset = 0;
        }
        let acc = sum(b, pipe, items, Some(family), name, settle);
        Some(self.finish(b, pipe, row, acc, offset, name))
    }

    /// Comparisons of a sum that lacks `offset`.
    fn finish(
        &self,
        b: &mut Builder,
        pipe: &mut Pipe,
        row: &Row,
        acc: Item,
        offset: i64,
        name: &str,
    ) -> Vec<Timed> {
        let Some(levels) = &row.levels else { return vec![acc.at] };
        let compare = |(k, t): (usize, &i64)| {
            tree::compare(b, pipe, acc, t - offset, levels.falling, &format!("{name}_{k}"))
        };
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

/// Sums at least one item by threes where one carry chain takes three, else by twos.
fn sum(
    b: &mut Builder,
    pipe: &mut Pipe,
    items: Vec<Item>,
    family: Option<Family>,
    name: &str,
    settle: bool,
) -> Item {
    match family {
        Some(Family::Xcup) => lutsum::sum(b, pipe, items, name, settle),
        _ => tree::sum(b, pipe, &items, name, settle).expect("there are items"),
    }
}
