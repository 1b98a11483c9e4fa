//! Trainings, each a file when it is finished: what is there already is loaded.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};
use sterna_hdl::manifest::sha256;
use sterna_ir::{Network, Task, format};
use sterna_trainer::Checkpoints;
use sterna_trainer::config::Config;
use sterna_trainer::data::{Dataset, Split};

use crate::cli::train::train_and_check;
use crate::record::{self, Record};
use crate::store;
use crate::ui::{Ui, percent};

/// Digits of the hash in a file name.
const HASH_DIGITS: usize = 12;

/// A finished training.
#[derive(Debug)]
pub struct Run {
    /// Its network file.
    pub path: PathBuf,
    /// What it was.
    pub record: Record,
    /// What it made.
    pub network: (Network, Task),
}

/// A folder of trainings on one data set.
pub struct Runs<'a> {
    dataset: &'a Dataset,
    /// Hash of all samples.
    samples: String,
    folder: PathBuf,
}

impl<'a> Runs<'a> {
    /// The trainings on `dataset` in `folder`, which is made.
    pub fn open(dataset: &'a Dataset, folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot write {}", folder.display()))?;
        let mut hash = Sha256::new();
        for Split { x, y } in [&dataset.train, &dataset.test] {
            x.rows().into_iter().for_each(|row| hash.update(row.to_vec()));
            hash.update(y);
        }
        let samples = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Runs { dataset, samples, folder: folder.to_path_buf() })
    }

    /// The training that `config` describes: loaded when it was finished, resumed when it was cut off. Another recipe, other
    /// data or another version of the program have other files.
    pub fn obtain(&self, name: &str, config: &Config, ui: &Ui) -> Result<Run> {
        let Dataset { shape, range, classes, .. } = self.dataset;
        let identity = json!({
            "version": env!("CARGO_PKG_VERSION"), "config": config, "samples": self.samples,
            "shape": shape, "range": [range.lo, range.hi], "classes": classes,
        });
        let hash = sha256(identity.to_string());
        let stem = format!("{name}-seed{}-{}", config.seed, &hash[..HASH_DIGITS]);
        let path = self.folder.join(format!("{stem}.sterna"));
        if path.exists()
            && let Ok(text) = store::read_text(&path)
            && let Some(record) = record::of(&path, &text)
        {
            let network = format::read(&text).with_context(|| path.display().to_string())?;
            return Ok(Run { path, record, network });
        }
        let checkpoint = self.folder.join(format!("{stem}.ckpt"));
        let checkpoints = Checkpoints { path: checkpoint.clone(), every: 1, resume: true };
        let what = format!("{name} {}", config.seed);
        let trained = train_and_check(self.dataset, config, Some(&checkpoints), &what, ui)?;
        let record = record::save(&trained, config, self.dataset, &path)?;
        // The network and its record are what a checkpoint is kept for.
        std::fs::remove_file(&checkpoint)
            .with_context(|| format!("cannot remove {}", checkpoint.display()))?;
        let accuracy = record.test_accuracy.map_or("no test samples".into(), percent);
        ui.note(format!("{name}, seed {}: {accuracy}", config.seed));
        Ok(Run { path, record, network: (trained.network, self.dataset.task.clone()) })
    }
}
