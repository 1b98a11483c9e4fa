//! Bad settings and bad data: one clear message each.

use ndarray::Array2;
use sterna_ir::Range;
use sterna_trainer::config::{Activation, Input, Optimiser, Schedule, Weights};
use sterna_trainer::data::{Dataset, Split};
use sterna_trainer::{Config, Error, train};

use crate::util::{config, dataset};

#[test]
fn bad_settings_are_named_with_value_and_range() {
    let top_k = |zeros: Vec<f64>, anneal| Weights::TopK { zeros, anneal };
    let base = Config::default;
    let cases: Vec<(Config, &str, &str)> = vec![
        (Config { hidden: vec![8, 0], ..base() }, "hidden[1]", "0; want 1"),
        (Config { hidden: vec![1; 65], ..base() }, "hidden", "65 layers"),
        (Config { epochs: 0, ..base() }, "epochs", "0; want 1"),
        (Config { batch: 1, ..base() }, "batch", "1; want 2"),
        (Config { rate: f64::NAN, ..base() }, "rate", "NaN"),
        (Config { rate: -1.0, ..base() }, "rate", "-1"),
        (Config { warmup: 1e9, ..base() }, "warmup", "1000000000"),
        (Config { validation: 1.0, ..base() }, "validation", "1; want 0 to 0.9"),
        (Config { label_smoothing: 1.0, ..base() }, "label_smoothing", "1"),
        (Config { weight_decay: -0.1, ..base() }, "weight_decay", "-0.1"),
        (Config { norm_epsilon: 0.0, ..base() }, "norm_epsilon", "0"),
        (Config { norm_momentum: 1.0, ..base() }, "norm_momentum", "1"),
        (Config { weights: Weights::Float { bits: 9 }, ..base() }, "weights.bits", "9; want 2 to 8"),
        (
            Config { weights: Weights::Twn { factor: f64::INFINITY, per_filter: false }, ..base() },
            "weights.factor",
            "inf",
        ),
        (
            Config { weights: top_k(vec![0.9, 0.9], 0.4), ..base() },
            "weights.zeros",
            "want 1, or one for each of 3",
        ),
        (Config { weights: top_k(vec![1.0], 0.4), ..base() }, "weights.zeros[0]", "1; want 0 to 0.9999"),
        (
            Config { weights: top_k(vec![0.9], 0.5), freeze: Some(0.4), ..base() },
            "freeze",
            "0.4; want 0.5 to 1",
        ),
        (
            Config { activation: Activation::Codes { bits: 1, step: 1.0, margin: 0.0 }, ..base() },
            "activation.bits",
            "1",
        ),
        (Config { votes: true, hidden: vec![], ..base() }, "votes", "wants a hidden layer"),
        (Config { votes: true, hidden: vec![3], ..base() }, "votes", "3 neurons vote for 4 classes"),
        (Config { votes: true, weights: Weights::sca(0.9), ..base() }, "votes", "choose another one"),
        (
            Config { votes: true, weights: top_k(vec![0.9; 3], 0.4), ..base() },
            "weights.zeros",
            "want 1, or one for each of 2",
        ),
        (Config { activation: Activation::Sign { width: 0.0 }, ..base() }, "activation.width", "0"),
        (Config { activation: Activation::Relu { bits: 0 }, ..base() }, "activation.bits", "0; want 1 to 8"),
        (Config { input: Input::Bits { bits: 9 }, ..base() }, "input.bits", "9; want 1 to 8"),
        (Config { input: Input::Thermometer { levels: 0 }, ..base() }, "input.levels", "0; want 1 to 255"),
        (Config { optimiser: Optimiser::Sgd { momentum: 1.0 }, ..base() }, "optimiser.momentum", "1"),
        (
            Config { schedule: Schedule::Step { at: vec![0.8, 0.2], factor: 0.1 }, ..base() },
            "schedule.at[1]",
            "0.2",
        ),
    ];
    let cases = cases.into_iter().chain([
        (
            Config { hidden: vec![1 << 20, 1 << 20], ..base() },
            "hidden",
            "1048576 x 1048576 weights in layer 1",
        ),
        (Config { hidden: vec![1 << 20; 64], ..base() }, "hidden", "weights in layer 1"),
    ]);
    for (config, field, what) in cases {
        let error = train(&dataset(), &config, None, &mut ()).expect_err(field);
        assert!(matches!(&error, Error::Config { field: f, .. } if f == field), "{field}: {error}");
        assert!(error.to_string().contains(what), "{error} lacks {what:?}");
    }
}

#[test]
fn bad_data_is_refused() {
    let change = |f: &dyn Fn(&mut Dataset)| {
        let mut data = dataset();
        f(&mut data);
        train(&data, &config(Weights::twn()), None, &mut ()).expect_err("bad data").to_string()
    };
    let empty = |d: &mut Dataset| d.train = Split { x: Array2::zeros((0, 24)), y: vec![] };
    assert!(change(&empty).contains("no training samples"));
    assert!(change(&|d| d.classes = 1).contains("1 classes; want 2 to 256"));
    assert!(change(&|d| d.classes = 3).contains("label 3 of training sample 3; want below 3"));
    assert!(change(&|d| d.test.y[5] = 200).contains("label 200 of test sample 5"));
    assert!(change(&|d| d.train.y.truncate(10)).contains("600 training samples but 10 labels"));
    assert!(change(&|d| d.shape = vec![5, 5]).contains("24 elements; the shape has 25"));
    assert!(change(&|d| d.shape = vec![usize::MAX, 2]).contains("shape"));
    assert!(change(&|d| d.range = Range::new(0, 256)).contains("within 0..=255"));
    assert!(change(&|d| d.range = Range::new(0, 100)).contains("outside 0..=100"));
}

#[test]
fn tiny_data_sets_train_without_a_test_split() {
    let mut data = dataset();
    for samples in [1, 2, 5] {
        data.train = Split {
            x: data.train.x.slice(ndarray::s![..samples, ..]).to_owned(),
            y: data.train.y[..samples].to_vec(),
        };
        data.test = Split { x: Array2::zeros((0, 24)), y: vec![] };
        let out = train(&data, &config(Weights::twn()), None, &mut ()).expect("training");
        assert_eq!(out.test_accuracy, None);
        data = dataset();
    }
}

#[test]
fn divergence_names_the_step_and_the_remedy() {
    let optimiser = Optimiser::Sgd { momentum: 0.9 };
    let config = Config { optimiser, rate: 1000.0, weight_decay: 10.0, ..config(Weights::Float { bits: 8 }) };
    let error = train(&dataset(), &config, None, &mut ()).expect_err("divergence");
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
    assert!(error.to_string().contains("try a rate below 1000"), "{error}");
}

#[test]
fn configurations_read_back_and_refuse_unknown_settings() {
    let config = Config { weights: Weights::top_k(0.95), ..Config::default() };
    let text = serde_json::to_string(&config).expect("plain data");
    assert_eq!(serde_json::from_str::<Config>(&text).expect("readable"), config);
    assert_eq!(serde_json::from_str::<Config>("{}").expect("defaults"), Config::default());
    assert!(serde_json::from_str::<Config>(r#"{"epoch": 3}"#).is_err());
}
