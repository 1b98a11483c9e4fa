//! How a sum is built on a family: the search, the cost model and the printer follow the same rules.

use std::collections::BTreeMap;

use sterna_ir::netlist::{Netlist, NodeId, Op, Term};

use crate::family::Family;

/// Inputs of a LUT6, and of each of two functions in one.
const INPUTS: u32 = 6;
const SHARED_INPUTS: u32 = 5;

/// What a sum becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adder {
    /// The operators of the language, mapped by the tool.
    Operators,
    /// Xilinx: a table per bit of the result, two in a LUT6 where they read five bits.
    Tables,
    /// Xilinx: three operands in one carry chain.
    Three,
    /// ECP5: an odd number of bits, the last of them behind the chain.
    Odd,
}

/// LUT6 of a sum as tables, where its operands together are `inputs` bits and the result is `outputs` bits.
pub fn table_luts(inputs: u32, outputs: u32) -> Option<u32> {
    match inputs {
        0..=SHARED_INPUTS => Some(outputs.div_ceil(2)),
        INPUTS => Some(outputs),
        _ => None,
    }
}

/// Per node, whether a live register takes its value at once.
pub fn registered(netlist: &Netlist, live: &[bool]) -> Vec<bool> {
    let mut registered = vec![false; netlist.nodes.len()];
    for id in netlist.ids().filter(|id| live[id.index()]) {
        if let Op::Reg { d, .. } = netlist.node(id).op {
            registered[d.index()] = true;
        }
    }
    registered
}

/// How `family` builds the sum of `terms` in node `id`. `registered` says whether a register takes the result at once: then
/// the path through the chain is all there is between two registers, and is not made longer.
pub fn adder(netlist: &Netlist, id: NodeId, family: Option<Family>, registered: bool) -> Adder {
    let node = netlist.node(id);
    let Op::Sum(terms) = &node.op else { return Adder::Operators };
    let width = node.range.width();
    let operands = operands(netlist, terms);
    let varies = |t: &&Term| operands.contains_key(&t.node);
    let negated = terms.iter().filter(varies).filter(|t| t.negate).count();
    let inputs = operands.values().sum();
    match family {
        // A counter's increment, one operand and a constant, merges with the logic around it.
        Some(Family::Xcup)
            if (operands.len() > 1 || negated > 0)
                && table_luts(inputs, width).is_some_and(|luts| luts <= chain(terms, width)) =>
        {
            Adder::Tables
        }
        // At least one operand must be added: the chain has two places to complete a negation.
        Some(Family::Xcup) if terms.len() == 3 && terms.iter().any(|t| !t.negate) => Adder::Three,
        Some(Family::Ecp5) if terms.len() == 2 && operands.len() == 2 && negated < 2 && !registered => {
            let reach = |t: &Term| operands[&t.node] + u32::from(t.shift);
            let narrow = terms.iter().any(|t| reach(t) < width);
            let odd = width > 2 && chain(terms, width) % 2 == 1;
            if odd && narrow { Adder::Odd } else { Adder::Operators }
        }
        _ => Adder::Operators,
    }
}

/// How a chain of three operands ends, see `hdl/rtl/sterna_add3.v`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Place of the widest operand.
    pub wide: usize,
    /// Bits of the two others with their signs, at most those of the result.
    pub pair: u32,
    /// Bits of the result that take a table.
    pub tables: u32,
}

/// How the chain of the three `terms` ends, where the result has `width` bits.
pub fn ends(netlist: &Netlist, terms: &[Term], width: u32) -> Ends {
    let reach = |t: &Term| {
        let range = netlist.node(t.node).range;
        range.width() + u32::from(!range.is_signed()) + u32::from(t.shift)
    };
    let reaches: Vec<u32> = terms.iter().map(reach).collect();
    let wide = (0..terms.len()).rev().max_by_key(|k| reaches[*k]).expect("there are operands");
    let others = (0..terms.len()).filter(|k| *k != wide).map(|k| reaches[k]);
    let pair = others.max().unwrap_or(width).min(width);
    Ends { wide, pair, tables: width.min(reaches[wide].max(pair + 1)) }
}

/// The operands that are no constants and their widths, each once.
fn operands(netlist: &Netlist, terms: &[Term]) -> BTreeMap<NodeId, u32> {
    let varies = |t: &&Term| !matches!(netlist.node(t.node).op, Op::Const(_));
    terms.iter().filter(varies).map(|t| (t.node, netlist.node(t.node).range.width())).collect()
}

