//! What others published: a block of its own, because hardly two LUT numbers count the same things.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// A published result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Data set, by its name here.
    pub data: String,
    /// Method or tool, and model.
    pub method: String,
    /// Test accuracy, a fraction.
    pub accuracy: f64,
    /// Look-up tables.
    pub lut: Option<u64>,
    /// Flip-flops.
    pub ff: Option<u64>,
    /// Block RAMs.
    pub bram: Option<u64>,
    /// Clock, in MHz.
    pub mhz: Option<f64>,
    /// Latency, in ns.
    pub latency_ns: Option<f64>,
    /// What is counted, at which stage, on which part.
    pub convention: String,
    /// Where it stands.
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    result: Vec<Published>,
}

/// The results on data set `data`, as they stand in the file.
pub fn on(data: &str) -> Result<Vec<Published>> {
    let table: Table = toml::from_str(include_str!("published.toml")).context("published.toml")?;
    Ok(table.result.into_iter().filter(|p| p.data == data).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_result_names_source_and_convention() {
        let mnist = super::on("mnist").expect("the file is well formed");
        assert!(mnist.len() > 10);
        for p in &mnist {
            assert!((0.9..1.0).contains(&p.accuracy), "{}: a fraction", p.method);
            assert!(!p.source.is_empty() && !p.convention.is_empty(), "{}", p.method);
        }
        assert_eq!(super::on("nothing").expect("no results"), []);
    }
}
