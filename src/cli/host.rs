//! `sterna host`: samples to a board and its answers, over a serial port.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;
use sterna_ir::{LayerOp, eval};

use super::data::{DataArgs, SPEC_HELP};
use super::design::DesignArgs;
use super::samples::{Samples, Stimuli};
use crate::check::{CACHE, cache};
use crate::host::{self, Device, Port, Session};
use crate::ui::{Outcome, Ui, percent, table, thousands};

/// Bits per second where no board says another rate.
const DEFAULT_BAUD: u32 = 1_000_000;

/// Flags of `sterna host`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna host build --port /dev/ttyUSB1 --data mnist              a build folder compiled with --board
  sterna host build --simulate --data mnist --samples 100         the same through Verilator, with no board at hand
  sterna host net.sterna --pes 4 --port /dev/ttyUSB0 --baud 115200")]
pub struct Args {
    /// Build folder, or network file with the flags it was compiled with.
    input: PathBuf,
    /// Serial port of the board. Boards with two show it as the second.
    #[arg(long, value_name = "PORT", required_unless_present = "simulate", conflicts_with = "simulate")]
    port: Option<String>,
    /// Simulate the whole board with Verilator through its serial pins instead.
    #[arg(long)]
    simulate: bool,
    /// Bits per second [default: the board's, else 1000000].
    #[arg(long, value_name = "RATE", conflicts_with = "simulate", value_parser = clap::value_parser!(u32).range(300..))]
    baud: Option<u32>,
    /// Data set whose test samples are sent. Default: corner cases, sums exactly at thresholds, and noise.
    #[arg(long, value_name = "SET", long_help = SPEC_HELP)]
    data: Option<String>,
    /// Number of samples [default: up to 1000].
    #[arg(long, value_name = "N")]
    samples: Option<usize>,
    /// Folder of built Verilator models [default: the user's cache].
    #[arg(long, env = CACHE, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    #[command(flatten)]
    source: DataArgs,
    #[command(flatten)]
    design: DesignArgs,
}

/// Runs `sterna host`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    let build = args.design.open(&args.input, ui)?;
    let stimuli = Stimuli {
        stimuli: None,
        data: args.data.clone(),
        samples: args.samples,
        stalls: 0,
        seed: 1,
        source: args.source.clone(),
    };
    let Samples { inputs: samples, classes, .. } = stimuli.load(&build.network, &build.task, ui)?;
    let wanted: Vec<Vec<i64>> = samples
        .iter()
        .map(|s| Ok(eval::evaluate(&build.network, s)?.pop().unwrap_or_default()))
        .collect::<Result<_>>()?;
    let baud = args.baud.or(build.board.as_ref().map(|on| on.board.baud)).unwrap_or(DEFAULT_BAUD);
    let mut port: Box<dyn Port> = match &args.port {
        Some(name) => Box::new(Device::open(name, baud)?),
        None => {
            let bar = ui.bar("verilator", 1, "");
            bar.set_message("building the model");
            let board = host::simulated(&build, &cache(args.cache_dir.as_deref())?);
            bar.finish_and_clear();
            Box::new(board?)
        }
    };
    let line = build.line()?;
    let divider = match (args.simulate, &build.board) {
        (true, _) => Some(host::QUICK),
        (false, Some(on)) => Some(on.board.divider()),
        (false, None) => None,
    };
    let timing = build.design.timing;
    let compute = 4 * (timing.latency + timing.interval) / u64::from(divider.unwrap_or(1));
    let place = || match &args.port {
        Some(name) => format!("{name} at {baud} baud"),
        None => "the simulated board".into(),
    };
    let mut session = Session::start(port.as_mut(), &line, compute).with_context(place)?;
    // Only where the circuit is done with a sample before the next one is there.
    let clocks = divider.map(|d| u64::from(d) * 10 * (line.input.beats() * line.input.bytes) as u64);
    let ahead = clocks.is_some_and(|clocks| clocks > timing.interval);
    let bar = ui.bar("host", samples.len() as u64, "samples");
    let start = Instant::now();
    let results = session.run(&samples, ahead, &|done| bar.set_position(done)).with_context(place)?;
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();

    let wrong: Vec<usize> = (0..samples.len()).filter(|s| results[*s] != wanted[*s]).collect();
    let difference =
        wrong.first().map(|s| format!("sample {s}: network {:?}, board {:?}", wanted[*s], results[*s]));
    let is_classifier = build.network.layers.last().is_some_and(|l| l.op == LayerOp::ArgMax);
    let accuracy = classes.filter(|_| is_classifier).map(|classes| {
        let right = results.iter().zip(&classes).filter(|(r, c)| r[0] == i64::from(**c)).count();
        right as f64 / classes.len() as f64
    });
    let rows = [
        ("samples", thousands(samples.len() as u64)),
        ("accuracy", accuracy.map_or("-".into(), percent)),
        ("samples per second", format!("{:.1}", samples.len() as f64 / seconds)),
        (
            "results",
            match wrong.len() {
                0 => "equal the network's".into(),
                n => format!("{} DIFFER", thousands(n as u64)),
            },
        ),
    ];
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(a, b)| vec![a.to_string(), b]).collect();
    ui.say(table(&[place().as_str(), ""], &rows))?;
    if let Some(text) = &difference {
        ui.say(format!("first difference: {text}"))?;
    }
    ui.object(&json!({
        "samples": samples.len(), "accuracy": accuracy, "seconds": seconds, "equal": wrong.is_empty(),
        "different": wrong, "difference": difference,
    }))?;
    Ok(if wrong.is_empty() { Outcome::Done } else { Outcome::CheckFailed })
}
