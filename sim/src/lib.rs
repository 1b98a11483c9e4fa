//! Sterna's simulators: netlist simulation and Verilator co-simulation.

mod arrange;
mod bench;
mod clock;
mod compile;
pub mod dual;
mod error;
mod fold;
mod lanes;
mod live;
mod machine;
mod mask;
mod order;
mod packed;
mod planes;
mod program;
mod retime;
mod rows;
mod run;
mod settle;
mod simulator;
mod slice;
mod sliced;
pub mod verilator;
pub mod wave;
mod word;

pub use error::{Error, Result};
pub use packed::{Noise, Packed, Source, Wanted};
pub use program::{Program, Watch};
pub use rows::Rows;
pub use run::{Options, Run, Segment, run, stream, usual_patience};
pub use simulator::{Bitwise, Simulator};
pub use word::WordSize;
