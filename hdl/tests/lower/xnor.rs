//! Binary networks on arrays that compare bits with weights and count.

use sterna_hdl::family::Family;
use sterna_hdl::{Error, Folding, Options, Style, layers, lower, matrix};
use sterna_ir::bench::Stalls;
use sterna_ir::{Conv2d, Dense, Input, Layer, LayerOp, Network, Range, Threshold, Window};

use crate::random::{self, Draw};
use crate::{expect_equal, simulate};

fn signs(draw: &mut Draw, count: usize) -> Vec<i16> {
    (0..count).map(|_| if draw.chance(50) { 1 } else { -1 }).collect()
}

fn dense(draw: &mut Draw, inputs: usize, outputs: usize) -> LayerOp {
    let bias = if draw.chance(50) { (0..outputs).map(|_| draw.within(-3, 3)).collect() } else { vec![] };
    LayerOp::Dense(Dense { inputs, outputs, weights: signs(draw, inputs * outputs), bias })
}

/// One comparison per channel, near the middle of its sums, rising or falling.
fn bits(draw: &mut Draw, channels: usize, positions: usize) -> LayerOp {
    let thresholds = (0..channels).map(|_| draw.within(-1, 2)).collect();
    let falling = (0..channels).map(|_| draw.chance(50)).collect();
    LayerOp::Threshold(Threshold { channels, positions, levels: 1, thresholds, falling, thermometer: false })
}

fn network(shape: Vec<usize>, ops: Vec<LayerOp>) -> Network {
    let layers = ops.into_iter().map(|op| Layer { name: "layer".into(), op }).collect();
    Network { name: "binary".into(), input: Input { shape, ranges: Range::BIT.into() }, layers }
}

#[test]
fn arrays_of_any_size_equal_their_networks_under_stalls() {
    let (mut wide, mut idle, mut constant) = (0, 0, 0);
    for seed in 0..120 {
        let mut draw = Draw::new(50_000 + seed);
        let inputs = [1, 2, 3, 8, 16, 20, 32, 48, 64][draw.within(0, 8) as usize];
        let hidden = [1, 4, 6, 8, 16, 17, 32][draw.within(0, 6) as usize];
        let outputs = draw.within(1, 5) as usize;
        let mut ops = vec![dense(&mut draw, inputs, hidden), bits(&mut draw, hidden, 1)];
        ops.push(dense(&mut draw, hidden, outputs));
        if draw.chance(50) {
            ops.push(LayerOp::ArgMax);
        }
        let network = network(vec![inputs], ops);
        network.check().unwrap();
        let style = |draw: &mut Draw| Style::Xnor { pes: draw.within(1, 7) as usize };
        let folding = Folding::PerLayer(vec![style(&mut draw), style(&mut draw)]);
        let family =
            [None, Some(Family::Xcup), Some(Family::Ecp5), Some(Family::Ice40)][draw.within(0, 3) as usize];
        let input_lanes = draw.chance(50).then_some(1 << inputs.trailing_zeros());
        let options = Options { folding, family, input_lanes, ..Options::default() };
        let place = format!("seed {seed}, {options:?}");
        let design = match lower(&network, &options) {
            Ok(design) => design,
            // Nothing but constants comes in: what is left are no weights of -1 and 1.
            Err(Error::Unsupported { layer: 2, .. }) => {
                constant += 1;
                continue;
            }
            Err(error) => panic!("{place}: {error}"),
        };
        let schedule = layers(&network, &options).unwrap()[0].schedule.unwrap();
        wide += usize::from(schedule.rom_bits == 16 * schedule.pes * schedule.cycles);
        idle += design.netlist.memories.iter().filter(|m| m.name == "live_cycles").count();
        let samples = random::samples(&mut draw, &network, 6);
        for stalls in [Stalls::none(), Stalls::random(seed, 100)] {
            let run = simulate(&design, &samples, stalls);
            expect_equal(&network, &design, &samples, &run, &place);
        }
    }
    assert!(constant < 12, "{constant} of 120 networks are constant");
    assert!(wide > 20 && idle > 20, "{wide} of 16 lanes, {idle} that wait");
}

#[test]
fn padding_is_a_bit_like_any_other() {
    let mut draw = Draw::new(60_000);
    let conv = |draw: &mut Draw, input: [usize; 3], outputs: usize| {
        let window = Window { input, kernel: [3, 3], stride: [1, 1], padding: [1, 1] };
        let weights = signs(draw, 9 * input[0] * outputs);
        LayerOp::Conv2d(Conv2d { window, outputs, groups: 1, weights, bias: vec![] })
    };
    let mut ops = vec![conv(&mut draw, [4, 5, 6], 8), bits(&mut draw, 8, 30)];
    ops.extend([conv(&mut draw, [8, 5, 6], 3), LayerOp::ArgMax]);
    let network = network(vec![4, 5, 6], ops);
    let folding = Folding::PerLayer(vec![Style::Xnor { pes: 3 }, Style::Xnor { pes: 2 }]);
    let options = Options { folding, ..Options::default() };
    let design = lower(&network, &options).unwrap();
    let samples = random::samples(&mut draw, &network, 5);
    for stalls in [Stalls::none(), Stalls::random(7, 100)] {
        let run = simulate(&design, &samples, stalls);
        expect_equal(&network, &design, &samples, &run, "convolution");
    }
}

#[test]
fn other_weights_and_values_are_refused() {
    let refused = |weights: Vec<i16>, x: Range| {
        let network = matrix::network("m", 2, 2, weights, x).unwrap();
        let folding = Folding::PerLayer(vec![Style::Xnor { pes: 1 }]);
        lower(&network, &Options { folding, ..Options::default() }).unwrap_err().to_string()
    };
    let no_circuit = "layer 0 (m): no circuit is known for an XNOR array";
    let zero = refused(vec![1, 0, -1, 1], Range::BIT);
    assert!(zero.starts_with(&format!("{no_circuit} of weights other than -1 and 1")), "{zero}");
    let codes = refused(vec![1, 1, -1, 1], Range::new(0, 3));
    assert!(codes.starts_with(&format!("{no_circuit} over values other than 0 and 1")), "{codes}");
}
