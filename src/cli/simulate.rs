//! `sterna simulate`: a design run cycle by cycle on samples.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::json;
use sterna_ir::bench::{self, RESET_CYCLES, Stalls};
use sterna_sim as sim;
use sterna_sim::wave::{self, Wave};
use sterna_trainer::data::npy;

use super::design::DesignArgs;
use super::samples::{Samples, Stimuli};
use crate::build::Build;
use crate::check::{accuracy, difference, expected, in_parts};
use crate::pins::names;
use crate::store;
use crate::ui::{Outcome, Ui, counted, percent, table, thousands};

/// Flags of `sterna simulate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna simulate build --data mnist
  sterna simulate digits.sterna --unrolled --data digits --samples 500
  sterna simulate build --samples 2 --wave wave.fst    waveform of two made samples, for GTKWave or Surfer
  sterna simulate build --data x.npy --outputs y.npy   integers of one's own in, a row of outputs for each out
  sterna simulate build --wave wave.vcd --cycles 500..800 --scope digits.u_layer1
  sterna simulate build --samples 3 --dual             interpreter and simulator side by side, every signal")]
pub struct Args {
    /// Build folder, or network file to be compiled with the flags below.
    input: PathBuf,
    #[command(flatten)]
    stimuli: Stimuli,
    /// Write the circuit's outputs, a row for each sample, as 64-bit integers in a .npy.
    #[arg(long, value_name = "FILE.npy")]
    outputs: Option<PathBuf>,
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

fn parse_cycles(text: &str) -> Result<Range<u64>, String> {
    let pair = text.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    pair.filter(|(a, b)| a < b && *b < u64::MAX / 2)
        .map(|(a, b)| a..b)
        .ok_or_else(|| format!("{text:?}; want two numbers of cycles such as 500..800"))
}

/// Samples in a waveform: enough to see the pipeline fill, few enough for a file that opens.
const WAVE_SAMPLES: usize = 4;

/// How a `.npy` begins.
const NPY: &[u8] = b"\x93NUMPY";

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
    if let Some(path) = &args.outputs {
        if path.extension().is_none_or(|e| !e.eq_ignore_ascii_case("npy")) {
            bail!("--outputs {}: want a name that ends in .npy", path.display());
        }
        store::ensure_writable(path)?;
        store::ensure_replaceable(path, NPY)?;
    }
    let build = args.design.open(&args.input, ui)?;
    let loaded = args.stimuli.load(&build.network, &build.task, ui)?;
    let Samples { inputs: samples, classes, .. } = loaded;
    let options = sim::Options { probes: true, ..in_parts(loaded.options, samples.len()) };
    let bar = ui.bar("simulate", samples.len() as u64, "samples");
    let start = std::time::Instant::now();
    let run = sim::run(&build.design, &samples, &options, &|done, _| bar.set_position(done))?;
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let difference = difference(&build, &expected(&build, &samples, &run.cut)?, &run);
    if let Some(path) = &args.outputs {
        store::write(path, &npy(&run.outputs))?;
    }
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
    let parts = options.segments.min(samples.len());
    let what = match parts {
        0 | 1 => "cycles, stalls included".to_string(),
        _ => format!("cycles of {parts} parts side by side, each from a reset, stalls included"),
    };
    let rows = [
        ("samples", thousands(samples.len() as u64)),
        ("accuracy", accuracy.map_or("-".into(), percent)),
        (&*what, thousands(run.cycles())),
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
