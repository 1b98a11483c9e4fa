//! `sterna synth`: cell counts measured with Yosys, and the clock with nextpnr, beside the estimate; bitstreams.

mod bitstream;
mod route;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;
use serde_json::json;
use sterna_hdl::family::Family;
use sterna_hdl::synth::{self, Cells};

use super::design::DesignArgs;
use super::estimate::parse_family;
use super::report::{Report, ReportArgs};
use crate::board;
use crate::build::Build;
use crate::ui::{Outcome, Ui, table, thousands};

/// Flags of `sterna synth`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna synth build                          all four families
  sterna synth build --family ecp5 --keep synth   keep Yosys's script and log
  sterna synth build --family ice40 --route   clock and cells after place and route
  sterna synth build --bitstream              a bitstream for the board the build was compiled for
  sterna synth net.sterna --pes 4 --board icebreaker --bitstream
  sterna synth net.sterna --unrolled --family ecp5 --route --device 85k --timeout 600")]
pub struct Args {
    /// Build folder, or network file to be compiled with the flags below.
    input: PathBuf,
    /// Family: ice40, ecp5, gowin, xcup or xc7. Default: all.
    #[arg(long, value_parser = parse_family)]
    family: Option<Family>,
    /// Folder to keep scripts and logs in. Default: a temporary one; with --route and --bitstream `synth`, inside a build
    /// folder or here.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Board of a bitstream, where the input is a network file.
    #[arg(long, value_name = "NAME", requires = "bitstream", value_parser = PossibleValuesParser::new(board::names()))]
    board: Option<String>,
    #[command(flatten)]
    route: route::RouteArgs,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    design: DesignArgs,
}

/// Runs `sterna synth`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    let board = args.board.as_deref().map(board::find).transpose()?;
    let family = board.as_ref().map_or(args.family, |b| b.family());
    // A network is mapped to the one family asked for; a build folder is what it is.
    args.report.check()?;
    let mapped = if args.input.is_dir() { args.design.clone() } else { args.design.with_target(family) };
    let mut build = mapped.open(&args.input, ui)?;
    match &board {
        Some(_) if args.input.is_dir() => {
            bail!("{} is compiled already, its board chosen; drop --board", args.input.display())
        }
        Some(board) => build.mount(board)?,
        None => {}
    }
    if args.route.bitstream {
        return bitstream::run(args, &build, ui);
    }
    let yosys = synth::version()?;
    let wanted = build.families(args.family)?;
    let devices = args.route.devices(&wanted)?;
    let steps = wanted.len() + 2 * devices.len();
    let bar = ui.bar("synth", steps as u64, "steps");
    let keep = match &args.keep {
        None if devices.is_empty() => None,
        None if args.input.is_dir() => Some(args.input.join("synth")),
        None => Some(PathBuf::from("synth")),
        given => given.clone(),
    };
    if let Some(folder) = &keep {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot write {}", folder.display()))?;
    }
    let mut results = Vec::new();
    for family in wanted {
        bar.set_message(format!("{family}: Yosys"));
        let cells = match &keep {
            Some(folder) => measure(&build, family, folder)?,
            None => measure(&build, family, tempfile::tempdir()?.path())?,
        };
        bar.inc(1);
        results.push((family, build.estimate(family).total, cells));
    }
    let mut routed = Vec::new();
    for (device, folder) in devices.iter().zip(keep.iter().cycle()) {
        routed.push(args.route.route(&build, device, folder, &bar)?);
    }
    bar.finish_and_clear();
    let mut rows = Vec::new();
    for (family, guess, cells) in &results {
        let pair = |what: &str, estimated: f64, measured: u64| {
            let error = if measured == 0 {
                String::new()
            } else {
                format!("{:+.1} %", 100.0 * (estimated / measured as f64 - 1.0))
            };
            vec![format!("{family} {what}"), thousands(estimated.round() as u64), thousands(measured), error]
        };
        rows.push(pair("LUT", guess.lut, cells.lut));
        rows.push(pair("FF", guess.ff, cells.ff));
        rows.push(pair("BRAM", guess.bram, cells.bram));
    }
    ui.say(table(&["core only", "estimate", "Yosys", "error"], &rows))?;
    for (family, ..) in &results {
        ui.say(format!("{family}: LUT = {}", family.lut_convention()))?;
    }
    ui.say(format!("measured by {yosys}, after synthesis, before place and route"))?;
    let list: Vec<_> =
        results.iter().map(|(f, e, c)| json!({ "family": f, "estimate": e, "measured": c })).collect();
    if !routed.is_empty() {
        route::report(&routed, ui)?;
    }
    let measured = Some((&results[..], yosys.as_str()));
    args.report.write(&Report { measured, routed: route::rows(&routed), ..Report::of(&build) }, ui)?;
    let routed: Vec<_> = routed.iter().map(route::Result::object).collect();
    ui.object(&json!({ "tool": yosys, "results": list, "routed": routed }))?;
    Ok(Outcome::Done)
}

/// Synthesises a build for one family in `folder`.
pub fn measure(build: &Build, family: Family, folder: &std::path::Path) -> Result<Cells> {
    let files: Vec<(&str, &str)> = build.sources.iter().map(|f| (f.name.as_str(), f.text.as_str())).collect();
    Ok(synth::synthesise(&files, &build.emitted.top, family, folder)?)
}
