//! Rows over 1-bit inputs as look-up tables: no carry chain for what a few tables can count.
//!
//! The sum of bits with signs is a count of literals (bits, and inverses of subtracted bits) less a constant, so that a row,
//! with its thresholds or without, is a symmetric function of literals, whose inversions cost nothing inside a table. Short
//! rows become one tree of tables; longer ones groups that count, then carry chains.

mod classes;
mod tables;

use std::collections::HashMap;

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::NodeId;

use crate::family::Family;
use crate::lower::pipe::{Pipe, Timed};
use crate::lower::rows::Row;
use crate::lower::tree::Item;
use classes::{Plan, Symmetric, code_bits};
pub use tables::Tables;

/// Longest row that is a tree of tables; the proof tries all combinations of its inputs.
pub const MOST_INPUTS: usize = 16;

/// A bit, and whether it counts when it is 0.
#[derive(Clone, Copy, Debug)]
struct Literal {
    at: Timed,
    inverted: bool,
}

/// Whether a row is tables: all weights are 1 or -1 and all inputs are bits.
pub fn fits(row: &Row, range: impl Fn(u32) -> Range) -> bool {
    let fits = |&(element, weight): &(u32, i64)| range(element) == Range::BIT && weight.abs() == 1;
    !row.terms.is_empty() && row.terms.iter().all(fits)
}

fn literals(row: &Row, node_of: &HashMap<u32, NodeId>) -> Vec<Literal> {
    let literal = |&(element, weight): &(u32, i64)| Literal {
        at: Pipe::input(node_of[&element]),
        inverted: weight < 0,
    };
    row.terms.iter().map(literal).collect()
}

/// What a row outputs for each count of its literals.
fn function(row: &Row, thermometer: bool) -> (Symmetric, Range) {
    let minus = row.terms.iter().filter(|(_, w)| *w < 0).count() as i64;
    let n = row.terms.len() as i64;
    let sums = (0..=n).map(|count| count - minus + row.bias);
    let Some(levels) = &row.levels else {
        let range = Range::new(row.bias - minus, row.bias - minus + n);
        let mask = (1u64 << range.width()) - 1;
        return (
            Symmetric { values: sums.map(|s| s as u64 & mask).collect(), outputs: range.width() },
            range,
        );
    };
    let met = |sum: i64, t: i64| if levels.falling { sum <= t } else { sum >= t };
    let code = |sum: i64| {
        let bits = levels.thresholds.iter().map(|t| u64::from(met(sum, *t)));
        match thermometer {
            true => bits.enumerate().map(|(k, bit)| bit << k).sum(),
            false => bits.sum::<u64>(),
        }
    };
    let k = levels.thresholds.len();
    let range = if thermometer { Range::BIT } else { Range::new(0, k as i64) };
    let outputs = if thermometer { k as u32 } else { range.width() };
    (Symmetric { values: sums.map(code).collect(), outputs }, range)
}

/// Tables of a row that [`fits`], as [`row`] builds it.
pub fn luts(row: &Row, thermometer: bool, family: Family) -> u32 {
    function(row, thermometer).0.plan(family).1
}

/// Builds a row that [`fits`] and has at most [`MOST_INPUTS`] as one tree of tables: its outputs, as `Unrolled` wants them.
pub fn row(
    b: &mut Builder,
    pipe: &mut Pipe,
    tables: &mut Tables,
    (row, thermometer): (&Row, bool),
    node_of: &HashMap<u32, NodeId>,
    family: Family,
    name: &str,
) -> Vec<Timed> {
    let literals = literals(row, node_of);
    let (function, range) = function(row, thermometer);
    let (plan, _) = function.plan(family);
    let mut tree = Tree { b, pipe, tables, plan: &plan, function: &function, made: 0 };
    let bits = tree.root(&literals, name);
    if thermometer {
        return bits;
    }
    vec![word(b, pipe, &bits, range, name)]
}

