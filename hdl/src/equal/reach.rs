//! All states of a small graph, one by one, where they are few: 64 at a time, under every value of the inputs.

use std::collections::HashSet;
use std::time::Duration;

use super::aiger::{Graph, Literal};

/// Most registers of a graph that is tried.
const MOST_REGISTERS: usize = 64 * WORDS;
const WORDS: usize = 4;

/// Most inputs that anything depends on.
const MOST_INPUTS: usize = 6;

/// Most states in any time, and in a second: a limit that does not depend on what else the machine does.
const MOST_STATES: u64 = 6_000_000;
const STATES_A_SECOND: u64 = 200_000;

type State = [u64; WORDS];

/// Whether the one output is 0 in every state that can be reached from zeros; `None` where there are too many for the memory
/// or for `limit`.
pub fn never(graph: &Graph, limit: Duration) -> Option<bool> {
    let inputs = read(graph);
    let most_states = limit.as_secs().saturating_mul(STATES_A_SECOND).min(MOST_STATES);
    if graph.registers.len() > MOST_REGISTERS || inputs.len() > MOST_INPUTS {
        return None;
    }
    let output = graph.outputs.first()?.literal;
    let mut seen: HashSet<State> = HashSet::from([State::default()]);
    let mut todo = vec![State::default()];
    let mut values = vec![0u64; graph.variables];
    while !todo.is_empty() {
        let batch = todo.split_off(todo.len().saturating_sub(64));
        let there = u64::MAX >> (64 - batch.len());
        for choice in 0..1u32 << inputs.len() {
            for (bit, literal) in inputs.iter().enumerate() {
                values[*literal as usize / 2] = 0u64.wrapping_sub(u64::from(choice >> bit & 1));
            }
            for (at, [q, _]) in graph.registers.iter().enumerate() {
                let of = |(lane, state): (usize, &State)| (state[at / 64] >> (at % 64) & 1) << lane;
                values[*q as usize / 2] = batch.iter().enumerate().map(of).sum();
            }
            for [gate, a, b] in &graph.gates {
                values[*gate as usize / 2] = value(&values, *a) & value(&values, *b);
            }
            if value(&values, output) & there != 0 {
                return Some(false);
            }
            let mut next = [State::default(); 64];
            for (at, [_, d]) in graph.registers.iter().enumerate() {
                let word = value(&values, *d);
                for (lane, state) in next.iter_mut().enumerate() {
                    state[at / 64] |= (word >> lane & 1) << (at % 64);
                }
            }
            for state in &next[..batch.len()] {
                if seen.insert(*state) {
                    todo.push(*state);
                }
            }
        }
        if seen.len() as u64 > most_states {
            return None;
        }
    }
    Some(true)
}

fn value(values: &[u64], literal: Literal) -> u64 {
    values[literal as usize / 2] ^ 0u64.wrapping_sub(u64::from(literal % 2))
}

/// Inputs that something depends on.
fn read(graph: &Graph) -> Vec<Literal> {
    let mut read = vec![false; graph.variables];
    let gates = graph.gates.iter().flat_map(|[_, a, b]| [*a, *b]);
    let others = graph.registers.iter().map(|[_, d]| *d).chain(graph.outputs.iter().map(|bit| bit.literal));
    gates.chain(others).for_each(|literal| read[literal as usize / 2] = true);
    graph.inputs.iter().map(|bit| bit.literal).filter(|literal| read[*literal as usize / 2]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of two registers behind an input, and whether the second ever is 1 while the first is 0, or 1 with a 0 before it
    /// that the input never gives.
    #[test]
    fn what_can_be_reached_is_told_from_what_cannot() {
        let row =
            |output: &str| Graph::parse(&format!("aag 4 1 2 1 1\n2\n4 2\n6 4\n8\n8 {output}\n")).unwrap();
        assert_eq!(never(&row("6 5"), Duration::MAX), Some(false));
        // The second register under a first that stays 0.
        let still = Graph::parse("aag 4 1 2 1 1\n2\n4 8\n6 4\n6\n8 4 2\n").unwrap();
        assert_eq!(never(&still, Duration::MAX), Some(true));
    }

    #[test]
    fn too_many_inputs_are_left_alone() {
        let inputs: String = (1..=7).map(|v| format!("{}\n", 2 * v)).collect();
        let gates: String = (0..6)
            .map(|g| format!("{} {} {}\n", 16 + 2 * g, if g == 0 { 2 } else { 14 + 2 * g }, 4 + 2 * g))
            .collect();
        let graph = Graph::parse(&format!("aag 13 7 0 1 6\n{inputs}26\n{gates}")).unwrap();
        assert_eq!(never(&graph, Duration::MAX), None);
    }
}
