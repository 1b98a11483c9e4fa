//! A folded stage: processing elements in lock step walk a static schedule of the nonzeros.

mod engine;
mod pe;
mod schedule;
mod word;

pub use engine::{Built, Folded, open};
pub use schedule::{Schedule, ScheduleInfo, slots_of};
pub use word::{Entry, Word};

/// Most elements that come in per beat, and most that an XNOR element takes at once.
pub const MOST_LANES: usize = 16;
