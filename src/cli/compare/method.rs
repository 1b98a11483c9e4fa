//! The weight methods that are compared, and the recipe of each.

use anyhow::Result;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sterna_hdl::family::Family;
use sterna_trainer::config::{Config, Weights};
use sterna_trainer::data::Dataset;

use crate::cost::{Goal, at_zeros, table};

/// Weight methods by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Real weights, exported with 8 bits.
    Float,
    /// -1 and +1 (Courbariaux et al. 2015).
    Binary,
    /// -1, 0 and +1 by a threshold (Li et al., arXiv 1605.04711): dense ternary.
    Twn,
    /// A threshold trained through the closed-form scale (He and Fan, arXiv 1810.01018).
    Tga,
    /// A regulariser that draws real weights to -1, 0 and +1 (Deng and Zhang, arXiv 2011.00580).
    Sca,
    /// Dead zone, pruning, retraining: a reconstruction of Faraone et al., arXiv 1709.06262.
    ThreeStage,
    /// The largest magnitudes only: an exact number of zeros.
    TopK,
    /// Trained to a budget of look-up tables.
    Cost,
}

/// What the user sets of the methods.
#[derive(Clone, Debug, PartialEq)]
pub struct Dials {
    /// Zeros of top-k and SCA: one fraction, or one per layer of weights.
    pub zeros: Vec<f64>,
    /// Final dead zone of the three stages.
    pub dead_zone: f64,
    /// Look-up tables of cost-aware training; by default what its table says of the zeros above.
    pub budget: Option<f64>,
    /// Family whose tables are meant.
    pub family: Family,
}

impl Method {
    /// The name used on the command line and in file names.
    pub fn name(self) -> &'static str {
        match self {
            Method::Float => "float",
            Method::Binary => "binary",
            Method::Twn => "twn",
            Method::Tga => "tga",
            Method::Sca => "sca",
            Method::ThreeStage => "three-stage",
            Method::TopK => "top-k",
            Method::Cost => "cost",
        }
    }

    /// `base` with the weights of this method.
    pub fn config(self, base: &Config, dataset: &Dataset, dials: &Dials) -> Result<Config> {
        let weights = match self {
            Method::Float => Weights::Float { bits: 8 },
            Method::Binary => Weights::BinaryConnect,
            Method::Twn => Weights::twn(),
            Method::Tga => Weights::tga(),
            Method::Sca => match Weights::sca(0.0) {
                Weights::Sca { alpha, lambda, .. } => {
                    Weights::Sca { alpha, zeros: dials.zeros.clone(), lambda }
                }
                other => other,
            },
            Method::ThreeStage => Weights::faraone(dials.dead_zone),
            Method::TopK => match Weights::top_k(0.0) {
                Weights::TopK { anneal, .. } => Weights::TopK { zeros: dials.zeros.clone(), anneal },
                other => other,
            },
            Method::Cost => {
                let mut table = table(base, dataset, Goal::Luts(dials.family))?;
                let budget = match dials.budget {
                    Some(budget) => budget,
                    None => {
                        // What the table says of one method is kept by the table in the other.
                        table.circuit = None;
                        // Its check is that of the zeros.
                        Method::TopK.config(base, dataset, dials)?;
                        at_zeros(&table, base, dataset, &dials.zeros)?
                    }
                };
                Weights::cost(table, budget)
            }
        };
        let config = Config { weights, ..base.clone() };
        config.validate()?;
        Ok(config)
    }
}
