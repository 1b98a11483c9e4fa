//! The exported network against the trainer, and one training against another.

use sterna_ir::{LayerOp, Range, Task, format};
use sterna_trainer::activation::Staircase;
use sterna_trainer::config::{Activation, Input, Optimiser, Schedule, Weights};
use sterna_trainer::data::Split;
use sterna_trainer::encode::Encoder;
use sterna_trainer::geometry::Geometry;
use sterna_trainer::model::{HiddenLayer, Linear};
use sterna_trainer::{Config, Model, check_export, export, train};

use crate::util::{config, dataset, methods};

fn activations() -> [Activation; 4] {
    [Activation::sign(), Activation::codes(2), Activation::codes(4), Activation::Relu { bits: 8 }]
}

#[test]
fn every_method_and_activation_exports_exactly_and_learns() {
    let data = dataset();
    for weights in methods() {
        for activation in activations() {
            let config = Config { activation, ..config(weights.clone()) };
            let out = train(&data, &config, None, &mut ()).expect("training");
            let checked = check_export(&out.model, &out.network, &data.test).expect("equal");
            assert_eq!((checked.samples, checked.codes), (200, 200 * 32));
            check_export(&out.model, &out.network, &data.train).expect("equal on training samples");
            let accuracy = out.test_accuracy.expect("test samples");
            assert!(accuracy > 0.7, "{weights:?} {activation:?}: {accuracy}");
            let (reread, _) = format::read(&format::write(&out.network, &Task::default())).expect("readable");
            assert_eq!(reread, out.network);
        }
    }
}

#[test]
fn every_input_coding_exports_exactly() {
    let data = dataset();
    for input in
        [Input::Raw, Input::Bits { bits: 1 }, Input::Bits { bits: 3 }, Input::Thermometer { levels: 3 }]
    {
        let config = Config { input, ..config(Weights::twn()) };
        let out = train(&data, &config, None, &mut ()).expect("training");
        check_export(&out.model, &out.network, &data.test).expect("equal");
        assert!(out.test_accuracy.expect("test samples") > 0.7, "{input:?}: {:?}", out.test_accuracy);
    }
}

#[test]
fn a_network_without_hidden_layers_works() {
    let data = dataset();
    let config = Config { hidden: vec![], ..config(Weights::twn()) };
    let out = train(&data, &config, None, &mut ()).expect("training");
    assert_eq!(check_export(&out.model, &out.network, &data.test).expect("equal").codes, 0);
    assert!(out.test_accuracy.expect("test samples") > 0.7, "{:?}", out.test_accuracy);
}

#[test]
fn a_changed_threshold_or_weight_or_bias_is_noticed() {
    let data = dataset();
    let out = train(&data, &config(Weights::twn()), None, &mut ()).expect("training");
    for layer in 0..out.network.layers.len() - 1 {
        let mut broken = out.network.clone();
        match &mut broken.layers[layer].op {
            // A neuron that switches at the median of its sums switches elsewhere.
            LayerOp::Threshold(t) => t.thresholds.iter_mut().for_each(|t| *t += 40),
            LayerOp::Dense(d) if d.bias.is_empty() => d.weights.iter_mut().take(24).for_each(|w| *w = -*w),
            LayerOp::Dense(d) => d.bias[0] += 1000,
            other => unreachable!("not in a dense network: {other:?}"),
        }
        assert!(check_export(&out.model, &broken, &data.test).is_err(), "layer {layer}");
    }
}

