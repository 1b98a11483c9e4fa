//! `sterna verify`: network evaluator, simulator, Verilator and Icarus on the same stimuli, with zero tolerance.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use sterna_ir::design::{Probe, Stream};
use sterna_ir::netlist::{NodeId, Op};
use sterna_ir::{Design, Range};
use sterna_sim as sim;
use sterna_sim::verilator::{self, Pins, Place, Source, StreamPins, Tool, VerifyReport, VerifyRequest};
use sterna_sim::wave::Names;

use super::compile::DesignArgs;
use super::simulate::{Samples, Stimuli, accuracy, difference, expected};
use super::{formal, mutants};
use crate::build::Build;
use crate::pins::{names, pins, stream};
use crate::stimuli::Edges;
use crate::ui::{Outcome, Ui, percent, table, thousands};
use crate::{place, store};

/// Flags of `sterna verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna verify build                                       1000 corner, threshold and random samples, random stalls
  sterna verify build --data mnist --samples 10000          every MNIST test image
  sterna verify digits.sterna --unrolled --data digits --stalls 0
  sterna verify build --icarus --samples 50                 Icarus, too: what a reset forgot is unknown there
  sterna verify build --formal                              also proved by SAT, where modules are small
  sterna verify build --mutants 1000                        how many faults put into the Verilog are found
  sterna verify build --stimuli mismatch.json               the stimulus that an earlier run found to differ

What is compared: all hidden codes and outputs of every sample, between the network evaluator and the simulator;
and valid, ready and data of every stream in every cycle, between the simulator and the Verilog in the folder as it
is there. Samples come in up to 64 parts, each from a reset that, but for the first, comes with data under way; the first
is run from several random power-up states; in every fourth the tlast of one beat is wrong, and of another fourth the
results are taken so seldom that the circuit fills up. Exit status 1 when anything differs; a mutant that survives is reported,
with a proof that it changes nothing or without, and is no difference.")]
pub struct Args {
    /// Build folder, or network file to be compiled with the flags below.
    input: PathBuf,
    #[command(flatten)]
    stimuli: Stimuli,
    /// Folder of built models and of journals of mutants [default: the user's cache].
    #[arg(long, env = "STERNA_CACHE", value_name = "DIR")]
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
    /// Also break the Verilog in N places, one at a time, chosen by --seed: weights, signs, thresholds, tables, ROM words,
    /// enables, resets. Says how many the comparison finds; survivors are tried to be proved equivalent by SAT. An
    /// interrupted run goes on where it was.
    #[arg(long, value_name = "N")]
    mutants: Option<usize>,
    #[command(flatten)]
    design: DesignArgs,
}

/// What `verify` found.
pub struct Verdict {
    /// Evaluator against simulator: the first difference.
    pub difference: Option<String>,
    /// Simulator against the Verilog, in each of the Verilog simulators.
    pub reports: Vec<VerifyReport>,
    /// Accuracy, when the classes are known.
    pub accuracy: Option<f64>,
    /// Thresholds that the samples tried from both sides.
    pub edges: Edges,
}

impl Verdict {
    /// Whether all is equal.
    pub fn equal(&self) -> bool {
        self.difference.is_none() && self.reports.iter().all(|r| r.mismatch.is_none())
    }
}

/// How a build is compared with its Verilog.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// What is streamed.
    pub samples: &'a [Vec<i64>],
    /// Stalls.
    pub options: sim::Options,
    /// Cycles before the reset of each segment, instead of random ones.
    pub before: Option<u64>,
    /// Folder of built models.
    pub cache: &'a Path,
    /// Where to write a waveform.
    pub wave: Option<&'a Path>,
    /// Whether to look for a small stimulus that differs.
    pub minimise: bool,
}

/// Where everything that is watched is in the Verilog of a build.
pub struct Wires {
    sources: Vec<Source>,
    pins: Pins,
    design: Design,
    probes: Vec<StreamPins>,
    names: Names,
}

impl Wires {
    /// Finds it.
    pub fn new(build: &Build) -> Result<Self> {
        let mut design = with_visible_probes(build);
        design.probes.extend(lone_outputs(build));
        let probes = design.probes.iter().map(|p| stream(build, &p.stream, false)).collect::<Result<_>>()?;
        let source =
            |f: &sterna_hdl::verilog::SourceFile| Source { name: f.name.clone(), text: f.text.clone() };
        let sources = build.sources.iter().map(source).collect();
        Ok(Wires { sources, pins: pins(build)?, design, probes, names: names(build) })
    }

    /// What to ask of the simulators.
    pub fn request<'a>(&'a self, build: &'a Build, setting: &Setting<'a>, tool: Tool) -> VerifyRequest<'a> {
        VerifyRequest {
            tool,
            design: &self.design,
            sources: &self.sources,
            top: &build.emitted.top,
            pins: &self.pins,
            probes: &self.probes,
            samples: setting.samples,
            options: setting.options,
            cache: setting.cache,
            processes: Some(rayon::current_num_threads()),
            waveform: setting.wave,
            names: Some(&self.names),
            before: setting.before,
            minimise: setting.minimise,
        }
    }
}

