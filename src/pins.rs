//! Where the streams of a build are in its Verilog, and what its signals are called there.

use anyhow::{Context, Result, bail};
use sterna_ir::design::Stream;
use sterna_ir::netlist::NodeId;
use sterna_sim::verilator::{Pins, Signal, StreamPins};
use sterna_sim::wave::Names;

use crate::build::Build;

/// The ports of the top module.
pub fn pins(build: &Build) -> Result<Pins> {
    let design = &build.design;
    let clock = build.emitted.clock().context("the design has no clock")?.to_string();
    let reset =
        design.netlist.reset.map(|node| Ok::<_, anyhow::Error>(signal(build, node)?.name)).transpose()?;
    Ok(Pins {
        clock,
        reset,
        input: stream(build, &design.input, true)?,
        output: stream(build, &design.output, true)?,
    })
}

/// Names for waveforms, as in the Verilog; what has no signal there is not shown.
pub fn names(build: &Build) -> Names {
    let (emitted, netlist) = (&build.emitted, &build.design.netlist);
    let module = |(name, module): (&Option<String>, &sterna_ir::netlist::Module)| {
        name.clone().unwrap_or_else(|| module.name.clone())
    };
    Names {
        modules: emitted.instances.iter().zip(&netlist.modules).map(module).collect(),
        nodes: emitted.names.clone(),
        clock: emitted.clock().unwrap_or("clk").to_string(),
    }
}

/// The signals of a stream; `last` only where it is wanted and there is one.
pub fn stream(build: &Build, stream: &Stream, with_last: bool) -> Result<StreamPins> {
    Ok(StreamPins {
        valid: signal(build, stream.valid)?,
        ready: signal(build, stream.ready)?,
        last: stream.last.filter(|_| with_last).map(|n| signal(build, n)).transpose()?,
        data: stream.data.iter().map(|n| signal(build, *n)).collect::<Result<_>>()?,
    })
}

fn signal(build: &Build, node: NodeId) -> Result<Signal> {
    let Some(seen) = build.emitted.top_signal(node) else {
        bail!("signal {} cannot be seen in the top module", build.design.netlist.node(node).name);
    };
    Ok(Signal::new(seen.name, seen.lsb, seen.width))
}
