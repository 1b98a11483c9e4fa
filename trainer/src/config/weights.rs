//! The weight methods and their settings.

use serde::{Deserialize, Serialize};
use sterna_ir::cost::CostTable;

use super::within;
use crate::quantise::{tga, twn};
use crate::{Error, Result};

/// Weight methods. All but `Float` give weights of -1, 0 and +1 times a scale that batch-norm absorbs. Each is documented in
/// its file under `quantise`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Weights {
    /// Real weights, exported as symmetric integers.
    Float {
        /// Bits of the exported integers, 2 to 8.
        bits: u32,
    },
    /// Signs of clipped latent weights.
    BinaryConnect,
    /// Signs times the mean magnitude.
    Bwn {
        /// One mean per output instead of one per layer.
        per_filter: bool,
    },
    /// Ternary weights with a threshold relative to the mean magnitude.
    Twn {
        /// Threshold over mean magnitude.
        factor: f64,
        /// One threshold and scale per output (version 3 of the paper) instead of one per layer (version 1).
        #[serde(default)]
        per_filter: bool,
    },
    /// A threshold trained through the closed-form scale of a truncated Gaussian.
    Tga {
        /// First threshold over the largest magnitude of the layer.
        start: f64,
        /// Learning rate of the threshold at its highest, relative to the largest initial magnitude.
        rate: f64,
        /// The gradient by the threshold is clipped to this magnitude.
        limit: f64,
    },
    /// `tanh` weights drawn to -1, 0 and +1 by a regulariser.
    Sca {
        /// Controller of the sparsity, 0 to 2: magnitudes below `sqrt(alpha / 2)` are drawn to 0.
        alpha: f64,
        /// Fractions of zeros that alpha is steered to, one for all layers or one per dense layer; empty: alpha stays.
        #[serde(default)]
        zeros: Vec<f64>,
        /// Strength of the regulariser at its highest, over the mean magnitude of the loss gradient.
        lambda: f64,
    },
    /// Three stages: a growing dead zone with an L2 term, pruning, retraining. A reconstruction.
    Faraone {
        /// Half width of the dead zone at first, over the bound of the weights.
        start: f64,
        /// The same when pruning.
        end: f64,
        /// Weight decay until then; none after.
        l2: f64,
    },
    /// The largest magnitudes only, an exact number per layer.
    TopK {
        /// Fraction of zeros: one for all layers, or one per dense layer, the last included.
        zeros: Vec<f64>,
        /// Part of the training over which zeros rise from none to their final fraction.
        anneal: f64,
    },
    /// The largest magnitudes only, an exact number per output.
    FanIn {
        /// Nonzero weights of every output: one for all layers, or one per dense layer, the last included.
        inputs: Vec<usize>,
        /// Part of the training over which the number falls from eight times as many, or all, to the final one.
        anneal: f64,
    },
    /// A dead zone that grows with the hardware that a layer's weights cost, steered to a budget.
    Cost {
        /// What fan-ins cost, layer by layer.
        table: CostTable,
        /// What the network may cost, in units of the table.
        budget: f64,
        /// Part of the training over which the budget falls to its final value.
        anneal: f64,
    },
}

impl Weights {
    /// TWN with the threshold factor of the paper's first version (arXiv 1605.04711v1).
    pub fn twn() -> Self {
        Weights::Twn { factor: twn::FACTOR, per_filter: false }
    }

    /// TGA with the settings of the authors' code.
    pub fn tga() -> Self {
        Weights::Tga { start: tga::START, rate: 0.1, limit: 0.001 }
    }

    /// SCA with a controller that lands on this fraction of zeros in every layer.
    pub fn sca(zeros: f64) -> Self {
        Weights::Sca { alpha: 0.5, zeros: vec![zeros], lambda: 0.1 }
    }

    /// The three stages with a final dead zone of half width `end` over the bound of the weights.
    pub fn faraone(end: f64) -> Self {
        Weights::Faraone { start: 0.05, end, l2: 0.1 }
    }

    /// Top-k with the same fraction of zeros in all layers.
    pub fn top_k(zeros: f64) -> Self {
        Weights::TopK { zeros: vec![zeros], anneal: 0.4 }
    }

    /// The same exact fan-in in all layers.
    pub fn fan_in(inputs: usize) -> Self {
        Weights::FanIn { inputs: vec![inputs], anneal: 0.4 }
    }

