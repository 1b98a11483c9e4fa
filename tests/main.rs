//! Integration tests through the command itself: one binary, a module per concern.

mod errors;
mod fuzz;
mod interrupt;
mod lint;
mod mutants;
mod reproducible;
mod road;
mod util;
