//! The training loop.

use std::time::{Duration, Instant};

use ndarray::Axis;
use serde::{Deserialize, Serialize};
use sterna_ir::Network;

use crate::checkpoint::{self, Best, Checkpoints, State};
use crate::config::{Config, Weights};
use crate::data::Dataset;
use crate::encode::Encoder;
use crate::freeze::{Source, Statistics, freeze};
use crate::model::{Model, SLAB, accuracy, evaluate};
use crate::net::Net;
use crate::quantise::Quantised;
use crate::step::{Workspace, apply, step};
use crate::{Error, Result, admit, batches, export, infer};

/// Training samples that batch-norm statistics and ReLU steps are measured on at the end.
const MEASURED: usize = 10_000;

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Stop now; [`train()`] returns [`Error::Stopped`]. The last checkpoint stays.
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
    /// Time since [`train()`] was called.
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

/// Follows a training. The methods do nothing unless overridden; `()` follows nothing.
pub trait Observer {
    /// Called after each step.
    fn step(&mut self, _progress: &Progress<'_>) -> Control {
        Control::Continue
    }

    /// Called after each epoch, after its checkpoint is written.
    fn epoch(&mut self, _record: &EpochRecord, _elapsed: Duration) -> Control {
        Control::Continue
    }
}

impl Observer for () {}

/// The result of a training.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The integer network, for everything downstream.
    pub network: Network,
    /// The trainer's own form of the same.
    pub model: Model,
    /// All epochs.
    pub history: Vec<EpochRecord>,
    /// Epoch whose parameters were kept, from 1.
    pub best_epoch: usize,
    /// Accuracy of the integer network on the test split; `None` when that is empty.
    pub test_accuracy: Option<f64>,
    /// Accuracy of the network before freezing, with real weights or activations where the method has them.
    pub float_accuracy: Option<f64>,
    /// Accuracy of the integer network on the validation split; `None` without one.
    pub validation_accuracy: Option<f64>,
    /// Batch-norm statistics that the validation split preferred.
    pub statistics: Statistics,
    /// Zero weights per dense layer of the integer network, as a fraction.
    pub zeros: Vec<f64>,
    /// Weights that are not zero, in all dense layers.
    pub nonzeros: usize,
    /// Hidden neurons per layer whose code never changes.
    pub dead: Vec<usize>,
}

/// Trains a network on `dataset` as `config` says and exports it.
///
/// The result depends on `dataset` and `config` alone: not on threads, time, or a resumption through `checkpoints`.
///
/// Errors for settings or data that do not fit, for a loss that is no longer a number, when `observer` stops, and for
/// checkpoints that cannot be written or belong to another training.
pub fn train(
    dataset: &Dataset,
    config: &Config,
    checkpoints: Option<&Checkpoints>,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    let start = Instant::now();
    config.validate()?;
    admit::data(dataset)?;
    let encoder = Encoder::new(config.input, dataset.range);
    let inputs = dataset.train.x.ncols() * encoder.width();
    admit::size(config, inputs, dataset.classes)?;
    let (train, validation) = batches::split(dataset.train.y.len(), config.validation, config.seed);
    let val_x = dataset.train.x.select(Axis(0), &validation);
    let val_y: Vec<u8> = validation.iter().map(|&i| dataset.train.y[i]).collect();

    let mut state = begin(dataset, config, checkpoints, inputs)?;
    let batch = config.batch.min(train.len());
    let per_epoch = train.len() / batch;
    let total = per_epoch * config.epochs;
    let mut space = Workspace::new(&state.net, batch);
    for epoch in state.epoch..config.epochs {
        let order = batches::order(&train, config.seed, epoch);
        let (mut loss, mut correct, mut zeros) = (0.0, 0, Vec::new());
        for (index, chosen) in order.chunks_exact(batch).enumerate() {
            let done = epoch * per_epoch + index;
            let part = done as f64 / total as f64;
            batches::gather(&dataset.train, &encoder, chosen, &mut space.input, &mut space.labels);
            fix_mask(&mut state.net, config, part);
            let result = step(&mut state.net, config, &mut space, part);
            if !result.loss.is_finite() {
                let (epoch, step) = (epoch + 1, done + 1);
                return Err(Error::Diverged { epoch, step, loss: result.loss, rate: config.rate });
            }
            let rate = config.rate_at(done, total, per_epoch);
            apply(&mut state.net, config, &space, rate, done + 1);
            loss += result.loss;
            correct += result.correct;
            if index == 0 || index + 1 == per_epoch {
                zeros = space.zeros();
            }
            let progress = Progress {
                step: done + 1,
                total_steps: total,
                epoch: epoch + 1,
                epochs: config.epochs,
                loss: loss / (index + 1) as f64,
                accuracy: correct as f64 / ((index + 1) * batch) as f64,
                zeros: overall(&zeros, &state.net),
                elapsed: start.elapsed(),
                history: &state.history,
            };
            if observer.step(&progress) == Control::Stop {
                return Err(Error::Stopped { epoch: epoch + 1, step: done + 1 });
            }
        }
        let part = (epoch + 1) as f64 / config.epochs as f64;
        let validated = (!val_y.is_empty())
            .then(|| accuracy(&infer::classes(&state.net, config, &encoder, part, val_x.view()), &val_y));
        let record = EpochRecord {
            epoch: epoch + 1,
            loss: loss / per_epoch as f64,
            train_accuracy: correct as f64 / (per_epoch * batch) as f64,
            validation_accuracy: validated,
            zeros,
        };
        state.epoch = epoch + 1;
        state.history.push(record.clone());
        keep_best(&mut state, config, validated);
        if let Some(c) = checkpoints
            && (state.epoch % c.every.max(1) == 0 || state.epoch == config.epochs)
        {
            checkpoint::write(&c.path, &state)?;
        }
        if observer.epoch(&record, start.elapsed()) == Control::Stop {
            return Err(Error::Stopped { epoch: epoch + 1, step: (epoch + 1) * per_epoch });
        }
    }
    finish(dataset, config, state, &train, (val_x, val_y))
}

