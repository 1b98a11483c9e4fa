//! A digit-serial stage: the adder graph of an unrolled one, over a few bits of every element per cycle.
//!
//! A vector waits at the input while its digits are read, least significant first, its sign repeated until all bits of the
//! widest sum have come; it leaves with the last of them, so that the next one follows at once. A sum of two is an adder of
//! one digit and a register for its carry, which the last digit clears, as do cycles without a vector: every vector finds
//! cleared carries, the first after reset because `clear` is set by it. Comparisons keep what they found so far in one
//! register; sums that nothing is compared with are collected digit by digit.

mod cells;

use std::collections::HashMap;

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::NodeId;

use crate::Options;
use crate::family::Family;
use crate::lower::pipe::{Gate, Link, Pipe, is_constant, open_pipe};
use crate::lower::position::increment;
use crate::lower::rows::Row;
use crate::lower::stages::Limit;
use crate::lower::sums::{Input, Sums};
pub use cells::Cell;
use cells::{Phases, Place};

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

    /// Searches for the sums, each of two operands: as all cost the same, elements are taken for far wider than what many sums
    /// add. Only where chains cannot invert it matters what is subtracted.
    pub fn search(&self, options: &Options) -> Sums {
        let family = options.family.filter(|family| *family == Family::Ice40);
        Sums::new(&self.rows, self.thermometer, |_| Range::signed(32), &Options { family, ..options.clone() })
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

        let mut phases = Phases::new(self.digits);
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
        let mut cells = (Vec::new(), Vec::new());
        let place = |b: &mut Builder, pipe: &mut Pipe| {
            let mut place = Place::new(self, options.family, ce, [clear, count]);
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
