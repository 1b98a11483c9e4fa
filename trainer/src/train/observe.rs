//! Following a training from outside.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sterna_ir::Network;

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Stop now; [`train()`](super::train()) returns [`Error::Stopped`](crate::Error::Stopped). The last checkpoint stays.
    Stop,
}

/// State of the training after a step.
#[derive(Clone, Debug)]
pub struct Progress<'a> {
    /// Steps done, those before a resumption included.
    pub step: usize,
    /// Steps in all.
    pub total_steps: usize,
    /// Current epoch, from 1.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Mean loss in this epoch so far.
    pub loss: f64,
    /// Accuracy on the batches of this epoch so far.
    pub accuracy: f64,
    /// Fraction of zero weights over all layers.
    pub zeros: f64,
    /// Time since [`train()`](super::train()) was called.
    pub elapsed: Duration,
    /// Epochs done.
    pub history: &'a [EpochRecord],
}

/// What happened in one epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: usize,
    /// Mean loss.
    pub loss: f64,
    /// Accuracy on the batches as they were trained on.
    pub train_accuracy: f64,
    /// Accuracy on the validation split after the epoch; `None` without one.
    pub validation_accuracy: Option<f64>,
    /// Fraction of zero weights per dense layer.
    pub zeros: Vec<f64>,
}

/// Follows a training, and may say what hardware costs. The methods do nothing unless overridden; `()` follows nothing.
pub trait Observer {
    /// Called after each step.
    fn step(&mut self, _progress: &Progress<'_>) -> Control {
        Control::Continue
    }

    /// Called after each epoch, after its checkpoint is written.
    fn epoch(&mut self, _record: &EpochRecord, _elapsed: Duration) -> Control {
        Control::Continue
    }

    /// What `network` takes as the circuit of the cost table, in its unit; `None` leaves it to the table. Asked a few times
    /// in training to a budget of a circuit, whose result depends on the answers: equal networks must have equal ones.
    fn price(&mut self, _network: &Network) -> Option<f64> {
        None
    }
}

impl Observer for () {}