/// Bits as a word of (at least) `range`.
fn word(b: &mut Builder, pipe: &mut Pipe, bits: &[Timed], range: Range, name: &str) -> Timed {
    if let ([bit], false) = (bits, range.is_signed()) {
        return *bit;
    }
    let (nodes, time, level) = pipe.together(b, bits);
    let word = b.concat(&nodes, format!("{name}_bits"));
    let node = if range.is_signed() { b.wrap(word, range, format!("{name}_acc")) } else { word };
    Timed { node, time, level }
}

/// A plan being built.
struct Tree<'a> {
    b: &'a mut Builder,
    pipe: &'a mut Pipe,
    tables: &'a mut Tables,
    plan: &'a Plan,
    function: &'a Symmetric,
    made: usize,
}

impl Tree<'_> {
    /// The function's outputs.
    fn root(&mut self, literals: &[Literal], name: &str) -> Vec<Timed> {
        let values = &self.function.values;
        self.group(literals, self.function.outputs, &|count| values[count], name, "y")
    }

    /// `outputs` bits of a function of the count of `literals`.
    fn group(
        &mut self,
        literals: &[Literal],
        outputs: u32,
        value: &dyn Fn(usize) -> u64,
        name: &str,
        label: &str,
    ) -> Vec<Timed> {
        // Inputs of the tables, and per part what each code says about the count.
        let mut inputs: Vec<Timed> = Vec::new();
        let mut counts: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut left = literals;
        for &size in &self.plan.parts[literals.len()] {
            let (part, rest) = left.split_at(size);
            left = rest;
            if let [literal] = part {
                inputs.push(literal.at);
                counts.push((1, vec![usize::from(literal.inverted), usize::from(!literal.inverted)]));
                continue;
            }
            let classes = &self.plan.classes[size];
            let bits = code_bits(classes);
            let least = |code: u32| classes.iter().position(|c| *c == code);
            let last = classes.iter().copied().max().unwrap_or(0);
            // Codes that never come are read as the last one.
            let known =
                (0..1 << bits).map(|code| least(code.min(last)).expect("classes are numbered in a row"));
            counts.push((bits as usize, known.collect()));
            let label = format!("c{}", self.made);
            self.made += 1;
            let class = |count: usize| u64::from(classes[count]);
            inputs.extend(self.group(part, bits, &class, name, &label));
        }
        let total = |index: usize| -> u64 {
            let mut at = 0;
            let mut sum = 0;
            for (bits, known) in &counts {
                sum += known[index >> at & ((1 << bits) - 1)];
                at += bits;
            }
            value(sum)
        };
        let all: Vec<u64> = (0..1 << inputs.len()).map(total).collect();
        (0..outputs)
            .map(|k| {
                let table: Vec<bool> = all.iter().map(|word| word >> k & 1 == 1).collect();
                let name = format!("{name}_{label}{k}");
                self.tables.node(self.b, self.pipe, &inputs, &table, &name)
            })
            .collect()
    }
}

/// The bits of a longer row that [`fits`] as groups that count: their sum lacks the number returned beside them.
pub fn counted(
    b: &mut Builder,
    pipe: &mut Pipe,
    tables: &mut Tables,
    row: &Row,
    node_of: &HashMap<u32, NodeId>,
    family: Family,
    name: &str,
) -> (Vec<Item>, i64) {
    let literals = literals(row, node_of);
    let mut items = Vec::new();
    for (g, group) in literals.chunks(family.lut_inputs() as usize).enumerate() {
        let count = Range::new(0, group.len() as i64);
        let values = (0..=group.len() as u64).collect();
        let function = Symmetric { values, outputs: count.width() };
        let plan = Plan { parts: vec![vec![1; group.len()]; group.len() + 1], classes: vec![] };
        let mut tree = Tree { b, pipe, tables, plan: &plan, function: &function, made: 0 };
        let bits = tree.root(group, &format!("{name}_g{g}"));
        items.push(Item::plus(word(b, pipe, &bits, count, &format!("{name}_g{g}"))));
    }
    let minus = row.terms.iter().filter(|(_, w)| *w < 0).count() as i64;
    (items, row.bias - minus)
}