/// Bits of the chain of a sum of `width` bits: low bits that one added operand alone reaches pass by.
fn chain(terms: &[Term], width: u32) -> u32 {
    let mut shifts: Vec<u8> = terms.iter().map(|t| t.shift).collect();
    shifts.sort_unstable();
    let lowest = terms.iter().min_by_key(|t| t.shift);
    match lowest.is_some_and(|t| !t.negate) && terms.len() > 1 {
        true => width.saturating_sub(u32::from(shifts[1])).max(1),
        false => width,
    }
}

/// A sum of few bits as truth tables.
#[derive(Clone, Debug)]
pub struct Tables {
    /// Bits of operands: `(node, bit)`.
    pub inputs: Vec<(NodeId, u32)>,
    /// Per bit of the result, its table over all inputs.
    outputs: Vec<u64>,
}

impl Tables {
    /// The tables of the sum in node `id`.
    pub fn new(netlist: &Netlist, id: NodeId) -> Self {
        let node = netlist.node(id);
        let Op::Sum(terms) = &node.op else { panic!("node {} is no sum", id.0) };
        let bits = |(node, width): (NodeId, u32)| (0..width).map(move |k| (node, k));
        let inputs: Vec<(NodeId, u32)> = operands(netlist, terms).into_iter().flat_map(bits).collect();
        // What each input bit adds to the sum.
        let weight = |(node, k): &(NodeId, u32)| -> i64 {
            let range = netlist.node(*node).range;
            let own = if range.is_signed() && k + 1 == range.width() { -(1i64 << k) } else { 1 << k };
            let factors = terms.iter().filter(|t| t.node == *node);
            factors.map(|t| (own << t.shift) * if t.negate { -1 } else { 1 }).sum()
        };
        let weights: Vec<i64> = inputs.iter().map(weight).collect();
        let constants = terms.iter().filter_map(|t| match netlist.node(t.node).op {
            Op::Const(value) => Some((value << t.shift) * if t.negate { -1 } else { 1 }),
            _ => None,
        });
        let constant: i64 = constants.sum();
        let sum = |index: u64| {
            constant + weights.iter().enumerate().map(|(k, w)| (index >> k & 1) as i64 * w).sum::<i64>()
        };
        let sums: Vec<i64> = (0..1 << inputs.len()).map(sum).collect();
        let output = |k: u32| sums.iter().enumerate().map(|(i, v)| ((v >> k & 1) as u64) << i).sum();
        let outputs = (0..node.range.width()).map(output).collect();
        Tables { inputs, outputs }
    }

    /// The inputs, as positions, that make a difference to bit `k` of the result.
    pub fn reads(&self, k: usize) -> Vec<usize> {
        let table = self.outputs[k];
        let differs =
            |at: &usize| (0..1u32 << self.inputs.len()).any(|i| table >> i & 1 != table >> (i ^ 1 << at) & 1);
        (0..self.inputs.len()).filter(differs).collect()
    }

    /// The table of bit `k` over the inputs at these positions, which hold all that it reads.
    pub fn over(&self, k: usize, positions: &[usize]) -> u64 {
        let entry = |i: usize| {
            let index: usize = positions.iter().enumerate().map(|(at, p)| (i >> at & 1) << p).sum();
            self.outputs[k] >> index & 1
        };
        (0..1usize << positions.len()).map(|i| entry(i) << i).sum()
    }

    /// Bits of the result that share a LUT6, and those by themselves: pairs first where two read five inputs at most. Bits
    /// that are one input as it is, or a constant, are not among them.
    pub fn luts(&self) -> Vec<Vec<usize>> {
        let mut left: Vec<usize> = (0..self.outputs.len()).filter(|k| self.wire(*k).is_none()).collect();
        let mut luts = Vec::new();
        while let Some(first) = left.pop() {
            let fits = |other: &usize| self.union(&[first, *other]).len() <= SHARED_INPUTS as usize;
            match left.iter().rposition(fits) {
                Some(at) => luts.push(vec![first, left.remove(at)]),
                None => luts.push(vec![first]),
            }
        }
        luts.reverse();
        luts
    }

    /// Positions of the inputs that any of these bits reads.
    pub fn union(&self, bits: &[usize]) -> Vec<usize> {
        let mut all: Vec<usize> = bits.iter().flat_map(|k| self.reads(*k)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Bit `k` of the result where it is a constant (`Err`) or an input as it is.
    pub fn wire(&self, k: usize) -> Option<Result<usize, bool>> {
        let reads = self.reads(k);
        match (self.over(k, &reads), &reads[..]) {
            (value, []) => Some(Err(value == 1)),
            (0b10, [one]) => Some(Ok(*one)),
            _ => None,
        }
    }
}