    /// Cost-aware training to `budget` units of `table`.
    pub fn cost(table: CostTable, budget: f64) -> Self {
        Weights::Cost { table, budget, anneal: 0.4 }
    }

    /// Part of the training after which this method fixes its zeros unless told otherwise.
    pub(crate) fn freeze_at(&self) -> f64 {
        match self {
            Weights::TopK { .. } | Weights::FanIn { .. } => 0.9,
            Weights::Sca { .. } | Weights::Faraone { .. } | Weights::Cost { .. } => 0.6,
            _ => 1.0,
        }
    }

    /// Part of the training over which the number of zeros moves to what was asked for.
    pub(crate) fn anneal(&self) -> f64 {
        match self {
            Weights::TopK { anneal, .. } | Weights::FanIn { anneal, .. } | Weights::Cost { anneal, .. } => {
                *anneal
            }
            _ => 0.0,
        }
    }

    /// Final fraction of zeros of dense layer `layer`, where the method aims at one.
    pub(crate) fn zeros(&self, layer: usize) -> Option<f64> {
        match self {
            Weights::TopK { zeros, .. } | Weights::Sca { zeros, .. } => one_or_each(zeros, layer),
            _ => None,
        }
    }

    /// Final fan-in of dense layer `layer`, where the method fixes it.
    pub(crate) fn fan_in_of(&self, layer: usize) -> Option<usize> {
        match self {
            Weights::FanIn { inputs, .. } => one_or_each(inputs, layer),
            _ => None,
        }
    }

    pub(super) fn validate(&self, layers: usize) -> Result<()> {
        let count = |field: &str, given: usize| {
            let what = format!("{given} values; want 1, or one for each of {layers} layers");
            if given == 1 || given == layers { Ok(()) } else { Err(Error::config(field, what)) }
        };
        let fractions = |zeros: &[f64]| {
            let each = |(i, &part): (usize, &f64)| within(&format!("weights.zeros[{i}]"), part, 0.0, 0.9999);
            zeros.iter().enumerate().try_for_each(each)
        };
        match self {
            Weights::Float { bits } => within("weights.bits", (*bits).into(), 2.0, 8.0),
            Weights::BinaryConnect | Weights::Bwn { .. } => Ok(()),
            Weights::Twn { factor, .. } => within("weights.factor", *factor, 0.0, 10.0),
            Weights::Tga { start, rate, limit } => {
                within("weights.start", *start, 1e-6, 1.0)?;
                within("weights.rate", *rate, 0.0, 1e3)?;
                within("weights.limit", *limit, 0.0, 1e6)
            }
            Weights::Sca { alpha, zeros, lambda } => {
                if !zeros.is_empty() {
                    count("weights.zeros", zeros.len())?;
                }
                fractions(zeros)?;
                within("weights.alpha", *alpha, 0.0, 2.0)?;
                within("weights.lambda", *lambda, 0.0, 1e6)
            }
            Weights::Faraone { start, end, l2 } => {
                within("weights.start", *start, 0.0, 0.99)?;
                within("weights.end", *end, *start, 0.99)?;
                within("weights.l2", *l2, 0.0, 10.0)
            }
            Weights::TopK { zeros, anneal } => {
                count("weights.zeros", zeros.len())?;
                fractions(zeros)?;
                within("weights.anneal", *anneal, 0.0, 1.0)
            }
            Weights::FanIn { inputs, anneal } => {
                count("weights.inputs", inputs.len())?;
                for (i, &k) in inputs.iter().enumerate() {
                    within(&format!("weights.inputs[{i}]"), k as f64, 1.0, sterna_ir::MAX_ELEMENTS as f64)?;
                }
                within("weights.anneal", *anneal, 0.0, 1.0)
            }
            Weights::Cost { table, budget, anneal } => {
                table.check(layers).map_err(|what| Error::config("weights.table", what))?;
                within("weights.budget", *budget, 1e-3, 1e12)?;
                within("weights.anneal", *anneal, 0.0, 1.0)
            }
        }
    }
}

fn one_or_each<T: Copy>(values: &[T], layer: usize) -> Option<T> {
    if values.len() == 1 { Some(values[0]) } else { values.get(layer).copied() }
}
