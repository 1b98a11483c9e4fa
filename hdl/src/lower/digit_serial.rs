//! A digit-serial stage: the adder graph of an unrolled one, over a few bits of every element per cycle.
//!
//! A vector waits at the input while its digits are read, least significant first, its sign repeated until all bits of the
//! widest sum have come; it leaves with the last of them, so that the next one follows at once. A sum of two is an adder of
//! one digit and a register for its carry, which the last digit clears, as do cycles without a vector: every vector finds
//! cleared carries, the first after reset because `clear` is set by it. Comparisons keep what they found so far in one
//! register; sums that nothing is compared with are collected digit by digit.

use std::collections::HashMap;

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::{NodeId, Op, Term};

use crate::Options;
use crate::family::Family;
use crate::lower::pipe::{Gate, Link, Pipe, Timed, is_constant, open_pipe};
use crate::lower::position::increment;
use crate::lower::rows::Row;
use crate::lower::stages::Limit;
use crate::lower::sums::{Input, Sums};
use crate::lower::tree::{self, Bit, Item};

/// What a digit-serial stage computes.
#[derive(Clone, Debug)]
pub struct DigitSerial {
    /// Output channels, their weights -1 and 1.
    pub rows: Vec<Row>,
    /// Keep comparison bits apart.
    pub thermometer: bool,
    /// Bits of a digit.
    pub bits: u32,
    /// By element that rows read: every value it can have, whatever its node could hold.
    pub x: Vec<Range>,
    /// Digits of a vector, at least two.
    pub digits: u32,
    /// The sums of the rows, in their order.
    pub sums: Sums,
}

/// What stands before the data: the control part.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    /// The clock enable.
    pub ce: NodeId,
    /// Number of the digit that is read.
    pub count: NodeId,
    /// It is the last.
    pub last: NodeId,
}

/// What the proof needs to know about a built stage.
#[derive(Clone, Debug)]
pub struct Built {
    /// Input nodes and the elements behind them.
    pub inputs: Vec<(NodeId, u32)>,
    /// The control part.
    pub control: Digits,
    /// The stage takes the vector.
    pub ready: NodeId,
    /// Valid bit of the input, the same at its last digit, and that of the output.
    pub valid: [NodeId; 3],
    /// Registers from the last digit to the output.
    pub latency: u32,
    /// Adders, each after those it reads.
    pub adders: Vec<Cell>,
    /// Comparisons.
    pub comparisons: Vec<Cell>,
    /// Output nodes, in the order of the rows' outputs.
    pub outputs: Vec<NodeId>,
}

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

impl DigitSerial {
    /// The stage without its sums, for elements that hold `x`.
    pub fn new(rows: Vec<Row>, thermometer: bool, bits: u32, x: Vec<Range>) -> Self {
        // Comparisons take a sum with either sign.
        let width = |row: &Row| {
            let range = row.range(|e| x[e as usize]).expect("sums stay within 58 bits");
            match row.levels {
                Some(_) => range.union(Range::new(-range.hi, -range.lo)).union(Range::new(-1, 0)).width(),
                None => range.width(),
            }
        };
        let digits = rows.iter().map(width).max().unwrap_or(0).div_ceil(bits).max(2);
        DigitSerial { rows, thermometer, bits, x, digits, sums: Sums::default() }
    }

    /// Range of the sum of a row.
    pub fn range(&self, row: &Row) -> Range {
        row.range(|e| self.x[e as usize]).expect("sums stay within 58 bits")
    }

    /// Searches for the sums: all cost the same, however wide, and two operands are what a digit takes.
    pub fn search(&self, options: &Options) -> Sums {
        let family = options.family.filter(|family| *family == Family::Ice40);
        Sums::new(&self.rows, self.thermometer, |_| Range::signed(40), &Options { family, ..options.clone() })
    }

