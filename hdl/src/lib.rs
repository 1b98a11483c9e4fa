//! Sterna's compiler: integer network to netlist to Verilog, with a cost model and drivers for Yosys and nextpnr.

mod adder;
pub mod bitstream;
pub mod cocotb;
pub mod complement;
pub mod constraints;
pub mod delay;
pub mod equal;
mod error;
pub mod estimate;
pub mod explore;
pub mod family;
pub mod formal;
mod frame;
pub mod lower;
pub mod manifest;
pub mod mutate;
mod options;
pub mod package;
mod pairs;
mod process;
pub mod route;
pub mod serial;
pub mod share;
pub mod slice;
pub mod synth;
pub mod testbench;
pub mod verilog;

pub use error::{Error, Result};
pub use lower::{
    DigitInfo, LayerInfo, Passage, ScheduleInfo, WindowInfo, digits, layers, lower, matrix, simplify,
    timeline,
};
pub use options::{DIGIT_BITS, Folding, Options, Style};
