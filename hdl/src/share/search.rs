//! Greedy extraction, then, as long as the effort lasts, dissolving some sums and extracting again where that left traces.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::greedy::Greedy;
use super::occur::Weights;
use super::state::State;

/// Most sums dissolved at once. Large changes find what small ones cannot, at a price that grows with them.
const MOST: u32 = 16;
/// Work of one unit of effort: for any matrix, and for each term left after the first extraction.
const TWOS: (u64, u64) = (200_000, 200);
/// Threefold patterns are many more, and what greedy extraction finds is further from the best.
const THREES: (u64, u64) = (6_000_000, 1_200);
/// What a small matrix can use.
const MOST_PER_TERM: u64 = 6_000;
/// Bits that a change may cost at the beginning, as a part of the mean sum (simulated annealing, Kirkpatrick 1983).
const HEAT: f64 = 0.8;

/// Improves `state` in place.
pub fn search(state: &mut State, effort: u32, odd: u32, seed: u64) {
    let mut greedy = Greedy::new(Xoshiro256PlusPlus::seed_from_u64(seed), Weights { odd });
    // Rows change parity under way, so a second look finds more.
    loop {
        let all: Vec<u32> = (0..state.rows.len() as u32).collect();
        if greedy.run(state, &all) == 0 {
            break;
        }
    }
    state.keep();
    let (terms, shared) = (state.rows.iter().map(Vec::len).sum::<usize>() as u64, state.shared().count());
    if shared == 0 {
        return;
    }
    let sums = terms.div_ceil(state.chain.operands as u64 - 1);
    let hot = HEAT * state.total() as f64 / sums as f64;
    let (base, per_term) = if state.chain.operands == 3 { THREES } else { TWOS };
    let budget = u64::from(effort) * (base + per_term * terms).min(MOST_PER_TERM * terms);
    let start = state.pairs.work;
    while state.pairs.work - start < budget {
        let left = 1.0 - (state.pairs.work - start) as f64 / budget as f64;
        step(state, &mut greedy, hot * left);
    }
}

/// Dissolves a few related sums, extracts again, and goes back when that costs more bits than `heat` allows.
fn step(state: &mut State, greedy: &mut Greedy, heat: f64) {
    // A step that changes nothing takes time, too.
    state.pairs.work += 16;
    let before = state.total();
    let Some(mut node) = draw(state, greedy) else { return };
    for _ in 0..greedy.rng.random_range(1..=MOST) {
        let next = related(state, greedy, node);
        state.dissolve(node);
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    let rows = state.touched().to_vec();
    greedy.run(state, &rows);
    let slack = -heat * (1.0 - greedy.rng.random::<f64>()).ln();
    match state.total() <= before + slack as u64 {
        true => state.keep(),
        false => state.undo(),
    }
}

/// A shared sum, each as likely.
fn draw(state: &State, greedy: &mut Greedy) -> Option<u32> {
    for _ in 0..64 {
        let places = state.places();
        if places == 0 {
            return None;
        }
        let place = greedy.rng.random_range(0..places);
        if state.is_live(place) {
            return Some(place + state.inputs);
        }
    }
    state.shared().next()
}

/// Another shared sum out of a row that uses `node`.
fn related(state: &State, greedy: &mut Greedy, node: u32) -> Option<u32> {
    let uses = &state.uses[node as usize];
    let row = uses[greedy.rng.random_range(0..uses.len())].row;
    let terms = &state.rows[row as usize];
    let start = greedy.rng.random_range(0..terms.len());
    let around = terms[start..].iter().chain(&terms[..start]).map(|t| t.node);
    around.chain(state.node(row)).find(|n| *n != node && state.definition(*n).is_some())
}
