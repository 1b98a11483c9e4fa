//! Blocks of Sterna's beside their second description.

mod element;
mod queue;
mod threshold;

/// Cycles of every comparison.
const CYCLES: usize = 100_000;
