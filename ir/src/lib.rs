//! Sterna's common language: the integer network that defines meaning, the netlist that defines hardware, their
//! evaluators and checks, and the network file.
//!
//! This crate does no I/O, holds no floats that define meaning, and knows neither the trainer nor any tool.

pub mod bench;
pub mod build;
pub mod check;
pub mod cost;
pub mod design;
mod error;
pub mod eval;
pub mod format;
pub mod interpret;
pub mod netlist;
mod network;
pub mod range;
mod reach;
pub mod size;
mod task;

pub use design::Design;
pub use error::{Error, Result};
pub use netlist::Netlist;
pub use network::{
    Conv2d, Dense, Input, Layer, LayerOp, MAX_ELEMENTS, MAX_LEVELS, MAX_PRODUCTS, MAX_WEIGHTS, Network,
    Ranges, Threshold, Window,
};
pub use range::Range;
pub use reach::Reach;
pub use task::{Scaling, Task};
