//! `sterna simulate`: a design run cycle by cycle on samples.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use rayon::prelude::*;
use serde_json::json;
use sterna_ir::bench::{self, Stalls};
use sterna_ir::{LayerOp, Network, Task, eval};
use sterna_sim::{self as sim, Run};

use super::compile::DesignArgs;
use super::data::{DataArgs, SPEC_HELP, load_test, samples};
use crate::build::Build;
use crate::place;
use crate::stimuli::{self, Edges};
use crate::store;
use crate::ui::{Outcome, Ui, counted, percent, table, thousands};

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
    pub fn options(&self) -> sim::Options {
        let stall_level = (u32::from(self.stalls) * 256 / 100) as u8;
        sim::Options { stall_level, seed: self.seed, ..sim::Options::default() }
    }
}

/// What the network evaluator says of each sample: the layers that probes and output show.
pub struct Expected {
    outputs: Vec<Vec<i64>>,
    layers: Vec<Vec<Vec<i64>>>,
    /// Thresholds that the samples tried from both sides.
    pub edges: Edges,
}

/// Evaluates `samples` for comparison with runs of `build`.
pub fn expected(build: &Build, samples: &[Vec<i64>]) -> Result<Expected> {
    let last = build.network.layers.len() - 1;
    let wanted: Vec<usize> = build.design.probes.iter().map(|p| p.layer).collect();
    let mut edges = Edges::of(&build.network)?;
    let (mut outputs, mut probes) = (Vec::new(), Vec::new());
    // In parts, because the whole trace of every sample would fill the memory.
    for part in samples.chunks(1024) {
        let traces: Vec<_> =
            part.par_iter().map(|s| eval::evaluate(&build.network, s)).collect::<Result<_, _>>()?;
        for (sample, mut trace) in part.iter().zip(traces) {
            edges.see(&build.network, sample, &trace);
            probes.push(wanted.iter().map(|l| trace[*l].clone()).collect::<Vec<_>>());
            outputs.push(trace.swap_remove(last));
        }
    }
    let layers = (0..wanted.len()).map(|k| probes.iter().map(|p| p[k].clone()).collect()).collect();
    Ok(Expected { outputs, layers, edges })
}

/// The first difference between a run and the evaluator, as a line for people.
pub fn difference(build: &Build, expected: &Expected, run: &Run) -> Option<String> {
    for (probe, (want, got)) in build.design.probes.iter().zip(expected.layers.iter().zip(&run.probes)) {
        for (sample, (want, got)) in want.iter().zip(got).enumerate() {
            let differs = |e: &&u32| got.get(**e as usize).is_some_and(|got| *got != want[**e as usize]);
            let element = probe.stream.order.iter().find(differs);
            if let Some(&e) = element {
                let layer = &build.network.layers[probe.layer].name;
                let (want, got) = (want[e as usize], got[e as usize]);
                let place = place::element(&build.network, probe.layer, e as usize);
                return Some(format!(
                    "sample {sample}, layer {layer}, {place}: network {want}, simulator {got}"
                ));
            }
        }
    }
    let sample = (0..run.outputs.len()).find(|&s| expected.outputs[s] != run.outputs[s])?;
    let (want, got) = (&expected.outputs[sample], &run.outputs[sample]);
    Some(format!("sample {sample}, output: network {want:?}, simulator {got:?}"))
}

/// Fraction of results that are the right class; `None` for a network that does not end in an arg max.
pub fn accuracy(network: &Network, run: &Run, classes: &[u8]) -> Option<f64> {
    let last = network.layers.last()?;
    let right = run.outputs.iter().zip(classes).filter(|(o, c)| o[0] == i64::from(**c)).count();
    (last.op == LayerOp::ArgMax && !classes.is_empty()).then(|| right as f64 / classes.len() as f64)
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
    let options = sim::Options { probes: true, ..args.stimuli.options() };
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
