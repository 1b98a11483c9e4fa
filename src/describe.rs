//! What a network or a build holds: a line per layer, and the objects that `sterna info --json` prints.

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};
use sterna_hdl::verilog::{Direction, Port};
use sterna_ir::{LayerOp, Network, Range, Task, Window};

use crate::build::Build;
use crate::ui::{percent, thousands};

/// A layer in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerText {
    /// Its name.
    pub name: String,
    /// Its type, as in the network file.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Elements that it gives.
    pub outputs: usize,
    /// Range of all of them together.
    pub range: String,
    /// Sizes and counts that matter for its type.
    pub detail: String,
}

/// A line per layer.
///
/// # Errors
/// A network that does not check.
pub fn layers(network: &Network) -> Result<Vec<LayerText>> {
    let ranges = network.ranges()?;
    let layer = |(index, layer): (usize, &sterna_ir::Layer)| {
        let (kind, detail) = describe(&layer.op);
        let range = ranges[index].iter().copied().reduce(Range::union);
        let range = range.map_or(String::new(), |r| r.to_string());
        LayerText { name: layer.name.clone(), kind, outputs: network.outputs(index), range, detail }
    };
    Ok(network.layers.iter().enumerate().map(layer).collect())
}

/// A network, as `sterna info --json` prints it.
///
/// # Errors
/// A network that does not check.
pub fn network(network: &Network, task: &Task) -> Result<Value> {
    let layers = layers(network)?;
    Ok(json!({ "network": network.name, "input": network.input, "layers": layers, "task": task }))
}

/// A compiled network, as `sterna info --json` prints it.
///
/// # Errors
/// A network that does not check.
pub fn build(build: &Build) -> Result<Value> {
    let timing = &build.design.timing;
    let port = |port: &Port| {
        let direction = if port.direction == Direction::Input { "input" } else { "output" };
        json!({ "name": port.name, "direction": direction, "bits": port.width, "about": port.about })
    };
    Ok(json!({
        "network": build.network.name, "layers": layers(&build.network)?, "top": build.emitted.top,
        "target": build.options.family, "clock_mhz": build.options.clock_khz.map(|khz| f64::from(khz) / 1e3),
        "board": build.board.as_ref().map(|mounted| &mounted.board.key),
        "ports": build.emitted.ports.iter().map(port).collect::<Vec<_>>(),
        "latency": timing.latency, "interval": timing.interval, "edited": build.edited, "task": build.task,
    }))
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
