//! Convolutional networks: gradients, exact export, budgets, and what is refused.

mod gradients;

use sterna_ir::cost::{CostTable, Curve, LayerCost, Total};
use sterna_ir::{LayerOp, Task, format};
use sterna_trainer::config::{Activation, Architecture, Block, Conv, Input, Weights};
use sterna_trainer::geometry::{Place, places};
use sterna_trainer::{Config, check_export, train};

use crate::util::{images, methods};

fn conv(outputs: usize, kernel: usize, stride: usize, padding: usize, pool: usize) -> Block {
    Block::Conv(Conv { stride, padding, pool, ..Conv::new(outputs, kernel) })
}

/// A padded convolution with a pool that leaves a row over, one with a stride, and a dense layer.
fn blocks() -> Vec<Block> {
    vec![conv(6, 3, 1, 1, 2), conv(5, 2, 2, 1, 1), Block::Dense { outputs: 12 }]
}

/// Sums over one block and over two, one of them adding a sum, and an average before the dense layer.
fn residual() -> Vec<Block> {
    let bridge = |kernel, padding, skip| Block::Conv(Conv { padding, skip, ..Conv::new(6, kernel) });
    let dense = Block::Dense { outputs: 12 };
    vec![conv(6, 3, 1, 1, 2), bridge(3, 1, 1), bridge(1, 0, 0), bridge(3, 1, 2), Block::Average, dense]
}

/// A kernel for each channel, larger than its stride, then one over all channels.
fn depthwise() -> Vec<Block> {
    let own = Block::Conv(Conv { stride: 2, padding: 1, depthwise: true, ..Conv::new(6, 3) });
    vec![conv(6, 3, 1, 1, 1), own, conv(5, 1, 1, 0, 2), Block::Dense { outputs: 12 }]
}

fn config(weights: Weights, activation: Activation) -> Config {
    Config {
        model: Architecture::Layers(blocks()),
        weights,
        activation,
        epochs: 10,
        batch: 50,
        rate: 0.03,
        warmup: 0.5,
        ..Config::default()
    }
}

#[test]
fn every_method_and_activation_exports_convolutions_exactly_and_learns() {
    let data = images();
    let activations = [Activation::sign(), Activation::codes(2), Activation::Relu { bits: 8 }];
    for (i, weights) in methods().into_iter().enumerate() {
        let weights = match weights {
            Weights::Cost { .. } => continue,
            Weights::TopK { anneal, .. } => Weights::TopK { zeros: vec![0.6], anneal },
            Weights::FanIn { anneal, .. } => Weights::FanIn { inputs: vec![9, 8, 8, 8], anneal },
            other => other,
        };
        let config = config(weights, activations[i % 3]);
        let out = train(&data, &config, None, &mut ()).expect("training");
        let checked = check_export(&out.model, &out.network, &data.test).expect("equal");
        // 4 x 3 positions behind the pool, 3 x 2 behind the stride.
        assert_eq!((checked.samples, checked.codes), (200, 200 * (12 * 6 + 6 * 5 + 12)));
        let accuracy = out.test_accuracy.expect("test samples");
        assert!(accuracy > 0.7, "{:?} {:?}: {accuracy}", config.weights, config.activation);
        let (reread, _) = format::read(&format::write(&out.network, &Task::default())).expect("readable");
        assert_eq!(reread, out.network);
    }
}

#[test]
fn residual_networks_export_exactly_and_learn() {
    let data = images();
    let model = Architecture::Layers(residual());
    for activation in [Activation::sign(), Activation::codes(2), Activation::codes(8)] {
        let config = Config { model: model.clone(), ..config(Weights::twn(), activation) };
        let out = train(&data, &config, None, &mut ()).expect("training");
        let checked = check_export(&out.model, &out.network, &data.test).expect("equal");
        // Four images of 4 x 3 positions.
        assert_eq!((checked.samples, checked.codes), (200, 200 * (4 * 12 * 6 + 12)));
        let sums: Vec<usize> = out
            .network
            .layers
            .iter()
            .filter_map(|l| match l.op {
                LayerOp::Add { from } => Some(from),
                _ => None,
            })
            .collect();
        // What left the first block is layer 2, behind its pool; the sum over two blocks adds the first sum.
        assert_eq!(sums, [2, 5], "{:?}", out.network.layers.iter().map(|l| &l.name).collect::<Vec<_>>());
        let accuracy = out.test_accuracy.expect("test samples");
        assert!(accuracy > 0.7, "{activation:?}: {accuracy}");
    }
}

#[test]
fn an_average_of_the_input_is_that_of_its_channels() {
    let data = images();
    let model = Architecture::Layers(vec![Block::Average, Block::Dense { outputs: 12 }]);
    let config = Config { model, epochs: 2, ..config(Weights::twn(), Activation::codes(2)) };
    let out = train(&data, &config, None, &mut ()).expect("training");
    check_export(&out.model, &out.network, &data.test).expect("equal");
}

#[test]
fn depthwise_networks_export_exactly_and_learn() {
    let data = images();
    let config = config(Weights::twn(), Activation::codes(2));
    let out = train(&data, &Config { model: Architecture::Layers(depthwise()), ..config }, None, &mut ());
    let out = out.expect("training");
    check_export(&out.model, &out.network, &data.test).expect("equal");
    let groups: Vec<usize> = out
        .network
        .layers
        .iter()
        .filter_map(|l| match &l.op {
            LayerOp::Conv2d(c) => Some(c.groups),
            _ => None,
        })
        .collect();
    assert_eq!(groups, [1, 6, 1]);
    let accuracy = out.test_accuracy.expect("test samples");
    assert!(accuracy > 0.7, "{accuracy}");
}

