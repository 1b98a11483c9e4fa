//! Sterna's border to ONNX: models in ONNX with QONNX's quantisers become integer networks, and networks become models.
//!
//! Import is exact: scales, zero points, batch norm and activations between two layers are rational functions of integers,
//! and every threshold is the integer at which they take a step, ties included. What an integer network cannot hold is
//! refused, all of it at once; nothing is guessed. This crate knows the [network](sterna_ir::Network) and nothing else of
//! Sterna.

pub mod arrays;
mod budget;
mod check;
mod constant;
mod error;
mod exact;
mod export;
mod external;
mod fold;
mod import;
mod model;
mod operators;
mod proto;
mod quantiser;
mod shapes;
mod signal;
mod stairs;
mod tensor;
#[cfg(test)]
mod tests;

pub use check::Difference;
pub use error::{Error, Refusal, Result};
pub use export::export;
pub use import::{Import, InputCodes, Options, Scores, Ternarise, import};
pub use model::{Model, parse, parse_in};