/// Compares evaluator, simulator and Verilog in each of `tools`.
pub fn check(
    build: &Build,
    setting: &Setting,
    tools: &[Tool],
    classes: Option<&[u8]>,
    ui: &Ui,
) -> Result<Verdict> {
    let samples = setting.samples;
    let bar = ui.bar("simulate", samples.len() as u64, "samples");
    let with_probes = sim::Options { probes: true, ..setting.options };
    let run = sim::run(&build.design, samples, &with_probes, &|done, _| bar.set_position(done))?;
    let expected = expected(build, samples)?;
    let difference = difference(build, &expected, &run);
    bar.finish_and_clear();
    let wires = Wires::new(build)?;
    let mut reports = Vec::new();
    for &tool in tools {
        let name = if tool == Tool::Icarus { "icarus" } else { "verilator" };
        let bar = ui.bar(name, samples.len() as u64, "samples");
        bar.set_message("building the model");
        let report = verilator::verify(&wires.request(build, setting, tool), &|done, _| {
            bar.set_message("");
            bar.set_position(done);
        });
        bar.finish_and_clear();
        reports.push(report?);
    }
    let accuracy = classes.and_then(|c| accuracy(&build.network, &run, c));
    Ok(Verdict { difference, reports, accuracy, edges: expected.edges })
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

/// Outputs that belong to no stream, such as `frame_error`, each as a stream of one bit, so that it is compared in every
/// cycle. They carry the number of no layer.
fn lone_outputs(build: &Build) -> Vec<Probe> {
    let design = &build.design;
    let in_stream = |node: &NodeId| {
        [&design.input, &design.output]
            .iter()
            .any(|s| [s.valid, s.ready].contains(node) || s.last == Some(*node) || s.data.contains(node))
    };
    let is_lone = |node: &&NodeId| {
        !in_stream(node)
            && design.netlist.node(**node).range == Range::BIT
            && build.emitted.ports.iter().any(|port| port.nodes == [**node])
    };
    let lone = design.netlist.outputs.iter().filter(is_lone);
    let stream =
        |node: NodeId| Stream { valid: node, ready: node, last: None, data: vec![node], order: vec![0] };
    lone.map(|node| Probe { layer: build.network.layers.len(), stream: stream(*node) }).collect()
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
    let build = args.design.open(&args.input, ui)?;
    let tools = tools(args, ui)?;
    let cache = cache(args.cache_dir.as_deref())?;
    let Samples { inputs, classes, options, before } = args.stimuli.load(&build.network, &build.task, ui)?;
    let (wave, minimise) = (Some(args.wave.as_path()), true);
    // What a file holds is played as it is.
    let options = sim::Options { harsh: before.is_none(), ..options };
    let setting = Setting { samples: &inputs, options, before, cache: &cache, wave, minimise };
    let verdict = check(&build, &setting, &tools, classes.as_deref(), ui)?;
    report(&build, &verdict, ui)?;
    if let Some(small) = verdict.reports.iter().find_map(|r| r.reproduction.as_ref()) {
        store::write(&args.reproduce, &serde_json::to_vec(small)?)?;
        let (count, path) = (small.samples.len(), args.reproduce.display());
        ui.say(format!("{count} of the samples are enough, made simple: --stimuli {path}"))?;
    }
    let proofs = args.formal.then(|| formal::prove(&build, ui)).transpose()?;
    if let Some(proofs) = &proofs {
        formal::report(proofs, ui)?;
    }
    let equal = verdict.equal() && proofs.as_deref().is_none_or(formal::holds);
    let broken = match args.mutants.filter(|_| equal) {
        Some(count) => Some(mutants::run(&build, &setting, count, args.stimuli.seed, ui)?),
        None => None,
    };
    if let Some(broken) = &broken {
        mutants::report(broken, ui)?;
    }
    let v = &verdict.reports[0];
    let of = |tool: Tool| tools.iter().position(|t| *t == tool).map(|at| &verdict.reports[at]);
    ui.object(&json!({
        "equal": equal, "latency": build.design.timing.latency, "interval": build.design.timing.interval,
        "samples": v.samples, "cycles": v.cycles, "resets": v.resets, "streams": v.streams, "values": v.values,
        "thresholds_tried": verdict.edges.tried().0, "thresholds": verdict.edges.tried().1,
        "accuracy": verdict.accuracy, "difference": verdict.difference,
        "mismatch": verdict.reports.iter().find_map(|r| r.mismatch.as_ref()), "edited": build.edited,
        "verilator": of(Tool::Verilator).map(|r| &r.tool), "icarus": of(Tool::Icarus).map(|r| &r.tool),
        "cached": v.cached, "simulate_seconds": v.simulate_seconds,
        "build_seconds": v.build_seconds, "run_seconds": v.run_seconds,
        "formal": proofs, "mutants": broken,
    }))?;
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
    let (v, tried) = (&verdict.reports[0], verdict.edges.tried());
    let state = |equal: bool| if equal { "equal".to_string() } else { "DIFFER".to_string() };
    let mut rows = vec![
        ("samples".to_string(), thousands(v.samples as u64)),
        ("accuracy".into(), verdict.accuracy.map_or("-".into(), percent)),
        ("cycles, stalls included".into(), thousands(v.cycles)),
        ("resets in mid-stream".into(), thousands(v.resets as u64)),
        (
            "thresholds tried from both sides".into(),
            format!("{} of {}", thousands(tried.0), thousands(tried.1)),
        ),
        ("values compared".into(), format!("{} on {} streams", thousands(v.values), v.streams)),
        ("evaluator and simulator".into(), state(verdict.difference.is_none())),
    ];
    for r in &verdict.reports {
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
    for mismatch in verdict.reports.iter().filter_map(|r| r.mismatch.as_ref()) {
        if let Place::Probe { probe, layer } = mismatch.place
            && layer < build.network.layers.len()
        {
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