#[test]
fn budgets_of_convolutions_and_residual_sums_are_met() {
    let data = images();
    for blocks in [blocks(), residual()] {
        let base = Config { epochs: 20, ..config(Weights::twn(), Activation::codes(2)) };
        let base = Config { model: Architecture::Layers(blocks), ..base };
        let places = places(&base, &data.shape, 1, data.classes).expect("a network");
        let layer = |p: &Place| LayerCost::adders(p.inputs, 3, 3, 1000, Curve::constant(1000));
        let layers: Vec<LayerCost> = places.iter().map(layer).collect();
        let kept =
            |(p, c): (&Place, &LayerCost)| c.of(p.inputs, &vec![p.inputs.div_ceil(3) as u32; p.outputs]);
        let budget = places.iter().zip(&layers).map(kept).sum::<u64>() as f64 / 1000.0;
        let table =
            CostTable { unit: "adder bits".into(), total: Total::Sum, fixed: 0, layers, circuit: None };
        let out = train(&data, &Config { weights: Weights::cost(table, budget), ..base }, None, &mut ());
        let out = out.expect("training");
        let cost = out.cost.expect("a cost");
        assert!(cost <= budget && cost >= 0.97 * budget, "{cost} of {budget}");
        assert!(out.test_accuracy.expect("test samples") > 0.7, "{:?}", out.test_accuracy);
    }
}

#[test]
fn resnet20_has_twenty_layers_of_weights_and_seven_sums() {
    let config = Config { model: Architecture::Resnet20 { width: 1.0 }, ..Config::default() };
    let places = places(&config, &[3, 32, 32], 1, 10).expect("a network");
    assert_eq!((places.len(), places.iter().filter(|p| p.geometry.skip == 2).count()), (20, 7));
    assert_eq!(
        places.iter().map(|p| p.inputs * p.outputs).sum::<usize>(),
        432 + 6 * 2304 + 4608 + 5 * 9216 + 18432 + 5 * 36864 + 640
    );
    assert_eq!(places[19].geometry.average.map(|w| w.input), Some([64, 8, 8]));
}

#[test]
fn every_input_coding_of_images_exports_exactly() {
    let data = images();
    for input in [Input::Raw, Input::Bits { bits: 3 }, Input::Thermometer { levels: 3 }] {
        let config = Config { input, epochs: 3, ..config(Weights::twn(), Activation::codes(2)) };
        let out = train(&data, &config, None, &mut ()).expect("training");
        check_export(&out.model, &out.network, &data.test).expect("equal");
    }
}

#[test]
fn a_changed_kernel_or_pool_is_noticed() {
    let data = images();
    let out = train(&data, &config(Weights::twn(), Activation::codes(2)), None, &mut ()).expect("training");
    for layer in 0..out.network.layers.len() {
        let mut broken = out.network.clone();
        match &mut broken.layers[layer].op {
            LayerOp::Conv2d(c) => c.weights.iter_mut().take(9).for_each(|w| *w = 1 - w.abs()),
            LayerOp::MaxPool(w) => w.kernel = [1, 1],
            LayerOp::Threshold(t) => t.thresholds.iter_mut().for_each(|t| *t += 40),
            _ => continue,
        }
        assert!(check_export(&out.model, &broken, &data.test).is_err(), "layer {layer}");
    }
}

#[test]
fn bytes_do_not_depend_on_threads() {
    let data = images();
    let bytes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let config = Config { epochs: 2, batch: 100, ..config(Weights::twn(), Activation::codes(2)) };
        let out = pool.install(|| train(&data, &config, None, &mut ())).expect("training");
        format::write(&out.network, &Task::default())
    };
    assert_eq!(bytes(1), bytes(2));
    assert_eq!(bytes(2), bytes(5));
}

#[test]
fn what_does_not_fit_is_refused_before_training() {
    let refused = |data: &sterna_trainer::data::Dataset, config: &Config, message: &str| {
        let error = train(data, config, None, &mut ()).expect_err("refused").to_string();
        assert!(error.contains(message), "{error}");
    };
    let good = config(Weights::twn(), Activation::codes(2));
    refused(&crate::util::dataset(), &good, "are no images");
    let big = conv(4, 9, 1, 0, 1);
    let model = Architecture::Layers(vec![big]);
    refused(&images(), &Config { model, ..good.clone() }, "model.layers[0]");
    let pooled = conv(4, 7, 1, 0, 2);
    let model = Architecture::Layers(vec![pooled]);
    refused(&images(), &Config { model, ..good.clone() }, "kernel of width 2");
    let unequal = Block::Conv(Conv { stride: 2, padding: 1, skip: 1, ..Conv::new(4, 3) });
    let model = Architecture::Layers(vec![conv(4, 3, 1, 1, 1), unequal]);
    refused(&images(), &Config { model, ..good.clone() }, "want equal images");
    let model = Architecture::Layers(residual());
    let relu = Config { model, activation: Activation::Relu { bits: 8 }, ..good.clone() };
    refused(&images(), &relu, "model.layers[1].skip");
    let own = Block::Conv(Conv { padding: 1, depthwise: true, ..Conv::new(4, 3) });
    let model = Architecture::Layers(vec![own]);
    refused(&images(), &Config { model, ..good.clone() }, "when depthwise");
    let model = Architecture::Layers(vec![Block::Average]);
    refused(&crate::util::dataset(), &Config { model, ..good.clone() }, "no image");
    let cost = Weights::cost(crate::util::table([24, 20, 12, 4]), 800.0);
    let table = Config { weights: cost, ..good };
    refused(&images(), &table, "weights.table: costs of 3 layers; want those of 4");
}
