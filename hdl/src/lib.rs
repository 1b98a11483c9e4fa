//! Sterna's compiler: integer network to netlist to Verilog.

mod adapt;
mod argmax;
pub mod digits;
mod error;
mod folded;
mod lower;
mod options;
mod pipe;
mod plan;
mod prove;
mod rows;
mod shell;
pub mod simplify;
mod table;
mod timing;
mod tree;
mod unrolled;

pub use error::{Error, Result};
pub use folded::ScheduleInfo;
pub use lower::{lower, schedules};
pub use options::{Folding, Options, Style};
