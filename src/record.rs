//! What a training was: written beside the network that it made, for those who look at it later.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sterna_hdl::manifest::sha256;
use sterna_ir::format;
use sterna_ir::size::Size;
use sterna_trainer::Outcome;
use sterna_trainer::config::Config;
use sterna_trainer::data::Dataset;
use sterna_trainer::train::EpochRecord;

use crate::store;

/// Value of [`Record::format`].
const FORMAT: &str = "sterna-training";

/// A training and what came of it; fractions are 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Says that this is such a record.
    format: String,
    /// SHA-256 of the text of the network file.
    pub sha256: String,
    /// Name of the data set.
    pub data: String,
    /// Samples learnt from, those that chose the epoch among them.
    pub train_samples: usize,
    /// Samples measured on.
    pub test_samples: usize,
    /// The whole recipe.
    pub config: Config,
    /// Accuracy of the integers on the test samples.
    pub test_accuracy: Option<f64>,
    /// The same before the export.
    pub float_accuracy: Option<f64>,
    /// Accuracy of the integers on the validation samples.
    pub validation_accuracy: Option<f64>,
    /// Zero weights of each layer of weights.
    pub zeros: Vec<f64>,
    /// Weights that are not zero.
    pub nonzeros: usize,
    /// Bits of the weights, where they are ternary.
    pub size: Option<Size>,
    /// What cost-aware training came to, in units of its table.
    pub cost: Option<f64>,
    /// Epoch that was kept, from 1.
    pub best_epoch: usize,
    /// All epochs.
    pub history: Vec<EpochRecord>,
}

/// The record's place beside the network file `network`: `digits.training.json` for `digits.sterna`.
pub fn beside(network: &Path) -> PathBuf {
    if network.extension().is_some_and(|e| e == "sterna") {
        return network.with_extension("training.json");
    }
    let mut name = network.as_os_str().to_os_string();
    name.push(".training.json");
    name.into()
}

/// Says early that a record cannot be written to `path`; a file there that is none is not replaced.
pub fn ensure_writable(path: &Path) -> Result<()> {
    store::ensure_writable(path)?;
    if path.exists() && read(path).is_err() {
        bail!("{} exists and is no training record; choose another name with -o", path.display());
    }
    Ok(())
}

/// Writes the network to `path`, then the record beside it: a network with its record is a finished training.
pub fn save(trained: &Outcome, config: &Config, dataset: &Dataset, path: &Path) -> Result<Record> {
    let text = format::write(&trained.network, &dataset.task);
    let record = Record {
        format: FORMAT.into(),
        sha256: sha256(&text),
        data: dataset.name.clone(),
        train_samples: dataset.train.len(),
        test_samples: dataset.test.len(),
        config: config.clone(),
        test_accuracy: trained.test_accuracy,
        float_accuracy: trained.float_accuracy,
        validation_accuracy: trained.validation_accuracy,
        zeros: trained.zeros.clone(),
        nonzeros: trained.nonzeros,
        size: Size::of_network(&trained.network),
        cost: trained.cost,
        best_epoch: trained.best_epoch,
        history: trained.history.clone(),
    };
    store::write(path, text.as_bytes())?;
    store::write(&beside(path), record.to_text().as_bytes())?;
    Ok(record)
}

/// The record beside a network file with this text. One that is damaged, or of another network, counts as none.
pub fn of(network: &Path, text: &str) -> Option<Record> {
    read(&beside(network)).ok().filter(|record| record.sha256 == sha256(text))
}

/// The recipe in the file at `path`: a configuration, or that of a training whose record it is.
pub fn recipe(path: &Path) -> Result<Config> {
    let text = store::read_text(path)?;
    let value: serde_json::Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    if value.get("format").is_some() {
        return Ok(read(path)?.config);
    }
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

fn read(path: &Path) -> Result<Record> {
    let record: Record =
        serde_json::from_str(&store::read_text(path)?).with_context(|| path.display().to_string())?;
    if record.format != FORMAT {
        bail!("{}: format {:?}; a training record says {FORMAT:?}", path.display(), record.format);
    }
    Ok(record)
}

impl Record {
    /// The record as JSON; the same record gives the same bytes.
    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).expect("a record is plain data") + "\n"
    }
}
