//! Sterna's simulators: netlist simulation and Verilator co-simulation.

pub mod dual;
mod error;
mod fold;
mod lanes;
mod machine;
mod order;
mod program;
mod run;
mod simulator;
pub mod vcd;
pub mod verilator;
mod word;

pub use error::{Error, Result};
pub use program::{Program, Watch};
pub use run::{Options, Run, Segment, run};
pub use simulator::Simulator;
pub use word::WordSize;
