//! The folded stage around its processing elements: activations come in on one side of a double buffer while the schedule
//! runs over the other, and the accumulators of rows that end leave along a chain.

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::{MemoryId, NodeId};

use super::pe::{self, Element, Opens, Seen, Shared};
use super::schedule::Schedule;
use super::word::Word;
use crate::estimate::is_block;
use crate::family::Family;
use crate::lower::memory::WORD;
use crate::lower::pipe::{Gate, Link, open_halves};
use crate::lower::position::{beat_counter, increment, toggle, up_down};
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
    /// ROM of the cycles in which all begin a row, unless words say so.
    pub opens: Option<MemoryId>,
    /// ROM of the cycles whose words count, where not all do.
    pub live: Option<MemoryId>,
}

/// Opens the stage: it takes beats while a half of the buffer is free.
pub fn open(b: &mut Builder, y_ready: NodeId) -> Gate {
    open_halves(b, y_ready, "banks")
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

        let waits = match (s.word, family) {
            (Word::Sparse { .. } | Word::Dense, Some(family)) if slow_blocks(family) => {
                let bits: u32 = lanes.iter().map(|x| b.range(*x).width()).sum();
                is_block(2 << (address - lane_bits), bits.min(WORD).into(), family).into()
            }
            _ => 0,
        };

        // All but the writing side stands still while a result cannot leave.
        let valid = b.loop_reg(Range::BIT, None, Some(0), "y_valid");
        let empty = b.not(valid, "y_empty");
        let ce = b.or(&[empty, gate.y_ready], "ce");
        b.gate(valid, ce);

        // Running: `waiting` samples are in the buffer and not begun.
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
        // Of the entry before the one that is added: whether it counts, and where teams are left without a row in the last
        // slot whether it is before that slot's end.
        let before = (1..=5 + waits).fold(run, |bit, k| late(b, bit, format!("valid{k}")));
        let rows_left = (s.rest() < s.teams()).then(|| {
            let ended = (3..=5 + waits).fold(ends2, |bit, k| late(b, bit, format!("ends{k}")));
            b.not(ended, "rows_left")
        });
        let opens_rom = (!s.opens.is_empty()).then(|| b.rom(s.opens.clone(), "row_begins"));
        let in_step = opens_rom.map(|rom| {
            let bit = b.read(rom, pc, Some(ce), "opens1");
            Opens::new(b, (ce, waits), bit)
        });

        // A half that is written is read by entries that do not count. Not to read it then spares the logic that would give
        // words as they were before a write in the same cycle.
        let same = b.eq(bank2, fill_bank, "same_bank");
        let meets = b.and(&[write, same], "meets_write");
        let apart = b.not(meets, "apart");
        let reads = b.and(&[ce, apart], "reads");

        let mut shared = Shared {
            ce,
            reads,
            pc,
            bank: bank2,
            write: (write, place),
            lanes: &lanes,
            lane_bits,
            address,
            word: s.word,
            waits,
            acc: self.acc,
            group: family.map_or(4, Family::lut_inputs) as usize / 2,
            seen: Seen::Own,
        };
        let (mut bits, mut live) = (Vec::new(), None);
        shared.seen = match (s.word, in_step) {
            (Word::Dense, Some(opens)) => Seen::One(pe::next_activation(b, &shared, opens.word)),
            (Word::Signs(lanes), Some(opens)) => {
                let word = pe::next_activation(b, &shared, opens.word);
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
            _ => Seen::Own,
        };
        let mut elements: Vec<Element> = Vec::with_capacity(s.pes);
        for (p, words) in s.words.iter().enumerate() {
            b.enter(format!("{}_pe{p}", b.module().name), self.about.clone());
            let opens = in_step.or(elements.get(p - p % s.lanes).map(|first| first.opens));
            let element = pe::build(b, &shared, words.clone(), opens);
            b.rename(element.acc, format!("pe{p}_acc"));
            b.leave();
            elements.push(element);
        }
        let data = self.chain(b, (ce, valid), (before, rows_left), &elements);
        let order = s.order.iter().map(|r| self.rows[*r].element).collect();
        let roms = elements.iter().map(|element| element.rom).collect();
        let built = Built { order: x.order.clone(), roms, opens: opens_rom, live };
        (Link { valid, data, order, positions: x.positions }, built)
    }

    /// The chain along which results leave, a link per team: what a team has summed up enters when its next row opens, and
    /// moves on with every cycle. Drives `valid`; returns the data of the first link.
    ///
    /// `before` says that the entry before counts, `rows_left` that it does where a team had no row in the last slot.
    fn chain(
        &self,
        b: &mut Builder,
        (ce, valid): (NodeId, NodeId),
        (before, rows_left): (NodeId, Option<NodeId>),
        elements: &[Element],
    ) -> Vec<NodeId> {
        let s = &self.schedule;
        let (mut behind, mut data): (Option<NodeId>, Vec<NodeId>) = (None, Vec::new());
        for (t, team) in elements.chunks(s.lanes).enumerate().rev() {
            let has_row = rows_left.filter(|_| t >= s.rest());
            let bits: Vec<NodeId> = [team[0].opens.term, before].into_iter().chain(has_row).collect();
            let enters = b.and(&bits, format!("row{t}_enters"));
            let next = |b: &mut Builder, lane: usize| match data.get(lane) {
                Some(later) => b.mux(enters, *later, team[lane].acc, format!("row{t}_{lane}_next")),
                None => team[lane].acc,
            };
            let next: Vec<NodeId> = (0..s.lanes).map(|lane| next(b, lane)).collect();
            data =
                next.iter().enumerate().map(|(l, d)| b.reg(*d, Some(ce), format!("row{t}_{l}_q"))).collect();
            let full = behind.map_or(enters, |behind| b.or(&[enters, behind], format!("row{t}_full")));
            behind = match t {
                0 => {
                    b.drive(valid, full);
                    None
                }
                _ => Some(b.control(full, Some(ce), 0, format!("row{t}_valid"))),
            };
        }
        data
    }
}

/// Whether block RAMs give their words so late that little else fits into the cycle: on ECP5 5.8 ns after the clock edge.
fn slow_blocks(family: Family) -> bool {
    family == Family::Ecp5
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
