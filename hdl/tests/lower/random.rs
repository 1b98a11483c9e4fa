//! Random small networks and compilations, from a seed.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use sterna_hdl::family::Family;
use sterna_hdl::{DIGIT_BITS, Folding, Options, Style};
use sterna_ir::{Dense, Input, Layer, LayerOp, Network, Range, Ranges, Threshold};

/// A generator and the draws this file is made of.
pub struct Draw(Xoshiro256PlusPlus);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Draw(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    pub fn within(&mut self, lo: i64, hi: i64) -> i64 {
        self.0.random_range(lo..=hi)
    }

    pub fn chance(&mut self, percent: i64) -> bool {
        self.within(1, 100) <= percent
    }
}

/// One of these ranges for all channels, or one for each.
pub fn ranges(draw: &mut Draw, of: &[Range], channels: usize) -> Ranges {
    let one = |draw: &mut Draw| of[draw.within(0, of.len() as i64 - 1) as usize];
    match draw.chance(40) {
        true => Ranges::ByChannel((0..channels).map(|_| one(draw)).collect()),
        false => one(draw).into(),
    }
}

/// Up to three dense layers, with everything that may stand around them.
pub fn network(draw: &mut Draw) -> Network {
    let mut width = draw.within(1, 12) as usize;
    let of = [
        Range::BIT,
        Range::new(0, 255),
        Range::new(-8, 7),
        Range::new(3, 6),
        Range::new(-2, 0),
        Range::signed(32),
    ];
    let input = Input::new(vec![width], ranges(draw, &of, width));
    let mut layers: Vec<Layer> = Vec::new();
    let mut values = input.of_elements();
    if draw.chance(30) {
        let thermometer = draw.chance(50);
        push(&mut layers, LayerOp::Threshold(threshold(draw, &values, thermometer)), &input, &mut values);
    }
    let dense_layers = if draw.chance(10) { 0 } else { draw.within(1, 3) };
    for layer in 0..dense_layers {
        width = draw.within(1, 10) as usize;
        let dense = dense(draw, values.len(), width);
        if !push(&mut layers, LayerOp::Dense(dense), &input, &mut values) {
            break;
        }
        let last = layer + 1 == dense_layers;
        if draw.chance(if last { 15 } else { 90 }) {
            let thermometer = draw.chance(20);
            push(&mut layers, LayerOp::Threshold(threshold(draw, &values, thermometer)), &input, &mut values);
        }
        if !last && draw.chance(7) {
            push(&mut layers, LayerOp::Threshold(threshold(draw, &values, false)), &input, &mut values);
        }
    }
    if layers.is_empty() || draw.chance(70) {
        push(&mut layers, LayerOp::ArgMax, &input, &mut values);
    }
    Network { name: "random".into(), input, layers }
}

/// Adds a layer unless its sums pass 60 bits.
pub fn push(layers: &mut Vec<Layer>, op: LayerOp, input: &Input, values: &mut Vec<Range>) -> bool {
    layers.push(Layer { name: format!("l{}", layers.len()), op });
    let network = Network { name: String::new(), input: input.clone(), layers: layers.clone() };
    match network.ranges() {
        Ok(mut ranges) => *values = ranges.pop().expect("it has layers"),
        Err(_) => drop(layers.pop()),
    }
    layers.len() == network.layers.len()
}

pub fn dense(draw: &mut Draw, inputs: usize, outputs: usize) -> Dense {
    let zeros = draw.within(0, 95);
    let largest = [1, 1, 127, i64::from(i16::MAX)][draw.within(0, 3) as usize];
    let mut weights: Vec<i16> = (0..inputs * outputs)
        .map(|_| if draw.chance(zeros) { 0 } else { draw.within(-largest, largest) as i16 })
        .collect();
    if draw.chance(20) {
        let row = draw.within(0, outputs as i64 - 1) as usize;
        weights[row * inputs..(row + 1) * inputs].fill(0);
    }
    let bias = match draw.chance(40) {
        true => (0..outputs).map(|_| draw.within(-20, 20)).collect(),
        false => vec![],
    };
    Dense { inputs, outputs, weights, bias }
}

