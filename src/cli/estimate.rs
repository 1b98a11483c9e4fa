//! `sterna estimate`: the cost model's numbers, per layer and family.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;
use sterna_hdl::estimate::{Estimate, Resources};
use sterna_hdl::family::Family;

use super::compile::clock;
use super::design::DesignArgs;
use crate::build::label_of;
pub use crate::choices::family as parse_family;
use crate::ui::{Outcome, Ui, counted, table, thousands};

/// Flags of `sterna estimate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna estimate build                        a compiled design on every family
  sterna estimate digits.sterna --unrolled --family xcup")]
pub struct Args {
    /// Build folder, or network file to be compiled with the flags below.
    input: PathBuf,
    /// Family: ice40, ecp5, gowin, xcup or xc7. Default: all.
    #[arg(long, value_parser = parse_family)]
    family: Option<Family>,
    #[command(flatten)]
    design: DesignArgs,
}

/// Runs `sterna estimate`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    // A network is mapped to the one family asked for; a build folder is what it is.
    let mapped = if args.input.is_dir() { args.design.clone() } else { args.design.with_target(args.family) };
    let build = mapped.open(&args.input, ui)?;
    let families = build.families(args.family)?;
    let estimates: Vec<Estimate> = families.iter().map(|f| build.estimate(*f)).collect();
    let stages = build.stages()?;
    for e in &estimates {
        let mut rows: Vec<_> = e.modules.iter().map(|(name, r)| row(&label_of(&stages, name), r)).collect();
        rows.push(row("total", &e.total));
        ui.say(format!("{}: estimate, core only, LUT = {}", e.family, e.family.lut_convention()))?;
        ui.say(table(&["module", "LUT", "FF", "BRAM", "ROM bits", "adders"], &rows))?;
    }
    let timing = &build.design.timing;
    ui.say(format!(
        "latency {}, one sample every {}",
        counted(timing.latency, "cycle"),
        counted(timing.interval, "cycle")
    ))?;
    for e in &estimates {
        let none = || format!("{}: no clock, its delays could not be measured", e.family);
        ui.say(clock(e, &stages, timing.interval).unwrap_or_else(none))?;
    }
    ui.object(&json!({ "estimates": estimates, "latency": timing.latency, "interval": timing.interval }))?;
    Ok(Outcome::Done)
}

/// A line of the table of modules.
pub fn row(name: &str, r: &Resources) -> Vec<String> {
    let count = |v: f64| thousands(v.round() as u64);
    vec![
        name.to_string(),
        count(r.lut),
        count(r.ff),
        count(r.bram),
        thousands(r.rom_bits),
        thousands(r.adders),
    ]
}
