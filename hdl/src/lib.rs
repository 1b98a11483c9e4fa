//! Sterna's compiler: integer network to netlist to Verilog.

pub mod testbench;
pub mod verilog;
