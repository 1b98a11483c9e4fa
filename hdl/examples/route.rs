//! Compiles a matrix, `[inputs][outputs]` of int8 in a `.npy`, to a pipelined circuit, places and routes it with so many
//! seeds and prints its figures: `route FILE.npy LO HI FAMILY EFFORT|off LEVELS|CLOCKmhz SEEDS FOLDER`. The sink is always
//! ready, so that nothing holds the pipeline up. With no seed the delay model alone is asked, also of a network as it is
//! printed for every tool: `route FILE.sterna FAMILY PES`, where 0 unrolls it.

use std::collections::BTreeSet;
use std::path::Path;

use ndarray::Array2;
use sterna_hdl::delay::Delays;
use sterna_hdl::estimate::estimate;
use sterna_hdl::family::Family;
use sterna_hdl::route::{Device, Effort, Framed, Routed};
use sterna_hdl::verilog::{PrintOptions, print};
use sterna_hdl::{Folding, Options, lower, matrix};
use sterna_ir::{Design, Netlist, Range, format};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [file, family, pes] = args.as_slice() {
        let (network, _) = format::read(&std::fs::read_to_string(file)?)?;
        let folding = match pes.parse()? {
            0 => Folding::Unrolled,
            pes => Folding::Pes(pes),
        };
        let design = lower(&network, &Options { folding, ..Options::default() })?;
        return figures(&design, Family::from_name(family).ok_or("no such family")?, &[]);
    }
    let [file, lo, hi, family, effort, levels, seeds, folder] = args.as_slice() else {
        return Err("usage: route FILE.npy LO HI FAMILY EFFORT|off LEVELS|CLOCKmhz SEEDS FOLDER, or FILE.sterna FAMILY PES".into());
    };
    let kernel: Array2<i8> = ndarray_npy::read_npy(file)?;
    let (inputs, outputs) = kernel.dim();
    let weights: Vec<i16> = kernel.t().iter().map(|w| i16::from(*w)).collect();
    let family = Family::from_name(family).ok_or("no such family")?;
    let mut options = Options {
        family: Some(family),
        sharing: if effort == "off" { None } else { Some(effort.parse()?) },
        ..Options::default()
    };
    match levels.strip_suffix("mhz") {
        Some(mhz) => options.clock_khz = Some(mhz.parse::<u32>()? * 1000),
        None => options.levels_per_stage = levels.parse()?,
    }
    let range = Range::new(lo.parse()?, hi.parse()?);
    let design = lower(&matrix::network("matrix", inputs, outputs, weights, range)?, &options)?;
    let netlist = &design.netlist;
    let seeds: u32 = seeds.parse()?;
    let mut routed = Vec::<Routed>::new();
    if seeds > 0 {
        let emitted =
            print(netlist, &PrintOptions { version: true, visible: vec![], family: options.family })?;
        let files: Vec<(&str, &str)> =
            emitted.files.iter().map(|f| (f.name.as_str(), f.text.as_str())).collect();
        let ties = [("rst", 0), ("m_axis_tready", 1)].map(|(name, value)| (name.to_string(), value)).into();
        let top = (emitted.top.as_str(), &emitted.ports[..]);
        let framed = Framed::synthesise(&files, top, &ties, &Device::usual(family)?, Path::new(folder))?;
        for seed in 1..=seeds {
            routed.push(framed.route(&Effort { seed, ..Effort::default() })?);
        }
    }
    figures(&design, family, &routed)
}

fn figures(design: &Design, family: Family, routed: &[Routed]) -> Result<(), Box<dyn std::error::Error>> {
    let size = estimate(&design.netlist, family, Some(family));
    println!(
        "{}",
        serde_json::json!({
            "routed": routed, "latency": design.timing.latency, "estimate": size.total, "mhz": size.mhz,
            "paths": paths(&design.netlist, family),
        })
    );
    Ok(())
}

/// Of the paths that can be the longest, depending on how long a hop is: hops, and picoseconds of all else.
fn paths(netlist: &Netlist, family: Family) -> BTreeSet<(u32, u32)> {
    let period =
        |route| Delays::with_routing(family, route, 0).and_then(|d| d.longest(netlist)).map_or(0, |p| p.0);
    let path = |route| {
        let hops = period(route + 1) - period(route);
        (hops, period(route) - hops * route)
    };
    (0..3000).step_by(25).map(path).collect()
}
