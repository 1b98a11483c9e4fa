//! Sterna's compiler: integer network to netlist to Verilog.

pub mod verilog;