/// Thresholds inside the ranges of their channels and a little around, so that some channels are constant.
pub fn threshold(draw: &mut Draw, values: &[Range], thermometer: bool) -> Threshold {
    let levels = [1, 3, 7, 2, 20][draw.within(0, if thermometer { 1 } else { 4 }) as usize];
    let common = draw.chance(20);
    let mut thresholds = Vec::new();
    for (c, range) in values.iter().enumerate() {
        let dead = draw.chance(10);
        let mut channel: Vec<i64> = (0..levels)
            .map(|_| if dead { range.hi + 5 } else { draw.within(range.lo - 1, range.hi + 1) })
            .collect();
        channel.sort_unstable();
        if common && c > 0 {
            channel = thresholds[..levels].to_vec();
        }
        thresholds.extend(channel);
    }
    let falling = match draw.chance(40) {
        true => values.iter().map(|_| draw.chance(50)).collect(),
        false => vec![],
    };
    Threshold { channels: values.len(), positions: 1, levels, thresholds, falling, thermometer }
}

/// Digits of any size.
pub fn serial(draw: &mut Draw) -> Style {
    Style::Serial { bits: DIGIT_BITS[draw.within(0, 2) as usize] }
}

/// Any valid choice of hardware for `network`.
pub fn options(draw: &mut Draw, network: &Network) -> Options {
    let weighted = |l: &&Layer| matches!(l.op, LayerOp::Dense(_) | LayerOp::Conv2d(_));
    let dense = network.layers.iter().filter(weighted).count();
    let ternary = network.layers.iter().all(|l| match &l.op {
        LayerOp::Dense(d) => d.is_ternary(),
        LayerOp::Conv2d(c) => c.is_ternary(),
        _ => true,
    });
    let style = |draw: &mut Draw| match (draw.chance(40), draw.within(1, 6) as usize) {
        (true, _) => Style::Unrolled,
        (false, pes) if ternary && draw.chance(30) => Style::Dense { pes },
        (false, _) if ternary && draw.chance(40) => serial(draw),
        (false, pes) => Style::Folded { pes },
    };
    let folding = match draw.within(0, 5) {
        0 => Folding::Unrolled,
        1 => Folding::Pes(dense.max(1) + draw.within(0, 9) as usize),
        _ => Folding::PerLayer((0..dense).map(|_| style(draw)).collect()),
    };
    let lanes = draw.chance(30).then(|| draw.within(1, network.input.elements() as i64) as usize);
    let levels_per_stage = draw.within(1, 4) as u32;
    let sharing = [None, Some(0), Some(1)][draw.within(0, 2) as usize];
    let depth = draw.chance(30).then(|| draw.within(0, 4) as u32);
    let family = [None, Some(Family::Xcup), Some(Family::Ecp5), Some(Family::Ice40), Some(Family::Gowin)]
        [draw.within(0, 4) as usize];
    Options { folding, levels_per_stage, input_lanes: lanes, sharing, depth, family, ..Options::default() }
}

/// Random samples of `network`, the corners among them.
pub fn samples(draw: &mut Draw, network: &Network, count: usize) -> Vec<Vec<i64>> {
    let ranges = network.input.of_elements();
    let element = |draw: &mut Draw, kind: i64, Range { lo, hi }: Range| match kind {
        0 => lo,
        1 => hi,
        2 => [lo, hi][draw.within(0, 1) as usize],
        _ => draw.within(lo, hi),
    };
    (0..count)
        .map(|_| {
            let kind = draw.within(0, 8);
            ranges.iter().map(|range| element(draw, kind, *range)).collect()
        })
        .collect()
}
