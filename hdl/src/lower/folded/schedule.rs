//! The static schedule: which nonzero each processing element adds in each cycle, as relative indices. All control an element
//! needs is a bit that says where a row begins, in the words of the first of each team.

use super::deal::{Deal, Leave, as_good, lanes};
use super::word::{Entry, Word};
use crate::lower::digits::digits;
use crate::lower::rows::Row;

/// A compiled schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Processing elements.
    pub pes: usize,
    /// Results per beat: those of a team of so many elements, which begin their rows together.
    pub lanes: usize,
    /// Layout of the words.
    pub word: Word,
    /// Per PE, one word per cycle; of the first of a team with the bit above that says whether a row begins, unless `opens`
    /// does for all.
    pub words: Vec<Vec<i64>>,
    /// Per cycle, 1 where all elements begin a row; empty where the teams go their own pace.
    pub opens: Vec<i64>,
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
    /// Results that leave per beat.
    pub results_per_beat: usize,
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

impl Schedule {
    /// Compiles `rows`, which may leave as `leave` says; `position` gives the place of an input element in the stream. As few
    /// results leave per beat, at most `most`, as keep the schedule to `pace` cycles or near the fewest it can have.
    pub fn new(
        rows: &[Row],
        position: &[u32],
        (pes, most): (usize, usize),
        leave: Leave,
        pace: usize,
    ) -> Self {
        let pes = pes.min(rows.len());
        let lists: Vec<Vec<(u32, u8, bool)>> = rows.iter().map(|row| list(row, position)).collect();
        let top = lists.iter().flatten().map(|e| e.1).max().unwrap_or(0);
        let ternary = rows.iter().flat_map(|r| &r.terms).all(|(_, w)| w.abs() == 1);
        let shift = (!ternary).then(|| u32::from(top).checked_ilog2().map_or(0, |n| n + 1));
        let farthest = position.iter().max().map_or(1, |p| p + 2);
        let widest = farthest.ilog2() + 2;
        let mut plans: Vec<(Word, Deal)> = Vec::new();
        for delta in 2..=widest {
            let word = Word::Sparse { delta, shift };
            let lengths: Vec<usize> = lists.iter().map(|list| length(list, word)).collect();
            plans.extend(lanes(pes, most).map(|lanes| (word, Deal::new(&lengths, pes, lanes, leave))));
        }
        let fewest =
            |plans: &[(Word, Deal)]| plans.iter().map(|p| p.1.cycles).min().expect("there are widths");
        let enough = pace.max(fewest(&plans));
        let keeps = plans.iter().filter(|(_, deal)| as_good(deal.cycles, enough));
        let lanes = keeps.map(|(_, deal)| deal.lanes).min().expect("the fastest is among them");
        plans.retain(|(_, deal)| deal.lanes == lanes);
        let fastest = fewest(&plans);
        let (word, deal) = plans
            .into_iter()
            .filter(|(_, deal)| as_good(deal.cycles, fastest))
            .min_by_key(|(word, deal)| deal.cycles * word.width() as usize)
            .expect("the fastest is among them");
        Self::lay_out(&lists, word, &deal, pes, rows.iter().map(|r| r.terms.len()).sum())
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
        deal: &Deal,
        pes: usize,
        additions: usize,
    ) -> Self {
        let mut words = vec![vec![0; deal.cycles]; pes];
        for (turns, team) in deal.teams.iter().zip(words.chunks_mut(deal.lanes)) {
            for turn in turns {
                for (row, words) in deal.groups[turn.group].iter().zip(&mut *team) {
                    let encoded = encode(&lists[*row], word);
                    words[turn.start..turn.start + encoded.len()].copy_from_slice(&encoded);
                }
                team[0][turn.start] |= 1 << word.width();
            }
        }
        let (opens, live) = (Vec::new(), Vec::new());
        Schedule { pes, lanes: deal.lanes, word, words, opens, live, order: deal.order(), additions }
    }

    /// Length in cycles.
    pub fn cycles(&self) -> usize {
        self.words[0].len()
    }

    /// Teams of elements.
    pub fn teams(&self) -> usize {
        self.pes / self.lanes
    }

    /// Figures for reports.
    pub fn info(&self) -> ScheduleInfo {
        let steps = self.pes * self.cycles();
        let most = steps * self.word.lanes();
        let begins = if self.opens.is_empty() { self.teams() } else { 0 };
        ScheduleInfo {
            pes: self.pes,
            results_per_beat: self.lanes,
            cycles: self.cycles(),
            additions: self.additions,
            utilisation: self.additions as f64 / most as f64,
            rom_bits: steps * self.word.width() as usize + begins * self.cycles(),
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
