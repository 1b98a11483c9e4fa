//! The result: a list of sums in order of evaluation.

use std::collections::HashMap;

use sterna_ir::Range;

use super::Term;
use super::state::State;
use super::tree::{self, Item};

/// One sum of one to three terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    /// Operands, the positive ones first.
    pub terms: Vec<Term>,
    /// Range of the value, by interval arithmetic.
    pub range: Range,
    /// Bits of its carry chain, or the tables it is instead.
    pub bits: u32,
    /// Sums on the longest path from the inputs, this one included.
    pub level: u32,
    /// The row whose tree it belongs to, `None` for a sum that several readers share.
    pub row: Option<u32>,
}

/// An adder graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// Number of inputs; node `inputs + i` is `sums[i]`.
    pub inputs: u32,
    /// Sums, every one after those it reads.
    pub sums: Vec<Sum>,
    /// One per row; `None` is the constant 0.
    pub outputs: Vec<Option<Term>>,
}

impl Graph {
    /// Bits of all carry chains, and tables.
    pub fn bits(&self) -> u64 {
        self.sums.iter().map(|s| u64::from(s.bits)).sum()
    }

    /// Sums on the longest path.
    pub fn depth(&self) -> u32 {
        self.sums.iter().map(|s| s.level).max().unwrap_or(0)
    }

    /// Per node, whether all that read it subtract it.
    pub fn only_subtracted(&self) -> Vec<bool> {
        let mut only = vec![true; self.inputs as usize + self.sums.len()];
        // A sum of several that are all subtracted adds them first.
        let negates = |s: &Sum| s.terms.len() > 1 && s.terms.iter().all(|t| t.negate);
        let added = self.sums.iter().flat_map(|s| s.terms.iter().filter(move |t| !t.negate || negates(s)));
        added.chain(self.outputs.iter().flatten()).for_each(|t| only[t.node as usize] = false);
        only
    }

    /// Value of every output for one value per input.
    pub fn evaluate(&self, inputs: &[i64]) -> Vec<i64> {
        let mut values = inputs.to_vec();
        let value = |values: &[i64], t: &Term| {
            let x = values[t.node as usize] << t.shift;
            if t.negate { -x } else { x }
        };
        for sum in &self.sums {
            values.push(sum.terms.iter().map(|t| value(&values, t)).sum());
        }
        self.outputs.iter().map(|o| o.as_ref().map_or(0, |t| value(&values, t))).collect()
    }
}

/// What a row became.
#[derive(Clone, Copy, Debug)]
enum Done {
    Not,
    Zero,
    Item(Item),
}

/// Writes the rows as trees, shared sums first where they are needed; see [`tree::reduce`] for `by_level`.
pub fn emit(state: &State, by_level: bool) -> Graph {
    let mut done = vec![Done::Not; state.rows.len()];
    let mut sums = Vec::new();
    let mut outputs = Vec::with_capacity(state.outputs as usize);
    let mut opposites = HashMap::new();
    for output in 0..state.outputs {
        let mut stack = vec![output];
        while let Some(&row) = stack.last() {
            if !matches!(done[row as usize], Done::Not) {
                stack.pop();
                continue;
            }
            let operands = state.rows[row as usize].iter().filter_map(|t| state.definition(t.node));
            let missing: Vec<u32> = operands.filter(|r| matches!(done[*r as usize], Done::Not)).collect();
            if missing.is_empty() {
                done[row as usize] = build(state, row, &done, &mut sums, &mut opposites, by_level);
                stack.pop();
            } else {
                stack.extend(missing);
            }
        }
        outputs.push(match done[output as usize] {
            Done::Item(item) => Some(item.term),
            _ => None,
        });
    }
    Graph { inputs: state.inputs, sums, outputs }
}

fn build(
    state: &State,
    row: u32,
    done: &[Done],
    sums: &mut Vec<Sum>,
    opposites: &mut HashMap<Term, Item>,
    by_level: bool,
) -> Done {
    let mut items = Vec::new();
    for t in &state.rows[row as usize] {
        match state.definition(t.node).map(|r| done[r as usize]) {
            None => items.push(Item { term: *t, range: state.ranges[t.node as usize], level: 0 }),
            Some(Done::Item(item)) => items.push(Item { term: item.term.under(*t), ..item }),
            Some(_) => {}
        }
    }
    let settle = !state.any_sign(row);
    // Rows that are one term with a sign or a shift are the same sum.
    let alone = items.first().map(|i| i.term).filter(|_| settle && items.len() == 1);
    if let Some(item) = alone.and_then(|t| opposites.get(&t)) {
        return Done::Item(*item);
    }
    let owner = (row < state.outputs).then_some(row);
    let first = state.inputs;
    let root = tree::reduce(items, state.chain, settle, by_level, |joined| {
        let terms = joined.terms.to_vec();
        sums.push(Sum { terms, range: joined.range, bits: joined.bits, level: joined.level, row: owner });
        first + sums.len() as u32 - 1
    });
    if let (Some(term), Some(item)) = (alone, root) {
        opposites.insert(term, item);
    }
    root.map_or(Done::Zero, Done::Item)
}
