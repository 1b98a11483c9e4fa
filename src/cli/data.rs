//! Where samples come from: the flags that commands share, and reading them with a progress bar.

use std::cell::RefCell;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use sterna_trainer::data::{self, Dataset, Options};

use crate::ui::Ui;

/// Flags about data sets.
#[derive(Clone, Debug, Args)]
pub struct DataArgs {
    /// Folder with data set files, as `DIR/mnist/*.gz` or `DIR/*.gz`; tried before the cache and the download.
    #[arg(long, env = "STERNA_DATA", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Never download.
    #[arg(long)]
    pub offline: bool,
}

/// What may be given as a data set.
pub const SPEC_HELP: &str = "mnist, fashion-mnist, optdigits, digits (built in; digits:TRAIN,TEST for other sizes), or a .npz, .npy or .csv file";

/// Seed by which one's own tables are split: always the same, so that every command sees the same test samples.
const SPLIT_SEED: u64 = 1;

/// Reads a data set, showing downloads and drawing as progress.
pub fn load(spec: &str, args: &DataArgs, ui: &Ui) -> Result<Dataset> {
    let data_dir = args.data_dir.clone();
    let options = Options { data_dir, offline: args.offline, seed: SPLIT_SEED, ..Options::default() };
    let bar = RefCell::new(None);
    let progress = |what: &str, done: u64, total: u64| {
        let mut bar = bar.borrow_mut();
        let bar = bar.get_or_insert_with(|| ui.bar("data", total, ""));
        bar.set_length(total);
        bar.set_position(done);
        bar.set_message(what.to_string());
    };
    let dataset = data::load(spec, &options, &progress);
    if let Some(bar) = bar.into_inner() {
        bar.finish_and_clear();
    }
    Ok(dataset?)
}

/// The first `count` test samples as integer vectors, with their classes.
pub fn test_samples(dataset: &Dataset, count: usize) -> (Vec<Vec<i64>>, Vec<u8>) {
    let rows = dataset.test.x.rows().into_iter().take(count);
    let samples: Vec<Vec<i64>> = rows.map(|row| row.iter().map(|&v| i64::from(v)).collect()).collect();
    let classes = dataset.test.y[..samples.len()].to_vec();
    (samples, classes)
}
