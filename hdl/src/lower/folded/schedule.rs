//! The static schedule: which nonzero each processing element adds in each cycle, as relative indices.
//!
//! Rows are sorted by length and dealt out in slots of one row per PE; a slot lasts as long as its longest row. So the PEs
//! need no control of their own, and rows leave in the order slot by slot, PE by PE.

use super::word::{Entry, Word};
use crate::lower::digits::digits;
use crate::lower::rows::Row;

/// A compiled schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Processing elements.
    pub pes: usize,
    /// Layout of the words.
    pub word: Word,
    /// Per PE, one word per cycle.
    pub words: Vec<Vec<i64>>,
    /// Per cycle, 1 in the last of a slot.
    pub last: Vec<i64>,
    /// Per cycle, 1 where words count; empty where each says so itself.
    pub live: Vec<i64>,
    /// Row of each output position.
    pub order: Vec<usize>,
    /// Additions of all rows: one per nonzero weight, or per signed digit of a wider one.
    pub additions: usize,
}

/// Figures of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct ScheduleInfo {
    /// Processing elements built.
    pub pes: usize,
    /// Cycles of the schedule; the stage takes a new sample after so many when nothing holds it up.
    pub cycles: usize,
    /// Additions: one per nonzero ternary weight, one per signed digit of a wider one.
    pub additions: usize,
    /// Additions of those that the PEs could do in these cycles.
    pub utilisation: f64,
    /// Bits of all weight ROMs.
    pub rom_bits: usize,
    /// Bits of a relative index.
    pub delta_bits: u32,
}

/// Shortest slot: the accumulators of the one before leave one per cycle, and one cycle later the next may load.
fn shortest(pes: usize) -> usize {
    pes + 1
}

/// Cycles of rows of these lengths on `pes` PEs; `lengths` descending.
pub fn slots_of(lengths: &[usize], pes: usize) -> usize {
    lengths.chunks(pes).map(|slot| slot[0].max(shortest(pes))).sum()
}

impl Schedule {
    /// Compiles `rows`; `position` gives the place of an input element in the stream. With `sorted` unset rows leave in the
    /// given order, at the price of longer slots.
    pub fn new(rows: &[Row], position: &[u32], pes: usize, sorted: bool) -> Self {
        let pes = pes.min(rows.len());
        let lists: Vec<Vec<(u32, u8, bool)>> = rows.iter().map(|row| list(row, position)).collect();
        let top = lists.iter().flatten().map(|e| e.1).max().unwrap_or(0);
        let ternary = rows.iter().flat_map(|r| &r.terms).all(|(_, w)| w.abs() == 1);
        let shift = (!ternary).then(|| u32::from(top).checked_ilog2().map_or(0, |n| n + 1));
        let farthest = position.iter().max().map_or(1, |p| p + 2);
        let widest = farthest.ilog2() + 2;
        let plans: Vec<_> = (2..=widest)
            .map(|delta| {
                let word = Word::Sparse { delta, shift };
                let order = order(&lists, word, sorted);
                let lengths: Vec<usize> = order.iter().map(|r| length(&lists[*r], word)).collect();
                let cycles: usize = lengths
                    .chunks(pes)
                    .map(|slot| slot.iter().max().map_or(0, |n| *n).max(shortest(pes)))
                    .sum();
                (word, order, cycles)
            })
            .collect();
        let fastest = plans.iter().map(|p| p.2).min().expect("there are widths");
        let (word, order, _) = plans
            .into_iter()
            .filter(|p| p.2 * 50 <= fastest * 51)
            .min_by_key(|p| p.2 * p.0.width() as usize)
            .expect("the fastest is among them");
        Self::lay_out(&lists, word, order, pes, rows.iter().map(|r| r.terms.len()).sum())
    }

    /// Rows as they are, a cycle for each of `positions` elements that come in. Weights are -1, 0 and 1.
    pub fn dense(rows: &[Row], position: &[u32], positions: usize, pes: usize) -> Self {
        let pes = pes.min(rows.len());
        let cycles = positions.max(shortest(pes));
        let mut words = vec![Vec::new(); pes];
        let mut last = Vec::new();
        for slot in rows.chunks(pes) {
            last.resize(last.len() + cycles, 0);
            *last.last_mut().expect("a slot has cycles") = 1;
            for (pe, words) in words.iter_mut().enumerate() {
                let start = words.len();
                words.resize(last.len(), 0);
                for (element, weight) in slot.get(pe).iter().flat_map(|row| &row.terms) {
                    let entry = Entry { delta: 1, add: Some((0, *weight < 0)) };
                    words[start + position[*element as usize] as usize] = Word::Dense.pack(&[entry]);
                }
            }
        }
        let additions = rows.iter().map(|r| r.terms.len()).sum();
        let order = (0..rows.len()).collect();
        Schedule { pes, word: Word::Dense, words, last, live: Vec::new(), order, additions }
    }

