//! Sterna: sparse ternary networks for FPGAs. This crate is the door: the command, and one name for each part.

pub mod board;
pub mod build;
pub mod check;
pub mod choices;
pub mod cli;
mod cost;
pub mod describe;
pub mod host;
#[cfg(unix)]
pub mod interrupt;
pub mod on_board;
pub mod pins;
mod place;
mod plot;
pub mod record;
pub mod slice;
pub mod stimuli;
pub mod store;
pub mod ui;

pub use sterna_hdl as hdl;
pub use sterna_ir as ir;
pub use sterna_onnx as onnx;
pub use sterna_sim as sim;
pub use sterna_trainer as trainer;
