//! Layers on many elements: results that leave several per beat, groups that are not whole, the order restored.

use sterna_hdl::{Folding, Options, Style, layers, lower};
use sterna_ir::bench::Stalls;
use sterna_ir::{Conv2d, Dense, Input, Layer, LayerOp, Network, Range, Window};

use crate::random::{self, Draw};
use crate::{expect_equal, simulate};

fn weights(draw: &mut Draw, count: usize, zeros: i64) -> Vec<i16> {
    (0..count)
        .map(|_| if draw.chance(zeros) { 0 } else { [-1, 1, 1, -1, 3][draw.within(0, 4) as usize] })
        .collect()
}

/// One or two layers of up to 50 rows, some of them empty, thresholds and the class behind some.
fn network(draw: &mut Draw) -> Network {
    let inputs = draw.within(1, 40) as usize;
    let input = Input::new(vec![inputs], Range::signed(4));
    let (mut layers, mut values) = (Vec::<Layer>::new(), input.of_elements());
    for _ in 0..draw.within(1, 2) {
        let outputs = [draw.within(1, 50) as usize, 16, 32][draw.within(0, 2) as usize];
        let zeros = draw.within(20, 90);
        let mut weights = weights(draw, values.len() * outputs, zeros);
        if draw.chance(30) {
            let rows = draw.within(0, outputs as i64) as usize;
            weights[..rows * values.len()].fill(0);
        }
        let dense = Dense { inputs: values.len(), outputs, weights, bias: vec![] };
        random::push(&mut layers, LayerOp::Dense(dense), &input, &mut values);
        if draw.chance(40) {
            let thermometer = draw.chance(40);
            let threshold = random::threshold(draw, &values, thermometer);
            random::push(&mut layers, LayerOp::Threshold(threshold), &input, &mut values);
        }
    }
    if draw.chance(20) {
        random::push(&mut layers, LayerOp::ArgMax, &input, &mut values);
    }
    Network { name: "folded".into(), input, layers }
}

#[test]
fn results_side_by_side_and_in_order_equal_the_network_under_stalls() {
    let (mut wide, mut part, mut restored) = (0, 0, 0);
    for seed in 0..250 {
        let mut draw = Draw::new(70_000 + seed);
        let network = network(&mut draw);
        let dense = network.layers.iter().filter(|l| matches!(l.op, LayerOp::Dense(_))).count();
        let style = |draw: &mut Draw| {
            let pes = [4, 8, 16, 32, draw.within(1, 50) as usize][draw.within(0, 4) as usize];
            Style::Folded { pes }
        };
        let folding = Folding::PerLayer((0..dense).map(|_| style(&mut draw)).collect());
        let lanes = draw.chance(80).then_some(network.input.elements());
        let options = Options { folding, input_lanes: lanes, ..Options::default() };
        let place = format!("seed {seed}, {options:?}");
        let design = lower(&network, &options).unwrap_or_else(|error| panic!("{place}: {error}"));
        let several = |s: &&sterna_ir::design::Stream| s.data.len() > 1 && s.beats() > 1;
        let streams = design.probes.iter().map(|p| &p.stream).chain([&design.output]);
        part += streams.filter(several).filter(|s| s.order.len() % s.data.len() != 0).count();
        let schedules = layers(&network, &options).unwrap();
        wide += schedules.iter().filter(|l| l.schedule.unwrap().results_per_beat > 1).count();
        restored += design.netlist.memories.iter().filter(|m| m.name.starts_with("vectors")).count();
        let samples = random::samples(&mut draw, &network, 6);
        let mut idle = None;
        for stalls in [Stalls::none(), Stalls::random(seed, 100), Stalls::random(seed, 230)] {
            let run = simulate(&design, &samples, stalls);
            expect_equal(&network, &design, &samples, &run, &place);
            idle.get_or_insert(run.finished[0] - run.started[0]);
        }
        assert_eq!(idle, Some(design.timing.latency), "{place}");
        assert!(design.output.order.is_sorted(), "{place}");
    }
    assert!(wide > 60 && part > 15 && restored > 60, "{wide} wide, {part} not whole, {restored} restored");
}

#[test]
fn a_folded_convolution_gives_several_channels_per_beat() {
    let mut draw = Draw::new(71_000);
    for (outputs, pes, several) in [(16, 16, true), (13, 12, false), (24, 8, true)] {
        let window = Window { input: [3, 5, 5], kernel: [2, 2], stride: [1, 1], padding: [1, 0] };
        let weights = (0..outputs * 12).map(|_| [0, 0, 0, 1, -1][draw.within(0, 4) as usize]).collect();
        let conv = Conv2d { window, outputs, groups: 1, weights, bias: vec![] };
        let layers = vec![Layer { name: "conv".into(), op: LayerOp::Conv2d(conv) }];
        let input = Input::new(vec![3, 5, 5], Range::signed(3));
        let network = Network { name: "windows".into(), input, layers };
        let options = Options { folding: Folding::Pes(pes), ..Options::default() };
        let design = lower(&network, &options).unwrap();
        // Pixels have whole beats.
        assert_eq!(design.output.data.len() > 1, several, "{outputs} on {pes}");
        let samples = random::samples(&mut draw, &network, 5);
        for stalls in [Stalls::none(), Stalls::random(9, 150)] {
            let run = simulate(&design, &samples, stalls);
            expect_equal(&network, &design, &samples, &run, &format!("{outputs} on {pes}"));
        }
    }
}
