//! Sterna's compiler: integer network to netlist to Verilog, with a cost model and a driver for Yosys.

mod adapt;
mod argmax;
pub mod constraints;
pub mod digits;
mod error;
pub mod estimate;
pub mod family;
mod folded;
mod lower;
pub mod manifest;
mod options;
mod pipe;
mod plan;
mod prove;
mod rows;
mod shell;
pub mod simplify;
pub mod synth;
mod table;
pub mod testbench;
mod timing;
mod tree;
mod unrolled;
pub mod verilog;

pub use error::{Error, Result};
pub use folded::ScheduleInfo;
pub use lower::{lower, schedules};
pub use options::{Folding, Options, Style};
