//! Errors of the trainer.

use std::path::PathBuf;

/// What can go wrong between a data set and a network. Messages name the value, the place and the fix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is out of its range or contradicts another.
    #[error("setting {field}: {what}")]
    Config {
        /// Name of the setting, as in the configuration.
        field: String,
        /// Its value, and what would be right.
        what: String,
    },
    /// The data set cannot be trained on.
    #[error("data set {name}: {what}")]
    Data {
        /// Name of the data set.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// The loss is no longer a number.
    #[error("training diverged in epoch {epoch}, step {step} (the loss is {loss}); try a rate below {rate}")]
    Diverged {
        /// Epoch, from 1.
        epoch: usize,
        /// Step over the whole training, from 1.
        step: usize,
        /// The loss seen.
        loss: f64,
        /// The configured learning rate.
        rate: f64,
    },
    /// An observer asked to stop.
    #[error("stopped in epoch {epoch}, step {step}")]
    Stopped {
        /// Epoch, from 1.
        epoch: usize,
        /// Step over the whole training, from 1.
        step: usize,
    },
    /// A checkpoint cannot be read, written or used.
    #[error("checkpoint {}: {what}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        what: String,
    },
    /// The exported network disagrees with the trainer: always a fault of the export.
    #[error(
        "export of sample {sample}, layer {layer}, element {element}: trainer {trainer}, network {network}"
    )]
    Export {
        /// Index of the sample.
        sample: usize,
        /// Name of the layer.
        layer: String,
        /// Index in the layer's output.
        element: usize,
        /// The trainer's code or class.
        trainer: i64,
        /// The network's.
        network: i64,
    },
    /// The integer network refuses its parts or its input.
    #[error(transparent)]
    Network(#[from] sterna_ir::Error),
}

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn config(field: impl Into<String>, what: impl Into<String>) -> Self {
        Error::Config { field: field.into(), what: what.into() }
    }
}
