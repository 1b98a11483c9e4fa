//! `sterna verify`: network evaluator, simulator and Verilator on the same stimuli, with zero tolerance.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use sterna_ir::Design;
use sterna_ir::design::Stream;
use sterna_ir::netlist::{NodeId, Op};
use sterna_sim as sim;
use sterna_sim::verilator::{self, Place, Source, StreamPins, VerifyReport, VerifyRequest};

use super::compile::DesignArgs;
use super::formal;
use super::report::{Report, ReportArgs};
use super::simulate::{Samples, Stimuli, accuracy, difference, expected};
use crate::build::Build;
use crate::pins::{pins, stream};
use crate::place;
use crate::stimuli::Edges;
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
    report: ReportArgs,
    #[command(flatten)]
    design: DesignArgs,
}

/// What `verify` found.
pub struct Verdict {
    /// Evaluator against simulator: the first difference.
    pub difference: Option<String>,
    /// Simulator against Verilator.
    pub verilator: VerifyReport,
    /// Accuracy, when the classes are known.
    pub accuracy: Option<f64>,
    /// Thresholds that the samples tried from both sides.
    pub edges: Edges,
}

impl Verdict {
    /// Whether all is equal.
    pub fn equal(&self) -> bool {
        self.difference.is_none() && self.verilator.mismatch.is_none()
    }
}

/// Compares evaluator, simulator and Verilator on `samples`.
pub fn check(
    build: &Build,
    samples: &[Vec<i64>],
    classes: Option<&[u8]>,
    options: sim::Options,
    cache: &Path,
    vcd: Option<&Path>,
    ui: &Ui,
) -> Result<Verdict> {
    let bar = ui.bar("simulate", samples.len() as u64, "samples");
    let with_probes = sim::Options { probes: true, ..options };
    let run = sim::run(&build.design, samples, &with_probes, &|done, _| bar.set_position(done))?;
    let expected = expected(build, samples)?;
    let difference = difference(build, &expected, &run);
    bar.finish_and_clear();
    let sources: Vec<Source> =
        build.sources.iter().map(|f| Source { name: f.name.clone(), text: f.text.clone() }).collect();
    let pins = pins(build)?;
    let design = with_visible_probes(build);
    let probes: Vec<StreamPins> =
        design.probes.iter().map(|p| stream(build, &p.stream, false)).collect::<Result<_>>()?;
    let bar = ui.bar("verilator", samples.len() as u64, "samples");
    bar.set_message("building the model");
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let request = VerifyRequest {
        design: &design,
        sources: &sources,
        top: &build.emitted.top,
        pins: &pins,
        probes: &probes,
        samples,
        options,
        cache,
        processes: Some(rayon::current_num_threads()),
        waveform: vcd,
    };
    let report = verilator::verify(&request, &|done, _| {
        bar.set_message("");
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let accuracy = classes.and_then(|c| accuracy(&build.network, &run, c));
    Ok(Verdict { difference, verilator: report?, accuracy, edges: expected.edges })
}

/// The design without the probe lanes that are constants in the hardware: they have no signal that could be wrong. Only
/// where all beats are full, as those of unrolled layers are.
fn with_visible_probes(build: &Build) -> Design {
    let mut design = build.design.clone();
    let varies = |node: &NodeId| !matches!(build.design.netlist.node(*node).op, Op::Const(_));
    let is_full = |stream: &Stream| stream.order.len().is_multiple_of(stream.data.len());
    for stream in design.probes.iter_mut().map(|p| &mut p.stream).filter(|s| is_full(s)) {
        let lanes = stream.data.len();
        let kept = stream.order.iter().enumerate().filter(|(p, _)| varies(&stream.data[p % lanes]));
        stream.order = kept.map(|(_, element)| *element).collect();
        stream.data.retain(varies);
    }
    design.probes.retain(|p| !p.stream.data.is_empty());
    design
}

/// Folder of built models.
pub fn cache(given: Option<&Path>) -> Result<PathBuf> {
    let folder = match given {
        Some(folder) => folder.to_path_buf(),
        None => dirs::cache_dir()
            .context("no cache folder is known; give one with --cache-dir")?
            .join("sterna/verilator"),
    };
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot write {}; give another --cache-dir", folder.display()))?;
    Ok(folder)
}

/// Runs `sterna verify`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    args.report.check()?;
    let build = args.design.open(&args.input, ui)?;
    verilator::version()?;
    let cache = cache(args.cache_dir.as_deref())?;
    let Samples { inputs: samples, classes } = args.stimuli.load(&build.network, &build.task, ui)?;
    let options = args.stimuli.options();
    let verdict = check(&build, &samples, classes.as_deref(), options, &cache, Some(&args.vcd), ui)?;
    report(&build, &verdict, ui)?;
    let proofs = args.formal.then(|| formal::prove(&build, ui)).transpose()?;
    if let Some(proofs) = &proofs {
        formal::report(proofs, ui)?;
    }
    args.report.write(&Report { verdict: Some(&verdict), ..Report::of(&build) }, ui)?;
    let equal = verdict.equal() && proofs.as_deref().is_none_or(formal::holds);
    let v = &verdict.verilator;
    ui.object(&json!({
        "equal": equal, "latency": build.design.timing.latency, "interval": build.design.timing.interval,
        "samples": v.samples, "cycles": v.cycles, "streams": v.streams, "values": v.values,
        "thresholds_tried": verdict.edges.tried().0, "thresholds": verdict.edges.tried().1,
        "accuracy": verdict.accuracy, "difference": verdict.difference, "mismatch": v.mismatch, "edited": build.edited,
        "verilator": v.verilator, "cached": v.cached, "simulate_seconds": v.simulate_seconds,
        "build_seconds": v.build_seconds, "run_seconds": v.run_seconds,
        "formal": proofs,
    }))?;
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
        if let Place::Probe { probe, layer } = mismatch.place {
            let name = build.network.layers[layer].name.escape_debug();
            let netlist = &build.design.netlist;
            let probe = &with_visible_probes(build).probes[probe];
            let module = &netlist.module(netlist.node(probe.stream.valid).module).name;
            let element = mismatch.element.map(|e| (e, place::element(&build.network, layer, e)));
            let element = element.map_or(String::new(), |(e, place)| format!("; element {e} is {place}"));
            ui.say(format!(
                "layer {layer} of the network is {name}, module {module} of the circuit (the files *_{module}*){element}"
            ))?;
        }
        ui.say(format!("simulator and Verilog differ first at: {mismatch}"))?;
        if let Some(path) = &mismatch.waveform {
            ui.say(format!("waveform: {}", path.display()))?;
        }
    }
    Ok(())
}
