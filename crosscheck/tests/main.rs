//! Blocks of Sterna's beside their second description.

mod beside;
mod element;
mod faults;
mod queue;
mod threshold;
mod tools;
mod wrapper;

/// Cycles of every comparison.
const CYCLES: usize = 100_000;
