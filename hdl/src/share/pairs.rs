//! How often every signed pair of terms occurs in the rows.

use rustc_hash::FxHashMap;

use super::Term;

/// Pairs by [`key`], with their occurrences.
#[derive(Debug, Default)]
pub struct Pairs {
    counts: FxHashMap<u64, u32>,
    /// Pairs counted and uncounted so far: a measure of time that is the same on every machine.
    pub work: u64,
}

impl Pairs {
    /// Occurrences of a pair.
    pub fn of(&self, key: u64) -> u32 {
        self.counts.get(&key).copied().unwrap_or(0)
    }

    /// All that occur, in any order.
    pub fn all(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.counts.iter().map(|(key, count)| (*key, *count))
    }

    /// Notes that `term` joins the others of a row.
    pub fn count(&mut self, others: &[Term], term: &Term) {
        self.work += others.len() as u64;
        for other in others {
            *self.counts.entry(key(other, term)).or_insert(0) += 1;
        }
    }

    /// Notes that `term` left the others of a row.
    pub fn uncount(&mut self, others: &[Term], term: &Term) {
        self.work += others.len() as u64;
        for other in others {
            let key = key(other, term);
            let count = self.counts.get_mut(&key).expect("the pair is counted");
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&key);
            }
        }
    }
}

/// The signed pair of two terms of one row, whatever common shift and sign it stands under there.
pub fn key(t: &Term, u: &Term) -> u64 {
    let (t, u) = if (t.shift, t.node) <= (u.shift, u.node) { (t, u) } else { (u, t) };
    let relative = u64::from(u.shift - t.shift) << 1 | u64::from(t.negate != u.negate);
    u64::from(t.node) << 40 | u64::from(u.node) << 16 | relative
}

/// The two terms of a pair, the first plain.
pub fn terms_of(key: u64) -> [Term; 2] {
    let node = |bits: u64| (bits & 0xff_ffff) as u32;
    let second = Term { node: node(key >> 16), shift: (key >> 1 & 0x7fff) as u8, negate: key & 1 == 1 };
    [Term::plus(node(key >> 40)), second]
}
