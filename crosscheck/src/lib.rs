//! Three blocks of Sterna's circuits, described a second time with [rust-hdl](https://docs.rs/rust-hdl/0.46.0), and the
//! comparison of both descriptions cycle by cycle.
//!
//! Everything else that is compared in this project is read from one netlist. A fault in what that netlist is meant to do
//! would be the same everywhere; here it meets a second opinion, which shares the schedule's words and nothing more.

pub mod compare;
pub mod element;
pub mod part;
pub mod queue;
pub mod threshold;
