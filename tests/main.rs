//! Integration tests through the command itself: one binary, a module per concern.

mod compare;
mod errors;
mod interrupt;
mod lint;
mod mutants;
mod report;
mod reproducible;
mod road;
mod util;
