//! Random networks with random options through the whole chain: compiled, then evaluator == simulator == Verilog in every
//! stream and cycle, in Icarus and, one in so many, in Verilator.
//!
//! `random_networks SECONDS FIRST_SEED VERILATOR_EVERY`: a seed means the same network and options for ever; each that
//! fails is named, with its network beside it as `random-SEED.sterna`. A second number of 0 means that one seed alone. The
//! last line is JSON.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use sterna::build::{self, Build};
use sterna::hdl::family::Family;
use sterna::hdl::{DIGIT_BITS, Folding, Options, Style};
use sterna::ir::bench::Stall;
use sterna::ir::{
    Conv2d, Dense, Input, Layer, LayerOp, Network, Range, Task, Threshold, Window, eval, format,
};
use sterna::sim::verilator::{Source, Tool, VerifyRequest, verify};
use sterna::{pins, sim, stimuli};

fn main() -> Result<()> {
    let args: Vec<u64> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    let [seconds, first, every] = args[..] else {
        bail!("usage: random_networks SECONDS FIRST_SEED VERILATOR_EVERY")
    };
    let start = Instant::now();
    let (mut seed, mut failed) = (first, Vec::new());
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        let outcome = catch_unwind(AssertUnwindSafe(|| chain(seed, every > 0 && seed % every == 0)));
        let outcome = outcome.unwrap_or_else(|_| bail!("panicked"));
        let name = match &outcome {
            Ok(outcome) => outcome.clone(),
            Err(error) => {
                let network = network(&mut Dice::new(seed));
                std::fs::write(format!("random-{seed}.sterna"), format::write(&network, &Task::default()))?;
                println!("seed {seed}: {error:#}");
                failed.push(seed);
                "failed".into()
            }
        };
        *outcomes.entry(name).or_insert(0) += 1;
        seed += 1;
        if start.elapsed() >= Duration::from_secs(seconds) {
            break;
        }
    }
    println!("{}", json!({"first": first, "networks": seed - first, "outcomes": outcomes, "failed": failed}));
    ensure!(failed.is_empty(), "{} seeds failed", failed.len());
    Ok(())
}

/// What became of the network of a seed; an error where anything differs.
fn chain(seed: u64, verilator: bool) -> Result<String> {
    let mut dice = Dice::new(seed);
    let network = network(&mut dice);
    let options = options(&mut dice, &network);
    let about = format!("{options:?}");
    let build = match build::compile((network, Task::default()), options) {
        Ok(build) => build,
        Err(error) => {
            // A network that no circuit can be made of is refused in a sentence; a proof that fails is a fault.
            let text = format!("{error:#}");
            ensure!(!text.contains("internal") && !text.contains("proof"), "{about}: {text}");
            return Ok("refused".into());
        }
    };
    let samples = stimuli::made(&build.network, 40, seed);
    let segments = 1 + dice.below(6) as usize;
    let stall_level = [0, 64, 200][dice.below(3) as usize];
    let options = sim::Options { segments, stall_level, seed, probes: true, ..sim::Options::default() };
    simulated(&build, &samples, &options).with_context(|| format!("{:?}", build.options))?;
    let mut tools = vec![Tool::Icarus];
    tools.extend(verilator.then_some(Tool::Verilator));
    for tool in tools {
        verified(&build, &samples, options, tool)
            .with_context(|| format!("{tool:?}, {:?}", build.options))?;
    }
    Ok(if verilator { "equal in Icarus and Verilator" } else { "equal in Icarus" }.into())
}

/// Evaluator against simulator.
fn simulated(build: &Build, samples: &[Vec<i64>], options: &sim::Options) -> Result<()> {
    let run = sim::run(&build.design, samples, options, &|_, _| ())?;
    for (s, sample) in samples.iter().enumerate() {
        let trace = eval::evaluate(&build.network, sample)?;
        let last = trace.last().context("a network has layers")?;
        ensure!(run.outputs[s] == *last, "sample {s}: network {last:?}, simulator {:?}", run.outputs[s]);
        for (probe, vectors) in build.design.probes.iter().zip(&run.probes) {
            // The last vector of a segment may be empty.
            let differs = |e: &&u32| {
                vectors[s].get(**e as usize).is_some_and(|v| *v != trace[probe.layer][**e as usize])
            };
            if let Some(e) = probe.stream.order.iter().find(differs) {
                bail!(
                    "sample {s}, layer {}, element {e}: simulator {}",
                    probe.layer,
                    vectors[s][*e as usize]
                );
            }
        }
    }
    Ok(())
}