    /// Rows as they are, `lanes` of the `positions` elements that come in per cycle, which `lanes` divides. Weights are -1
    /// and 1.
    pub fn signs(rows: &[Row], position: &[u32], (positions, lanes): (usize, usize), pes: usize) -> Self {
        let pes = pes.min(rows.len());
        let word = Word::Signs(lanes as u32);
        let reads = positions / lanes;
        let cycles = reads.max(shortest(pes));
        let plus = Entry { delta: 1, add: Some((0, false)) };
        let mut words = vec![Vec::new(); pes];
        let (mut last, mut live) = (Vec::new(), Vec::new());
        for slot in rows.chunks(pes) {
            live.resize(live.len() + reads, 1);
            last.resize(last.len() + cycles, 0);
            live.resize(last.len(), 0);
            *last.last_mut().expect("a slot has cycles") = 1;
            for (pe, words) in words.iter_mut().enumerate() {
                let mut entries = vec![plus; positions];
                for (element, weight) in slot.get(pe).iter().flat_map(|row| &row.terms) {
                    entries[position[*element as usize] as usize].add = Some((0, *weight < 0));
                }
                words.extend(entries.chunks(lanes).map(|entries| word.pack(entries)));
                words.resize(last.len(), word.pack(&vec![plus; lanes]));
            }
        }
        let additions = rows.iter().map(|r| r.terms.len()).sum();
        Schedule { pes, word, words, last, live, order: (0..rows.len()).collect(), additions }
    }

    /// What the sums of `row` are raised by: an XNOR array counts the weights that agree with their bits, -1 with 0 too.
    pub fn lift(&self, row: &Row) -> i64 {
        match self.word {
            Word::Signs(_) => row.terms.iter().filter(|(_, weight)| *weight < 0).count() as i64,
            _ => 0,
        }
    }

    fn lay_out(
        lists: &[Vec<(u32, u8, bool)>],
        word: Word,
        order: Vec<usize>,
        pes: usize,
        additions: usize,
    ) -> Self {
        let mut words = vec![Vec::new(); pes];
        let mut last = Vec::new();
        for slot in order.chunks(pes) {
            let encoded: Vec<Vec<i64>> = slot.iter().map(|r| encode(&lists[*r], word)).collect();
            let cycles = encoded.iter().map(Vec::len).max().unwrap_or(0).max(shortest(pes));
            last.resize(last.len() + cycles, 0);
            *last.last_mut().expect("a slot has cycles") = 1;
            for (pe, row) in words.iter_mut().enumerate() {
                row.extend(encoded.get(pe).into_iter().flatten());
                row.resize(last.len(), 0);
            }
        }
        Schedule { pes, word, words, last, live: Vec::new(), order, additions }
    }

    /// Length in cycles.
    pub fn cycles(&self) -> usize {
        self.last.len()
    }

    /// Rows of the last slot.
    pub fn rest(&self) -> usize {
        (self.order.len() - 1) % self.pes + 1
    }

    /// Figures for reports.
    pub fn info(&self) -> ScheduleInfo {
        let steps = self.pes * self.cycles();
        let most = steps * self.word.lanes();
        ScheduleInfo {
            pes: self.pes,
            cycles: self.cycles(),
            additions: self.additions,
            utilisation: self.additions as f64 / most as f64,
            rom_bits: steps * self.word.width() as usize,
            delta_bits: self.word.delta(),
        }
    }
}

/// Digits of a row by position.
fn list(row: &Row, position: &[u32]) -> Vec<(u32, u8, bool)> {
    let of = |(element, weight): &(u32, i64)| {
        let at = position[*element as usize];
        digits(*weight).map(move |d| (at, d.shift, d.negate))
    };
    let mut list: Vec<_> = row.terms.iter().flat_map(of).collect();
    list.sort_unstable();
    list
}

fn order(lists: &[Vec<(u32, u8, bool)>], word: Word, sorted: bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..lists.len()).collect();
    if sorted {
        order.sort_by_cached_key(|r| std::cmp::Reverse(length(&lists[*r], word)));
    }
    order
}

/// Moves without addition before a gap can be added at, and what remains of the gap.
fn hops(gap: u32, word: Word) -> (u32, u32) {
    let (near, far) = word.reach();
    let hops = gap.saturating_sub(near).div_ceil(far);
    (hops, gap - hops * far)
}

fn gaps(list: &[(u32, u8, bool)]) -> impl Iterator<Item = (u32, u8, bool)> {
    let mut at = -1i64;
    list.iter().map(move |&(position, shift, negate)| {
        let gap = (i64::from(position) - at) as u32;
        at = i64::from(position);
        (gap, shift, negate)
    })
}

fn length(list: &[(u32, u8, bool)], word: Word) -> usize {
    gaps(list).map(|(gap, ..)| hops(gap, word).0 as usize + 1).sum()
}

fn encode(list: &[(u32, u8, bool)], word: Word) -> Vec<i64> {
    let mut out = Vec::new();
    for (gap, shift, negate) in gaps(list) {
        let (moves, rest) = hops(gap, word);
        let hop = Entry { delta: word.reach().1, add: None };
        out.extend((0..moves).map(|_| word.pack(&[hop])));
        out.push(word.pack(&[Entry { delta: rest, add: Some((shift, negate)) }]));
    }
    out
}
