//! Greedy extraction: the pattern that saves most becomes a shared sum, until none saves anything.

use std::collections::BinaryHeap;

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::Term;
use super::occur::{self, Pattern, Place, Scratch, Weights};
use super::pairs::{key, terms_of};
use super::state::State;

/// A candidate: what it is hoped to save, a draw that breaks ties, its pair.
type Hope = (i64, u32, u64);

/// What the search carries along.
#[derive(Debug)]
pub struct Greedy {
    /// Draws of ties.
    pub rng: Xoshiro256PlusPlus,
    /// Prices.
    pub weights: Weights,
    scratch: Scratch,
    /// Hopes of the beginning, ascending, and those that came since: a heap of millions is slow to take apart.
    first: Vec<Hope>,
    heap: BinaryHeap<Hope>,
    places: Vec<Place>,
}

impl Greedy {
    /// A search with its own draws.
    pub fn new(rng: Xoshiro256PlusPlus, weights: Weights) -> Self {
        Greedy {
            rng,
            weights,
            scratch: Scratch::default(),
            first: Vec::new(),
            heap: BinaryHeap::new(),
            places: Vec::new(),
        }
    }

    /// Extracts from the pairs of `rows` and what becomes of them. Returns how many patterns were taken.
    pub fn run(&mut self, state: &mut State, rows: &[u32]) -> usize {
        self.heap.clear();
        let mut pairs: Vec<u64> = Vec::new();
        if rows.len() == state.rows.len() {
            pairs.extend(state.pairs.all().filter(|(_, count)| *count >= 2).map(|(pair, _)| pair));
        } else {
            for &row in rows {
                let terms = &state.rows[row as usize];
                for (i, t) in terms.iter().enumerate() {
                    pairs.extend(terms[..i].iter().map(|u| key(t, u)).filter(|k| state.pairs.of(*k) >= 2));
                }
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        self.first = pairs.into_iter().filter_map(|pair| self.hope(state, pair)).collect();
        self.first.sort_unstable();
        let mut taken = 0;
        while let Some((hoped, _, pair)) = self.next() {
            let Some(pattern) = occur::evaluate(state, pair, self.weights, &mut self.scratch) else {
                continue;
            };
            let next = self.first.last().max(self.heap.peek());
            if pattern.gain < hoped && next.is_some_and(|next| next.0 > pattern.gain) {
                let tie = self.rng.random();
                self.heap.push((pattern.gain, tie, pair));
                continue;
            }
            if let Some(node) = self.extract(state, &pattern) {
                taken += 1;
                self.renew(state, node);
            }
        }
        taken
    }

    /// The greatest hope that is left.
    fn next(&mut self) -> Option<Hope> {
        match self.first.last() > self.heap.peek() {
            true => self.first.pop(),
            false => self.heap.pop(),
        }
    }

    /// A pair with the most it can save.
    fn hope(&mut self, state: &State, pair: u64) -> Option<Hope> {
        let count = i64::from(state.pairs.of(pair));
        if count < 2 {
            return None;
        }
        let [a, b] = terms_of(pair).map(|t| state.range(t));
        let width = i64::from(super::state::add(a, b).width()) + i64::from(state.chain.operands == 3);
        let tie = self.rng.random();
        Some((16 * (count - 1) * width, tie, pair))
    }

    /// Candidates that a new node brings.
    fn renew(&mut self, state: &State, node: u32) {
        let mut pairs: Vec<u64> = Vec::new();
        for place in &state.uses[node as usize] {
            let terms = &state.rows[place.row as usize];
            let term = Term { node, shift: place.shift, negate: place.negate };
            let others = terms.iter().filter(|t| **t != term).map(|t| key(t, &term));
            pairs.extend(others.filter(|k| state.pairs.of(*k) >= 2));
        }
        pairs.sort_unstable();
        pairs.dedup();
        for pair in pairs {
            let hope = self.hope(state, pair);
            self.heap.extend(hope);
        }
    }

    /// Makes the pattern a shared sum wherever it occurs. `None` when less than two places are left.
    fn extract(&mut self, state: &mut State, pattern: &Pattern) -> Option<u32> {
        occur::places(state, pattern.pair, &mut self.places);
        let holds = |state: &State, place: Place| {
            pattern.at(place).filter(|(t, n)| t[..*n].iter().all(|t| state.holds(place.row, *t)))
        };
        self.places.retain(|p| holds(state, *p).is_some());
        if self.places.len() < 2 {
            return None;
        }
        // The least shift of the third decides how far the pattern moves down to be a node.
        let below = pattern.third.map_or(0, |(_, shift, _)| (-shift).max(0)) as u8;
        let base = Place { row: 0, shift: below, negate: false };
        let (terms, n) = pattern.at(base).expect("shifted up far enough");
        let whole =
            |place: &&Place| state.node(place.row).is_some() && state.rows[place.row as usize].len() == n;
        let home = self.places.iter().find(whole).copied();
        let lowest = self.places.iter().map(|p| p.shift).min().expect("two places");
        let home = home.filter(|h| h.shift == lowest);
        // Node = the pattern under (shift, sign) of `own`.
        let (node, own) = match home {
            Some(home) => (state.node(home.row).expect("a shared row"), home),
            None => (state.open(&terms[..n]), base),
        };
        let own_row = state.definition(node).expect("a shared row");
        for place in self.places.iter().filter(|p| p.row != own_row) {
            let Some((terms, n)) = holds(state, *place) else { continue };
            terms[..n].iter().for_each(|t| state.remove(place.row, *t));
            let term = Term { node, shift: place.shift - own.shift, negate: place.negate != own.negate };
            state.insert(place.row, term);
        }
        for t in &terms[..n] {
            clean(state, t.node);
        }
        Some(node)
    }
}

/// A sum with a single reader belongs into that reader.
fn clean(state: &mut State, node: u32) {
    if state.definition(node).is_some() && state.uses[node as usize].len() == 1 {
        state.dissolve(node);
    }
}
