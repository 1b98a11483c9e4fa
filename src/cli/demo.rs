//! `sterna demo`: the whole road on the built-in digits, beside float, binary and dense-ternary networks of the same shape.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rayon::prelude::*;
use serde::Serialize;
use serde_json::json;
use sterna_hdl::estimate::{Resources, estimate};
use sterna_hdl::family::Family;
use sterna_hdl::synth::{self, Cells};
use sterna_hdl::{Folding, Options};
use sterna_ir::format;
use sterna_sim::{self as sim, verilator::Tool};
use sterna_trainer::config::{Config, Weights};
use sterna_trainer::data::Dataset;

use super::data::{DataArgs, load, samples};
use super::estimate::parse_family;
use super::train::train_and_check;
use super::verify::checked;
use super::{compile, synth as measure};
use crate::build::{self, Build, Target};
use crate::check::{Request, Verdict, cache};
use crate::store;
use crate::ui::{Outcome, Ui, percent, table, thousands};

/// Outputs of the hidden layers.
const HIDDEN: [usize; 2] = [32, 32];
/// Processing elements of every folded design: the same for all, so that cycles compare.
const PES: usize = 16;
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
    /// Family for estimates and synthesis: ice40, ecp5 or xcup.
    #[arg(long, default_value = "ecp5", value_parser = parse_family)]
    family: Family,
    /// Passes over the training set.
    #[arg(long, default_value_t = 15, value_name = "N")]
    epochs: usize,
    #[command(flatten)]
    source: DataArgs,
}

/// One line of the closing table.
#[derive(Serialize)]
struct Row {
    network: String,
    design: String,
    accuracy: f64,
    zeros: Vec<f64>,
    adders: u64,
    cycles: u64,
    estimate: Resources,
    measured: Cells,
}

/// Runs `sterna demo`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    sim::verilator::version()?;
    synth::version()?;
    let cache = cache(None)?;
    std::fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot write {}", args.output.display()))?;
    let dataset = load("digits", None, &args.source, ui)?;
    let methods = [
        ("float", Weights::Float { bits: 8 }),
        ("binary", Weights::BinaryConnect),
        ("ternary", Weights::twn()),
        ("sparse", Weights::TopK { zeros: vec![0.95, 0.6, 0.4], anneal: 0.4 }),
    ];
    let mut jobs = Vec::new();
    for (name, weights) in methods {
        let config = Config { hidden: HIDDEN.to_vec(), weights, epochs: args.epochs, ..Config::default() };
        let trained = train_and_check(&dataset, &config, None, name, ui)?;
        store::write(
            &args.output.join(format!("{name}.sterna")),
            format::write(&trained.network, &dataset.task).as_bytes(),
        )?;
        let accuracy = trained.test_accuracy.unwrap_or(f64::NAN);
        ui.note(format!(
            "{name:8} {} on {} test images",
            percent(accuracy),
            thousands(dataset.test.len() as u64)
        ));
        for folding in [Folding::Pes(PES), Folding::Unrolled] {
            if name == "sparse" || folding != Folding::Unrolled {
                let options = Options { folding, family: Some(args.family), ..Options::default() };
                let build = build::compile((trained.network.clone(), dataset.task.clone()), options)?;
                jobs.push(Job { network: name, accuracy, zeros: trained.zeros.clone(), build });
            }
        }
    }
    let bar = ui.bar("synthesis", jobs.len() as u64, "designs");
    let rows: Vec<Row> = jobs
        .par_iter()
        .map(|job| {
            let row = row(job, args.family);
            bar.inc(1);
            ui.note(format!("synthesised {}, {}", job.network, job.design()));
            row
        })
        .collect::<Result<_>>()?;
    bar.finish_and_clear();
    let [.., folded, unrolled] = jobs.as_slice() else {
        unreachable!("the sparse network makes two designs")
    };
    let folder = args.output.join("build");
    build::write(&folded.build, &Target::choose(None, None)?, &folder, true)?;

    let mut equal = true;
    let mut verified = Vec::new();
    for job in [folded, unrolled] {
        let verdict = verified_with_verilator(&dataset, &job.build, &cache, ui)?;
        let v = &verdict.reports[0].1;
        verified.push(format!(
            "sparse, {}: evaluator, simulator and {} {} on {} images, {} values, {} cycles with random stalls",
            job.design(),
            v.tool,
            if verdict.equal() { "are equal" } else { "DIFFER" },
            v.samples,
            thousands(v.values),
            thousands(v.cycles)
        ));
        equal &= verdict.equal();
    }
    show(&rows, args.family, &verified, ui)?;
    ui.say("\nThe sparse network on PEs, layer by layer:")?;
    compile::report(&folded.build, ui)?;
    ui.say(format!(
        "networks in {dir}, the sparse one compiled in {build}; next: sterna verify {build}, sterna compile --help",
        dir = args.output.display(),
        build = folder.display()
    ))?;
    ui.object(&json!({ "family": args.family, "networks": rows, "equal": equal, "verified": verified }))?;
    Ok(if equal { Outcome::Done } else { Outcome::CheckFailed })
}

/// A network compiled one way, to be measured.
struct Job {
    network: &'static str,
    accuracy: f64,
    zeros: Vec<f64>,
    build: Build,
}

impl Job {
    fn design(&self) -> String {
        if self.build.options.folding == Folding::Unrolled { "unrolled".into() } else { format!("{PES} PEs") }
    }
}

fn row(job: &Job, family: Family) -> Result<Row> {
    Ok(Row {
        network: job.network.into(),
        design: job.design(),
        accuracy: job.accuracy,
        zeros: job.zeros.clone(),
        adders: job.build.adders(),
        cycles: job.build.design.timing.interval,
        estimate: estimate(&job.build.design.netlist, family).total,
        measured: measure::measure(&job.build, family, tempfile::tempdir()?.path())?,
    })
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
    };
    checked(build, &request, &[Tool::Verilator], ui)
}

fn show(rows: &[Row], family: Family, verified: &[String], ui: &Ui) -> Result<()> {
    let line = |r: &Row| {
        let zeros: Vec<String> = r.zeros.iter().map(|z| format!("{:.0}", 100.0 * z)).collect();
        let pair =
            |guess: f64, found: u64| format!("{} / {}", thousands(guess.round() as u64), thousands(found));
        vec![
            r.network.clone(),
            r.design.clone(),
            percent(r.accuracy),
            zeros.join(" "),
            thousands(r.adders),
            thousands(r.cycles),
            pair(r.estimate.lut, r.measured.lut),
            pair(r.estimate.ff, r.measured.ff),
            pair(r.estimate.bram, r.measured.bram),
        ]
    };
    let header = [
        "weights",
        "design",
        "accuracy",
        "zeros %",
        "adders",
        "cycles/image",
        "LUT est/Yosys",
        "FF est/Yosys",
        "BRAM",
    ];
    ui.say(table(&header, &rows.iter().map(line).collect::<Vec<_>>()))?;
    ui.say(format!(
        "784-32-32-10, 2-bit activations, built-in digits; {family}, core only, LUT = {}; {}",
        family.lut_convention(),
        synth::version()?
    ))?;
    verified.iter().try_for_each(|line| ui.say(line))?;
    Ok(())
}
