//! Schedules of arrays that walk every weight: all elements begin their rows together.

use super::deal::{SHORTEST, lanes};
use super::schedule::Schedule;
use super::word::{Entry, Word};
use crate::lower::rows::Row;

impl Schedule {
    /// Rows as they are, a cycle for each of `positions` elements that come in. Weights are -1, 0 and 1. `elements` are the
    /// processing elements, and the most results per beat.
    pub fn dense(rows: &[Row], position: &[u32], positions: usize, elements: (usize, usize)) -> Self {
        let mut schedule = Schedule::in_step(rows, Word::Dense, positions, elements);
        schedule.fill(rows, |row| {
            let mut words = vec![0; positions];
            for (element, weight) in row.into_iter().flat_map(|row| &row.terms) {
                let entry = Entry { delta: 1, add: Some((0, *weight < 0)) };
                words[position[*element as usize] as usize] = Word::Dense.pack(&[entry]);
            }
            words
        });
        schedule
    }

    /// Rows as they are, `lanes` of the `positions` elements that come in per cycle, which `lanes` divides. Weights are -1
    /// and 1.
    pub fn signs(
        rows: &[Row],
        position: &[u32],
        (positions, lanes): (usize, usize),
        elements: (usize, usize),
    ) -> Self {
        let word = Word::Signs(lanes as u32);
        let reads = positions / lanes;
        let mut schedule = Schedule::in_step(rows, word, reads, elements);
        let plus = Entry { delta: 1, add: Some((0, false)) };
        let span = schedule.span(rows);
        schedule.live = (0..schedule.cycles()).map(|cycle| i64::from(cycle % span < reads)).collect();
        schedule.fill(rows, |row| {
            let mut entries = vec![plus; positions];
            for (element, weight) in row.into_iter().flat_map(|row| &row.terms) {
                entries[position[*element as usize] as usize].add = Some((0, *weight < 0));
            }
            let idle = word.pack(&vec![plus; lanes]);
            entries
                .chunks(lanes)
                .map(|entries| word.pack(entries))
                .chain(std::iter::repeat(idle))
                .take(span)
                .collect()
        });
        schedule
    }

    /// Slots of a row per element, each of `reads` cycles or as many as the teams take to leave; no words yet.
    fn in_step(rows: &[Row], word: Word, reads: usize, (pes, most): (usize, usize)) -> Self {
        let pes = pes.min(rows.len());
        let fits = |lanes: &usize| pes / lanes <= reads;
        let lanes = lanes(pes, most).find(fits).or(lanes(pes, most).last()).unwrap_or(1);
        let span = reads.max(pes / lanes).max(SHORTEST);
        let cycles = rows.len().div_ceil(pes) * span;
        Schedule {
            pes,
            lanes,
            word,
            words: vec![vec![0; cycles]; pes],
            opens: (0..cycles).map(|cycle| i64::from(cycle % span == 0)).collect(),
            live: Vec::new(),
            order: (0..rows.len()).collect(),
            additions: rows.iter().map(|r| r.terms.len()).sum(),
        }
    }

    /// Cycles of a slot.
    fn span(&self, rows: &[Row]) -> usize {
        self.cycles() / rows.len().div_ceil(self.pes)
    }

    /// Writes what `words` gives for each row, and for none where a slot has fewer.
    fn fill(&mut self, rows: &[Row], words: impl Fn(Option<&Row>) -> Vec<i64>) {
        let span = self.span(rows);
        for slot in 0..rows.len().div_ceil(self.pes) {
            for pe in 0..self.pes {
                let own = words(rows.get(slot * self.pes + pe));
                self.words[pe][slot * span..][..own.len()].copy_from_slice(&own);
            }
        }
    }

    /// Teams that have a row in the last slot: all where they go their own pace.
    pub fn rest(&self) -> usize {
        if self.opens.is_empty() {
            return self.teams();
        }
        ((self.order.len() - 1) % self.pes + 1).div_ceil(self.lanes)
    }
}
