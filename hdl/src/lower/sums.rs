//! The weighted sums of an unrolled stage: rows become an adder graph, and the graph becomes nodes in a pipeline.

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::NodeId;

use crate::Options;
use crate::family::Family;
use crate::lower::digits::digits;
use crate::lower::lutsum;
use crate::lower::pipe::{Pipe, Timed};
use crate::lower::rows::Row;
use crate::lower::tree::Item;
use crate::share::{self, Chain, Graph, Problem, Settings, Term, share};

/// Most searches of one stage.
const ROUNDS: usize = 3;

/// What rows sum.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    /// An element.
    Element(u32),
    /// A constant.
    Constant(i64),
}

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
        Some(Family::Xcup) => Chain { operands: 3, tables: true, inverts: true },
        Some(Family::Ecp5 | Family::Gowin) => Chain { operands: 2, tables: false, inverts: true },
        Some(Family::Ice40) => Chain { operands: 2, tables: false, inverts: false },
        None => Chain { operands: 2, tables: false, inverts: true },
    }
}

impl Sums {
    /// Searches for the cheapest way to sum `rows`, whose elements have these ranges.
    ///
    /// Rows of bits may be look-up tables of their own or part of the graph, which shares. Where the target has small sums
    /// as tables, a row whose part of the graph costs more than its own tables leaves the graph, and the search is
    /// repeated as long as that saves anything.
    pub fn new(rows: &[Row], thermometer: bool, range: impl Fn(u32) -> Range, options: &Options) -> Self {
        let Some(family) = options.family else {
            return Sums::search(rows, vec![false; rows.len()], &range, options);
        };
        let mut tables: Vec<Option<u32>> =
            rows.iter().map(|row| lutsum::fits(row, &range).then_some(u32::MAX)).collect();
        if !chain(options.family).tables {
            let counted = tables.iter().map(Option::is_some).collect();
            return Sums::search(rows, counted, &range, options);
        }
        for (row, luts) in rows.iter().zip(&mut tables) {
            let short = luts.is_some() && row.terms.len() <= lutsum::MOST_INPUTS;
            *luts = short.then(|| lutsum::luts(row, thermometer, family));
        }
        let price = |sums: &Sums| {
            let rows = rows.iter().zip(&tables).zip(&sums.counted).enumerate();
            let luts = rows.map(|(r, ((row, luts), counted))| match (counted, luts) {
                (true, Some(luts)) => u64::from(*luts),
                (false, Some(_)) => sums.comparisons(r, row),
                _ => 0,
            });
            sums.graph.bits() + luts.sum::<u64>()
        };
        let mut best = Sums::search(rows, tables.iter().map(Option::is_some).collect(), &range, options);
        if options.sharing.is_none() || tables.iter().all(Option::is_none) {
            return best;
        }
        let mut counted = vec![false; rows.len()];
        for _ in 0..ROUNDS {
            let next = Sums::search(rows, counted, &range, options);
            let own = next.own();
            counted = next.counted.clone();
            for (r, luts) in tables.iter().enumerate() {
                counted[r] |= luts.is_some_and(|l| u64::from(l) <= own[r] + next.comparisons(r, &rows[r]));
            }
            let settled = counted == next.counted;
            if price(&next) < price(&best) {
                best = next;
            }
            if settled {
                break;
            }
        }
        best
    }

    /// What each row's part of the graph costs that no other row reads.
    fn own(&self) -> Vec<u64> {
        let mut own = vec![0; self.graph.outputs.len()];
        for sum in &self.graph.sums {
            if let Some(row) = sum.row {
                own[row as usize] += u64::from(sum.bits);
            }
        }
        own
    }

    /// Tables that compare the sum of row `r` with its thresholds.
    fn comparisons(&self, r: usize, row: &Row) -> u64 {
        let inputs = self.elements.len() + self.constants.len();
        let sum = self.graph.outputs[r].and_then(|t| (t.node as usize).checked_sub(inputs));
        let width = sum.map_or(1, |sum| self.graph.sums[sum].range.width());
        let levels = row.levels.as_ref().map_or(0, |levels| levels.thresholds.len());
        levels as u64 * u64::from(width.div_ceil(5))
    }

    /// The graph of all rows but those that are counted.
    fn search(rows: &[Row], counted: Vec<bool>, range: &impl Fn(u32) -> Range, options: &Options) -> Self {
        let chain = chain(options.family);
        let operands = chain.operands;
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

    /// What is summed: elements and constants.
    pub fn inputs(&self) -> impl Iterator<Item = Input> + '_ {
        let constants = self.constants.iter().map(|c| Input::Constant(*c));
        self.elements.iter().map(|e| Input::Element(*e)).chain(constants)
    }

    /// Builds the sums of these inputs by `join` and gives one item per row.
    pub fn place(
        &self,
        b: &mut Builder,
        pipe: &mut Pipe,
        inputs: &[NodeId],
        rows: &[Row],
        mut join: impl FnMut(&mut Builder, &mut Pipe, &[Item], String) -> Item,
    ) -> Vec<Item> {
        let mut nodes: Vec<Timed> = inputs.iter().map(|node| Pipe::input(*node)).collect();
        let item =
            |nodes: &[Timed], t: &Term| Item { at: nodes[t.node as usize], shift: t.shift, negate: t.negate };
        let only_subtracted = self.graph.only_subtracted();
        let mut noted = 0;
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
            for (t, _) in nodes.iter().zip(&only_subtracted).skip(noted).filter(|(_, only)| **only) {
                pipe.only_subtracted.insert(t.node);
            }
            noted = nodes.len();
            let mut items: Vec<Item> = sum.terms.iter().map(|t| item(&nodes, t)).collect();
            if self.operands == 3 && items.len() == 2 && items.iter().all(|i| i.negate) {
                // `0 - a - b` is one chain of three operands, `-(a + b)` would be two.
                items.insert(0, Item::plus(Pipe::input(b.constant(0))));
            }
            nodes.push(join(b, pipe, &items, name).at);
        }
        let mut result = |(row, output): (&Row, &Option<Term>)| match output {
            Some(term) => item(&nodes, term),
            None => Item::plus(Pipe::input(b.constant(row.bias))),
        };
        rows.iter().zip(&self.graph.outputs).map(&mut result).collect()
    }
}
