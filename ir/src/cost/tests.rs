//! Costs of neurons, layers and networks.

use super::*;
use crate::{Conv2d, Dense, Input, Layer, LayerOp, Network, Range, Window};

#[test]
fn curves_pass_through_their_points_and_go_on() {
    let curve = Curve { points: vec![(0, 0), (2, 100), (4, 400)] };
    assert_eq!([0, 1, 2, 3, 4, 6].map(|x| curve.at(x)), [0, 50, 100, 250, 400, 700]);
    assert_eq!(Curve::constant(7).at(99), 7);
    let falling = Curve { points: vec![(0, 10), (1, 4)] };
    assert_eq!(falling.at(50), 0, "never below nothing");
}

#[test]
fn adder_bits_are_those_of_the_tree() {
    let LayerCost::Unrolled { neuron, .. } = LayerCost::adders(100, 8, 0, MILLI, Curve::constant(MILLI))
    else {
        panic!("unrolled")
    };
    // One input is a wire; two take an adder of 9 bits; three a second one of 10; four two of 9 and one of 10.
    assert_eq!([0, 1, 2, 3, 4].map(|k| neuron.at(k) / MILLI), [0, 0, 9, 19, 28]);
    // About k (b + 2) for many.
    let many = neuron.at(64) as f64 / MILLI as f64;
    assert!((many / (64.0 * 10.0) - 1.0).abs() < 0.05, "{many}");
}

#[test]
fn folded_cycles_are_the_longest_row_of_each_slot() {
    let layer = LayerCost::Folded { elements: 2, gap: 1000, floor: 5000, windows: 1 };
    assert_eq!(layer.of(100, &[3, 10, 0, 4, 9]), 5000 + (10 + 1 + 4 + 1) * 1000);
    let table = CostTable {
        unit: "cycles".into(),
        total: Total::Longest,
        fixed: 0,
        layers: vec![layer],
        circuit: None,
    };
    assert_eq!(table.sum(&[7, 21_000]), 21_000);
    assert!(table.check(2).expect_err("too few").contains("1 layers; want those of 2"));
}

#[test]
fn sharing_lowers_dense_layers_most() {
    let layer = LayerCost::adders(100, 8, 0, MILLI, pairs_shared());
    let plain = LayerCost::adders(100, 8, 0, MILLI, Curve::constant(MILLI));
    let part = |k: u32| layer.of(100, &[k; 8]) as f64 / plain.of(100, &[k; 8]) as f64;
    assert!((part(100) - 0.231).abs() < 1e-3 && (part(5) - 0.884).abs() < 1e-3);
}

#[test]
fn dead_and_unread_neurons_cost_nothing() {
    // Neuron 1 has no inputs; neuron 2 is read by nobody but the constant output 1.
    let first = [[1, 1], [0, 0], [1, 0]];
    let second = [[1, 1, 0], [0, 1, 0]];
    let nonzero = |layer: usize, i: usize| match layer {
        0 => first[i / 2][i % 2] != 0,
        _ => second[i / 3][i % 3] != 0,
    };
    let matrix = |inputs, outputs| Matrix { inputs, outputs, summed: false };
    let same = |_, input| input;
    let mut chain = [matrix(2, 3), matrix(3, 2)];
    assert_eq!(live_fan_ins(&chain, same, nonzero), [vec![2, 0, 0], vec![1, 0]]);
    // A residual sum keeps a neuron that nobody else reads, and gives a value to one without inputs.
    chain[0].summed = true;
    assert_eq!(live_fan_ins(&chain, same, nonzero), [vec![2, 0, 1], vec![2, 1]]);
}

#[test]
fn a_convolution_is_the_matrix_that_every_window_passes_through() {
    let window = Window { input: [1, 4, 4], kernel: [2, 2], stride: [2, 2], padding: [0, 0] };
    // Channel 1 is constant; the dense layer reads channel 0 in two of its four places, and channel 1.
    let conv = Conv2d { window, outputs: 2, groups: 1, weights: vec![1, -1, 0, 1, 0, 0, 0, 0], bias: vec![] };
    let dense = Dense { inputs: 8, outputs: 1, weights: vec![1, 0, 0, 1, 1, 1, 0, 0], bias: vec![] };
    let layer = |op| Layer { name: String::new(), op };
    let mut network = Network {
        name: String::new(),
        input: Input::new(vec![1, 4, 4], Range::new(0, 1)),
        layers: vec![layer(LayerOp::Conv2d(conv)), layer(LayerOp::Dense(dense))],
    };
    let folded = |windows| LayerCost::Folded { elements: 1, gap: 0, floor: 0, windows };
    let table = CostTable {
        unit: "cycles".into(),
        total: Total::Sum,
        fixed: 0,
        layers: vec![folded(4), folded(1)],
        circuit: None,
    };
    assert_eq!(table.of_network(&network), Ok((4 * 3 + 2) * MILLI));
    // With channel 1 in a residual sum, what reads it counts.
    network.layers.insert(1, layer(LayerOp::Add { from: 0 }));
    assert_eq!(table.of_network(&network), Ok((4 * 3 + 4) * MILLI));
}

#[test]
fn crooked_tables_are_refused() {
    let crooked = |points: Vec<(u32, u64)>| CostTable {
        unit: "LUT".into(),
        total: Total::Sum,
        fixed: 0,
        layers: vec![LayerCost::Unrolled { neuron: Curve { points }, sharing: Curve::constant(MILLI) }],
        circuit: None,
    };
    assert!(crooked(vec![]).check(1).expect_err("no points").contains("without points"));
    assert!(crooked(vec![(3, 1), (3, 2)]).check(1).expect_err("twice").contains("lies at 3"));
}
