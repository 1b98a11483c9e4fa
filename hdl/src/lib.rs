//! Sterna's compiler: integer network to netlist to Verilog.

pub mod constraints;
pub mod manifest;
pub mod testbench;
pub mod verilog;
