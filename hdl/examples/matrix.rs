//! Compiles a bare matrix, `[inputs][outputs]` of int8 in a `.npy`, to Verilog without a clock, and prints its figures:
//! `matrix FILE.npy LO HI FAMILY|generic EFFORT|off FOLDER [signs] [synth]`. The folder gets `top.v` and the modules it
//! needs; with `signs` outputs are one bit, whether the product is 0 or more; with `synth` Yosys counts LUTs.

use std::path::Path;
use std::time::Instant;

use ndarray::Array2;
use sterna_hdl::family::Family;
use sterna_hdl::synth::synthesise;
use sterna_hdl::verilog::{PrintOptions, print};
use sterna_hdl::{Options, matrix};
use sterna_ir::Range;
use sterna_ir::netlist::Op;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, lo, hi, family, effort, folder, more @ ..] = args.as_slice() else {
        return Err("usage: matrix FILE.npy LO HI FAMILY|generic EFFORT|off FOLDER [signs] [synth]".into());
    };
    let kernel: Array2<i8> = ndarray_npy::read_npy(file)?;
    let (inputs, outputs) = kernel.dim();
    let weights: Vec<i16> = kernel.t().iter().map(|w| i16::from(*w)).collect();
    let range = Range::new(lo.parse()?, hi.parse()?);
    let sharing = if effort == "off" { None } else { Some(effort.parse()?) };
    let options =
        Options { family: Family::from_name(family), sharing, top: Some("top".into()), ..Options::default() };
    let start = Instant::now();
    let has = |word: &str| more.iter().any(|m| m == word);
    let compile = if has("signs") { matrix::signs } else { matrix::combinational };
    let netlist = compile("matrix", inputs, outputs, weights, range, &options)?;
    let compiled = start.elapsed();
    let emitted = print(&netlist, &PrintOptions { version: true, visible: vec![], family: options.family })?;
    let seconds = start.elapsed().as_secs_f64();
    for source in &emitted.files {
        std::fs::write(Path::new(folder).join(&source.name), &source.text)?;
    }
    // Wires that only name or shift a value are no sums.
    let chains = netlist.nodes.iter().filter(|n| match &n.op {
        Op::Sum(terms) => terms.len() > 1,
        _ => false,
    });
    let (mut sums, mut bits) = (0, 0);
    for node in chains {
        sums += 1;
        bits += node.range.width();
    }
    let mut lut = None;
    if let (Some(family), true) = (options.family, has("synth")) {
        let files: Vec<(&str, &str)> =
            emitted.files.iter().map(|f| (f.name.as_str(), f.text.as_str())).collect();
        lut = Some(synthesise(&files, "top", family, Path::new(folder))?.lut);
    }
    println!(
        "{}",
        serde_json::json!({
            "sums": sums, "bits": bits, "lut": lut, "seconds": seconds, "netlist_seconds": compiled.as_secs_f64(),
        })
    );
    Ok(())
}
