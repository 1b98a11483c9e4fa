//! Greedy extraction, then rounds of dissolving some sums and extracting again where that left traces.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::greedy::Greedy;
use super::occur::Weights;
use super::state::State;

/// Improves `state` in place.
pub fn search(state: &mut State, rounds: u32, odd: u32, seed: u64) {
    let mut greedy = Greedy::new(Xoshiro256PlusPlus::seed_from_u64(seed), Weights { odd });
    // Rows change parity under way, so a second look finds more.
    loop {
        let all: Vec<u32> = (0..state.rows.len() as u32).collect();
        if greedy.run(state, &all) == 0 {
            break;
        }
    }
    state.keep();
    for _ in 0..rounds {
        for _ in 0..state.shared().count() {
            step(state, &mut greedy);
        }
    }
}

/// Dissolves a few related sums, extracts again, and goes back when that costs more bits.
fn step(state: &mut State, greedy: &mut Greedy) {
    let before = state.total();
    let Some(mut node) = draw(state, greedy) else { return };
    let count = greedy.rng.random_range(1..=4);
    for _ in 0..count {
        let next = related(state, greedy, node);
        state.dissolve(node);
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    let rows = state.touched().to_vec();
    greedy.run(state, &rows);
    match state.total() <= before {
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
