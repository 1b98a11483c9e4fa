//! Where a pattern of two or three signed terms occurs, and what making it a shared sum is worth.

use sterna_ir::Range;

use super::Term;
use super::pairs::terms_of;
use super::state::State;
use super::tree;

/// One place of a pattern: the row, and the shift and sign of the pattern's first term there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Row.
    pub row: u32,
    /// Shift of the first term.
    pub shift: u8,
    /// Sign of the first term.
    pub negate: bool,
}

/// A pattern worth sharing. The first term is plain; `third` may lie below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The pair.
    pub pair: u64,
    /// A third term: node, shift relative to the first, sign relative to the first.
    pub third: Option<(u32, i16, bool)>,
    /// What it saves, in sixteenths of a bit.
    pub gain: i64,
}

impl Pattern {
    /// The pattern's terms at `place`; `None` when the third would need a negative shift.
    pub fn at(&self, place: Place) -> Option<([Term; 3], usize)> {
        let outer = Term { node: 0, shift: place.shift, negate: place.negate };
        let [a, b] = terms_of(self.pair).map(|t| t.under(outer));
        let Some((node, shift, negate)) = self.third else { return Some(([a, b, b], 2)) };
        let shift = u8::try_from(i16::from(place.shift) + shift).ok()?;
        Some(([a, b, Term { node, shift, negate: negate != place.negate }], 3))
    }
}

/// Weights of the search: how much an occurrence of a pair in a row of odd length counts, of 16.
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    /// Sixteenths.
    pub odd: u32,
}

/// Scratch space of the evaluation.
#[derive(Debug, Default)]
pub struct Scratch {
    places: Vec<Place>,
    thirds: Vec<(u32, i16, bool)>,
}

/// Every place of a pair, in order of rows; places of one node with itself do not overlap.
pub fn places(state: &State, pair: u64, found: &mut Vec<Place>) {
    found.clear();
    let [first, second] = terms_of(pair);
    let (ones, twos) = (&state.uses[first.node as usize], &state.uses[second.node as usize]);
    let mut at = 0;
    for one in ones {
        let wanted = (one.row, one.shift + second.shift);
        while at < twos.len() && (twos[at].row, twos[at].shift) < wanted {
            at += 1;
        }
        let Some(two) = twos.get(at) else { break };
        if (two.row, two.shift) != wanted || (one.negate != two.negate) != second.negate {
            continue;
        }
        let overlaps = first.node == second.node
            && found.last().is_some_and(|l| l.row == one.row && l.shift + second.shift == one.shift);
        if !overlaps {
            found.push(Place { row: one.row, shift: one.shift, negate: one.negate });
        }
    }
}

/// The best pattern that holds the pair, if it saves anything.
pub fn evaluate(state: &State, pair: u64, weights: Weights, scratch: &mut Scratch) -> Option<Pattern> {
    places(state, pair, &mut scratch.places);
    let found = &scratch.places;
    if found.len() < 2 {
        return None;
    }
    let [a, b] = terms_of(pair).map(|t| state.range(t));
    let range = super::state::add(a, b);
    let inputs: u32 = terms_of(pair).map(|t| state.bits(t.node)).iter().sum();
    let width = price(state, inputs, range);
    if state.chain.operands == 2 {
        return Some(Pattern { pair, third: None, gain: 16 * (found.len() as i64 - 1) * width });
    }
    let even = |place: &&Place| state.rows[place.row as usize].len().is_multiple_of(2);
    let evens = found.iter().filter(even).count() as i64;
    let odds = found.len() as i64 - evens;
    let gain = (16 * (evens - 1) + i64::from(weights.odd) * odds) * width;
    let mut best = Pattern { pair, third: None, gain };
    if let Some((third, count)) = best_third(state, pair, found, &mut scratch.thirds) {
        let (node, shift, negate) = third;
        let factor = 1i64 << shift.max(0);
        let wide = state.ranges[node as usize].checked_scale(if negate { -factor } else { factor });
        let inputs = inputs + state.bits(node);
        let wide = wide.and_then(|w| w.checked_add(range)).map_or(width + 1, |r| price(state, inputs, r));
        let gain = 16 * (count - 1) * wide;
        if gain >= best.gain {
            best = Pattern { pair, third: Some(third), gain };
        }
    }
    (best.gain > 0).then_some(best)
}

/// What a sum of this range costs, or its opposite, if that is narrower.
fn price(state: &State, inputs: u32, range: Range) -> i64 {
    let width = range.width().min(Range::new(-range.hi, -range.lo).width());
    i64::from(tree::price(state.chain, inputs, width, width))
}

/// The term that most often stands beside the pair in the same relation, if twice.
fn best_third(
    state: &State,
    pair: u64,
    found: &[Place],
    thirds: &mut Vec<(u32, i16, bool)>,
) -> Option<((u32, i16, bool), i64)> {
    let [a, b] = terms_of(pair);
    thirds.clear();
    for place in found {
        let (low, high) = ((a.node, place.shift), (b.node, place.shift + b.shift));
        for t in &state.rows[place.row as usize] {
            if (t.node, t.shift) != low && (t.node, t.shift) != high {
                thirds.push((t.node, i16::from(t.shift) - i16::from(place.shift), t.negate != place.negate));
            }
        }
    }
    thirds.sort_unstable();
    let longest = thirds.chunk_by(|x, y| x == y).map(|run| (run.len(), run[0])).rev();
    let (count, third) = longest.max_by_key(|(count, _)| *count)?;
    (count >= 2).then_some((third, count as i64))
}
