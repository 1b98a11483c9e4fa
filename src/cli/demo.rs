//! `sterna demo`: the whole road on the built-in digits, beside float, binary and dense-ternary networks of the same shape.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use sterna_hdl::family::Family;
use sterna_hdl::{Folding, synth};
use sterna_sim::{self as sim, verilator::Tool};
use sterna_trainer::config::Config;
use sterna_trainer::data::Dataset;

use super::compare::circuits::{self, Job};
use super::compare::method::{Dials, Method};
use super::compare::{Study, show};
use super::compile;
use super::data::{DataArgs, load, samples};
use super::estimate::parse_family;
use super::report::Report;
use super::verify::checked;
use crate::build::{self, Build, Target};
use crate::check::{Request, Verdict, cache};
use crate::ui::{Outcome, Ui, thousands};

/// Outputs of the hidden layers.
const HIDDEN: [usize; 2] = [32, 32];
/// Zeros of the sparse network.
const ZEROS: [f64; 3] = [0.95, 0.6, 0.4];
/// Processing elements of every folded design: the same for all, so that cycles compare.
const PES: usize = 16;
/// Most additions of a network that is unrolled: the sparse one alone, as Yosys takes minutes for the others.
const UNROLL: u64 = 5000;
/// Test images that go through Verilator.
const VERIFIED: usize = 200;

/// Flags of `sterna demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna demo                      built-in digits, ECP5
  sterna demo --family ice40 -o out")]
pub struct Args {
    /// Folder for the networks and the build.
    #[arg(short, long, default_value = "sterna-demo", value_name = "DIR")]
    output: PathBuf,
    /// Family for estimates and synthesis: ice40, ecp5, gowin, xcup or xc7.
    #[arg(long, default_value = "ecp5", value_parser = parse_family)]
    family: Family,
    /// Passes over the training set.
    #[arg(long, default_value_t = 15, value_name = "N")]
    epochs: usize,
    #[command(flatten)]
    source: DataArgs,
}

/// Runs `sterna demo`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    sim::verilator::version()?;
    synth::version()?;
    let cache = cache(None)?;
    std::fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot write {}", args.output.display()))?;
    let dataset = load("digits", None, &args.source, ui)?;
    let study = Study {
        dataset: &dataset,
        base: Config { hidden: HIDDEN.to_vec(), epochs: args.epochs, ..Config::default() },
        methods: vec![Method::Float, Method::Binary, Method::Twn, Method::TopK],
        seeds: 1,
        dials: Dials { zeros: ZEROS.to_vec(), dead_zone: 0.5, budget: None, family: args.family },
        pes: PES,
        unroll: UNROLL,
        synth: true,
        folder: args.output.clone(),
    };
    let (comparison, runs) = study.run(ui)?;
    comparison.write(&args.output)?;
    let sparse = runs.last().expect("a run for each method");
    let builds: Vec<Build> = [Folding::Pes(PES), Folding::Unrolled]
        .map(|folding| {
            let (network, sha256) = (&sparse.network, sparse.record.sha256.as_str());
            Job { network, sha256, folding, family: args.family }.build()
        })
        .into_iter()
        .collect::<Result<_>>()?;
    let folder = args.output.join("build");
    build::write(&builds[0], &Target::choose(None, None)?, &folder, true)?;

    let mut equal = true;
    let mut verified = Vec::new();
    let report = args.output.join("report.html");
    for build in &builds {
        let verdict = verified_with_verilator(&dataset, build, &cache, ui)?;
        let v = &verdict.reports[0].1;
        verified.push(format!(
            "top-k, {}: evaluator, simulator and {} {} on {} images, {} values, {} cycles with random stalls",
            circuits::name(&build.options.folding),
            v.tool,
            if verdict.equal() { "are equal" } else { "DIFFER" },
            v.samples,
            thousands(v.values),
            thousands(v.cycles)
        ));
        equal &= verdict.equal();
        if build.options.folding != Folding::Unrolled {
            let title = "demo: weight methods, and the sparse circuit".into();
            let (training, verdict) = (Some(&sparse.record), Some(&verdict));
            let comparison = Some(&comparison);
            Report { title, comparison, training, verdict, ..Report::of(build) }.write(&report)?;
        }
    }
    ui.say("784-32-32-10, 2-bit activations:")?;
    show::show(&comparison, ui)?;
    verified.iter().try_for_each(|line| ui.say(line))?;
    ui.say("\nThe sparse network on PEs, layer by layer:")?;
    compile::report(&builds[0], ui)?;
    ui.say(format!("report in {}", report.display()))?;
    ui.say(format!(
        "networks in {dir}, the sparse one compiled in {build}; next: sterna verify {build}, sterna compile --help",
        dir = args.output.join("runs").display(),
        build = folder.display()
    ))?;
    ui.object(&json!({ "comparison": comparison, "equal": equal, "verified": verified }))?;
    Ok(if equal { Outcome::Done } else { Outcome::CheckFailed })
}

fn verified_with_verilator(dataset: &Dataset, build: &Build, cache: &Path, ui: &Ui) -> Result<Verdict> {
    let (samples, classes) = samples(&dataset.test, VERIFIED);
    let options = sim::Options { stall_level: 64, seed: 1, ..sim::Options::default() };
    let request = Request {
        samples: &samples,
        classes: Some(&classes),
        options,
        before: None,
        cache,
        wave: None,
        minimise: false,
        part: None,
    };
    checked(build, &request, &[Tool::Verilator], ui)
}
