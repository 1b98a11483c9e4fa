//! Compiles a matrix, `[inputs][outputs]` of int8 in a `.npy`, to a pipelined circuit, places and routes it and prints its
//! figures: `route FILE.npy LO HI FAMILY EFFORT|off LEVELS|MHZmhz SEED FOLDER`. The sink is always ready, so that nothing
//! holds the pipeline up.

use std::path::Path;

use ndarray::Array2;
use sterna_hdl::delay::Delays;
use sterna_hdl::estimate::estimate;
use sterna_hdl::family::Family;
use sterna_hdl::route::{Device, Effort, route};
use sterna_hdl::verilog::{PrintOptions, print};
use sterna_hdl::{Options, lower, matrix};
use sterna_ir::Range;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, lo, hi, family, effort, levels, seed, folder] = args.as_slice() else {
        return Err("usage: route FILE.npy LO HI FAMILY EFFORT|off LEVELS SEED FOLDER".into());
    };
    let kernel: Array2<i8> = ndarray_npy::read_npy(file)?;
    let (inputs, outputs) = kernel.dim();
    let weights: Vec<i16> = kernel.t().iter().map(|w| i16::from(*w)).collect();
    let family = Family::from_name(family).ok_or("no such family")?;
    let options = Options {
        family: Some(family),
        sharing: if effort == "off" { None } else { Some(effort.parse()?) },
        levels_per_stage: levels.parse()?,
        ..Options::default()
    };
    let range = Range::new(lo.parse()?, hi.parse()?);
    let design = lower(&matrix::network("matrix", inputs, outputs, weights, range)?, &options)?;
    // Sinks that are always ready leave no logic behind the clock enables.
    let netlist = design.netlist.clone();
    let emitted =
        print(&design.netlist, &PrintOptions { version: true, visible: vec![], family: options.family })?;
    let files: Vec<(&str, &str)> = emitted.files.iter().map(|f| (f.name.as_str(), f.text.as_str())).collect();
    let ties = [("rst", 0), ("m_axis_tready", 1)].map(|(name, value)| (name.to_string(), value)).into();
    let effort = Effort { seed: seed.parse()?, ties, ..Effort::default() };
    let device = Device::usual(family)?;
    let routed = route(&files, (&emitted.top, &emitted.ports), &device, &effort, Path::new(folder))?;
    // The routing delay with which the model would be exact.
    let measured = 1e6 / routed.mhz;
    let period =
        |route| f64::from(Delays::with_route(family, route).and_then(|d| d.period(&netlist)).unwrap_or(0));
    let fitted = (0..4000).find(|route| period(*route) >= measured);
    let size = estimate(&netlist, family);
    println!(
        "{}",
        serde_json::json!({
            "routed": routed, "latency": design.timing.latency, "estimate": size.total, "mhz": size.mhz, "route_ps": fitted,
        })
    );
    Ok(())
}
