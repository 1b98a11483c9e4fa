//! Sterna's trainer: data sets to integer networks.
//!
//! [`train()`] takes a [`data::Dataset`] and a [`Config`] and gives an integer network whose hidden codes and classes equal
//! the trainer's own evaluation on every sample. The crate prints nothing; an [`Observer`] follows the progress. Results do
//! not depend on the number of threads of the rayon pool it is called from.

pub mod activation;
mod admit;
pub mod augment;
pub mod batches;
pub mod checkpoint;
pub mod config;
mod conv;
pub mod cost;
pub mod data;
pub mod encode;
mod error;
pub mod export;
pub mod freeze;
pub mod geometry;
pub mod infer;
pub mod kernel;
mod loss;
pub mod model;
mod moments;
pub mod net;
mod norm;
pub mod optim;
mod pool;
pub mod quantise;
mod residual;
pub mod sparse;
pub mod step;
mod teacher;
pub mod train;
pub mod update;
mod wires;

pub use checkpoint::Checkpoints;
pub use config::Config;
pub use error::{Error, Result};
pub use export::check_export;
pub use model::{Model, evaluate};
pub use train::{Control, EpochRecord, Observer, Outcome, Progress, Spread, Study, study, train};
