//! Races the fast simulator against Verilator on one design and prints the times as JSON:
//! `race BUILD|bits:SIZE:LAYERS SAMPLES SEGMENTS THREADS ROUNDS CACHE`. `bits` is a network of bits, a tenth of its weights not zero.

use std::path::Path;

use anyhow::{Result, bail};
use sterna::build::{self, Build};
use sterna::ir::bench::Stall;
use sterna::ir::{Dense, Input, Layer, LayerOp, Network, Range, Task, Threshold};
use sterna::sim::Options;
use sterna::sim::verilator::{RaceRequest, Source, race};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, samples, segments, threads, rounds, cache] = args.as_slice() else {
        bail!("usage: race BUILD|bits:SIZE:LAYERS SAMPLES SEGMENTS THREADS ROUNDS CACHE");
    };
    let build = match what.split(':').collect::<Vec<_>>().as_slice() {
        ["bits", size, layers] => bits(size.parse()?, layers.parse()?)?,
        _ => build::open(Path::new(what))?,
    };
    let sources: Vec<Source> =
        build.sources.iter().map(|f| Source { name: f.name.clone(), text: f.text.clone() }).collect();
    let result = race(&RaceRequest {
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
    })?;
    println!("{}", serde_json::to_string(&result)?);
    Ok(())
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
    let input = Input { shape: vec![size], range: Range::BIT };
    let network = Network { name: format!("bits{size}"), input, layers: list };
    let task = Task::default();
    build::compile((network, task), sterna::hdl::Options::default())
}
