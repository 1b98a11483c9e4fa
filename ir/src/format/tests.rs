//! What is written reads back the same, and nothing else is read.

use super::*;
use crate::{Range, Ranges, Scaling};
use proptest::prelude::*;

fn network(weights: Vec<i16>, inputs: usize) -> Network {
    let outputs = weights.len() / inputs;
    let dense = Dense { inputs, outputs, weights, bias: vec![3; outputs] };
    let threshold = Threshold {
        channels: outputs,
        positions: 1,
        levels: 2,
        thresholds: [-1, 4].repeat(outputs),
        falling: (0..outputs).map(|c| c % 3 == 1).collect(),
        thermometer: false,
    };
    Network {
        name: "a \"strange\" name; with\nparts".into(),
        input: Input::new(vec![inputs], Range::new(0, 255)),
        layers: vec![
            Layer { name: "fc1".into(), op: LayerOp::Dense(dense) },
            Layer { name: "act1".into(), op: LayerOp::Threshold(threshold) },
            Layer { name: "class".into(), op: LayerOp::ArgMax },
        ],
    }
}

fn task(network: &Network) -> Task {
    let elements = network.input.elements();
    let thirds = |start: f64| (0..elements).map(|i| start + i as f64 / 3.0).collect();
    Task {
        classes: (0..network.classes()).map(|c| format!("class {c}")).collect(),
        features: (0..elements).map(|e| format!("f{e}")).collect(),
        scaling: Some(Scaling { min: thirds(-0.1), max: thirds(1e30 / 7.0) }),
        digest: Some("00ff".into()),
        whole: true,
    }
}

/// A convolution with groups, pools, a residual and thresholds of whole channels.
fn image() -> Network {
    let window = |input, kernel| Window { input, kernel: [kernel; 2], stride: [1, 2], padding: [0, 0] };
    let conv = Conv2d {
        window: Window { padding: [1, 1], ..window([2, 4, 5], 3) },
        outputs: 2,
        groups: 2,
        weights: (0..18).map(|i| i % 3 - 1).collect(),
        bias: vec![],
    };
    let threshold = Threshold {
        channels: 2,
        positions: 12,
        levels: 1,
        thresholds: vec![3, 5],
        falling: vec![],
        thermometer: false,
    };
    let ops = [
        LayerOp::Conv2d(conv),
        LayerOp::Threshold(threshold),
        LayerOp::Add { from: 0 },
        LayerOp::MaxPool(window([2, 4, 3], 2)),
        LayerOp::SumPool(window([2, 3, 1], 1)),
        LayerOp::ArgMax,
    ];
    let layers = ops.into_iter().map(|op| Layer { name: "layer".into(), op }).collect();
    let ranges = Ranges::ByChannel(vec![Range::new(0, 255), Range::new(-3, 4)]);
    let input = Input::new(vec![2, 4, 5], ranges);
    Network { name: "image".into(), input, layers }
}

fn text() -> String {
    let network = network(vec![1, 0, -1, 1, 1, 0], 3);
    write(&network, &task(&network))
}

proptest! {
    #[test]
    fn what_is_written_is_read(inputs in 1usize..9, outputs in 2usize..7, wide: bool, seed: u64) {
        let limit = if wide { 3000 } else { 1 };
        let weight = |i: usize| (seed.wrapping_mul(i as u64 * 2 + 1) >> 20) as i64 % (2 * limit + 1) - limit;
        let weights = (0..inputs * outputs).map(|i| weight(i) as i16).collect();
        let mut net = network(weights, inputs);
        let task = task(&net);
        let text = write(&net, &task);
        if let LayerOp::Threshold(t) = &mut net.layers[1].op && !t.falling.contains(&true) { t.falling.clear(); }
        prop_assert_eq!(read(&text).unwrap(), (net, task));
    }

    #[test]
    fn a_cut_file_is_an_error(cut in 0usize..2000) {
        let text = text();
        if cut < text.len() - 1 { prop_assert!(read(&text[..cut]).is_err()); }
    }
}

#[track_caller]
fn refused(from: &str, to: &str, message: &str) {
    refused_in(&text(), from, to, message);
}

#[track_caller]
fn refused_in(text: &str, from: &str, to: &str, message: &str) {
    assert!(text.contains(from), "{from} not in {text}");
    let error = read(&text.replacen(from, to, 1)).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}

#[test]
fn hostile_files_are_refused_with_the_place() {
    refused("\"version\": 1", "\"version\": 2", "version 2");
    refused("sterna-network", "other", "want \"sterna-network\"");
    refused("\"inputs\": 3", "\"inputs\": 1000000000", "layers[0].weights");
    refused("\"inputs\": 3", "\"inputs\": 18446744073709551615", "layers[0].weights");
    refused("\"inputs\": 3", "\"inputs\": 4", "takes 4 inputs");
    refused("\"type\": \"argmax\"", "\"type\": \"softmax\"", "softmax");
    refused("\"channels\": 2", "\"channels\": 99999999999", "layers[1].falling");
    refused("\"lo\": 0", "\"lo\": 300", "input.range");
    refused("\"levels\": 2", "\"levels\": 0", "thresholds per channel");
    refused("\"bias\": [", "\"bais\": [", "bais");
    refused("\"class 0\",", "", "task.classes");
    refused("\"f0\",", "", "task.features");
    refused("-0.1,", "", "task.scaling.min");
    refused("-0.1", "1e31", "task.scaling, element 0");
}

#[test]
fn image_layers_are_read_as_written_and_hostile_ones_refused() {
    let text = write(&image(), &Task::default());
    assert_eq!(read(&text).unwrap().0, image());
    let refused = |from: &str, to: &str, message: &str| refused_in(&text, from, to, message);
    refused("\"lo\": -3,\n        \"hi\": 4", "\"lo\": 4,\n        \"hi\": -3", "input.range: 4..=-3");
    refused(
        "\"shape\": [\n      2,",
        "\"shape\": [\n      3,",
        "input.range: 2 given; want one for all, or one for each of 3",
    );
    refused("\"lo\": 0", "\"low\": 0", "want {lo, hi}");
    refused("\"groups\": 2", "\"groups\": 0", "layers[0].weights");
    refused("\"groups\": 2", "\"groups\": 1", "layers[0].weights");
    refused("\"outputs\": 2", "\"outputs\": 18446744073709551615", "layers[0].weights");
    refused("\"kernel\": [\n        3,", "\"kernel\": [\n        18446744073709551615,", "layers[0].weights");
    refused("\"padding\": [\n        1,", "\"padding\": [\n        18446744073709551615,", "padding");
    refused("\"stride\": [\n        1,", "\"stride\": [\n        0,", "stride of 0");
    refused("\"positions\": 12", "\"positions\": 11", "2 channels of 11");
    refused("\"positions\": 12", "\"positions\": 18446744073709551615", "2 channels of");
    refused("\"from\": 0", "\"from\": 7", "adds layer 7");
    refused("\"from\": 0", "\"from\": -1", "invalid value");
    refused("\"max-pool\"", "\"mean-pool\"", "mean-pool");
}
