//! Sterna's simulators: netlist simulation and Verilator co-simulation.
