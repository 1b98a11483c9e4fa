//! `sterna verify`: network evaluator, simulator, Verilator and Icarus on the same stimuli, with zero tolerance.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::json;
use sterna_sim as sim;
use sterna_sim::verilator::Tool;

use super::design::DesignArgs;
use super::report::{Report, ReportArgs};
use super::samples::{Samples, Stimuli};
use super::{formal, mutants};
use crate::build::Build;
use crate::check::{CACHE, Progress, Request, Verdict, cache, check, culprit, with_visible_probes};
use crate::slice::{Coverage, Size, Slice};
use crate::store;
use crate::ui::{Outcome, Ui, percent, table, thousands};

/// Flags of `sterna verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna verify build                                       1000 corner, threshold and random samples, random stalls
  sterna verify build --data mnist --samples 10000          every MNIST test image
  sterna verify digits.sterna --unrolled --data digits --stalls 0
  sterna verify build --icarus --samples 50                 Icarus, too: what a reset forgot is unknown there
  sterna verify build --formal                              also proved by SAT, where modules are small
  sterna verify build --slice 4                             of each unrolled layer 4 outputs, with their whole cone
  sterna verify build --mutants 1000                        how many faults put into the Verilog are found
  sterna verify build --stimuli mismatch.json               the stimulus that an earlier run found to differ

What is compared: all hidden codes and outputs of every sample, between the network evaluator and the simulator;
and valid, ready and data of every stream in every cycle, between the simulator and the Verilog in the folder as it
is there. Samples come in up to 64 parts, each from a reset that, but for the first, comes with data under way; the first
is run from several random power-up states; in every fourth the tlast of one beat is wrong, so that a packet is too long or
too short (then zeros must fill it up, and it does not count for the accuracy), and of another fourth the results are taken
so seldom that the circuit fills up. Exit status 1 when anything differs; a mutant that survives is reported, with a proof
that it changes nothing or without, and is no difference.")]
pub struct Args {
    /// Build folder, or network file to be compiled with the flags below.
    input: PathBuf,
    #[command(flatten)]
    stimuli: Stimuli,
    /// Folder of built models and of journals of mutants [default: the user's cache].
    #[arg(long, env = CACHE, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// Where to write a waveform around the first difference: FST, or VCD as the name ends.
    #[arg(long, visible_alias = "vcd", value_name = "FILE", default_value = "mismatch.vcd")]
    wave: PathBuf,
    /// Where to write a small stimulus that shows a difference; --stimuli reads it.
    #[arg(long, value_name = "FILE", default_value = "mismatch.json")]
    reproduce: PathBuf,
    /// Compare with Icarus, too: slower, but registers that a reset forgot are unknown there.
    #[arg(long)]
    icarus: bool,
    /// Also prove with Yosys, by SAT, that each module of the Verilog is what the netlist says, signal by signal.
    #[arg(long)]
    formal: bool,
    /// Compare N outputs of each unrolled layer with the Verilog, chosen by --seed, with all that they depend on, or `all`
    /// [default: all, but of circuits that Verilator can hardly build a part of about 10,000 signals].
    #[arg(long, value_name = "N")]
    slice: Option<Size>,
    /// Also break the Verilog in N places, one at a time, chosen by --seed: weights, signs, thresholds, tables, ROM words,
    /// enables, resets. Says how many the comparison finds; survivors are tried to be proved equivalent, which is quick for
    /// small circuits. An interrupted run goes on where it was.
    #[arg(long, value_name = "N")]
    mutants: Option<usize>,
    /// Longest search, in time of the processor, for a proof that a fault which is not found changes nothing. Several are tried.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "mutants")]
    proof_time: u64,
    /// Look for the same proof of each fault that was found, too: there must be none.
    #[arg(long, requires = "mutants")]
    doubt: bool,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    design: DesignArgs,
}

/// Compares evaluator, simulator and Verilog, with a bar for each step.
pub fn checked(build: &Build, request: &Request, tools: &[Tool], ui: &Ui) -> Result<Verdict> {
    let total = request.samples.len() as u64;
    let bar = Mutex::new(ui.bar("simulate", total, "samples"));
    let now = || bar.lock().expect("no thread panics");
    let verdict = check(build, request, tools, &|progress| match progress {
        Progress::Simulated(done) => now().set_position(done),
        Progress::Building(tool) => {
            let next = ui.bar(if tool == Tool::Icarus { "icarus" } else { "verilator" }, total, "samples");
            next.set_message("building the model");
            std::mem::replace(&mut *now(), next).finish_and_clear();
        }
        Progress::Verified(_, done) => {
            now().set_message("");
            now().set_position(done);
        }
    });
    now().finish_and_clear();
    verdict
}

