//! A limit on depth: rows that are too deep take apart the deepest sums they share, for themselves alone.

use super::Term;
use super::state::State;
use super::tree::{self, Item};

/// Brings every output that can be within `limit` sums of the inputs.
pub fn unshare(state: &mut State, limit: u32) {
    let mut levels: Vec<Option<u32>> = vec![None; state.places() as usize];
    for output in 0..state.outputs {
        loop {
            let (level, deepest) = row_level(state, &mut levels, output);
            let Some(term) = deepest.filter(|_| level > limit) else { break };
            let row = state.definition(term.node).expect("inputs have level 0");
            let terms = state.rows[row as usize].clone();
            state.remove(output, term);
            terms.iter().for_each(|t| state.insert(output, t.under(term)));
        }
    }
    // What nobody reads any more goes, and what only that read.
    let mut unread: Vec<u32> = state.shared().collect();
    while let Some(node) = unread.pop() {
        if state.uses[node as usize].is_empty() && state.is_live(node - state.inputs) {
            let row = state.definition(node).expect("a shared sum");
            let reads: Vec<u32> = state.rows[row as usize].iter().map(|t| t.node).collect();
            state.dissolve(node);
            unread.extend(reads.into_iter().filter(|n| state.definition(*n).is_some()));
        }
    }
    state.keep();
}

/// Least depth of a row's tree, and its term of the deepest shared sum.
fn row_level(state: &State, levels: &mut [Option<u32>], row: u32) -> (u32, Option<Term>) {
    let mut items = state.items(row);
    for item in &mut items {
        item.level = node_level(state, levels, item.term.node);
    }
    let shared = |i: &&Item| state.definition(i.term.node).is_some();
    let deepest = items.iter().filter(shared).max_by_key(|i| i.level).map(|i| i.term);
    let root = tree::reduce(items, state.chain, !state.any_sign(row), true, |_| 0);
    (root.map_or(0, |r| r.level), deepest)
}

/// Sums are as deep as those they share, a few levels, so recursion is.
fn node_level(state: &State, levels: &mut [Option<u32>], node: u32) -> u32 {
    let Some(row) = state.definition(node) else { return 0 };
    let place = (node - state.inputs) as usize;
    if levels[place].is_none() {
        levels[place] = Some(row_level(state, levels, row).0);
    }
    levels[place].expect("just set")
}
