//! One processing element: its part of the schedule, its copy of the activations, its accumulator.
//!
//! ```text
//! cycle  0       1                  2        3            4             5
//!        pc      word, opens        addr     x            term          acc
//! ```
//!
//! Behind a slow memory `x` waits for a cycle and all that follows is one later. An XNOR element reads its word where it needs
//! it: in cycle 3.

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::{MemoryId, NodeId, Term};

use super::word::Word;
use crate::lower::memory::stored;

/// What all PEs of a stage share.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'a> {
    /// Enable of the compute engine.
    pub ce: NodeId,
    /// Cycle 2: the activation memory is read.
    pub reads: NodeId,
    /// Program counter.
    pub pc: NodeId,
    /// Cycle 2: half of the activation memory that is read.
    pub bank: NodeId,
    /// A beat is written, and where.
    pub write: (NodeId, NodeId),
    /// What is written: positions that follow one another, side by side.
    pub lanes: &'a [NodeId],
    /// Bits of a lane's number, the low ones of a position.
    pub lane_bits: u32,
    /// Bits of a position.
    pub address: u32,
    /// Layout of the schedule.
    pub word: Word,
    /// Clock edges that an activation waits behind a slow memory.
    pub waits: u32,
    /// Every partial sum.
    pub acc: Range,
    /// Lanes of an XNOR element that one table counts.
    pub group: usize,
    /// What all elements see.
    pub seen: Seen<'a>,
}

/// Where rows begin.
#[derive(Clone, Copy, Debug)]
pub struct Opens {
    /// Cycle 1: the word opens a row.
    pub word: NodeId,
    /// Cycle 4: the term opens a row.
    pub term: NodeId,
}

impl Opens {
    /// The bit of cycle 1, and the same with the term.
    pub fn new(b: &mut Builder, (ce, waits): (NodeId, u32), word: NodeId) -> Self {
        let term = (2..=4 + waits).fold(word, |bit, k| b.reg(bit, Some(ce), format!("opens{k}")));
        Opens { word, term }
    }
}

/// What all elements of a stage see of the activations.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// Nothing: each has a copy of its own.
    Own,
    /// Cycle 3: one activation, of a dense array.
    One(NodeId),
    /// Of an XNOR array.
    Bits {
        /// Cycle 3: activations of one bit.
        x: &'a [NodeId],
        /// Cycle 2: program counter.
        pc: NodeId,
    },
}

/// One position after the other of a row, from one copy of the activations.
pub fn next_activation(b: &mut Builder, s: &Shared, opens: NodeId) -> NodeId {
    let one = b.constant(1);
    let addr = step(b, s, opens, &[Term::plus(one)]);
    activation(b, s, addr)
}

/// The register of a position that moves by `terms`; where a row opens, from one before position 0. Wrapped, that is the
/// highest address.
fn step(b: &mut Builder, s: &Shared, opens: NodeId, terms: &[Term]) -> NodeId {
    let before = b.constant((1 << s.address) - 1);
    let addr = b.loop_reg(Range::unsigned(s.address), Some(s.ce), None, "addr");
    let from = b.mux(opens, addr, before, "addr_from");
    let to = b.sum(&[&[Term::plus(from)], terms].concat(), "addr_to");
    let next = b.wrap(to, Range::unsigned(s.address), "addr_next");
    b.drive(addr, next);
    addr
}

/// A PE.
#[derive(Clone, Copy, Debug)]
pub struct Element {
    /// Its accumulator.
    pub acc: NodeId,
    /// Its schedule.
    pub rom: MemoryId,
    /// Where its rows begin.
    pub opens: Opens,
}

/// Builds a PE. Without `opens` its own words say where its rows begin.
pub fn build(b: &mut Builder, s: &Shared, words: Vec<i64>, opens: Option<Opens>) -> Element {
    let rom = b.rom(words, "schedule");
    let (term, opens) = match (s.seen, opens) {
        (Seen::Bits { x, pc }, Some(opens)) => {
            let signs = b.read(rom, pc, Some(s.ce), "signs");
            (agreeing(b, x, signs, s.group), opens)
        }
        _ => {
            let word = b.read(rom, s.pc, Some(s.ce), "word");
            let opens = opens.unwrap_or_else(|| {
                let bit = field(b, word, s.word.width(), 1, "opens1");
                Opens::new(b, (s.ce, s.waits), bit)
            });
            (signed(b, s, word, opens.word), opens)
        }
    };
    let zero = b.constant(0);
    let term = b.reg(term, Some(s.ce), "term");
    let acc = b.loop_reg(s.acc.word(), Some(s.ce), None, "acc");
    let from = b.mux(opens.term, acc, zero, "acc_from");
    let sum = b.sum(&[Term::plus(from), Term::plus(term)], "acc_sum");
    let next = b.wrap(sum, s.acc, "acc_next");
    b.drive(acc, next);
    Element { acc, rom, opens }
}

