//! A folded stage: processing elements in lock step walk a static schedule of the nonzeros.

mod engine;
mod pe;
mod schedule;

pub use engine::{Built, Folded, open};
pub use schedule::{Entry, Schedule, ScheduleInfo, slots_of};

/// Most elements that come in per beat.
pub const MOST_LANES: usize = 16;
