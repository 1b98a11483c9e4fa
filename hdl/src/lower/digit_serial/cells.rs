//! What a digit-serial stage is made of: adders and comparisons of one digit with a bit of memory, and constants by digit.

use std::collections::HashMap;

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::{NodeId, Op, Term};

use super::DigitSerial;
use crate::family::Family;
use crate::lower::pipe::{Pipe, Timed};
use crate::lower::tree::{self, Bit, Item};

/// Logic with a bit of memory.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Digit of the sum, or outcome at the last digit.
    pub result: NodeId,
    /// The register: a carry, or the outcome so far.
    pub state: NodeId,
    /// Digits that are added, or compared.
    pub operands: Vec<NodeId>,
}

/// Bits that are known for every digit.
pub struct Phases {
    digits: u32,
    /// By the node that counts digits and what the bit is for each.
    known: HashMap<(NodeId, u64), NodeId>,
}

impl Phases {
    /// None yet.
    pub fn new(digits: u32) -> Self {
        Phases { digits, known: HashMap::new() }
    }

    /// The bit that is 1 while `count` is a number for which it is to be set.
    pub fn bit(&mut self, b: &mut Builder, count: NodeId, is_set: impl Fn(u32) -> bool) -> NodeId {
        let table = (0..self.digits).filter(|k| is_set(*k)).map(|k| 1 << k).sum();
        if let Some(known) = self.known.get(&(count, table)) {
            return *known;
        }
        let node = match table {
            0 => b.constant(0),
            _ if table.count_ones() == self.digits => b.constant(1),
            _ => {
                let bits: Vec<NodeId> = (0..b.range(count).width()).map(|k| bit(b, count, k)).collect();
                b.lut(&bits, table, "phase")
            }
        };
        self.known.insert((count, table), node);
        node
    }

    /// The digit of a constant.
    pub fn constant(&mut self, b: &mut Builder, count: NodeId, value: i64, bits: u32) -> NodeId {
        let bit = |at: u32| self.bit(b, count, |k| value >> (k * bits + at) & 1 == 1);
        let bits: Vec<NodeId> = (0..bits).map(bit).collect();
        word(b, &bits, format!("c{}", value.unsigned_abs()))
    }
}

/// Adders and comparisons in a pipeline.
pub struct Place<'a> {
    unit: &'a DigitSerial,
    ce: NodeId,
    /// 1 at the last digit, and between vectors.
    clear: Timed,
    /// Number of the digit.
    count: Timed,
    /// Carries pass through tables, bit by bit, and through no chain.
    ripples: bool,
    phases: Phases,
    /// Adders so far.
    pub adders: Vec<Cell>,
    /// Comparisons so far.
    pub comparisons: Vec<Cell>,
}

impl<'a> Place<'a> {
    /// Nothing yet, under the clock enable `ce`. The bit clears carries, the number is that of the digit.
    pub fn new(
        unit: &'a DigitSerial,
        family: Option<Family>,
        ce: NodeId,
        [clear, count]: [Timed; 2],
    ) -> Self {
        let ripples = unit.bits <= 2 || family == Some(Family::Xcup);
        let (adders, comparisons) = (Vec::new(), Vec::new());
        Place { unit, ce, clear, count, ripples, phases: Phases::new(unit.digits), adders, comparisons }
    }

    /// The outputs of each row, or the digits of its sum.
    pub fn rows(&mut self, b: &mut Builder, pipe: &mut Pipe, inputs: &[NodeId]) -> Vec<Vec<Timed>> {
        let unit = self.unit;
        let rows = &unit.rows;
        let join = |b: &mut Builder, pipe: &mut Pipe, items: &[Item], name| self.join(b, pipe, items, name);
        let sums = unit.sums.place(b, pipe, inputs, rows, join);
        let mut results = Vec::new();
        for (row, sum) in rows.iter().zip(sums) {
            let Some(levels) = &row.levels else {
                results.push(vec![sum.at]);
                continue;
            };
            let range = unit.range(row);
            let name = format!("n{}", row.element);
            let compare = |(k, t): (usize, &i64)| match tree::bound((sum, range), *t, levels.falling) {
                Err(known) => Bit::Known(known),
                Ok(bound) => self.compare(b, pipe, sum.at, bound, format!("{name}_{k}")),
            };
            let bits: Vec<Bit> = levels.thresholds.iter().enumerate().map(compare).collect();
            results.push(tree::code(b, pipe, &bits, unit.thermometer, &name));
        }
        results
    }

    /// The sum of one or two items.
    fn join(&mut self, b: &mut Builder, pipe: &mut Pipe, items: &[Item], name: String) -> Item {
        assert!(items.len() <= 2 && items.iter().all(|i| i.shift == 0), "sums of two unshifted operands");
        // What only stands for a difference that its readers subtract is no sum.
        if let [only] = items
            && !only.negate
        {
            return *only;
        }
        if items.len() == 2 && items.iter().all(|i| i.negate) {
            let added = items.iter().map(|i| Item { negate: false, ..*i }).collect::<Vec<_>>();
            let sum = self.join(b, pipe, &added, format!("{name}_neg"));
            return self.join(b, pipe, &[Item { negate: true, ..sum }], name);
        }
        let places: Vec<Timed> = items.iter().map(|i| i.at).chain([self.clear]).collect();
        let (mut nodes, time, level) = pipe.meet(b, &places);
        let clear = nodes.pop().expect("gathered last");
        let operands = nodes.clone();
        let added = items.iter().position(|i| !i.negate).map(|at| nodes.remove(at));
        let carry = b.loop_reg(Range::BIT, Some(self.ce), None, format!("{name}_carry"));
        let read = (added, nodes.pop().expect("one is left, or it is subtracted"));
        let negate = items.iter().any(|i| i.negate);
        let (digit, next) = match self.ripples {
            true => self.ripple(b, read, negate, (carry, clear), &name),
            false => self.chain(b, read, negate, (carry, clear), &name),
        };
        b.rename(digit, name);
        b.drive(carry, next);
        self.adders.push(Cell { result: digit, state: carry, operands });
        Item::plus(Timed { node: digit, time, level })
    }

