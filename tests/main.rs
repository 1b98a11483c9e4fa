//! Integration tests through the command itself: one binary, a module per concern.

mod boards;
mod budget;
mod compare;
mod errors;
mod fuzz;
mod interrupt;
mod lint;
mod mutants;
mod own_samples;
mod report;
mod reproducible;
mod road;
mod slice;
mod targets;
mod util;
