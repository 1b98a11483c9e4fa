//! Measures the simulator, and prints figures as JSON. A design is a build folder or `bits:SIZE:LAYERS`, layers over bits of
//! which a tenth of the weights is not zero.
//!
//! - `race verilator DESIGN SAMPLES SEGMENTS THREADS ROUNDS CACHE`: against Verilator on the same noise.
//! - `race start DESIGN`: from the netlist to its first cycle, and the memory that this takes.
//! - `race memory DESIGN SAMPLES`: the memory that is held at most while so many samples are simulated.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sterna::build::{self, Build};
use sterna::ir::bench::Stall;
use sterna::ir::{Dense, Input, Layer, LayerOp, Network, Range, Task, Threshold};
use sterna::sim::verilator::{RaceRequest, Source, race};
use sterna::sim::{Noise, Options, stream};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["verilator", design, samples, segments, threads, rounds, cache] => {
            let build = open(design)?;
            let sources = build.sources.iter();
            let sources: Vec<Source> =
                sources.map(|f| Source { name: f.name.clone(), text: f.text.clone() }).collect();
            serde_json::to_value(race(&RaceRequest {
                design: &build.design,
                sources: &sources,
                top: &build.emitted.top,
                pins: &sterna::pins::pins(&build)?,
                options: Options {
                    segments: segments.parse()?,
                    threads: Some(threads.parse()?),
                    ..Options::default()
                },
                samples: samples.parse()?,
                rounds: rounds.parse()?,
                cache: Path::new(cache),
            })?)?
        }
        ["start", design] => start(&open(design)?)?,
        ["memory", design, samples] => memory(&open(design)?, samples.parse()?)?,
        _ => bail!(
            "usage: race verilator DESIGN SAMPLES SEGMENTS THREADS ROUNDS CACHE | start DESIGN | memory DESIGN SAMPLES"
        ),
    };
    println!("{result}");
    Ok(())
}

fn open(what: &str) -> Result<Build> {
    match what.split(':').collect::<Vec<_>>().as_slice() {
        ["bits", size, layers] => bits(size.parse()?, layers.parse()?),
        _ => build::open(Path::new(what)),
    }
}

/// Most memory held since the peak was last cleared, MB.
fn peak() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// From here on the peak counts what is held now and what comes.
fn clear_peak() -> Result<()> {
    Ok(std::fs::write("/proc/self/clear_refs", "5")?)
}

/// Compiles the netlist and streams one sample.
fn start(build: &Build) -> Result<Value> {
    clear_peak()?;
    let (before, begin) = (peak()?, Instant::now());
    let noise = Noise::new(&build.design, 1, 1)?;
    stream(&build.design, &noise, &Options { threads: Some(1), ..Options::default() }, &|_, _| ())?;
    let seconds = begin.elapsed().as_secs_f64();
    Ok(json!({"adders": build.adders(), "seconds": seconds, "megabytes": peak()? - before}))
}

fn memory(build: &Build, samples: usize) -> Result<Value> {
    clear_peak()?;
    let noise = Noise::new(&build.design, samples, 1)?;
    let options = Options { results: false, ..Options::default() };
    let run = stream(&build.design, &noise, &options, &|_, _| ())?;
    Ok(json!({"cycles": run.cycles(), "megabytes": peak()?}))
}

/// Layers of `size` by `size` over bits, each neuron a bit by the sign of its sum.
fn bits(size: usize, layers: usize) -> Result<Build> {
    let mut dice = Stall::new(1, 0);
    let mut below = |n: u64| {
        dice.draw();
        (dice.state >> 32) % n
    };
    let mut list = vec![];
    for layer in 0..layers {
        let weights =
            (0..size * size).map(|_| [0, 1, -1][if below(10) == 0 { 1 + below(2) as usize } else { 0 }]);
        let dense = Dense { inputs: size, outputs: size, weights: weights.collect(), bias: vec![] };
        let thresholds = vec![1; size];
        let sign = Threshold {
            channels: size,
            positions: 1,
            levels: 1,
            thresholds,
            falling: vec![],
            thermometer: false,
        };
        list.push(Layer { name: format!("fc{layer}"), op: LayerOp::Dense(dense) });
        list.push(Layer { name: format!("sign{layer}"), op: LayerOp::Threshold(sign) });
    }
    let input = Input::new(vec![size], Range::BIT);
    let network = Network { name: format!("bits{size}"), input, layers: list };
    let task = Task::default();
    build::compile((network, task), sterna::hdl::Options::default())
}
