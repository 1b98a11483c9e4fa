//! From the kept parameters to the result of a training.

use ndarray::Axis;
use sterna_ir::Network;

use super::Parts;
use super::observe::{EpochRecord, Observer};
use super::price::Pricing;
use crate::checkpoint::{Best, State};
use crate::config::Config;
use crate::data::Dataset;
use crate::freeze::{Source, Statistics, freeze};
use crate::model::{Model, accuracy, evaluate};
use crate::net::Net;
use crate::{Result, export, infer};

/// Training samples that batch-norm statistics and ReLU steps are measured on at the end.
const MEASURED: usize = 10_000;
/// Values of a layer held at once for it: bounds memory however wide a layer is.
const MEASURED_SLAB: usize = 1 << 25;

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
    /// What the network costs, in units of the table of cost-aware training: by [`Observer::price`](super::Observer::price),
    /// or else by the table; `None` for the other methods.
    pub cost: Option<f64>,
    /// Hidden neurons per layer whose code never changes.
    pub dead: Vec<usize>,
}

pub(super) fn finish(
    dataset: &Dataset,
    config: &Config,
    state: State,
    parts: Parts,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    let Parts { train, val_x, val_y } = parts;
    let Best { epoch: best_epoch, mut net, .. } = state.best.expect("at least one epoch was trained");
    let widest = net.dense.iter().map(|d| d.elements().max(d.sums())).max().unwrap_or(1);
    let stride = train.len().div_ceil((MEASURED_SLAB / widest).clamp(1, MEASURED));
    let measured: Vec<usize> = train.iter().copied().step_by(stride).collect();
    let samples = dataset.train.x.select(Axis(0), &measured);
    let pricing = Pricing::new(dataset, config, &train);
    let source = Source { name: &dataset.name, shape: &dataset.shape, range: dataset.range };
    let modelled = |net: &Net, statistics| {
        let model = freeze(net, config, &source, samples.view(), statistics);
        let validated = accuracy(&evaluate(&model, val_x.view()).classes, &val_y);
        (statistics, model, validated)
    };
    let (running, fresh) = (modelled(&net, Statistics::Running), modelled(&net, Statistics::Measured));
    let (statistics, mut model, mut validated) = if running.2 > fresh.2 { running } else { fresh };
    let mut price = None;
    if let Some(pricing) = &pricing {
        let made = |net: &Net| export::export(&freeze(net, config, &source, samples.view(), statistics));
        let is_trimmed;
        (is_trimmed, price) = pricing.trim(&mut net, made, observer)?;
        if is_trimmed {
            (_, model, validated) = modelled(&net, statistics);
        }
    }
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
        cost: match (price, pricing) {
            (None, Some(pricing)) => Some(pricing.by_table(&network)?),
            (price, _) => price,
        },
        dead: export::dead_neurons(&network, &model)?,
        history: state.history,
        best_epoch,
        network,
        model,
    })
}
