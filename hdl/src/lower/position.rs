//! What goes by the position of a beat: counters, and words out of tables.

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::{NodeId, Term};
use sterna_ir::range::MAX_WIDTH;

use super::pipe::{Pipe, Timed};

/// A counter of moved beats, `0 .. beats`, back to 0 after the last; and the bit that is 1 at the last. `None` for one beat,
/// which is always the last.
pub fn beat_counter(b: &mut Builder, beats: usize, step: NodeId, name: &str) -> Option<(NodeId, NodeId)> {
    if beats <= 1 {
        return None;
    }
    let range = Range::new(0, beats as i64 - 1).word();
    let count = b.loop_reg(range, Some(step), Some(0), name);
    let last = b.eq_const(count, beats as i64 - 1, format!("{name}_last"));
    let next = increment(b, count, name);
    let zero = b.constant(0);
    let next = b.mux(last, next, zero, format!("{name}_next"));
    b.drive(count, next);
    Some((count, last))
}

/// `node + 1` in the node's own word.
pub fn increment(b: &mut Builder, node: NodeId, name: &str) -> NodeId {
    let one = b.constant(1);
    let sum = b.sum(&[Term::plus(node), Term::plus(one)], format!("{name}_inc"));
    let range = b.range(node);
    b.wrap(sum, range, format!("{name}_low"))
}

/// A bit that flips when `step` is 1.
pub fn toggle(b: &mut Builder, step: NodeId, reset: i64, name: &str) -> NodeId {
    let bit = b.loop_reg(Range::BIT, Some(step), Some(reset), name);
    let next = b.not(bit, format!("{name}_next"));
    b.drive(bit, next);
    bit
}

/// Drives a counter of 0 to 2 up by one bit and down by another.
pub fn up_down(b: &mut Builder, count: NodeId, up: NodeId, down: NodeId) {
    let terms = [Term::plus(count), Term::plus(up), Term::minus(down)];
    let name = b.netlist().node(count).name.clone();
    let next = b.sum(&terms, format!("{name}_sum"));
    let range = b.range(count);
    let next = b.wrap(next, range, format!("{name}_next"));
    b.drive(count, next);
}

/// One word out of a table by position: constant when all words are equal, else a ROM read at `addr`, one clock edge later.
pub fn table(b: &mut Builder, words: Vec<i64>, addr: Option<NodeId>, ce: NodeId, name: &str) -> Timed {
    match addr {
        Some(addr) if words.iter().any(|w| *w != words[0]) => {
            let rom = b.rom(words, format!("{name}_rom"));
            Timed { node: b.read(rom, addr, Some(ce), name), time: 1, level: 0 }
        }
        _ => Pipe::input(b.constant(words[0])),
    }
}

/// The same for several tables at once: those that vary share the words of as few ROMs as hold them, because a memory is a
/// block RAM or logic by its size, and logic is dear.
pub fn tables(
    b: &mut Builder,
    columns: &[Vec<i64>],
    addr: Option<NodeId>,
    ce: NodeId,
    name: &str,
) -> Vec<Timed> {
    let varies = |column: &&Vec<i64>| addr.is_some() && column.iter().any(|w| *w != column[0]);
    let range = |column: &Vec<i64>| {
        let points = column.iter().map(|w| Range::point(*w));
        points.fold(Range::point(0), Range::union).word()
    };
    let mut roms: Vec<(u32, Vec<&Vec<i64>>)> = Vec::new();
    for column in columns.iter().filter(varies) {
        let width = range(column).width();
        match roms.last_mut().filter(|(bits, _)| bits + width < MAX_WIDTH) {
            Some((bits, columns)) => {
                *bits += width;
                columns.push(column);
            }
            None => roms.push((width, vec![column])),
        }
    }
    let mut parts = Vec::new();
    for (r, (_, columns)) in roms.iter().enumerate() {
        let mut words = vec![0; columns[0].len()];
        let mut at = 0;
        for column in columns {
            let width = range(column).width();
            words.iter_mut().zip(*column).for_each(|(word, w)| *word |= (w & ((1 << width) - 1)) << at);
            at += width;
        }
        let rom = b.rom(words, format!("{name}_rom{r}"));
        let word =
            b.read(rom, addr.expect("tables that vary have an address"), Some(ce), format!("{name}_word{r}"));
        at = 0;
        for column in columns {
            let range = range(column);
            // The highest bits of a word may never be set.
            let width = range.width();
            let have = b.range(word).width().saturating_sub(at).min(width);
            let part = match have {
                0 => b.constant(0),
                have => b.slice(word, at, have, format!("{name}_{}", parts.len())),
            };
            parts.push(if range.is_signed() {
                b.wrap(part, range, format!("{name}_{}_signed", parts.len()))
            } else {
                part
            });
            at += width;
        }
    }
    let mut parts = parts.into_iter();
    let place = |column: &Vec<i64>| match varies(&column) {
        true => Timed { node: parts.next().expect("one for each that varies"), time: 1, level: 0 },
        false => Pipe::input(b.constant(column[0])),
    };
    columns.iter().map(place).collect()
}
