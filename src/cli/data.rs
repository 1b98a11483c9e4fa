//! Where samples come from: the flags that commands share, and reading them with a progress bar.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use sterna_ir::{Network, Task};
use sterna_trainer::data::{self, Dataset, Error, Options, Split};

use crate::ui::{Ui, percent};

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
pub const SPEC_HELP: &str = "mnist, fashion-mnist, cifar10, optdigits, digits (built in; digits:TRAIN,TEST for other sizes), or a .npz, .npy or .csv file";

/// Reads a data set to train on, showing downloads and drawing as progress. The test samples of one's own table are those
/// of the file `test`, or some that are held out.
pub fn load(spec: &str, test: Option<&Path>, args: &DataArgs, ui: &Ui) -> Result<Dataset> {
    let options = Options { test: test.map(Path::to_path_buf), ..args.options() };
    shown(ui, |progress| data::load(spec, &options, progress))
}

/// Reads samples to measure `network` on.
pub fn load_test(spec: &str, network: &Network, task: &Task, args: &DataArgs, ui: &Ui) -> Result<Split> {
    let mut task = task.clone();
    if task.classes.is_empty() {
        task.classes = (0..network.classes()).map(|class| class.to_string()).collect();
    }
    let found = shown(ui, |progress| data::load_test(spec, &task, &args.options(), progress))?;
    let split = found.split;
    if found.trained_on {
        ui.note(format!("{spec} is what the network was trained on: its accuracy there says little"));
    }
    if found.outside > 0 {
        let share = found.outside as f64 / split.x.len() as f64;
        ui.note(format!(
            "{} of the values in {spec} lie outside the range trained on; they saturate",
            percent(share)
        ));
    }
    let (have, want) = (split.x.ncols(), network.input.elements());
    if have != want {
        bail!(
            "{spec} has {have} elements a sample, the network takes {want}; give the data it was trained on"
        );
    }
    Ok(split)
}

impl DataArgs {
    fn options(&self) -> Options {
        let data_dir = self.data_dir.clone();
        Options { data_dir, offline: self.offline, seed: data::SPLIT_SEED, ..Options::default() }
    }
}

/// Runs `load` with a bar for its progress.
fn shown<T>(ui: &Ui, load: impl FnOnce(&dyn Fn(&str, u64, u64)) -> Result<T, Error>) -> Result<T> {
    let bar = RefCell::new(None);
    let loaded = load(&|what: &str, done: u64, total: u64| {
        let mut bar = bar.borrow_mut();
        let bar = bar.get_or_insert_with(|| ui.bar("data", total, ""));
        bar.set_length(total);
        bar.set_position(done);
        bar.set_message(what.to_string());
    });
    if let Some(bar) = bar.into_inner() {
        bar.finish_and_clear();
    }
    Ok(loaded?)
}

/// The first `count` samples as integer vectors, with their classes.
pub fn samples(split: &Split, count: usize) -> (Vec<Vec<i64>>, Vec<u8>) {
    let rows = split.x.rows().into_iter().take(count);
    let samples: Vec<Vec<i64>> = rows.map(|row| row.iter().map(|&v| i64::from(v)).collect()).collect();
    let classes = split.y[..samples.len()].to_vec();
    (samples, classes)
}
