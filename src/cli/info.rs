//! `sterna info`: what a network file or a build folder holds.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};
use sterna_ir::{LayerOp, Network, Task, Window};

use crate::build;
use crate::store;
use crate::ui::{Outcome, Ui, percent, table, thousands};

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
        let layers = layers(&build.network, ui)?;
        describe_task(&build.task, ui)?;
        super::compile::report(&build, ui)?;
        for file in &build.edited {
            ui.say(format!("edited since it was compiled: {file}"))?;
        }
        let timing = &build.design.timing;
        ui.object(&json!({
            "network": build.network.name, "layers": layers, "top": build.emitted.top,
            "latency": timing.latency, "interval": timing.interval, "edited": build.edited, "task": build.task,
        }))?;
    } else {
        let (network, task) = store::read_network(&args.input)?;
        let layers = layers(&network, ui)?;
        describe_task(&task, ui)?;
        ui.object(
            &json!({ "network": network.name, "input": network.input, "layers": layers, "task": task }),
        )?;
    }
    Ok(Outcome::Done)
}

/// Prints a table of the layers.
pub fn layers(network: &Network, ui: &Ui) -> Result<Value> {
    let ranges = network.ranges()?;
    let mut rows = Vec::new();
    let mut objects = Vec::new();
    for (index, layer) in network.layers.iter().enumerate() {
        let (kind, detail) = describe(&layer.op);
        let range = ranges[index].iter().copied().reduce(sterna_ir::Range::union);
        let range = range.map_or(String::new(), |r| r.to_string());
        let outputs = network.outputs(index);
        rows.push(vec![
            layer.name.clone(),
            kind.into(),
            thousands(outputs as u64),
            range.clone(),
            detail.clone(),
        ]);
        objects.push(
            json!({ "name": layer.name, "type": kind, "outputs": outputs, "range": range, "detail": detail }),
        );
    }
    let shape = network.input.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ");
    ui.say(format!("{}: input {shape}, values {}", network.name.escape_debug(), network.input.range))?;
    ui.say(table(&["layer", "type", "outputs", "range", ""], &rows))?;
    Ok(Value::Array(objects))
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

fn weights(nonzeros: usize, all: usize, ternary: bool) -> String {
    let kind = if ternary { "ternary" } else { "integer" };
    let zeros = percent(1.0 - nonzeros as f64 / all as f64);
    format!(
        "{kind}, {} of {} weights nonzero, {zeros} zeros",
        thousands(nonzeros as u64),
        thousands(all as u64)
    )
}

/// Size, stride and padding of a window, and the image it slides over.
fn window(w: &Window) -> String {
    let [kernel, stride, padding] = [w.kernel, w.stride, w.padding].map(|[y, x]| format!("{y}x{x}"));
    let [channels, height, width] = w.input;
    format!("{kernel}, stride {stride}, padding {padding}: {channels}x{height}x{width}")
}

fn image(channels: usize, w: &Window) -> String {
    let [height, width] = w.output();
    format!("{channels}x{height}x{width}")
}

fn describe(op: &LayerOp) -> (&'static str, String) {
    match op {
        LayerOp::Dense(d) => ("dense", weights(d.nonzeros(), d.weights.len(), d.is_ternary())),
        LayerOp::Conv2d(c) => {
            let groups = if c.groups > 1 { format!(", {} groups", c.groups) } else { String::new() };
            let counts = weights(c.nonzeros(), c.weights.len(), c.is_ternary());
            ("conv2d", format!("{} to {}{groups}, {counts}", window(&c.window), image(c.outputs, &c.window)))
        }
        LayerOp::MaxPool(w) => ("max-pool", format!("{} to {}", window(w), image(w.input[0], w))),
        LayerOp::SumPool(w) => ("sum-pool", format!("{} to {}", window(w), image(w.input[0], w))),
        LayerOp::Add { from } => ("add", format!("the output of layer {from}")),
        LayerOp::Threshold(t) if t.thermometer => ("threshold", format!("{} levels, thermometer", t.levels)),
        LayerOp::Threshold(t) => ("threshold", format!("codes 0..={}", t.levels)),
        LayerOp::ArgMax => ("argmax", String::new()),
    }
}