    /// An adder of tables, a sum and a carry for each bit.
    fn ripple(
        &self,
        b: &mut Builder,
        (x, y): (Option<NodeId>, NodeId),
        negate: bool,
        (mut carry, clear): (NodeId, NodeId),
        name: &str,
    ) -> (NodeId, NodeId) {
        let mut digit = Vec::new();
        let x = x.unwrap_or_else(|| b.constant(0));
        for k in 0..self.unit.bits {
            let (x, y) = (bit(b, x, k), bit(b, y, k));
            let parity = table(3, |[x, y, carry, ..]| x ^ y ^ carry);
            digit.push(b.lut(&[x, y, carry], parity, format!("{name}_{k}")));
            let most = |[x, y, carry, clear, ..]: [bool; 6]| {
                let x = x != negate;
                (x & y | carry & (x | y)) & !clear
            };
            let inputs = [x, y, carry, clear];
            let inputs = if k + 1 == self.unit.bits { &inputs[..] } else { &inputs[..3] };
            carry = b.lut(inputs, table(inputs.len(), most), format!("{name}_carry{k}"));
        }
        (word(b, &digit, name.to_string()), carry)
    }

    /// An adder on a carry chain, which the carry enters and leaves as a bit at either end.
    fn chain(
        &self,
        b: &mut Builder,
        (x, y): (Option<NodeId>, NodeId),
        negate: bool,
        (carry, clear): (NodeId, NodeId),
        name: &str,
    ) -> (NodeId, NodeId) {
        let y = b.concat(&[carry, y], format!("{name}_y"));
        let mut terms = vec![Term { node: y, shift: 0, negate }];
        if let Some(x) = x {
            let end = b.constant(i64::from(!negate));
            terms.insert(0, Term::plus(b.concat(&[end, x], format!("{name}_x"))));
        }
        let sum = b.sum(&terms, format!("{name}_sum"));
        let digit = b.slice(sum, 1, self.unit.bits, name);
        let out = b.slice(sum, self.unit.bits + 1, 1, format!("{name}_out"));
        (digit, b.lut(&[out, clear], 0b0010, format!("{name}_next")))
    }

    /// `sum >= least`, or its opposite: both raised so far that neither is negative, digits decide from the last down.
    fn compare(
        &mut self,
        b: &mut Builder,
        pipe: &mut Pipe,
        sum: Timed,
        (least, at_most): (i64, bool),
        name: String,
    ) -> Bit {
        let DigitSerial { bits, digits, .. } = *self.unit;
        let raised = least + (1 << (bits * digits - 1));
        let (nodes, time, level) = pipe.meet(b, &[sum, self.count]);
        let (sum, count) = (nodes[0], nodes[1]);
        let state = b.loop_reg(Range::BIT, Some(self.ce), None, format!("{name}_so_far"));
        let mut so_far = state;
        for at in 0..bits {
            let t = self.phases.bit(b, count, |k| raised >> (k * bits + at) & 1 == 1);
            let mut inputs = vec![bit(b, sum, at), t, so_far];
            let (is_first, is_last) = (at == 0, at + 1 == bits);
            if is_first {
                inputs.push(self.phases.bit(b, count, |k| k == 0));
            }
            if is_last {
                inputs.push(self.phases.bit(b, count, |k| k + 1 == digits));
            }
            let outcome = |[x, t, so_far, one, other, ..]: [bool; 6]| {
                let (first, last) = if is_first { (one, other) } else { (false, one) };
                let x = x != last;
                x & !t | (so_far | first) & (x | !t)
            };
            so_far = b.lut(&inputs, table(inputs.len(), outcome), format!("{name}_ge"));
        }
        b.drive(state, so_far);
        self.comparisons.push(Cell { result: so_far, state, operands: vec![sum] });
        let node = if at_most { b.not(so_far, format!("{name}_le")) } else { so_far };
        Bit::Node(Timed { node, time, level })
    }
}

/// The truth table of a function of so many inputs; those after them are `false`.
fn table(inputs: usize, f: impl Fn([bool; 6]) -> bool) -> u64 {
    let input = |i: usize| std::array::from_fn(|k| i >> k & 1 == 1);
    (0..1 << inputs).filter(|i| f(input(*i))).map(|i| 1 << i).sum()
}

fn bit(b: &mut Builder, word: NodeId, at: u32) -> NodeId {
    match b.netlist().node(word).op {
        Op::Const(value) => b.constant(value >> at & 1),
        _ if b.range(word).width() == 1 => word,
        _ => b.slice(word, at, 1, format!("{}_b{at}", b.netlist().node(word).name)),
    }
}

fn word(b: &mut Builder, bits: &[NodeId], name: String) -> NodeId {
    if bits.len() == 1 { bits[0] } else { b.concat(bits, name) }
}
