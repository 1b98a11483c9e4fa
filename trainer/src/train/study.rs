//! The same training with several seeds: a figure without its spread says little.

use serde::{Deserialize, Serialize};

use super::{Observer, Outcome, train};
use crate::config::Config;
use crate::data::Dataset;
use crate::{Error, Result};

/// Mean and spread of a figure over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Standard deviation of a sample (over `count - 1`); 0 for one.
    pub deviation: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

/// The outcomes of several seeds.
#[derive(Clone, Debug)]
pub struct Study {
    /// Seed and outcome of each training.
    pub runs: Vec<(u64, Outcome)>,
    /// Test accuracy over the seeds; `None` without test samples.
    pub test_accuracy: Option<Spread>,
    /// Nonzero weights over the seeds.
    pub nonzeros: Spread,
}

impl Spread {
    /// Mean and spread of `values`; `None` when there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let deviation = if count > 1 { (squares / (count - 1) as f64).sqrt() } else { 0.0 };
        let least = values.iter().copied().reduce(f64::min)?;
        let most = values.iter().copied().reduce(f64::max)?;
        Some(Spread { count, mean, deviation, least, most })
    }
}

/// Trains with the seeds `config.seed`, `config.seed + 1`, ..., `seeds` in all.
///
/// Errors for no seeds, and those of [`train()`].
pub fn study(dataset: &Dataset, config: &Config, seeds: usize, observer: &mut dyn Observer) -> Result<Study> {
    let run = |i: usize| {
        let seed = config.seed.wrapping_add(i as u64);
        Ok((seed, train(dataset, &Config { seed, ..config.clone() }, None, observer)?))
    };
    let runs: Vec<(u64, Outcome)> = (0..seeds).map(run).collect::<Result<_>>()?;
    let accuracies: Vec<f64> = runs.iter().filter_map(|(_, o)| o.test_accuracy).collect();
    let nonzeros: Vec<f64> = runs.iter().map(|(_, o)| o.nonzeros as f64).collect();
    let nonzeros = Spread::of(&nonzeros).ok_or_else(|| Error::config("seeds", "0; want at least 1"))?;
    Ok(Study { test_accuracy: Spread::of(&accuracies), nonzeros, runs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_of_known_numbers() {
        let spread = Spread::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).expect("values");
        assert_eq!((spread.mean, spread.least, spread.most, spread.count), (5.0, 2.0, 9.0, 8));
        assert!((spread.deviation - (32f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of(&[3.0]).expect("one").deviation, 0.0);
        assert_eq!(Spread::of(&[]), None);
    }
}
