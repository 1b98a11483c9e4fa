//! `sterna estimate`: the cost model's numbers, per layer and family.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde_json::json;
use sterna_hdl::estimate::{Estimate, Resources, estimate};
use sterna_hdl::family::Family;

use super::compile::{DesignArgs, rate};
use crate::build::Build;
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
    /// Family: ice40, ecp5 or xcup. Default: all.
    #[arg(long, value_parser = parse_family)]
    family: Option<Family>,
    #[command(flatten)]
    design: DesignArgs,
}

/// Reads a family's name.
pub fn parse_family(text: &str) -> Result<Family, String> {
    Family::from_name(text).ok_or_else(|| format!("{text:?}; want ice40, ecp5, xcup or xc7"))
}

/// The families to look at: the one asked for, else the one that a design is mapped to, else all.
pub fn families(build: &Build, asked: Option<Family>) -> Result<Vec<Family>> {
    match (asked, build.options.family) {
        (Some(asked), Some(mapped)) if asked != mapped => {
            bail!("--family {asked}: the design is mapped to {mapped}; compile it with --target {asked}")
        }
        (Some(family), _) | (None, Some(family)) => Ok(vec![family]),
        (None, None) => Ok(Family::ALL.to_vec()),
    }
}

/// Runs `sterna estimate`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    // A network is mapped to the one family asked for; a build folder is what it is.
    let mapped = if args.input.is_dir() { args.design.clone() } else { args.design.with_target(args.family) };
    let build = mapped.open(&args.input, ui)?;
    let families = families(&build, args.family)?;
    let estimates: Vec<Estimate> = families.iter().map(|f| estimate(&build.design.netlist, *f)).collect();
    for e in &estimates {
        let mut rows: Vec<_> = e.modules.iter().map(|(name, r)| row(name, r)).collect();
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
        match e.mhz {
            Some(mhz) => {
                let rate = rate(mhz, timing.interval);
                ui.say(format!("{}: about {mhz} MHz after place and route, {rate}", e.family))?;
            }
            None => ui.say(format!("{}: no clock, its delays could not be measured", e.family))?,
        }
    }
    ui.object(&json!({ "estimates": estimates, "latency": timing.latency, "interval": timing.interval }))?;
    Ok(Outcome::Done)
}

fn row(name: &str, r: &Resources) -> Vec<String> {
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
