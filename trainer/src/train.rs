//! The training loop.

mod finish;
mod observe;
mod price;
mod study;

use std::time::Instant;

use ndarray::Axis;

use crate::augment::Changes;
use crate::batches::{self, Batch};
use crate::checkpoint::{self, Best, Checkpoints, State};
use crate::config::{Config, Weights};
use crate::data::Dataset;
use crate::encode::Encoder;
use crate::geometry::{Place, places};
use crate::model::accuracy;
use crate::net::Net;
use crate::quantise::{sca, top_k};
use crate::step::{Workspace, step};
use crate::teacher::{self, Teacher};
use crate::update::{apply, apply_thresholds};
use crate::{Error, Result, admit, cost, infer};
use price::Pricing;

pub use finish::Outcome;
pub use observe::{Control, EpochRecord, Observer, Progress};
pub use study::{Spread, Study, study};

/// Alpha moves by this over the training before the freeze, per fraction of zeros that is missing.
const SCA_GAIN: f64 = 20.0;

/// Trains a network on `dataset` as `config` says and exports it.
///
/// The result depends on `dataset`, `config` and the prices that `observer` gives: not on threads, time, or a resumption
/// through `checkpoints`. A teacher that must be trained comes first, followed by `observer` like the network itself.
///
/// Errors for settings or data that do not fit, for a loss that is no longer a number, when `observer` stops, and for
/// checkpoints that cannot be written or belong to another training.
pub fn train(
    dataset: &Dataset,
    config: &Config,
    checkpoints: Option<&Checkpoints>,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    let (state, split) = epochs(dataset, config, checkpoints, observer)?;
    finish::finish(dataset, config, state, split, observer)
}

/// The parameters that a training keeps.
pub(crate) fn best(
    dataset: &Dataset,
    config: &Config,
    checkpoints: Option<&Checkpoints>,
    observer: &mut dyn Observer,
) -> Result<Net> {
    let (state, _) = epochs(dataset, config, checkpoints, observer)?;
    Ok(state.best.expect("at least one epoch was trained").net)
}

/// Samples trained on, as indices, and those set aside.
struct Parts {
    train: Vec<usize>,
    val_x: ndarray::Array2<u8>,
    val_y: Vec<u8>,
}

