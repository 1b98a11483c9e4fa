//! Samples that are streamed into a design: made, of a data set, or as a file has them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sterna_ir::{Network, Range, Task, eval};
use sterna_sim as sim;
use sterna_sim::verilator::Reproduction;
use sterna_trainer::data::read_samples;

use super::data::{DataArgs, load_test, samples};
use crate::ui::Ui;
use crate::{check, stimuli, store};

/// Samples when nothing is said.
const DEFAULT_SAMPLES: usize = 1000;
/// Most values of all samples together: they are held in memory.
const MOST_VALUES: usize = 1 << 28;

const SAMPLES_HELP: &str = "Samples: mnist, fashion-mnist, cifar10, optdigits, digits (built in; digits:TRAIN,TEST for other \
    sizes): their test samples; a .npz, .npy or .csv file: all rows, or, of the very file trained on, those held out. A .npy \
    without a .labels.npy beside it, or for inputs that are not 0 to 255, holds the integers that the circuit takes. Default: \
    corner cases, sums exactly at thresholds, and noise";

/// What is streamed into a design.
#[derive(Clone, Debug, clap::Args)]
pub struct Stimuli {
    /// Data set whose test samples are used; of a file of one's own all rows, or those held out if it is the file trained on;
    /// of a .npy without labels, or for inputs that are no bytes, the integers in it as they are. Default: corner cases, sums
    /// exactly at thresholds, and noise.
    #[arg(long, value_name = "SET", long_help = SAMPLES_HELP)]
    pub data: Option<String>,
    /// Samples and stalls in a file, as a verification that found a difference writes them.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "samples"])]
    pub stimuli: Option<PathBuf>,
    /// Number of samples [default: up to 1000].
    #[arg(long, value_name = "N")]
    pub samples: Option<usize>,
    /// Percent of cycles in which each stream is stalled.
    #[arg(long, default_value_t = 25, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=99))]
    pub stalls: u8,
    /// Seed of stalls and random samples.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    #[command(flatten)]
    pub source: DataArgs,
}

/// Samples to stream.
pub struct Samples {
    /// One vector per sample.
    pub inputs: Vec<Vec<i64>>,
    /// Their classes, when they come from a data set.
    pub classes: Option<Vec<u8>>,
    /// How they are streamed.
    pub options: sim::Options,
    /// Cycles before the reset, where a file says it.
    pub before: Option<u64>,
}

impl Stimuli {
    /// Reads or makes the samples.
    pub fn load(&self, network: &Network, task: &Task, ui: &Ui) -> Result<Samples> {
        if let Some(path) = &self.stimuli {
            return replay(path, network);
        }
        let options = check::options(self.stalls, self.seed)?;
        let most = MOST_VALUES / network.input.elements();
        let count = self.samples.unwrap_or(DEFAULT_SAMPLES.min(most));
        if !(1..=most).contains(&count) {
            bail!("--samples {count}: want 1 to {most} for this network");
        }
        let Some(spec) = &self.data else {
            let inputs = stimuli::made(network, count, self.seed);
            return Ok(Samples { inputs, classes: None, options, before: None });
        };
        let (samples, classes) = match integers(spec, network, task, count)? {
            Some(found) => found,
            None => {
                let (samples, classes) = samples(&load_test(spec, network, task, &self.source, ui)?, count);
                (samples, Some(classes))
            }
        };
        if self.samples.is_some_and(|wanted| samples.len() < wanted) {
            ui.note(format!("{spec} has {} test samples; using all", samples.len()));
        }
        samples.iter().try_for_each(|s| eval::check_sample(network, s)).with_context(|| spec.clone())?;
        Ok(Samples { inputs: samples, classes, options, before: None })
    }
}

/// Samples, and their classes where they are known.
type Labelled = (Vec<Vec<i64>>, Option<Vec<u8>>);

/// Samples in a `.npy` that are integers for the circuit as they are, with classes where labels lie beside it; `None` where
/// the file is a data set like the one trained on.
fn integers(spec: &str, network: &Network, task: &Task, count: usize) -> Result<Option<Labelled>> {
    let path = Path::new(spec);
    let labels = path.with_extension("labels.npy");
    let bytes = || network.input.of_elements().iter().all(|range| *range == Range::unsigned(8));
    let is_array = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy"));
    if !is_array || task.scaling.is_some() || (labels.exists() && bytes()) {
        return Ok(None);
    }
    let elements = network.input.elements();
    // How many there are in the file, and the values of those wanted.
    let read = |path: &Path, want: usize, range: Range| -> Result<(usize, Vec<i64>)> {
        let (all, elements, values) = read_samples(path)?;
        if elements != want {
            bail!("{}: {elements} values a sample; want {want}", path.display());
        }
        let odd = |v: &f64| v.fract() != 0.0 || !(range.lo as f64..=range.hi as f64).contains(v);
        if let Some(at) = values.iter().position(odd) {
            let (sample, element) = (at / want, at % want);
            let found = values[at];
            bail!(
                "{}: {found} in sample {sample}, element {element}; want integers in {range}",
                path.display()
            );
        }
        Ok((all, values.into_iter().take(count * want).map(|v| v as i64).collect()))
    };
    let range = network.input.range();
    let (all, values) = read(path, elements, range)?;
    let samples = values.chunks(elements).map(<[i64]>::to_vec).collect();
    if !labels.exists() {
        return Ok(Some((samples, None)));
    }
    let (labelled, classes) = read(&labels, 1, Range::unsigned(8))?;
    if labelled != all {
        bail!("{}: {labelled} labels for {all} samples", labels.display());
    }
    Ok(Some((samples, Some(classes.into_iter().map(|c| c as u8).collect()))))
}

/// Stimuli that a verification wrote: one part, from a reset after so many cycles.
fn replay(path: &Path, network: &Network) -> Result<Samples> {
    let place = || path.display().to_string();
    let told: Reproduction = serde_json::from_str(&store::read_text(path)?).with_context(place)?;
    told.samples.iter().try_for_each(|s| eval::check_sample(network, s)).with_context(place)?;
    if told.samples.is_empty() {
        bail!("{}: no samples", place());
    }
    let options = sim::Options {
        segments: 1,
        stall_level: told.stall_level,
        seed: told.seed,
        ..sim::Options::default()
    };
    Ok(Samples { inputs: told.samples, classes: None, options, before: Some(told.before) })
}