/// One neuron per kind of slope, over every sum that it can have.
#[test]
fn thresholds_are_exact_for_rising_falling_and_constant_neurons() {
    let stairs = [
        Staircase { first: 0.0, step: 1.0, levels: 1 },
        Staircase::rounded(0.3, 3),
        Staircase::rounded(0.01, 8),
    ];
    let geometry = Geometry::default();
    for stairs in stairs {
        let slope = vec![0.01, -0.01, 1e-9, -3.0, 0.0, 0.0, 0.0371, -0.02];
        let offset = vec![0.1, 0.3, -50.0, 0.0, 5.0, -5.0, -1.1, 2.0];
        let hidden = HiddenLayer {
            linear: Linear { inputs: 1, outputs: 8, weights: vec![1, 1, 1, -1, 1, 1, -1, 1], geometry },
            slope,
            offset,
            stairs,
        };
        let model = Model {
            name: "one feature".into(),
            shape: vec![1],
            range: Range::new(0, 255),
            encoder: Encoder { thresholds: vec![], thermometer: false, image: None },
            hidden: vec![hidden],
            last: Linear { inputs: 8, outputs: 2, weights: vec![1; 16], geometry },
            bias: vec![0, 0],
        };
        let network = export::export(&model).expect("a network");
        let x = ndarray::Array2::from_shape_fn((256, 1), |(s, _)| s as u8);
        check_export(&model, &network, &Split { x, y: vec![0; 256] }).expect("equal for every sum");
        let dead = export::dead_neurons(&network, &model).expect("ranges");
        assert!(dead[0] >= 3, "two flat neurons and one that never fires: {dead:?}");
    }
}

#[test]
fn bytes_do_not_depend_on_threads() {
    let data = dataset();
    for weights in methods().into_iter().chain([crate::util::few_inputs()]) {
        // Wide enough that every pass has several shards and chunks.
        let weights = match weights {
            Weights::Cost { .. } => Weights::cost(crate::util::table([24, 700, 40, 4]), 2000.0),
            other => other,
        };
        let config = Config { hidden: vec![700, 40], epochs: 2, batch: 100, ..config(weights) };
        let bytes = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            let out = pool.install(|| train(&data, &config, None, &mut ())).expect("training");
            format::write(&out.network, &Task::default())
        };
        assert_eq!(bytes(1), bytes(2), "{:?}", config.weights);
        assert_eq!(bytes(2), bytes(5), "{:?}", config.weights);
    }
}

#[test]
fn the_seed_matters_and_suffices() {
    let data = dataset();
    let bytes = |seed| {
        let out = train(&data, &Config { seed, ..config(Weights::twn()) }, None, &mut ()).expect("training");
        format::write(&out.network, &Task::default())
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

#[test]
fn optimisers_and_schedules_learn() {
    let data = dataset();
    let sgd = Optimiser::Sgd { momentum: 0.9 };
    let adam = Config::default().optimiser;
    let step = Schedule::Step { at: vec![0.5, 0.75], factor: 0.1 };
    for (optimiser, schedule, rate) in
        [(sgd, Schedule::Cosine, 0.1), (sgd, step, 0.1), (adam, Schedule::Constant, 0.01)]
    {
        let config = Config { optimiser, schedule, rate, weight_decay: 1e-4, ..config(Weights::twn()) };
        let out = train(&data, &config, None, &mut ()).expect("training");
        assert!(out.test_accuracy.expect("test samples") > 0.7, "{config:?}: {:?}", out.test_accuracy);
    }
}

#[test]
fn top_k_has_exactly_its_zeros_in_every_layer() {
    let data = dataset();
    let out = train(&data, &config(methods().pop().expect("top-k")), None, &mut ()).expect("training");
    let expected = [(24 * 20) / 5, 20 * 12 * 3 / 10, 12 * 4 / 2];
    let found = out.network.layers.iter().filter_map(|l| match &l.op {
        LayerOp::Dense(d) => Some(d.nonzeros()),
        _ => None,
    });
    assert_eq!(found.collect::<Vec<_>>(), expected);
    assert_eq!(out.nonzeros, expected.iter().sum::<usize>());
    let zeros: Vec<f64> = out.history.iter().map(|e| e.zeros[0]).collect();
    assert!(zeros.windows(2).all(|w| w[0] <= w[1] + 1e-9) && zeros[0] < 0.8, "annealed: {zeros:?}");
}