    /// Opens the stage: it takes a vector when it has read its last digit.
    pub fn open(&self, b: &mut Builder, y_ready: NodeId) -> Gate {
        let pipe = open_pipe(b, y_ready);
        let last = i64::from(self.digits) - 1;
        let count = b.loop_reg(Range::new(0, last).word(), None, Some(0), "digit");
        let last = b.eq_const(count, last, "digit_last");
        let ready = b.and(&[pipe.ready, last], "x_ready");
        Gate { ready, digits: Some(Digits { ce: pipe.ready, count, last }), ..pipe }
    }

    /// Builds the stage behind `gate`. `x` carries a whole vector per beat.
    pub fn build(&self, b: &mut Builder, gate: Gate, x: &Link, options: &Options) -> (Link, Built) {
        let control = gate.digits.expect("opened as digit-serial");
        let Digits { ce, count, last } = control;
        let (step, done) = (b.and(&[ce, x.valid], "digit_moves"), b.and(&[x.valid, last], "x_done"));
        let (next, zero) = (increment(b, count, "digit"), b.constant(0));
        let next = b.mux(last, next, zero, "digit_next");
        b.gate(count, step);
        b.drive(count, next);
        let idle = b.not(x.valid, "x_idle");
        let clear = b.or(&[idle, last], "x_clear");
        let clear = Pipe::input(b.control(clear, Some(ce), 1, "clear"));
        let valid = b.control(done, Some(ce), 0, "v0");

        let mut phases = Phases { digits: self.digits, known: HashMap::new() };
        let node_of: HashMap<u32, NodeId> = x.order.iter().copied().zip(x.data.iter().copied()).collect();
        let mut known: HashMap<NodeId, NodeId> = HashMap::new();
        let mut inputs = Vec::new();
        for input in self.sums.inputs() {
            let source = match input {
                Input::Constant(value) => Err(value),
                Input::Element(element) => Ok(node_of[&element]),
            };
            if let Some(digit) = source.ok().and_then(|x| known.get(&x)) {
                inputs.push(*digit);
                continue;
            }
            let (d, name) = match source {
                Ok(x) => (self.digit(b, &mut phases, count, x), b.netlist().node(x).name.clone()),
                Err(value) => (phases.constant(b, count, value, self.bits), format!("c{value}")),
            };
            inputs.push(b.reg(d, Some(ce), format!("{name}_digit")));
            known.extend(source.ok().map(|x| (x, inputs[inputs.len() - 1])));
        }
        let count = Pipe::input(b.reg(count, Some(ce), "digit_q"));

        let limit = |netlist: &_, steps: &[_]| Limit::of(options, netlist, steps);
        let ripples = self.bits <= 2 || options.family == Some(Family::Xcup);
        let mut cells = (Vec::new(), Vec::new());
        let place = |b: &mut Builder, pipe: &mut Pipe| {
            let phases = Phases { digits: self.digits, known: HashMap::new() };
            let (adders, comparisons) = (Vec::new(), Vec::new());
            let mut place = Place { unit: self, ce, clear, count, ripples, phases, adders, comparisons };
            let results = place.rows(b, pipe, &inputs);
            cells = (place.adders, place.comparisons);
            results
        };
        let (mut pipe, results) = Pipe::planned(b, ce, None, limit, place);
        let (mut outputs, mut order) = (Vec::new(), Vec::new());
        for (row, results) in self.rows.iter().zip(results) {
            for (k, (element, at)) in row.outputs(self.thermometer).into_iter().zip(results).enumerate() {
                let suffix = if self.thermometer { format!("_{k}") } else { String::new() };
                outputs.push((at, format!("n{}{suffix}_q", row.element)));
                order.push(element);
            }
        }
        let (mut data, latency) = pipe.finish(b, valid, gate, outputs);
        for (row, node) in self.rows.iter().zip(&mut data).filter(|(row, _)| row.levels.is_none()) {
            let range = self.range(row);
            *node = self.collect(b, ce, *node, range);
        }
        let built = Built {
            inputs: x.data.iter().copied().zip(x.order.iter().copied()).collect(),
            control,
            ready: gate.ready,
            valid: [x.valid, done, gate.state],
            latency: latency + 1,
            adders: cells.0,
            comparisons: cells.1,
            outputs: data.clone(),
        };
        (Link { valid: gate.state, data, order, positions: x.positions }, built)
    }

