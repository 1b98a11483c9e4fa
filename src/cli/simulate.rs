//! `sterna simulate`: a design run cycle by cycle on samples.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::json;
use sterna_ir::bench::{self, Stalls};
use sterna_ir::{Network, Task, eval};
use sterna_sim as sim;

use super::compile::DesignArgs;
use super::data::{DataArgs, SPEC_HELP, load_test, samples};
use crate::build::Build;
use crate::check::{self, accuracy, difference, expected};
use crate::ui::{Outcome, Ui, counted, percent, table, thousands};
use crate::{stimuli, store};

/// Flags of `sterna simulate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna simulate build --data mnist
  sterna simulate digits.sterna --unrolled --data digits --samples 500
  sterna simulate build --samples 2 --vcd wave.vcd     waveform of two random samples")]
pub struct Args {
    /// Build folder, or network file to be compiled with the flags below.
    input: PathBuf,
    #[command(flatten)]
    stimuli: Stimuli,
    /// Write a waveform (VCD) of the first four samples.
    #[arg(long, value_name = "FILE")]
    vcd: Option<PathBuf>,
    #[command(flatten)]
    design: DesignArgs,
}

/// Samples when nothing is said.
const DEFAULT_SAMPLES: usize = 1000;
/// Most values of all samples together: they are held in memory.
const MOST_VALUES: usize = 1 << 28;

/// What is streamed into a design.
#[derive(Clone, Debug, clap::Args)]
pub struct Stimuli {
    /// Data set whose test samples are used; of a file of one's own all rows, or those held out if it is the file trained on. Default: corner
    /// cases, sums exactly at thresholds, and noise.
    #[arg(long, value_name = "SET", long_help = SPEC_HELP)]
    pub data: Option<String>,
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
}

impl Stimuli {
    /// Reads or makes the samples.
    pub fn load(&self, network: &Network, task: &Task, ui: &Ui) -> Result<Samples> {
        let most = MOST_VALUES / network.input.elements();
        let count = self.samples.unwrap_or(DEFAULT_SAMPLES.min(most));
        if !(1..=most).contains(&count) {
            bail!("--samples {count}: want 1 to {most} for this network");
        }
        let Some(spec) = &self.data else {
            return Ok(Samples { inputs: stimuli::made(network, count, self.seed), classes: None });
        };
        let split = load_test(spec, network, task, &self.source, ui)?;
        let (samples, classes) = samples(&split, count);
        if self.samples.is_some_and(|wanted| samples.len() < wanted) {
            ui.note(format!("{spec} has {} test samples; using all", samples.len()));
        }
        samples.iter().try_for_each(|s| eval::check_sample(network, s))?;
        Ok(Samples { inputs: samples, classes: Some(classes) })
    }

    /// The simulator's options.
    pub fn options(&self) -> Result<sim::Options> {
        check::options(self.stalls, self.seed)
    }
}

/// Samples in a waveform: enough to see the pipeline fill, few enough for a file that opens.
const VCD_SAMPLES: usize = 4;

/// Writes the waveform of the first few samples.
fn write_vcd(build: &Build, samples: &[Vec<i64>], options: &sim::Options, path: &Path) -> Result<()> {
    let few = &samples[..samples.len().min(VCD_SAMPLES)];
    let mut bytes = Vec::new();
    let netlist = &build.design.netlist;
    let circuit = sim::Simulator::new(netlist, sim::Watch::All);
    let mut wave = sim::vcd::Wave::new(netlist, circuit, None, 0..u64::MAX, &mut bytes)?;
    let patience = 10_000 + 4 * (build.design.timing.latency + build.design.timing.interval);
    let stalls = Stalls::random(options.seed, options.stall_level);
    bench::run(&build.design, &mut wave, few, stalls, patience).map_err(anyhow::Error::msg)?;
    wave.finish()?;
    store::write(path, &bytes)
}

/// Runs `sterna simulate`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    let build = args.design.open(&args.input, ui)?;
    let Samples { inputs: samples, classes } = args.stimuli.load(&build.network, &build.task, ui)?;
    let options = sim::Options { probes: true, ..args.stimuli.options()? };
    let bar = ui.bar("simulate", samples.len() as u64, "samples");
    let start = std::time::Instant::now();
    let run = sim::run(&build.design, &samples, &options, &|done, _| bar.set_position(done))?;
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let difference = difference(&build, &expected(&build, &samples)?, &run);
    if let Some(path) = &args.vcd {
        write_vcd(&build, &samples, &options, path)?;
    }
    let accuracy = classes.as_deref().and_then(|c| accuracy(&build.network, &run, c));
    let timing = &build.design.timing;
    let rows = [
        ("samples", thousands(samples.len() as u64)),
        ("accuracy", accuracy.map_or("-".into(), percent)),
        ("cycles, stalls included", thousands(run.cycles())),
        ("latency without stalls", counted(timing.latency, "cycle")),
        ("interval without stalls", counted(timing.interval, "cycle")),
        ("simulated", format!("{} cycles/s", thousands((run.cycles() as f64 / seconds) as u64))),
        ("codes and outputs", difference.clone().map_or("equal the network's".into(), |_| "DIFFER".into())),
    ];
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(a, b)| vec![a.to_string(), b]).collect();
    ui.say(table(&["simulation", ""], &rows))?;
    if let Some(text) = &difference {
        ui.say(format!("first difference: {text}"))?;
    }
    ui.object(&json!({
        "samples": samples.len(), "accuracy": accuracy, "cycles": run.cycles(), "seconds": seconds,
        "latency": timing.latency, "interval": timing.interval, "equal": difference.is_none(), "difference": difference,
    }))?;
    Ok(if difference.is_none() { Outcome::Done } else { Outcome::CheckFailed })
}