/// How many of the bits `x` agree with those of `signs`: tables count those of `group` lanes, a tree adds them up.
fn agreeing(b: &mut Builder, x: &[NodeId], signs: NodeId, group: usize) -> NodeId {
    let mut counts = Vec::new();
    for (g, x) in x.chunks(group).enumerate() {
        let signs = (0..x.len()).map(|lane| field(b, signs, (g * group + lane) as u32, 1, "sign"));
        let signs: Vec<NodeId> = signs.collect();
        let lanes = x.len();
        let agree = |i: u32| (!(i ^ i >> lanes) & ((1 << lanes) - 1)).count_ones();
        let inputs: Vec<NodeId> = x.iter().copied().chain(signs).collect();
        let bit = |b: &mut Builder, k: u32| {
            let table =
                (0..1u32 << (2 * lanes)).fold(0, |table, i| table | u64::from(agree(i) >> k & 1) << i);
            b.lut(&inputs, table, format!("agree{g}_{k}"))
        };
        let bits: Vec<NodeId> = (0..=lanes.ilog2()).map(|k| bit(b, k)).collect();
        counts.push(if bits.len() == 1 { bits[0] } else { b.concat(&bits, format!("agree{g}")) });
    }
    let mut made = 0;
    while counts.len() > 1 {
        let pair = |pair: &[NodeId]| match pair {
            [one, two] => {
                made += 1;
                b.sum(&[Term::plus(*one), Term::plus(*two)], format!("agree_s{made}"))
            }
            _ => pair[0],
        };
        counts = counts.chunks(2).map(pair).collect();
    }
    counts[0]
}

/// The activation that a word leads to, shifted and with its sign, or 0.
fn signed(b: &mut Builder, s: &Shared, word: NodeId, opens: NodeId) -> NodeId {
    let ce = Some(s.ce);
    let (x, negate, adds) = match s.seen {
        Seen::One(x) => (x, field(b, word, 1, 1, "negate"), field(b, word, 0, 1, "adds")),
        _ => walk(b, s, word, opens),
    };
    let shift = s.word.shift().map(|bits| field(b, word, s.word.delta() + 2, bits, "shift"));
    let late = |b: &mut Builder, node: NodeId, name: &str| {
        (2..=3 + s.waits).fold(node, |bit, k| b.reg(bit, ce, format!("{name}{k}")))
    };
    let (negate, adds) = (late(b, negate, "negate"), late(b, adds, "adds"));
    let mut scaled = x;
    if let Some(shift) = shift {
        let shift = late(b, shift, "shift");
        for bit in 0..b.range(shift).width() {
            let sel = b.slice(shift, bit, 1, format!("shift_{bit}"));
            let far = Term { node: scaled, shift: 1 << bit, negate: false };
            let moved = b.sum(&[far], format!("x_by_{}", 1 << bit));
            scaled = b.mux(sel, scaled, moved, format!("x_{bit}"));
        }
    }
    let minus = b.sum(&[Term::minus(scaled)], "x_minus");
    let signed = b.mux(negate, scaled, minus, "x_signed");
    let zero = b.constant(0);
    b.mux(adds, zero, signed, "term_next")
}

/// An element of its own walks by relative indices: the activation that a word leads to, and whether it is subtracted and
/// counts at all.
fn walk(b: &mut Builder, s: &Shared, word: NodeId, opens: NodeId) -> (NodeId, NodeId, NodeId) {
    let bits = s.word.delta();
    let delta = field(b, word, 0, bits, "delta");
    let negate = field(b, word, bits, 1, "negate");
    let hop = b.eq_const(delta, i64::from(s.word.ones()), "hop");
    let adds = match s.word.shift() {
        Some(_) => field(b, word, bits + 1, 1, "adds"),
        None => {
            let none = b.eq_const(delta, 0, "none");
            let idle = b.or(&[none, hop], "idle");
            b.not(idle, "adds")
        }
    };
    let mut terms = vec![Term::plus(delta)];
    if s.word.shift().is_none() {
        terms.push(Term::minus(hop));
    }
    let addr = step(b, s, opens, &terms);
    (activation(b, s, addr), negate, adds)
}

/// The activation at `addr`, a clock edge later.
fn activation(b: &mut Builder, s: &Shared, addr: NodeId) -> NodeId {
    let rows = s.address - s.lane_bits;
    let row = if s.lane_bits == 0 { addr } else { b.slice(addr, s.lane_bits, rows, "addr_row") };
    let place = b.concat(&[row, s.bank], "addr_in_bank");
    let mut values = stored(b, 2 << rows, s.write, (s.reads, place), s.lanes, "activations");
    for bit in 0..s.lane_bits {
        let sel = b.slice(addr, bit, 1, format!("addr_lane{bit}"));
        let sel = b.reg(sel, Some(s.ce), format!("lane{bit}"));
        let pick = |b: &mut Builder, k: usize, pair: &[NodeId]| {
            b.mux(sel, pair[0], pair[1], format!("x_of{bit}_{k}"))
        };
        values = values.chunks(2).enumerate().map(|(k, pair)| pick(b, k, pair)).collect();
    }
    (0..s.waits).fold(values[0], |x, _| b.reg(x, Some(s.ce), "x_waits"))
}

/// Bits `lo .. lo + width` of a word; the ROM may be narrower when its words never set the high ones.
fn field(b: &mut Builder, word: NodeId, lo: u32, width: u32, name: &str) -> NodeId {
    match b.range(word).width().saturating_sub(lo).min(width) {
        0 => {
            let zero = b.constant(0);
            b.rename(zero, name);
            zero
        }
        width => b.slice(word, lo, width, name),
    }
}
