//! `sterna compile`.

mod layers;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::builder::PossibleValuesParser;
use serde_json::json;
use sterna_ir::format;

use super::budget::{BudgetArgs, choose};
use super::design::DesignArgs;
use super::report::{Report, ReportArgs};
use crate::build::{self, Build, Extras, Target};
use crate::ui::{Outcome, Ui};
use crate::{board, record};
pub use layers::{HEADER, clock, longest_path, rate, report, rows};

/// Flags of `sterna compile`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna compile digits.sterna -o build                 unrolled when small, 64 processing elements when not
  sterna compile digits.sterna --pes 16 -o build        folded onto 16 processing elements in all
  sterna compile digits.sterna --style 32,8,unrolled    one choice per layer
  sterna compile digits.sterna --target ecp5 --max-luts 8000   the fewest cycles that fit
  sterna compile digits.sterna --board ulx3s-85f --rate 5000 --clock 50MHz  the smallest that is fast enough
  sterna compile digits.sterna --unrolled --target xcup  look-up tables and carry chains of a family
  sterna compile digits.sterna --target ecp5 --clock 150MHz  registers where the clock needs them
  sterna compile digits.sterna --board ulx3s-85f         family, clock and pins of a board
  sterna compile digits.sterna --cocotb --package        also for cocotb, FuseSoC, Vivado, VHDL and rust-hdl
  sterna compile w.npy --input s8                        a bare matrix, y = x @ w
  sterna compile w.npy --input s8,u4,-3:5                its inputs differ: one range for each")]
pub struct Args {
    /// Network file, as `sterna train` writes it, or a matrix of small integers, [inputs, outputs] in a .npy.
    network: PathBuf,
    /// Build folder to write. One that exists is brought up to date; any other folder is left alone.
    #[arg(short, long, default_value = "build", value_name = "DIR")]
    output: PathBuf,
    /// Overwrite files in the build folder that were edited since they were compiled.
    #[arg(long)]
    force: bool,
    /// Board, for its clock and pins.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(board::names()))]
    board: Option<String>,
    /// Add a cocotb 2 test of the circuit, for Icarus and Verilator, and its vectors.
    #[arg(long)]
    cocotb: bool,
    /// Add a file list, a FuseSoC core file, a script that packages the core with Vivado, a VHDL component, and a block for
    /// designs in rust-hdl.
    #[arg(long)]
    package: bool,
    /// Count the cells of a design that a budget chooses with Yosys, and step back while they are too many.
    #[arg(long)]
    synth: bool,
    #[command(flatten)]
    budget: BudgetArgs,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    design: DesignArgs,
}

/// Runs `sterna compile`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    args.report.check()?;
    let extras = Extras { cocotb: args.cocotb, package: args.package };
    let target = Target::choose(args.board.as_deref(), args.design.clock)?.with(extras);
    let family = target.board.as_ref().and_then(|b| b.family());
    if let (Some(asked), Some(family), Some(board)) = (args.design.target, family, &target.board)
        && asked != family
    {
        bail!("--target {asked}: {} is of {family}; leave --target out", board.name);
    }
    let design = args.design.with_target(family);
    let network = design.network(&args.network, ui)?;
    let options = design.options(&network.0)?;
    let budget = args.budget.budget(args.design.clock)?;
    let bound = |budget| target.board.as_ref().map_or(budget, |board| board.bound(budget));
    let chosen = match budget.map(bound) {
        Some(budget) => match choose(&network, &options, &budget, args.synth, ui)? {
            Some(chosen) => Some(chosen),
            None => return Ok(Outcome::CheckFailed),
        },
        None if args.synth => {
            bail!("--synth checks a budget: give --max-luts, --max-bram, --cycles or --rate")
        }
        None => None,
    };
    let options = chosen.as_ref().map_or(options, |chosen| chosen.options.clone());
    let training = record::of(&args.network, &format::write(&network.0, &network.1));
    let mut build = build::compile(network, options)?;
    build.training = training;
    if let Some(board) = &target.board {
        build.mount(board)?;
    }
    let files = build::write(&build, &target, &args.output, args.force)?;
    report(&build, ui)?;
    let place = target.board.as_ref().map_or(String::new(), |b| format!("{}, ", b.name));
    ui.say(format!("{} files in {}; {place}{} MHz", files.len(), args.output.display(), target.mhz()))?;
    if let Some(board) = &target.board {
        let most = rate(board.clock_mhz, build.design.timing.interval);
        ui.say(format!(
            "at the {} MHz of the board at most {most}, beside the serial port",
            board.clock_mhz
        ))?;
    } else if let Some(mhz) = args.design.clock {
        ui.say(format!("at the {mhz} MHz asked for {}", rate(mhz, build.design.timing.interval)))?;
    }
    clock_notes(&build, &target, args.design.clock, ui);
    if let Some(top) = args.design.top.as_ref().filter(|top| **top != build.emitted.top) {
        ui.note(format!("the top module is {}, which every tool takes, instead of {top}", build.emitted.top));
    }
    let lacks = match (&target.board, family) {
        (Some(board), Some(family)) => board.lacks(&build.estimate(family).total),
        _ => Vec::new(),
    };
    if !lacks.is_empty() {
        ui.note(format!(
            "this will hardly fit the board: {}; fold it, or onto fewer PEs: --pes N",
            lacks.join(", ")
        ));
    }
    if let (None, Some(family)) = (&target.board, build.options.family)
        && let Some(largest) = board::largest(family)
        && let lacks = largest.lacks(&build.estimate(family).total)
        && !lacks.is_empty()
    {
        let (name, lacks) = (&largest.name, lacks.join(", "));
        ui.note(format!("the largest board of {family} known here, {name}, does not hold it: {lacks}"));
    }
    let missed = args.budget.missed(build.estimated_mhz(), build.design.timing.interval);
    if let Some(missed) = &missed {
        ui.say(missed)?;
    }
    let linked = Some((args.output.as_path(), &files[..]));
    args.report.write(&Report { files: linked, ..Report::of(&build) }, ui)?;
    ui.object(&json!({
        "folder": args.output, "top": build.emitted.top, "files": files,
        "board": args.board, "clock_mhz": target.mhz(), "exceeds_board": lacks,
        "latency": build.design.timing.latency, "interval": build.design.timing.interval,
        "estimated_mhz": build.estimated_mhz(), "stages": build.stages()?,
        "choice": chosen.map(|chosen| chosen.object), "missed": missed,
    }))?;
    Ok(if missed.is_some() { Outcome::CheckFailed } else { Outcome::Done })
}

/// What there is to know about the clock that was asked for.
fn clock_notes(build: &Build, target: &Target, asked: Option<f64>, ui: &Ui) {
    if let (Some(asked), Some(board)) = (asked, &target.board)
        && asked != board.clock_mhz
    {
        ui.note(format!(
            "the top level runs the circuit at the {} MHz of the board's oscillator; a PLL there could make {asked} MHz",
            board.clock_mhz
        ));
    }
    match (asked, build.options.clock_khz, build.estimated_mhz()) {
        (None, None, Some(mhz)) if target.board.is_none() && mhz < target.mhz() => {
            let default = target.mhz();
            ui.note(format!(
                "the constraints ask for {default} MHz, the estimate is about {mhz}: give --clock for what you need"
            ));
        }
        (Some(_), None, _) => ui.note("the clock is in the constraints alone: registers can be placed for it with --target ice40 or ecp5"),
        (Some(asked), Some(_), Some(mhz)) if mhz < asked => {
            ui.note(format!("the estimate stays below that clock: about {mhz} of {asked} MHz after place and route"));
        }
        _ => {}
    }
}
