//! `sterna verify`: network evaluator, simulator and Verilator on the same stimuli, with zero tolerance.

use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::Result;
use serde_json::json;
use sterna_sim::verilator;

use super::compile::DesignArgs;
use super::formal;
use super::simulate::{Samples, Stimuli};
use crate::build::Build;
use crate::check::{Progress, Request, Verdict, cache, check};
use crate::ui::{Outcome, Ui, percent, table, thousands};

/// Flags of `sterna verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna verify build                                       1000 corner, threshold and random samples, random stalls
  sterna verify build --data mnist --samples 10000          every MNIST test image
  sterna verify digits.sterna --unrolled --data digits --stalls 0
  sterna verify build --formal                              also proved by SAT, where modules are small

What is compared: all hidden codes and outputs of every sample, between the network evaluator and the simulator;
and valid, ready and data of every stream in every cycle, between the simulator and the Verilog in the folder as it
is there. Exit status 1 when anything differs.")]
pub struct Args {
    /// Build folder, or network file to be compiled with the flags below.
    input: PathBuf,
    #[command(flatten)]
    stimuli: Stimuli,
    /// Folder of built Verilator models [default: the user's cache].
    #[arg(long, env = "STERNA_CACHE", value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// Where to write a waveform around the first difference.
    #[arg(long, value_name = "FILE", default_value = "mismatch.vcd")]
    vcd: PathBuf,
    /// Also prove with Yosys, by SAT, that each module of the Verilog is what the netlist says, signal by signal.
    #[arg(long)]
    formal: bool,
    #[command(flatten)]
    design: DesignArgs,
}

/// Compares evaluator, simulator and Verilator, with a bar for each step.
pub fn checked(build: &Build, request: &Request, ui: &Ui) -> Result<Verdict> {
    let total = request.samples.len() as u64;
    let simulating = ui.bar("simulate", total, "samples");
    let verifying = OnceLock::new();
    let verifying = || verifying.get_or_init(|| ui.bar("verilator", total, "samples"));
    let verdict = check(build, request, &|progress| match progress {
        Progress::Simulated(done) => simulating.set_position(done),
        Progress::Building => {
            simulating.finish_and_clear();
            verifying().set_message("building the model");
        }
        Progress::Verified(done) => {
            verifying().set_message("");
            verifying().set_position(done);
        }
    });
    verifying().finish_and_clear();
    verdict
}

/// Runs `sterna verify`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    let build = args.design.open(&args.input, ui)?;
    verilator::version()?;
    let cache = cache(args.cache_dir.as_deref())?;
    let Samples { inputs: samples, classes } = args.stimuli.load(&build.network, &build.task, ui)?;
    let request = Request {
        samples: &samples,
        classes: classes.as_deref(),
        options: args.stimuli.options()?,
        cache: &cache,
        vcd: Some(&args.vcd),
    };
    let verdict = checked(&build, &request, ui)?;
    report(&build, &verdict, ui)?;
    let proofs = args.formal.then(|| formal::prove(&build, ui)).transpose()?;
    if let Some(proofs) = &proofs {
        formal::report(proofs, ui)?;
    }
    let equal = verdict.equal() && proofs.as_deref().is_none_or(formal::holds);
    let mut object = verdict.object(&build);
    object["equal"] = equal.into();
    object["formal"] = json!(proofs);
    ui.object(&object)?;
    Ok(if equal { Outcome::Done } else { Outcome::CheckFailed })
}

fn report(build: &Build, verdict: &Verdict, ui: &Ui) -> Result<()> {
    let (v, tried) = (&verdict.verilator, verdict.edges.tried());
    let state = |equal: bool| if equal { "equal".to_string() } else { "DIFFER".to_string() };
    let rows = [
        ("samples", thousands(v.samples as u64)),
        ("accuracy", verdict.accuracy.map_or("-".into(), percent)),
        ("cycles, stalls included", thousands(v.cycles)),
        ("evaluator and simulator", state(verdict.difference.is_none())),
        ("simulator and Verilog", state(v.mismatch.is_none())),
        ("thresholds tried from both sides", format!("{} of {}", thousands(tried.0), thousands(tried.1))),
        ("values compared", format!("{} on {} streams", thousands(v.values), v.streams)),
        (
            "time",
            format!(
                "simulator {:.1} s, Verilator build {}, run {:.1} s",
                v.simulate_seconds,
                if v.cached { "cached".into() } else { format!("{:.1} s", v.build_seconds) },
                v.run_seconds
            ),
        ),
    ];
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(a, b)| vec![a.to_string(), b]).collect();
    ui.say(table(&[&v.verilator, ""], &rows))?;
    if let Some(text) = &verdict.difference {
        ui.say(format!("evaluator and simulator differ: {text}"))?;
    }
    if let Some(mismatch) = &v.mismatch {
        if let Some(text) = verdict.culprit(build) {
            ui.say(text)?;
        }
        ui.say(format!("simulator and Verilog differ first at: {mismatch}"))?;
        if let Some(path) = &mismatch.waveform {
            ui.say(format!("waveform: {}", path.display()))?;
        }
    }
    Ok(())
}