/// Runs `sterna verify`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    if args.mutants == Some(0) {
        bail!("--mutants 0: want at least 1");
    }
    args.report.check()?;
    let build = args.design.open(&args.input, ui)?;
    let tools = tools(args, ui)?;
    let cache = cache(args.cache_dir.as_deref())?;
    let part = Slice::of(&with_visible_probes(&build), args.slice.unwrap_or_default(), args.stimuli.seed);
    if let Some(Slice { coverage: Coverage { nodes, all_nodes, .. }, .. }) = part {
        if args.mutants.is_some() {
            bail!("--mutants: of a slice nobody knows what the rest would have found; give --slice all");
        }
        let (some, all) = (thousands(nodes as u64), thousands(all_nodes as u64));
        ui.note(format!(
            "a slice is compared with the Verilog: {some} of {all} signals; --slice all compares all"
        ));
    }
    let Samples { inputs, classes, options, before } = args.stimuli.load(&build.network, &build.task, ui)?;
    let request = Request {
        samples: &inputs,
        classes: classes.as_deref(),
        // What a file holds is played as it is.
        options: sim::Options { harsh: before.is_none(), ..options },
        before,
        cache: &cache,
        wave: Some(&args.wave),
        minimise: true,
        part: part.as_ref(),
    };
    let verdict = checked(&build, &request, &tools, ui)?;
    report(&build, &verdict, ui)?;
    if let Some(small) = verdict.reports.iter().find_map(|(_, r)| r.reproduction.as_ref()) {
        store::write(&args.reproduce, &serde_json::to_vec(small)?)?;
        let (count, path) = (small.samples.len(), args.reproduce.display());
        ui.say(format!("{count} of the samples are enough, made simple: --stimuli {path}"))?;
    }
    let proofs = args.formal.then(|| formal::prove(&build, ui)).transpose()?;
    if let Some(proofs) = &proofs {
        formal::report(proofs, ui)?;
    }
    args.report.write(&Report { verdict: Some(&verdict), ..Report::of(&build) }, ui)?;
    let equal = verdict.equal() && proofs.as_deref().is_none_or(formal::holds);
    let broken = match args.mutants.filter(|_| equal) {
        Some(count) => {
            let limit = Duration::from_secs(args.proof_time);
            let effort = mutants::Effort { count, seed: args.stimuli.seed, limit, doubt: args.doubt };
            Some(mutants::run(&build, &request, effort, ui)?)
        }
        None => None,
    };
    if let Some(broken) = &broken {
        mutants::report(broken, ui)?;
    }
    let mut object = verdict.object(&build);
    object["equal"] = equal.into();
    object["formal"] = json!(proofs);
    object["mutants"] = json!(broken);
    ui.object(&object)?;
    Ok(if equal { Outcome::Done } else { Outcome::CheckFailed })
}

/// Verilator, and Icarus if asked for; Icarus alone where there is no Verilator.
fn tools(args: &Args, ui: &Ui) -> Result<Vec<Tool>> {
    let found = Tool::Verilator.version();
    if !args.icarus || args.mutants.is_some() {
        found?;
        return Ok([Tool::Verilator].into_iter().chain(args.icarus.then_some(Tool::Icarus)).collect());
    }
    Tool::Icarus.version()?;
    match found {
        Ok(_) => Ok(vec![Tool::Verilator, Tool::Icarus]),
        Err(error) => {
            ui.note(format!("{error}; comparing with Icarus alone"));
            Ok(vec![Tool::Icarus])
        }
    }
}

fn report(build: &Build, verdict: &Verdict, ui: &Ui) -> Result<()> {
    let (v, tried) = (&verdict.reports[0].1, verdict.edges.tried());
    let state = |equal: bool| if equal { "equal".to_string() } else { "DIFFER".to_string() };
    let accuracy = match (verdict.accuracy, verdict.cut) {
        (None, _) => "-".into(),
        (Some(share), 0) => percent(share),
        (Some(share), cut) => {
            format!("{} of the {} whole samples", percent(share), thousands((v.samples - cut) as u64))
        }
    };
    let mut rows = vec![
        ("samples".to_string(), thousands(v.samples as u64)),
        ("cut short, filled with zeros".into(), thousands(verdict.cut as u64)),
        ("accuracy".into(), accuracy),
        ("cycles, stalls included".into(), thousands(v.cycles)),
        ("resets in mid-stream".into(), thousands(v.resets as u64)),
        (
            "thresholds tried from both sides".into(),
            format!("{} of {}", thousands(tried.0), thousands(tried.1)),
        ),
        ("values compared".into(), format!("{} on {} streams", thousands(v.values), v.streams)),
        ("evaluator and simulator".into(), state(verdict.difference.is_none())),
    ];
    if let Some(c) = verdict.slice {
        let share = |some: usize, all: usize| {
            let part = percent(some as f64 / all as f64);
            format!("{part}: {} of {}", thousands(some as u64), thousands(all as u64))
        };
        rows.push(("slice, outputs of all layers".into(), share(c.outputs, c.all_outputs)));
        rows.push(("slice, signals".into(), share(c.nodes, c.all_nodes)));
    }
    for (_, r) in &verdict.reports {
        let build = if r.cached { "cached".into() } else { format!("{:.1} s", r.build_seconds) };
        // Up to the number of the version.
        let words = r.tool.split_whitespace();
        let count = words.clone().take_while(|w| !w.starts_with(|c: char| c.is_ascii_digit())).count() + 1;
        let name: Vec<&str> = words.take(count).collect();
        let times = format!("build {build}, run {:.1} s", r.run_seconds);
        rows.push((
            format!("simulator and {}", name.join(" ")),
            format!("{}; {times}", state(r.mismatch.is_none())),
        ));
    }
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(a, b)| vec![a, b]).collect();
    ui.say(table(&["verification", ""], &rows))?;
    if let Some(text) = &verdict.difference {
        ui.say(format!("evaluator and simulator differ: {text}"))?;
    }
    for mismatch in verdict.mismatches() {
        if let Some(text) = culprit(build, mismatch) {
            ui.say(text)?;
        }
        ui.say(format!("simulator and Verilog differ first at: {mismatch}"))?;
        if let Some(path) = &mismatch.waveform {
            ui.say(format!("waveform: {}", path.display()))?;
        }
    }
    Ok(())
}