/// All epochs.
fn epochs(
    dataset: &Dataset,
    config: &Config,
    checkpoints: Option<&Checkpoints>,
    observer: &mut dyn Observer,
) -> Result<(State, Parts)> {
    let start = Instant::now();
    config.validate()?;
    admit::data(dataset)?;
    let encoder = Encoder::of(config, &dataset.shape, dataset.range);
    let places = places(config, &dataset.shape, encoder.width(), dataset.classes)?;
    cost::admit(config, &places)?;
    let changes = Changes::new(config, dataset)?;
    let (train, validation) = batches::split(dataset.train.y.len(), config.validation, config.seed);
    let val_x = dataset.train.x.select(Axis(0), &validation);
    let val_y: Vec<u8> = validation.iter().map(|&i| dataset.train.y[i]).collect();

    let mut state = begin(dataset, config, checkpoints, &places)?;
    // A finished training needs no teacher any more.
    let teacher = match state.epoch < config.epochs {
        true => teacher::obtain(dataset, config, checkpoints, observer)?,
        false => None,
    };
    let mut lessons = teacher.as_ref().map(Teacher::ready);
    let pricing = Pricing::new(dataset, config, &train);
    let size = config.batch.min(train.len());
    let per_epoch = train.len() / size;
    let total = per_epoch * config.epochs;
    let mut space = Workspace::new(&state.net, size);
    let mut batch = Batch::default();
    for epoch in state.epoch..config.epochs {
        let order = batches::order(&train, config.seed, epoch);
        let (mut loss, mut correct, mut zeros) = (0.0, 0, Vec::new());
        space.turn = 0;
        for (index, chosen) in order.chunks_exact(size).enumerate() {
            let done = epoch * per_epoch + index;
            let part = done as f64 / total as f64;
            batch.fill(&dataset.train, changes.as_ref(), (config.seed, epoch), chosen);
            batch.encode(&encoder, &mut space.input);
            space.labels.copy_from_slice(&batch.labels);
            if let Some(lessons) = &mut lessons {
                space.teacher = lessons.logits(&batch.raw, dataset.train.x.ncols());
            }
            fix_mask(&mut state.net, config, part, pricing.as_ref(), observer)?;
            let rate = config.rate_at(done, total, per_epoch);
            let result = one_step(&mut state.net, config, &mut space, part, (rate, done + 1, total));
            if !result.loss.is_finite() {
                let (epoch, step) = (epoch + 1, done + 1);
                return Err(Error::Diverged { epoch, step, loss: result.loss, rate: config.rate });
            }
            if config.average > 0.0 {
                let average = state.average.get_or_insert_with(|| state.net.settled());
                average.follow(&state.net, config.average as f32);
            }
            loss += result.loss;
            correct += result.correct;
            if index == 0 || index + 1 == per_epoch {
                zeros = space.zeros(&config.weights);
            }
            let progress = Progress {
                step: done + 1,
                total_steps: total,
                epoch: epoch + 1,
                epochs: config.epochs,
                loss: loss / (index + 1) as f64,
                accuracy: correct as f64 / ((index + 1) * size) as f64,
                zeros: overall(&zeros, &state.net),
                elapsed: start.elapsed(),
                history: &state.history,
            };
            if observer.step(&progress) == Control::Stop {
                return Err(Error::Stopped { epoch: epoch + 1, step: done + 1 });
            }
        }
        let part = (epoch + 1) as f64 / config.epochs as f64;
        // A training of few steps had no step left to freeze in; a budget is kept all the same.
        if part >= 1.0 && config.freeze_at() < 1.0 {
            fix_mask(&mut state.net, config, part, pricing.as_ref(), observer)?;
        }
        if let Some(pricing) = &pricing {
            pricing.after(&mut state.net, part, observer)?;
        }
        share_choice(&mut state);
        let validated = (!val_y.is_empty())
            .then(|| accuracy(&infer::classes(state.judged(), config, &encoder, part, val_x.view()), &val_y));
        let record = EpochRecord {
            epoch: epoch + 1,
            loss: loss / per_epoch as f64,
            train_accuracy: correct as f64 / (per_epoch * size) as f64,
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
    Ok((state, Parts { train, val_x, val_y }))
}

/// One step of everything, at learning rate `rate`, the `now`-th of `total`. TGA's thresholds take theirs first.
fn one_step(
    net: &mut Net,
    config: &Config,
    space: &mut Workspace,
    part: f64,
    (rate, now, total): (f64, usize, usize),
) -> crate::step::BatchResult {
    let free = net.dense.iter().all(|d| d.mask.is_none());
    if matches!(config.weights, Weights::Tga { .. }) && free {
        let result = step(net, config, space, part);
        if !result.loss.is_finite() {
            return result;
        }
        apply_thresholds(net, config, space, rate / config.rate);
    }
    let result = step(net, config, space, part);
    if !result.loss.is_finite() {
        return result;
    }
    cost::steer(net, config, space, part);
    if let (Weights::Sca { .. }, true) = (&config.weights, free) {
        let gain = (SCA_GAIN / (config.freeze_at() * total as f64).max(1.0)).min(0.1);
        for (index, zeros) in space.zeros(&config.weights).into_iter().enumerate() {
            if let Some(wanted) = config.weights.zeros(index) {
                let wanted = sca::wanted(wanted, part / config.freeze_at());
                net.dense[index].control = sca::steer(net.dense[index].control, wanted, zeros, gain);
            }
        }
    }
    apply(net, config, space, rate, now);
    result
}

fn begin(
    dataset: &Dataset,
    config: &Config,
    checkpoints: Option<&Checkpoints>,
    places: &[Place],
) -> Result<State> {
    let identity = match checkpoints {
        Some(_) => checkpoint::identity(dataset, config)?,
        None => [0; 32],
    };
    if let Some(c) = checkpoints.filter(|c| c.resume)
        && let Some(state) = checkpoint::read(&c.path, &identity)?
    {
        return Ok(state);
    }
    let net = Net::new(config, places);
    let config = config.clone();
    Ok(State { identity, config, epoch: 0, net, average: None, best: None, history: Vec::new() })
}

/// Freezes the choice of zeros once its time has come.
fn fix_mask(
    net: &mut Net,
    config: &Config,
    part: f64,
    pricing: Option<&Pricing<'_>>,
    observer: &mut dyn Observer,
) -> Result<()> {
    if part < config.freeze_at() || net.dense.iter().all(|d| d.mask.is_some()) {
        return Ok(());
    }
    if let Some(pricing) = pricing {
        return pricing.land(net, observer);
    }
    let chosen = |net: &Net| -> Vec<Vec<bool>> {
        net.judged(config, part).iter().map(|q| q.weights.iter().map(|&w| w != 0.0).collect()).collect()
    };
    let masks = sca_masks(net, config).unwrap_or_else(|| chosen(net));
    net.dense.iter_mut().zip(masks).for_each(|(dense, mask)| dense.mask = Some(mask));
    Ok(())
}

/// The running average has the zeros of what it follows.
fn share_choice(state: &mut State) {
    if let Some(average) = &mut state.average {
        let dense = average.dense.iter_mut().zip(&state.net.dense);
        dense.for_each(|(old, new)| old.mask.clone_from(&new.mask));
    }
}

/// SCA's choice where zeros are asked for: the boundary between 0 and 1 moves by the little that alpha's controller missed.
fn sca_masks(net: &Net, config: &Config) -> Option<Vec<Vec<bool>>> {
    if !matches!(config.weights, Weights::Sca { .. }) {
        return None;
    }
    let mask = |(index, dense): (usize, &crate::net::Dense)| {
        let all = dense.weight.value.len();
        let kept = (all as f64 * (1.0 - config.weights.zeros(index)?)).round() as usize;
        Some(top_k::largest(&dense.weight.value, kept.max(1)))
    };
    net.dense.iter().enumerate().map(mask).collect()
}

/// Keeps the parameters with the best validation accuracy, the latest of equals. While the number of zeros still changes, no
/// epoch counts as better than a later one.
fn keep_best(state: &mut State, config: &Config, validated: Option<f64>) {
    let frozen = state.net.dense.iter().all(|d| d.mask.is_some());
    let settled = match config.weights {
        Weights::TopK { anneal, .. } | Weights::FanIn { anneal, .. } => {
            state.epoch as f64 >= anneal * config.epochs as f64
        }
        _ => frozen || config.freeze_at() >= 1.0,
    };
    let accuracy = validated.filter(|_| settled).unwrap_or(0.0);
    if validated.is_none() || !settled || state.best.as_ref().is_none_or(|best| accuracy >= best.accuracy) {
        state.best = Some(Best { epoch: state.epoch, accuracy, net: state.judged().settled() });
    }
}

fn overall(zeros: &[f64], net: &Net) -> f64 {
    let sizes = net.dense.iter().map(|d| (d.inputs * d.outputs) as f64);
    let total: f64 = sizes.clone().sum();
    zeros.iter().zip(sizes).map(|(z, n)| z * n).sum::<f64>() / total
}
