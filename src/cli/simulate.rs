//! `sterna simulate`: a design run cycle by cycle on samples.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::json;
use sterna_ir::bench::{self, RESET_CYCLES, Stalls};
use sterna_ir::{Network, Task, eval};
use sterna_sim as sim;
use sterna_sim::verilator::Reproduction;
use sterna_sim::wave::{self, Wave};

use super::compile::DesignArgs;
use super::data::{DataArgs, SPEC_HELP, load_test, samples};
use crate::build::Build;
use crate::check::{self, accuracy, difference, expected};
use crate::pins::names;
use crate::ui::{Outcome, Ui, counted, percent, table, thousands};
use crate::{stimuli, store};

/// Flags of `sterna simulate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna simulate build --data mnist
  sterna simulate digits.sterna --unrolled --data digits --samples 500
  sterna simulate build --samples 2 --wave wave.fst    waveform of two made samples, for GTKWave or Surfer
  sterna simulate build --wave wave.vcd --cycles 500..800 --scope digits.u_layer1
  sterna simulate build --samples 3 --dual             interpreter and simulator side by side, every signal")]
pub struct Args {
    /// Build folder, or network file to be compiled with the flags below.
    input: PathBuf,
    #[command(flatten)]
    stimuli: Stimuli,
    /// Write a waveform, FST or VCD as the name ends, with the names of the Verilog: of the first four samples, or of
    /// --cycles.
    #[arg(long, visible_alias = "vcd", value_name = "FILE")]
    wave: Option<PathBuf>,
    /// Show these modules and signals only, each a path such as digits.u_layer0.pc, separated by commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "wave")]
    scope: Vec<String>,
    /// Show cycles A to B only, counted from the end of the reset, B left out.
    #[arg(long, value_name = "A..B", value_parser = parse_cycles, requires = "wave")]
    cycles: Option<Range<u64>>,
    /// Run the interpreter beside the fast simulator and compare every signal in every cycle, up to the first difference.
    #[arg(long)]
    dual: bool,
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
    /// Data set whose test samples are used; of a file of one's own all rows, or those held out if it is the file trained on.
    /// Default: corner cases, sums exactly at thresholds, and noise.
    #[arg(long, value_name = "SET", long_help = SPEC_HELP)]
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
        let split = load_test(spec, network, task, &self.source, ui)?;
        let (samples, classes) = samples(&split, count);
        if self.samples.is_some_and(|wanted| samples.len() < wanted) {
            ui.note(format!("{spec} has {} test samples; using all", samples.len()));
        }
        samples.iter().try_for_each(|s| eval::check_sample(network, s))?;
        Ok(Samples { inputs: samples, classes: Some(classes), options, before: None })
    }
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

fn parse_cycles(text: &str) -> Result<Range<u64>, String> {
    let pair = text.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    pair.filter(|(a, b)| a < b && *b < u64::MAX / 2)
        .map(|(a, b)| a..b)
        .ok_or_else(|| format!("{text:?}; want two numbers of cycles such as 500..800"))
}

/// Most parts that samples are simulated in, side by side; as long as each has a few, filling the pipeline costs little.
const MOST_PARTS: usize = 512;

/// Samples in a waveform: enough to see the pipeline fill, few enough for a file that opens.
const WAVE_SAMPLES: usize = 4;

/// Writes a waveform of the first few samples, or of the cycles asked for.
fn write_wave(build: &Build, samples: &[Vec<i64>], args: &Args, stalls: Stalls, path: &Path) -> Result<()> {
    let netlist = &build.design.netlist;
    let names = names(build).within(netlist, &args.scope).map_err(|scope| {
        anyhow::anyhow!("--scope {scope}: no signal of that path; they begin with {}", build.emitted.top)
    })?;
    let reset = RESET_CYCLES as u64;
    // No more samples than can have begun by then.
    let (count, window) = match &args.cycles {
        None => (WAVE_SAMPLES, 0..u64::MAX),
        Some(c) => {
            ((c.end / build.design.timing.interval.max(1)) as usize + 1, c.start + reset..c.end + reset)
        }
    };
    let circuit = sim::Simulator::new(netlist, sim::Watch::All);
    store::ensure_writable(path)?;
    store::ensure_replaceable(path, wave::beginning(path))?;
    let mut wave = Wave::create(netlist, circuit, &names, window, path)?;
    let few = &samples[..samples.len().min(count)];
    bench::run(&build.design, &mut wave, few, stalls, sim::usual_patience(&build.design))
        .map_err(anyhow::Error::msg)?;
    Ok(wave.finish()?)
}

/// Runs `sterna simulate`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    let build = args.design.open(&args.input, ui)?;
    let loaded = args.stimuli.load(&build.network, &build.task, ui)?;
    let Samples { inputs: samples, classes, .. } = loaded;
    let segments =
        (samples.len() / 8).clamp(loaded.options.segments, MOST_PARTS.max(loaded.options.segments));
    let options = sim::Options { probes: true, segments, ..loaded.options };
    let bar = ui.bar("simulate", samples.len() as u64, "samples");
    let start = std::time::Instant::now();
    let run = sim::run(&build.design, &samples, &options, &|done, _| bar.set_position(done))?;
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let difference = difference(&build, &expected(&build, &samples, &run.cut)?, &run);
    let stalls = Stalls::random(options.seed, options.stall_level);
    if let Some(path) = &args.wave {
        write_wave(&build, &samples, args, stalls, path)?;
    }
    let dual = match args.dual {
        true => sim::dual::run(&build.design, &samples, stalls, sim::usual_patience(&build.design))?,
        false => None,
    };
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
    let mut rows: Vec<Vec<String>> = rows.into_iter().map(|(a, b)| vec![a.to_string(), b]).collect();
    if args.dual {
        let equal = if dual.is_none() { "equal" } else { "DIFFER" };
        rows.push(vec!["interpreter and simulator, every signal".into(), equal.into()]);
    }
    ui.say(table(&["simulation", ""], &rows))?;
    if let Some(text) = &difference {
        ui.say(format!("first difference: {text}"))?;
    }
    if let Some(found) = &dual {
        ui.say(format!("interpreter and simulator differ first at: {found}"))?;
    }
    let equal = difference.is_none() && dual.is_none();
    ui.object(&json!({
        "samples": samples.len(), "accuracy": accuracy, "cycles": run.cycles(), "seconds": seconds,
        "latency": timing.latency, "interval": timing.interval, "equal": equal, "difference": difference,
        "dual": args.dual.then(|| json!({ "equal": dual.is_none(), "difference": dual })),
    }))?;
    Ok(if equal { Outcome::Done } else { Outcome::CheckFailed })
}
