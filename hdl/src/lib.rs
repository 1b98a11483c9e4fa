//! Sterna's compiler: integer network to netlist to Verilog.

pub mod estimate;
pub mod family;
pub mod synth;
pub mod verilog;
