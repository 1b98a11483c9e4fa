//! A word of the schedule: what one processing element does in one cycle.

/// What one PE does in one cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Positions to move ahead before the addition.
    pub delta: u32,
    /// The digit to add at the new position, as (shift, negate); `None` only moves.
    pub add: Option<(u8, bool)>,
}

/// Layout of a ROM word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// From the low bit: delta, sign, then for digits of several powers a valid bit and the shift.
    ///
    /// Ternary words have no valid bit: delta 0 does nothing, and delta all-ones moves by one less without an addition.
    Sparse {
        /// Bits of the delta.
        delta: u32,
        /// Bits of the shift; `None` for ternary words.
        shift: Option<u32>,
    },
    /// Of a dense array: a bit that says whether to add, then the sign; every word moves by one.
    Dense,
    /// Of an XNOR array: the signs of so many weights, 1 for +1.
    Signs(u32),
}

impl Word {
    /// Bits of a word.
    pub fn width(self) -> u32 {
        match self {
            Word::Sparse { delta, shift } => delta + 1 + shift.map_or(0, |bits| 1 + bits),
            Word::Dense => 2,
            Word::Signs(lanes) => lanes,
        }
    }

    /// Bits of the delta; none where every word moves as far.
    pub fn delta(self) -> u32 {
        match self {
            Word::Sparse { delta, .. } => delta,
            Word::Dense | Word::Signs(_) => 0,
        }
    }

    /// Bits of the shift, where words have one.
    pub fn shift(self) -> Option<u32> {
        match self {
            Word::Sparse { shift, .. } => shift,
            Word::Dense | Word::Signs(_) => None,
        }
    }

    /// Weights that an element takes in a cycle.
    pub fn lanes(self) -> usize {
        match self {
            Word::Signs(lanes) => lanes as usize,
            _ => 1,
        }
    }

    /// Largest delta code.
    pub fn ones(self) -> u32 {
        (1 << self.delta()) - 1
    }

    /// Farthest move with an addition, and without.
    pub fn reach(self) -> (u32, u32) {
        if self.shift().is_some() { (self.ones(), self.ones()) } else { (self.ones() - 1, self.ones() - 1) }
    }

    /// The word of entries: of one, or of as many as it has lanes.
    pub fn pack(self, entries: &[Entry]) -> i64 {
        let (shift, negate) = entries[0].add.unwrap_or((0, false));
        match self {
            Word::Signs(_) => {
                let sign = |(lane, entry): (usize, &Entry)| {
                    i64::from(entry.add.is_none_or(|(_, negate)| !negate)) << lane
                };
                entries.iter().enumerate().map(sign).sum()
            }
            Word::Dense => i64::from(entries[0].add.is_some()) + 2 * i64::from(negate),
            Word::Sparse { delta, shift: wide } => {
                let code = match (entries[0].add, wide) {
                    (None, None) if entries[0].delta > 0 => self.ones(),
                    _ => entries[0].delta,
                };
                let word = i64::from(code) | i64::from(negate) << delta;
                let valid = i64::from(entries[0].add.is_some());
                wide.map_or(word, |_| word | valid << (delta + 1) | i64::from(shift) << (delta + 2))
            }
        }
    }

    /// The entries of a word.
    pub fn unpack(self, word: i64) -> Vec<Entry> {
        match self {
            Word::Signs(lanes) => {
                (0..lanes).map(|lane| Entry { delta: 1, add: Some((0, word >> lane & 1 == 0)) }).collect()
            }
            Word::Dense => {
                vec![Entry { delta: 1, add: (word & 1 == 1).then_some((0, word >> 1 & 1 == 1)) }]
            }
            Word::Sparse { delta, shift } => {
                let code = (word & i64::from(self.ones())) as u32;
                let negate = word >> delta & 1 == 1;
                vec![match shift {
                    Some(_) => {
                        let valid = word >> (delta + 1) & 1 == 1;
                        let shift = (word >> (delta + 2)) as u8;
                        Entry { delta: code, add: valid.then_some((shift, negate)) }
                    }
                    None if code == self.ones() => Entry { delta: code - 1, add: None },
                    None => Entry { delta: code, add: (code > 0).then_some((0, negate)) },
                }]
            }
        }
    }
}