    /// The digit of `x` that `count` says. Where the sign begins to repeat, the number of the digit stays.
    fn digit(&self, b: &mut Builder, phases: &mut Phases, count: NodeId, x: NodeId) -> NodeId {
        let (range, name) = (b.range(x), b.netlist().node(x).name.clone());
        let is_sign = range.is_signed() && (range.width() - 1).is_multiple_of(self.bits);
        let different = (range.width().div_ceil(self.bits) + u32::from(!is_sign)).min(self.digits);
        let wide = b.wrap(x, Range::signed(different * self.bits), format!("{name}_wide"));
        let digit = |k| b.slice(wide, k * self.bits, self.bits, format!("{name}_{k}"));
        let mut digits: Vec<NodeId> = (0..different).map(digit).collect();
        let mut place = 0;
        while digits.len() > 1 {
            let is_set = |k: u32| k.min(different - 1) >> place & 1 == 1;
            let select = phases.bit(b, count, is_set);
            let pair = |pair: &[NodeId]| match pair {
                [zero, one] => b.mux(select, *zero, *one, format!("{name}_of")),
                _ => pair[0],
            };
            digits = digits.chunks(2).map(pair).collect();
            place += 1;
        }
        digits[0]
    }

    /// All digits of a sum, of which `last` holds the last when they are complete.
    fn collect(&self, b: &mut Builder, ce: NodeId, last: NodeId, range: Range) -> NodeId {
        if is_constant(b, last) {
            return last;
        }
        let name = b.netlist().node(last).name.clone();
        b.rename(last, format!("{name}{}", self.digits - 1));
        let mut digits = vec![last];
        for k in (0..self.digits - 1).rev() {
            digits.push(b.reg(digits[digits.len() - 1], Some(ce), format!("{name}{k}")));
        }
        digits.reverse();
        let word = b.concat(&digits, format!("{name}_all"));
        b.wrap(word, range, name)
    }
}

/// Bits that are known for every digit.
struct Phases {
    digits: u32,
    /// By the node that counts digits and what the bit is for each.
    known: HashMap<(NodeId, u64), NodeId>,
}

impl Phases {
    /// The bit that is 1 while `count` is a number for which it is to be set.
    fn bit(&mut self, b: &mut Builder, count: NodeId, is_set: impl Fn(u32) -> bool) -> NodeId {
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
    fn constant(&mut self, b: &mut Builder, count: NodeId, value: i64, bits: u32) -> NodeId {
        let bit = |at: u32| self.bit(b, count, |k| value >> (k * bits + at) & 1 == 1);
        let bits: Vec<NodeId> = (0..bits).map(bit).collect();
        word(b, &bits, format!("c{}", value.unsigned_abs()))
    }
}

/// Adders and comparisons in a pipeline.
struct Place<'a> {
    unit: &'a DigitSerial,
    ce: NodeId,
    /// 1 at the last digit, and between vectors.
    clear: Timed,
    /// Number of the digit.
    count: Timed,
    /// Carries pass through tables, bit by bit, and through no chain.
    ripples: bool,
    phases: Phases,
    adders: Vec<Cell>,
    comparisons: Vec<Cell>,
}

impl Place<'_> {
    /// The outputs of each row, or the digits of its sum.
    fn rows(&mut self, b: &mut Builder, pipe: &mut Pipe, inputs: &[NodeId]) -> Vec<Vec<Timed>> {
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
        let read = (added, nodes.pop().expect("two operands, or one that is subtracted"));
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
