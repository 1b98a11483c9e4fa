//! Adder graphs: a sparse matrix of signed shifted digits becomes as few and as narrow sums as the search finds, each of two
//! or three signed operands, and every sum that several rows need is made once.
//!
//! Finding the cheapest graph is NP-hard. The search starts from greedy extraction of common signed patterns (two-term
//! elimination as Hosangadi, Fallah and Kastner 2006 for two operands; pairs and triples priced by the parity of the rows for
//! three) and then improves it by large-neighbourhood search (Shaw 1998): some shared sums are dissolved into their users,
//! the same extraction runs on the rows that changed, and the change stays when it costs no bits.
//!
//! This module knows no netlist. It is deterministic, on any number of threads.

mod depth;
mod graph;
mod greedy;
mod occur;
mod pairs;
mod search;
mod signs;
mod state;
#[cfg(test)]
mod tests;
mod tree;

use rayon::prelude::*;
use sterna_ir::Range;

pub use graph::{Graph, Sum};
use state::State;

/// `±(node << shift)`: nodes count the inputs first, then the sums in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// Input or earlier sum.
    pub node: u32,
    /// Left shift.
    pub shift: u8,
    /// Subtract.
    pub negate: bool,
}

impl Term {
    /// The node itself.
    pub fn plus(node: u32) -> Self {
        Term { node, shift: 0, negate: false }
    }

    /// The term of a value that itself stands under `outer`'s shift and sign.
    fn under(self, outer: Term) -> Self {
        Term { node: self.node, shift: self.shift + outer.shift, negate: self.negate != outer.negate }
    }
}

/// What to compute.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Range of each input.
    pub inputs: Vec<Range>,
    /// One sum per output, over inputs.
    pub rows: Vec<Row>,
}

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Summands; none is the constant 0.
    pub terms: Vec<Term>,
    /// The reader takes the value with any sign and shift, as a comparison with a constant does.
    pub any_sign: bool,
}

/// A carry chain of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Most operands of one sum, 2 or 3.
    pub operands: usize,
    /// Sums of a few bits are tables without a chain, see `adder.rs`.
    pub tables: bool,
    /// Operands are inverted on the way into the chain; where not, a subtracted signal costs inverters.
    pub inverts: bool,
}

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What the target adds at once.
    pub chain: Chain,
    /// Sums shared between rows; without, every row is a tree of its own.
    pub sharing: bool,
    /// Time given to improvement, a tenth of a second to a second a unit for 10,000 terms; 0 takes what greedy extraction
    /// finds.
    pub effort: u32,
    /// Independent searches of which the best is kept; they run in parallel.
    pub starts: u32,
    /// Most sums on any path, as far as trees allow: a row that is deeper gives up sharing until it fits.
    pub depth: Option<u32>,
}

/// Weight of a pair's occurrence in a row of odd length, in sixteenths of that in an even row, when sums have three operands.
const ODD: [u32; 4] = [6, 0, 8, 3];

/// Searches for a cheap graph: fewest bits, then fewest sums.
///
/// Panics when a term names no input, or on more than 2^24 nodes (faults of the caller).
pub fn share(problem: &Problem, settings: &Settings) -> Graph {
    let terms: usize = problem.rows.iter().map(|r| r.terms.len()).sum();
    assert!(problem.inputs.len() + terms < 1 << 24, "{terms} terms are too many to share");
    if !settings.sharing {
        return finish(State::new(problem, settings.chain), problem, settings.depth);
    }
    let odd_of = |start: u32| ODD[start as usize % ODD.len()];
    let one = |start: u32| {
        let mut state = State::new(problem, settings.chain);
        let apart = state.total();
        search::search(&mut state, settings.effort, odd_of(start), u64::from(start));
        if state.total() > apart {
            state = State::new(problem, settings.chain);
        }
        finish(state, problem, settings.depth)
    };
    let graphs: Vec<Graph> = (0..settings.starts.max(1)).into_par_iter().map(one).collect();
    graphs.into_iter().min_by_key(|g| (g.bits(), g.sums.len())).expect("at least one start")
}

fn finish(mut state: State, problem: &Problem, limit: Option<u32>) -> Graph {
    if let Some(limit) = limit {
        depth::unshare(&mut state, limit);
    }
    let mut graph = graph::emit(&state, limit.is_some());
    if !state.chain.inverts {
        signs::choose(&mut graph, problem);
    }
    graph
}