/// Simulator against the Verilog.
fn verified(build: &Build, samples: &[Vec<i64>], options: sim::Options, tool: Tool) -> Result<()> {
    let source = |f: &sterna::hdl::verilog::SourceFile| Source { name: f.name.clone(), text: f.text.clone() };
    let sources: Vec<Source> = build.sources.iter().map(source).collect();
    // The streams between layers are checked above; the Verilog need not show them all.
    let design = sterna::ir::Design { probes: vec![], ..build.design.clone() };
    let cache = tempfile::tempdir()?;
    let report = verify(
        &VerifyRequest {
            tool,
            design: &design,
            sources: &sources,
            top: &build.emitted.top,
            pins: &pins::pins(build)?,
            probes: &[],
            samples,
            options,
            cache: cache.path(),
            processes: Some(1),
            waveform: None,
            names: None,
            before: None,
            minimise: false,
        },
        &|_, _| (),
    )?;
    match report.mismatch {
        Some(mismatch) => bail!("{mismatch}"),
        None => Ok(()),
    }
}

struct Dice(Stall);

impl Dice {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(Stall::new(seed, 0));
        // The first states of neighbouring seeds are alike.
        (0..4).for_each(|_| _ = dice.below(1));
        dice
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0.draw();
        (self.0.state >> 8) % n
    }

    fn within(&mut self, lo: i64, hi: i64) -> i64 {
        lo + self.below((hi - lo + 1) as u64) as i64
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A network that grows layer by layer.
struct Growing {
    network: Network,
    values: Vec<Range>,
    /// Channels, height and width, while it is an image.
    image: Option<[usize; 3]>,
}

impl Growing {
    /// Adds a layer that fits.
    fn push(&mut self, op: LayerOp, image: Option<[usize; 3]>) {
        self.network.layers.push(Layer { name: format!("l{}", self.network.layers.len()), op });
        match self.network.ranges() {
            Ok(mut ranges) => {
                self.values = ranges.pop().unwrap_or_default();
                self.image = image;
            }
            Err(_) => _ = self.network.layers.pop(),
        }
    }
}

fn network(dice: &mut Dice) -> Network {
    let range = [Range::BIT, Range::new(0, 255), Range::new(-8, 7), Range::new(0, 3), Range::new(-128, 127)];
    let range = range[dice.below(5) as usize];
    let image = dice
        .chance(50)
        .then(|| [dice.within(1, 3), dice.within(2, 7), dice.within(2, 7)].map(|n| n as usize));
    let shape = image.map_or_else(|| vec![dice.within(1, 16) as usize], |image| image.to_vec());
    let values = vec![range; shape.iter().product()];
    let input = Input::new(shape, range);
    let mut net =
        Growing { network: Network { name: "random".into(), input, layers: vec![] }, values, image };
    if dice.chance(20) {
        threshold(dice, &mut net);
    }
    for _ in 0..dice.within(1, 4) {
        match net.image {
            Some(image) if dice.chance(80) => on_image(dice, &mut net, image),
            _ => {
                let (inputs, outputs) = (net.values.len(), dice.within(1, 10) as usize);
                let dense = Dense {
                    inputs,
                    outputs,
                    weights: weights(dice, inputs * outputs),
                    bias: bias(dice, outputs),
                };
                net.push(LayerOp::Dense(dense), None);
            }
        }
        if dice.chance(80) {
            threshold(dice, &mut net);
        }
    }
    if net.network.layers.is_empty() || dice.chance(60) {
        net.push(LayerOp::ArgMax, None);
    }
    net.network
}

fn on_image(dice: &mut Dice, net: &mut Growing, input: [usize; 3]) {
    let side = |dice: &mut Dice, most: usize| dice.within(1, most.min(3) as i64) as usize;
    let kernel = [side(dice, input[1]), side(dice, input[2])];
    let stride = [dice.within(1, 2) as usize, dice.within(1, 2) as usize];
    match dice.below(10) {
        0 | 1 => {
            let window = Window { input, kernel, stride, padding: [0, 0] };
            let op = if dice.chance(70) { LayerOp::MaxPool(window) } else { LayerOp::SumPool(window) };
            let [height, width] = window.output();
            net.push(op, Some([input[0], height, width]));
        }
        2 => {
            let length = net.values.len();
            let fits = |i: &usize| net.network.outputs(*i) == length;
            let earlier: Vec<usize> = (0..net.network.layers.len().saturating_sub(1)).filter(fits).collect();
            if !earlier.is_empty() {
                let from = earlier[dice.below(earlier.len() as u64) as usize];
                net.push(LayerOp::Add { from }, Some(input));
            }
        }
        _ => {
            let padding = kernel.map(|k| dice.within(0, k as i64 - 1) as usize);
            let window = Window { input, kernel, stride, padding };
            let groups = if dice.chance(25) { input[0] } else { 1 };
            let outputs = groups * dice.within(1, 3) as usize;
            let count = outputs * input[0] / groups * kernel[0] * kernel[1];
            let conv =
                Conv2d { window, outputs, groups, weights: weights(dice, count), bias: bias(dice, outputs) };
            let [height, width] = window.output();
            net.push(LayerOp::Conv2d(conv), Some([outputs, height, width]));
        }
    }
}

fn weights(dice: &mut Dice, count: usize) -> Vec<i16> {
    let (zeros, largest) = (dice.below(96), [1, 1, 1, 7, 127][dice.below(5) as usize]);
    (0..count).map(|_| if dice.chance(zeros) { 0 } else { dice.within(-largest, largest) as i16 }).collect()
}

fn bias(dice: &mut Dice, outputs: usize) -> Vec<i64> {
    if dice.chance(30) { (0..outputs).map(|_| dice.within(-20, 20)).collect() } else { vec![] }
}

/// Thresholds inside the ranges of their channels and a little around.
fn threshold(dice: &mut Dice, net: &mut Growing) {
    let positions = net.image.map_or(1, |[_, height, width]| height * width);
    let channels = net.values.len() / positions;
    let levels = [1, 1, 2, 3, 7][dice.below(5) as usize];
    let mut thresholds = Vec::new();
    for channel in 0..channels {
        let part = &net.values[channel * positions..][..positions];
        let lo = part.iter().map(|r| r.lo).min().unwrap_or(0);
        let hi = part.iter().map(|r| r.hi).max().unwrap_or(0);
        let mut levels: Vec<i64> = (0..levels).map(|_| dice.within(lo - 1, hi + 1)).collect();
        levels.sort_unstable();
        thresholds.extend(levels);
    }
    let falling = if dice.chance(30) { (0..channels).map(|_| dice.chance(50)).collect() } else { vec![] };
    let thermometer = net.image.is_none() && dice.chance(15);
    let op = Threshold { channels, positions, levels, thresholds, falling, thermometer };
    net.push(LayerOp::Threshold(op), net.image);
}

/// Any valid choice of hardware.
fn options(dice: &mut Dice, network: &Network) -> Options {
    let weighted = |l: &&Layer| matches!(l.op, LayerOp::Dense(_) | LayerOp::Conv2d(_));
    let count = network.layers.iter().filter(weighted).count();
    let is_ternary = |l: &Layer| match &l.op {
        LayerOp::Dense(d) => d.is_ternary(),
        LayerOp::Conv2d(c) => c.is_ternary(),
        _ => true,
    };
    let ternary = network.layers.iter().all(is_ternary);
    let style = |dice: &mut Dice| match (dice.chance(40), ternary && dice.chance(40)) {
        (true, _) => Style::Unrolled,
        (false, true) => Style::Serial { bits: DIGIT_BITS[dice.below(3) as usize] },
        (false, false) => Style::Folded { pes: dice.within(1, 6) as usize },
    };
    let folding = match dice.below(4) {
        0 => Folding::Unrolled,
        1 => Folding::Pes(count.max(1) + dice.below(8) as usize),
        _ => Folding::PerLayer((0..count).map(|_| style(dice)).collect()),
    };
    let lanes = dice.chance(30).then(|| dice.within(1, network.input.elements() as i64) as usize);
    let family = [None, Some(Family::Xcup), Some(Family::Ecp5), Some(Family::Ice40)][dice.below(4) as usize];
    Options {
        folding,
        family,
        input_lanes: lanes,
        levels_per_stage: dice.within(1, 4) as u32,
        sharing: [None, Some(0)][dice.below(2) as usize],
        ..Options::default()
    }
}
