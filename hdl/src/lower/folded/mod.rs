//! A folded stage: processing elements walk a static schedule of the nonzeros.

mod deal;
mod engine;
mod lockstep;
mod pe;
mod schedule;
mod word;

pub use deal::{Leave, fewest_cycles, least_cycles};
pub use engine::{Built, Folded, open};
pub use schedule::{Schedule, ScheduleInfo};
pub use word::{Entry, Word};

/// Most elements that come in per beat, and most that an XNOR element takes at once.
pub const MOST_LANES: usize = 16;
