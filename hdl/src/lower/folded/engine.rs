//! The folded stage around its processing elements: activations come in on one side of a double buffer while the schedule
//! runs over the other, and each slot's accumulators leave through a shift register.

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::{MemoryId, NodeId, Term};

use super::pe::{self, Seen, Shared};
use super::schedule::Schedule;
use super::word::Word;
use crate::family::Family;
use crate::lower::adapt::{count_down, shift_out};
use crate::lower::pipe::{Gate, Link};
use crate::lower::position::{beat_counter, increment};
use crate::lower::rows::Row;

/// What a folded stage computes.
#[derive(Clone, Debug)]
pub struct Folded {
    /// Output channels: sums alone, falling comparisons risen.
    pub rows: Vec<Row>,
    /// The compiled rows.
    pub schedule: Schedule,
    /// Every partial sum of every row.
    pub acc: Range,
    /// About-lines of each PE's module.
    pub about: Vec<String>,
}

/// What the proof needs to know about a built stage.
#[derive(Clone, Debug)]
pub struct Built {
    /// Order of the input stream.
    pub order: Vec<u32>,
    /// Schedule ROM of each PE.
    pub roms: Vec<MemoryId>,
    /// ROM of the slot ends.
    pub last: MemoryId,
    /// ROM of the cycles whose words count, where not all do.
    pub live: Option<MemoryId>,
}

/// Opens the stage: it takes beats while a half of the buffer is free.
pub fn open(b: &mut Builder, y_ready: NodeId) -> Gate {
    let state = b.loop_reg(Range::new(0, 2).word(), None, Some(0), "banks_full");
    let both = b.eq_const(state, 2, "banks_both_full");
    Gate::new(b.not(both, "x_free"), y_ready, state)
}

impl Folded {
    /// Builds the stage behind `gate`. `x` carries a power of two of elements per beat, an XNOR array no more than it takes
    /// at once.
    pub fn build(&self, b: &mut Builder, gate: Gate, x: &Link, family: Option<Family>) -> (Link, Built) {
        let s = &self.schedule;
        // Writing side.
        let write = b.and(&[x.valid, gate.ready], "write");
        let beat = beat_counter(b, x.beats(), write, "write_at");
        let (at, filled) = match beat {
            Some((count, last)) => (count, b.and(&[write, last], "filled")),
            None => (b.constant(0), write),
        };
        let fill_bank = toggle(b, filled, 0, "write_bank");
        let (write, at, lanes) = match s.word {
            Word::Signs(_) => side_by_side(b, x, (write, at), s.word.lanes()),
            _ => (write, at, x.data.clone()),
        };
        let place = b.concat(&[at, fill_bank], "write_addr");
        let lane_bits = if matches!(s.word, Word::Signs(_)) { 0 } else { lanes.len().ilog2() };
        let address = b.range(at).width() + lane_bits;

        // Running: `waiting` samples are in the buffer and not begun.
        let left = b.loop_reg(Range::new(0, s.pes as i64).word(), None, Some(0), "left");
        let out = Gate::new(gate.ready, gate.y_ready, left);
        let load_wanted = b.loop_reg(Range::BIT, None, Some(0), "row_done");
        let empty = b.eq_const(left, 0, "shifted_out");
        let blocked = b.not(empty, "shifting_out");
        let blocked = b.and(&[load_wanted, blocked], "blocked");
        let ce = b.not(blocked, "ce");
        b.gate(load_wanted, ce);
        let run = b.loop_reg(Range::BIT, Some(ce), Some(0), "run");
        let pc_range = Range::new(0, s.cycles() as i64 - 1).word();
        let pc = b.loop_reg(pc_range, Some(ce), Some(0), "pc");
        let at_end = b.eq_const(pc, s.cycles() as i64 - 1, "pc_at_end");
        let ends = b.and(&[run, at_end], "ends");
        let idle = b.not(run, "idle");
        let waiting = b.loop_reg(Range::new(0, 2).word(), None, Some(0), "waiting");
        let none = b.eq_const(waiting, 0, "none_waiting");
        let any = b.not(none, "any_waiting");
        let free = b.or(&[idle, ends], "may_begin");
        let begins = b.and(&[free, any], "begins");
        let begun = b.and(&[begins, ce], "begins_now");
        up_down(b, waiting, filled, begun);
        let goes_on = b.not(ends, "goes_on");
        let goes_on = b.and(&[run, goes_on], "runs_on");
        let run_next = b.or(&[begins, goes_on], "run_next");
        b.drive(run, run_next);
        let next = increment(b, pc, "pc");
        let zero = b.constant(0);
        let next = b.mux(goes_on, zero, next, "pc_next");
        b.drive(pc, next);

        // Flags travel with the entries; names count cycles since `pc`.
        let late = |b: &mut Builder, node: NodeId, name: String| b.control(node, Some(ce), 0, name);
        let bank0 = toggle(b, begun, 1, "bank0");
        let bank1 = late(b, bank0, "bank1".into());
        let bank2 = late(b, bank1, "bank2".into());
        let ends1 = late(b, ends, "ends1".into());
        let ends2 = late(b, ends1, "ends2".into());
        let released = b.and(&[ends2, ce], "released");
        up_down(b, gate.state, filled, released);
        let last_rom = b.rom(s.last.clone(), "slot_ends");
        let last1 = b.read(last_rom, pc, Some(ce), "last1");
        let valid1 = late(b, run, "valid1".into());
        let done1 = b.and(&[last1, valid1], "done1");
        // An entry opens a row when the one before it closed one.
        let first1 = b.loop_reg(Range::BIT, None, Some(1), "first1");
        let counts = b.and(&[valid1, ce], "counts1");
        b.gate(first1, counts);
        b.drive(first1, last1);
        let mut first = first1;
        let mut done = done1;
        let mut end = ends2;
        for k in 2..=4 {
            first = b.reg(first, Some(ce), format!("first{k}"));
            done = late(b, done, format!("done{k}"));
        }
        for k in 3..=5 {
            end = late(b, end, format!("ends{k}"));
        }
        b.drive(load_wanted, done);

        let mut shared = Shared {
            ce,
            pc,
            first: first1,
            first_late: first,
            bank: bank2,
            write: (write, place),
            lanes: &lanes,
            lane_bits,
            address,
            word: s.word,
            acc: self.acc,
            group: family.map_or(4, Family::lut_inputs) as usize / 2,
            seen: Seen::Own,
        };
        let (mut bits, mut live) = (Vec::new(), None);
        shared.seen = match s.word {
            Word::Sparse { .. } => Seen::Own,
            Word::Dense => Seen::One(pe::next_activation(b, &shared)),
            Word::Signs(lanes) => {
                let word = pe::next_activation(b, &shared);
                let mut counts = None;
                if s.live.contains(&0) {
                    let rom = b.rom(s.live.clone(), "live_cycles");
                    live = Some(rom);
                    let live1 = b.read(rom, pc, Some(ce), "live1");
                    let live2 = b.reg(live1, Some(ce), "live2");
                    counts = Some(b.reg(live2, Some(ce), "live3"));
                }
                for lane in 0..lanes {
                    let bit = b.slice(word, lane, 1, format!("x_{lane}"));
                    bits.push(counts.map_or(bit, |live| b.and(&[bit, live], format!("x_{lane}_live"))));
                }
                let pc1 = b.reg(pc, Some(ce), "pc1");
                Seen::Bits { x: &bits, pc: b.reg(pc1, Some(ce), "pc2") }
            }
        };
        let (mut accs, mut roms) = (Vec::new(), Vec::new());
        for (p, words) in s.words.iter().enumerate() {
            b.enter(format!("{}_pe{p}", b.module().name), self.about.clone());
            let (acc, rom) = pe::build(b, &shared, words.clone());
            b.rename(acc, format!("pe{p}_acc"));
            b.leave();
            accs.push(acc);
            roms.push(rom);
        }

        let load = b.and(&[load_wanted, ce], "load");
        let fill = b.constant(s.pes as i64);
        let fill = match s.rest() == s.pes {
            true => fill,
            false => {
                let rest = b.constant(s.rest() as i64);
                b.mux(end, fill, rest, "fill")
            }
        };
        let (valid, step) = count_down(b, out, load, fill);
        let data = shift_out(b, (&accs, 1), load, step, "row");
        let order = s.order.iter().map(|r| self.rows[*r].element).collect();
        let built = Built { order: x.order.clone(), roms, last: last_rom, live };
        (Link { valid, data, order, positions: x.positions }, built)
    }
}

