//! `sterna info`: what a network file or a build folder holds.

use std::path::PathBuf;

use anyhow::Result;
use sterna_hdl::verilog::{Direction, Port};
use sterna_ir::{Network, Task};

use crate::build::Build;
use crate::describe::{self, LayerText};
use crate::ui::{Outcome, Ui, table, thousands};
use crate::{build, store};

/// Flags of `sterna info`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna info digits.sterna
  sterna info build --json")]
pub struct Args {
    /// Network file or build folder.
    input: PathBuf,
}

/// Runs `sterna info`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    if args.input.is_dir() {
        let build = build::open(&args.input)?;
        layers(&build.network, ui)?;
        describe_task(&build.task, ui)?;
        super::compile::report(&build, ui)?;
        made_for(&build, ui)?;
        ports(&build, ui)?;
        for file in &build.edited {
            ui.say(format!("edited since it was compiled: {file}"))?;
        }
        ui.object(&describe::build(&build)?)?;
    } else {
        let (network, task) = store::read_network(&args.input)?;
        layers(&network, ui)?;
        describe_task(&task, ui)?;
        ui.object(&describe::network(&network, &task)?)?;
    }
    Ok(Outcome::Done)
}

/// What the circuit was mapped to, clocked for and put on, where that was said.
fn made_for(build: &Build, ui: &Ui) -> Result<()> {
    let target = build.options.family.map(|family| format!("cells of {family}"));
    let clock = build.options.clock_khz.map(|khz| format!("registers for {} MHz", f64::from(khz) / 1e3));
    let board = build.board.as_ref().map(|mounted| format!("on {}", mounted.board.name));
    let said: Vec<String> = [target, clock, board].into_iter().flatten().collect();
    if !said.is_empty() {
        ui.say(said.join(", "))?;
    }
    Ok(())
}

/// Prints a table of the ports of the top module.
fn ports(build: &Build, ui: &Ui) -> Result<()> {
    let row = |port: &Port| {
        let direction = if port.direction == Direction::Input { "in" } else { "out" };
        vec![port.name.clone(), port.width.to_string(), direction.into(), port.about.clone()]
    };
    let rows: Vec<Vec<String>> = build.emitted.ports.iter().map(row).collect();
    ui.say(table(&["port", "bits", "", "what"], &rows))?;
    Ok(())
}

/// Prints a table of the layers.
pub fn layers(network: &Network, ui: &Ui) -> Result<()> {
    let layers = describe::layers(network)?;
    let row = |l: &LayerText| {
        let [name, kind, range, detail] = [&l.name, l.kind, &l.range, &l.detail].map(str::to_string);
        vec![name, kind, thousands(l.outputs as u64), range, detail]
    };
    let rows: Vec<Vec<String>> = layers.iter().map(row).collect();
    let shape = network.input.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ");
    ui.say(format!("{}: input {shape}, values {}", network.name.escape_debug(), network.input.ranges))?;
    ui.say(table(&["layer", "type", "outputs", "range", "what"], &rows))?;
    Ok(())
}

/// Classes that are only numbers are not worth a line.
fn describe_task(task: &Task, ui: &Ui) -> Result<()> {
    if task.classes.iter().enumerate().any(|(number, name)| *name != number.to_string()) {
        ui.say(format!("classes: {}", listed(&task.classes)))?;
    }
    if !task.features.is_empty() {
        ui.say(format!("features: {}", listed(&task.features)))?;
    }
    if task.scaling.is_some() {
        ui.say("features are measurements, scaled to 0..=255; --json shows the bounds")?;
    }
    Ok(())
}

/// The first names, fit for one line.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|n| n.escape_debug().to_string()).collect();
    let more = if names.len() > SHOWN { format!(", ... ({} in all)", names.len()) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
