//! The weighted sums of an unrolled stage: rows become an adder graph, and the graph becomes nodes in a pipeline.

use std::collections::HashMap;

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::NodeId;

use crate::Options;
use crate::family::Family;
use crate::lower::digits::digits;
use crate::lower::lutsum;
use crate::lower::pipe::{Pipe, Timed};
use crate::lower::rows::Row;
use crate::lower::tree::{self, Item};
use crate::share::{self, Chain, Graph, Problem, Settings, Term, share};

/// An adder graph over the elements that rows read.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    elements: Vec<u32>,
    constants: Vec<i64>,
    graph: Graph,
    /// Rows that look-up tables count instead.
    counted: Vec<bool>,
    operands: usize,
    /// Sums that trees without sharing would take.
    apart: usize,
}

/// What a family adds at once: Xilinx carry chains take three operands at the price of two, iCE40 carries see operands as
/// they are.
fn chain(family: Option<Family>) -> Chain {
    match family {
        Some(Family::Xcup) => Chain { operands: 3, cell: 1, inverts: true },
        Some(Family::Ecp5) => Chain { operands: 2, cell: 1, inverts: true },
        Some(Family::Ice40) => Chain { operands: 2, cell: 1, inverts: false },
        None => Chain { operands: 2, cell: 1, inverts: true },
    }
}

impl Sums {
    /// Searches for the cheapest graph of `rows`, whose elements have these ranges.
    pub fn new(rows: &[Row], range: impl Fn(u32) -> Range, options: &Options) -> Self {
        let chain = chain(options.family);
        let operands = chain.operands;
        let counted: Vec<bool> =
            rows.iter().map(|row| options.family.is_some() && lutsum::fits(row, &range)).collect();
        let kept = |(row, counted): (&Row, &bool)| Row {
            terms: if *counted { Vec::new() } else { row.terms.clone() },
            ..row.clone()
        };
        let rows: Vec<Row> = rows.iter().zip(&counted).map(kept).collect();
        let mut elements: Vec<u32> = rows.iter().flat_map(|r| &r.terms).map(|t| t.0).collect();
        elements.sort_unstable();
        elements.dedup();
        let with_bias = || rows.iter().filter(|r| r.bias != 0 && !r.terms.is_empty());
        let mut constants: Vec<i64> = with_bias().map(|r| r.bias.abs()).collect();
        constants.sort_unstable();
        constants.dedup();
        let place = |element: &u32| elements.binary_search(element).expect("listed") as u32;
        let row = |row: &Row| {
            let mut terms = Vec::new();
            for (element, weight) in &row.terms {
                let node = place(element);
                terms.extend(digits(*weight).map(|d| Term { node, shift: d.shift, negate: d.negate }));
            }
            if row.bias != 0 && !row.terms.is_empty() {
                let at = constants.binary_search(&row.bias.abs()).expect("listed");
                let node = (elements.len() + at) as u32;
                terms.push(Term { node, shift: 0, negate: row.bias < 0 });
            }
            share::Row { terms, any_sign: row.levels.is_some() }
        };
        let rows: Vec<share::Row> = rows.iter().map(row).collect();
        let sums = |row: &share::Row| row.terms.len().saturating_sub(1).div_ceil(operands - 1);
        let apart = rows.iter().map(sums).sum();
        let inputs =
            elements.iter().map(|e| range(*e)).chain(constants.iter().map(|c| Range::point(*c))).collect();
        let settings = Settings {
            chain,
            sharing: options.sharing.is_some(),
            effort: options.sharing.unwrap_or(0),
            starts: 1,
            depth: options.depth,
        };
        let graph = share(&Problem { inputs, rows }, &settings);
        Sums { elements, constants, graph, counted, operands, apart }
    }

    /// Whether row `index` is for look-up tables to count.
    pub fn is_counted(&self, index: usize) -> bool {
        self.counted[index]
    }

    /// A line for the header of the module, if there are sums.
    pub fn about(&self) -> Option<String> {
        let sums = self.graph.sums.len();
        let shared = self.graph.sums.iter().filter(|s| s.row.is_none()).count();
        let line = format!(
            "{sums} sums of up to {} operands, {shared} of them shared by several neurons; {} if none were.",
            self.operands, self.apart
        );
        (self.apart > 0).then_some(line)
    }

    /// Builds the sums and gives one item per row.
    pub fn place(
        &self,
        b: &mut Builder,
        pipe: &mut Pipe,
        node_of: &HashMap<u32, NodeId>,
        rows: &[Row],
    ) -> Vec<Item> {
        let mut nodes: Vec<Timed> = self.elements.iter().map(|e| Pipe::input(node_of[e])).collect();
        nodes.extend(self.constants.iter().map(|c| Pipe::input(b.constant(*c))));
        let item =
            |nodes: &[Timed], t: &Term| Item { at: nodes[t.node as usize], shift: t.shift, negate: t.negate };
        // Sums of a neuron's own are numbered from 0, its last is the accumulator.
        let mut made = vec![0; rows.len()];
        let mut shared = 0;
        for sum in &self.graph.sums {
            let node = nodes.len() as u32;
            let name = match sum.row {
                None => {
                    shared += 1;
                    format!("s{}", shared - 1)
                }
                Some(row) => {
                    let neuron = format!("n{}", rows[row as usize].element);
                    let root = self.graph.outputs[row as usize].is_some_and(|t| t.node == node);
                    made[row as usize] += 1;
                    match root {
                        true => format!("{neuron}_acc"),
                        false => format!("{neuron}_s{}", made[row as usize] - 1),
                    }
                }
            };
            let items: Vec<Item> = sum.terms.iter().map(|t| item(&nodes, t)).collect();
            nodes.push(tree::join(b, pipe, &items, name, true).at);
        }
        let mut result = |(row, output): (&Row, &Option<Term>)| match output {
            Some(term) => item(&nodes, term),
            None => Item::plus(Pipe::input(b.constant(row.bias))),
        };
        rows.iter().zip(&self.graph.outputs).map(&mut result).collect()
    }
}