/// Beats gathered to one word of `lanes` bits, which so many beats fill: when it is written, where, and what.
fn side_by_side(
    b: &mut Builder,
    x: &Link,
    (write, at): (NodeId, NodeId),
    lanes: usize,
) -> (NodeId, NodeId, Vec<NodeId>) {
    let mut all = vec![write; lanes];
    let own = x.data.len();
    for p in (0..lanes).rev() {
        // A word ends with the beat that comes in, and begins with the oldest one that waits.
        all[p] = match p + own < lanes {
            true => b.reg(all[p + own], Some(write), format!("x{p}_waits")),
            false => x.data[p + own - lanes],
        };
    }
    let word = vec![b.concat(&all, "x_word")];
    let bits = (lanes / own).ilog2();
    if bits == 0 {
        return (write, at, word);
    }
    let low: Vec<NodeId> = (0..bits).map(|k| b.slice(at, k, 1, format!("write_at_{k}"))).collect();
    let complete = b.and(&[&[write][..], &low[..]].concat(), "word_complete");
    let high = b.range(at).width() - bits;
    let at = if high == 0 { b.constant(0) } else { b.slice(at, bits, high, "word_at") };
    (complete, at, word)
}

/// A bit that flips when `step` is 1.
fn toggle(b: &mut Builder, step: NodeId, reset: i64, name: &str) -> NodeId {
    let bit = b.loop_reg(Range::BIT, Some(step), Some(reset), name);
    let next = b.not(bit, format!("{name}_next"));
    b.drive(bit, next);
    bit
}

/// Drives a counter of 0 to 2 up by one bit and down by another.
fn up_down(b: &mut Builder, count: NodeId, up: NodeId, down: NodeId) {
    let terms = [Term::plus(count), Term::plus(up), Term::minus(down)];
    let name = b.netlist().node(count).name.clone();
    let next = b.sum(&terms, format!("{name}_sum"));
    let range = b.range(count);
    let next = b.wrap(next, range, format!("{name}_next"));
    b.drive(count, next);
}