fn begin(
    dataset: &Dataset,
    config: &Config,
    checkpoints: Option<&Checkpoints>,
    inputs: usize,
) -> Result<State> {
    let identity = checkpoints.map_or([0; 32], |_| checkpoint::identity(dataset, config));
    if let Some(c) = checkpoints.filter(|c| c.resume)
        && let Some(state) = checkpoint::read(&c.path, &identity)?
    {
        return Ok(state);
    }
    let net = Net::new(config, inputs, dataset.classes);
    Ok(State { identity, epoch: 0, net, best: None, history: Vec::new() })
}

/// Freezes the choice of zeros once its time has come.
fn fix_mask(net: &mut Net, config: &Config, part: f64) {
    let Weights::TopK { freeze, .. } = config.weights else { return };
    if part < freeze {
        return;
    }
    for index in 0..net.dense.len() {
        if net.dense[index].mask.is_none() {
            let mut quantised = Quantised::default();
            net.quantise(config, index, part, &mut quantised);
            net.dense[index].mask = Some(quantised.weights.iter().map(|&w| w != 0.0).collect());
        }
    }
}

/// Keeps the parameters with the best validation accuracy, the latest of equals. While the number of zeros still changes, no
/// epoch counts as better than a later one.
fn keep_best(state: &mut State, config: &Config, validated: Option<f64>) {
    let settled = match config.weights {
        Weights::TopK { anneal, .. } => state.epoch as f64 >= anneal * config.epochs as f64,
        _ => true,
    };
    let accuracy = validated.filter(|_| settled).unwrap_or(0.0);
    if validated.is_none() || !settled || state.best.as_ref().is_none_or(|best| accuracy >= best.accuracy) {
        state.best = Some(Best { epoch: state.epoch, accuracy, net: state.net.settled() });
    }
}

fn finish(
    dataset: &Dataset,
    config: &Config,
    state: State,
    train: &[usize],
    (val_x, val_y): (ndarray::Array2<u8>, Vec<u8>),
) -> Result<Outcome> {
    let Best { epoch: best_epoch, net, .. } = state.best.expect("at least one epoch was trained");
    let widest = net.dense.iter().map(|d| d.inputs.max(d.outputs)).max().unwrap_or(1);
    let stride = train.len().div_ceil((SLAB / widest).clamp(1, MEASURED));
    let measured: Vec<usize> = train.iter().copied().step_by(stride).collect();
    let samples = dataset.train.x.select(Axis(0), &measured);
    let source = Source { name: &dataset.name, shape: &dataset.shape, range: dataset.range };
    let candidate = |statistics| {
        let model = freeze(&net, config, &source, samples.view(), statistics);
        let validated = accuracy(&evaluate(&model, val_x.view()).classes, &val_y);
        (statistics, model, validated)
    };
    let (running, fresh) = (candidate(Statistics::Running), candidate(Statistics::Measured));
    let (statistics, model, validated) = if running.2 > fresh.2 { running } else { fresh };
    let network = export::export(&model)?;
    let test = &dataset.test;
    let judged = |classes: Vec<u8>| (!test.y.is_empty()).then(|| accuracy(&classes, &test.y));
    let encoder = &model.encoder;
    let linears: Vec<_> = model.hidden.iter().map(|h| &h.linear).chain([&model.last]).collect();
    let nonzeros = |l: &crate::model::Linear| l.weights.iter().filter(|w| **w != 0).count();
    Ok(Outcome {
        test_accuracy: judged(evaluate(&model, test.x.view()).classes),
        float_accuracy: judged(infer::classes(&net, config, encoder, 1.0, test.x.view())),
        validation_accuracy: (!val_y.is_empty()).then_some(validated),
        statistics,
        zeros: linears.iter().map(|l| 1.0 - nonzeros(l) as f64 / l.weights.len() as f64).collect(),
        nonzeros: linears.iter().map(|l| nonzeros(l)).sum(),
        dead: export::dead_neurons(&network, &model)?,
        history: state.history,
        best_epoch,
        network,
        model,
    })
}

fn overall(zeros: &[f64], net: &Net) -> f64 {
    let sizes = net.dense.iter().map(|d| (d.inputs * d.outputs) as f64);
    let total: f64 = sizes.clone().sum();
    zeros.iter().zip(sizes).map(|(z, n)| z * n).sum::<f64>() / total
}
