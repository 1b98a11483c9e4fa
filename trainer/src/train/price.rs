//! Keeping a budget in what the circuit takes: the cost table knows fan-ins alone, whoever compiles knows the rest.
//!
//! From the second half of the annealing on, the network is priced after every epoch, and the price over the table's cost
//! becomes the charge by which the controller corrects the table. When zeros are frozen, the choice is priced and made again
//! until it fits; where retraining makes the circuit larger, weights are taken out of it.

use ndarray::{Array2, Axis};
use sterna_ir::Network;
use sterna_ir::cost::{CostTable, MILLI};

use super::Observer;
use crate::config::{Config, Weights};
use crate::data::Dataset;
use crate::freeze::{Source, Statistics, freeze};
use crate::net::Net;
use crate::{Error, Result, cost, export};

/// Training samples that stand for the data where a network is made only to be priced.
const SAMPLES: usize = 256;
/// Choices of zeros that are priced at most.
const ROUNDS: usize = 8;
/// The least part of the budget that a choice shall use, and the part that is tried for.
const USED: f64 = 0.98;
const AIM: f64 = 0.99;

/// What is needed to price a network in training.
pub(super) struct Pricing<'a> {
    config: &'a Config,
    source: Source<'a>,
    samples: Array2<u8>,
    table: &'a CostTable,
    budget: f64,
}

impl<'a> Pricing<'a> {
    /// For cost-aware training; `None` for the other methods.
    pub(super) fn new(dataset: &'a Dataset, config: &'a Config, train: &[usize]) -> Option<Self> {
        let Weights::Cost { table, budget, .. } = &config.weights else { return None };
        let samples = dataset.train.x.select(Axis(0), &train[..train.len().min(SAMPLES)]);
        let source = Source { name: &dataset.name, shape: &dataset.shape, range: dataset.range };
        Some(Pricing { config, source, samples, table, budget: *budget })
    }

    /// Price of the circuit of `network` and its cost by the table; `None` where nobody knows a price.
    fn figures(&self, network: &Network, observer: &mut dyn Observer) -> Result<Option<Figures>> {
        let Some(price) = observer.price(network) else { return Ok(None) };
        Ok(Some(Figures { price: price.max(1.0), cost: self.by_table(network)?.max(1.0) }))
    }

    /// The network that `net` is by its running statistics.
    fn network(&self, net: &Net) -> Result<Network> {
        let model = freeze(net, self.config, &self.source, self.samples.view(), Statistics::Running);
        export::export(&model)
    }

    /// What `network` costs by the table.
    pub(super) fn by_table(&self, network: &Network) -> Result<f64> {
        let cost = self.table.of_network(network).map_err(|what| Error::config("weights.table", what))?;
        Ok(cost as f64 / MILLI as f64)
    }

    /// After an epoch that ends at `part` of the training: the charge, or weights less where retraining made the circuit
    /// larger.
    pub(super) fn after(&self, net: &mut Net, part: f64, observer: &mut dyn Observer) -> Result<()> {
        if self.table.circuit.is_none() || part < self.config.weights.anneal() / 2.0 {
            return Ok(());
        }
        if net.dense.iter().any(|d| d.mask.is_some()) {
            return self.trim(net, |net| self.network(net), observer).map(|_| ());
        }
        if let Some(figures) = self.figures(&self.network(net)?, observer)? {
            net.charge = figures.price / figures.cost;
        }
        Ok(())
    }

    /// Freezes the largest choice of weights found that the budget pays for.
    pub(super) fn land(&self, net: &mut Net, observer: &mut dyn Observer) -> Result<()> {
        self.choose(net, None, |net| self.network(net), observer).map(|_| ())
    }

    /// Takes weights out of the choice until the circuit of the network that `made` makes is within the budget, if it is not;
    /// whether that changed anything, and what the circuit takes then, where somebody knows.
    pub(super) fn trim(
        &self,
        net: &mut Net,
        made: impl Fn(&Net) -> Result<Network>,
        observer: &mut dyn Observer,
    ) -> Result<(bool, Option<f64>)> {
        if self.table.circuit.is_none() {
            return Ok((false, None));
        }
        let Some(figures) = self.figures(&made(net)?, observer)? else { return Ok((false, None)) };
        if figures.price <= self.budget {
            return Ok((false, Some(figures.price)));
        }
        net.charge = figures.price / figures.cost;
        let masks: Option<Vec<_>> = net.dense.iter().map(|d| d.mask.clone()).collect();
        Ok((true, self.choose(net, masks.as_deref(), made, observer)?))
    }

    /// Freezes the largest choice found that is within the budget; what its circuit takes, where somebody knows.
    fn choose(
        &self,
        net: &mut Net,
        within: Option<&[Vec<bool>]>,
        made: impl Fn(&Net) -> Result<Network>,
        observer: &mut dyn Observer,
    ) -> Result<Option<f64>> {
        let mut best: Option<(f64, Vec<Vec<bool>>)> = None;
        let mut before = None;
        let mut least = f64::INFINITY;
        for _ in 0..ROUNDS {
            let masks = cost::land(net, self.config, within).expect("the method is cost-aware");
            if net.dense.iter().zip(&masks).all(|(dense, mask)| dense.mask.as_ref() == Some(mask)) {
                break;
            }
            freeze_at(net, &masks);
            if self.table.circuit.is_none() {
                return Ok(None);
            }
            let Some(figures) = self.figures(&made(net)?, observer)? else { return Ok(None) };
            least = least.min(figures.price);
            if figures.price <= self.budget && best.as_ref().is_none_or(|(price, _)| figures.price > *price) {
                best = Some((figures.price, masks));
            }
            if (USED * self.budget..=self.budget).contains(&figures.price) {
                break;
            }
            net.charge = self.budget / figures.cost_at(AIM * self.budget, before);
            before = Some(figures);
        }
        let Some((price, masks)) = best else {
            let what = format!("{}; the smallest circuit found takes {least:.0}; give more", self.budget);
            return Err(Error::config("weights.budget", what));
        };
        freeze_at(net, &masks);
        Ok(Some(price))
    }
}

/// What a network costs.
#[derive(Clone, Copy)]
struct Figures {
    /// In the circuit.
    price: f64,
    /// By the table.
    cost: f64,
}

impl Figures {
    /// Cost by the table of a network of this `price`: on the line through two networks, or in proportion to one.
    fn cost_at(self, price: f64, before: Option<Figures>) -> f64 {
        let cost = match before.map(|before| (self.cost - before.cost) / (self.price - before.price)) {
            Some(slope) if slope.is_finite() && slope > 0.0 => self.cost + (price - self.price) * slope,
            _ => self.cost * price / self.price,
        };
        cost.clamp(self.cost / 4.0, self.cost * 4.0)
    }
}

fn freeze_at(net: &mut Net, masks: &[Vec<bool>]) {
    net.dense.iter_mut().zip(masks).for_each(|(dense, mask)| dense.mask = Some(mask.clone()));
}
