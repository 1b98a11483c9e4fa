//! The backward pass against finite differences of an independent forward pass in `f64`.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use sterna_trainer::Config;
use sterna_trainer::config::{Activation, Weights};
use sterna_trainer::geometry::places;
use sterna_trainer::net::Net;
use sterna_trainer::step::{Workspace, step};

use crate::util::gradient_error;

/// All parameters that the loss depends on, in `f64`.
#[derive(Clone)]
struct Real {
    weights: Vec<Vec<f64>>,
    gamma: Vec<Vec<f64>>,
    beta: Vec<Vec<f64>>,
    gain: Vec<f64>,
    bias: Vec<f64>,
}

/// Mean cross-entropy of the batch, written from the definitions.
fn loss(real: &Real, config: &Config, unit: f64, x: &[f64], labels: &[u8]) -> f64 {
    let batch = labels.len();
    let mut rows: Vec<Vec<f64>> = x.chunks(x.len() / batch).map(<[f64]>::to_vec).collect();
    for (index, weights) in real.weights.iter().enumerate() {
        let inputs = rows[0].len();
        let dot = |row: &Vec<f64>, w: &[f64]| row.iter().zip(w).map(|(a, b)| a * b).sum::<f64>();
        rows = rows.iter().map(|row| weights.chunks(inputs).map(|w| dot(row, w)).collect()).collect();
        if index == real.gamma.len() {
            break;
        }
        for c in 0..rows[0].len() {
            let mean = rows.iter().map(|r| r[c]).sum::<f64>() / batch as f64;
            let var = rows.iter().map(|r| (r[c] - mean).powi(2)).sum::<f64>() / batch as f64;
            for row in &mut rows {
                let normal = (row[c] - mean) / (var + config.norm_epsilon).sqrt();
                row[c] = (real.gamma[index][c] * normal + real.beta[index][c]).max(0.0);
            }
        }
    }
    let sample = |(row, &label): (&Vec<f64>, &u8)| {
        let logits: Vec<f64> =
            row.iter().zip(&real.bias).map(|(z, b)| real.gain[0].exp() * unit * z + b).collect();
        let log_total = logits.iter().map(|l| l.exp()).sum::<f64>().ln();
        let even = config.label_smoothing / logits.len() as f64;
        let target =
            |c: usize| even + if c == usize::from(label) { 1.0 - config.label_smoothing } else { 0.0 };
        logits.iter().enumerate().map(|(c, l)| target(c) * (log_total - l)).sum::<f64>()
    };
    rows.iter().zip(labels).map(sample).sum::<f64>() / batch as f64
}

fn check(weights: Weights, label_smoothing: f64) {
    let activation = Activation::Relu { bits: 8 };
    let config = Config { hidden: vec![9, 7], weights, activation, label_smoothing, ..Config::default() };
    let mut net = Net::new(&config, &places(&config, &[11], 1, 4).expect("a network"));
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    for norm in &mut net.norm {
        norm.gamma.value.iter_mut().for_each(|g| *g = rng.random_range(-1.5..1.5));
        norm.beta.value.iter_mut().for_each(|b| *b = rng.random_range(-0.5..0.5));
    }
    net.head.gain.value[0] = 0.3;
    net.head.bias.value.iter_mut().for_each(|b| *b = rng.random_range(-0.5..0.5));
    // Two whole shards and a part of a third.
    let mut space = Workspace::new(&net, 75);
    space.input.iter_mut().for_each(|x| *x = f32::from(rng.random_range(0..=15u8)));
    space.labels.iter_mut().for_each(|l| *l = rng.random_range(0..4));
    let result = step(&mut net, &config, &mut space, 1.0);

    let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let real = Real {
        weights: space.layers.iter().map(|l| wide(&l.quantised.weights)).collect(),
        gamma: net.norm.iter().map(|n| wide(&n.gamma.value)).collect(),
        beta: net.norm.iter().map(|n| wide(&n.beta.value)).collect(),
        gain: wide(&net.head.gain.value),
        bias: wide(&net.head.bias.value),
    };
    let x = wide(&space.input);
    let f = |real: &Real| loss(real, &config, f64::from(net.head.unit), &x, &space.labels);
    assert!((f(&real) - result.loss).abs() < 1e-5, "loss {} against {}", result.loss, f(&real));
    let small =
        |what: &str, error: f64| assert!(error < 1e-3, "{:?}: {what} is off by {error}", config.weights);
    small("gain", gradient_error(&[space.gain_grad], &real, |r| &mut r.gain, f));
    small("bias", gradient_error(&space.bias_grad, &real, |r| &mut r.bias, f));
    for (i, layer) in space.layers.iter().enumerate() {
        // Straight through: the latent gradient is the one by the quantised weights over their scale.
        let inputs = net.dense[i].inputs;
        let by_weight: Vec<f32> = layer
            .weight_grad
            .iter()
            .enumerate()
            .map(|(k, g)| g * layer.quantised.scale_of(k / inputs))
            .collect();
        small("weight", gradient_error(&by_weight, &real, |r| &mut r.weights[i], f));
        if i < net.norm.len() {
            small("gamma", gradient_error(&layer.gamma_grad, &real, |r| &mut r.gamma[i], f));
            small("beta", gradient_error(&layer.beta_grad, &real, |r| &mut r.beta[i], f));
        }
    }
}

#[test]
fn float() {
    check(Weights::Float { bits: 8 }, 0.0);
}

#[test]
fn ternary_straight_through_with_smoothed_labels() {
    check(Weights::twn(), 0.1);
}

#[test]
fn binary_with_a_scale_per_filter() {
    check(Weights::Bwn { per_filter: true }, 0.0);
}

/// The gradient by TGA's thresholds against the loss of whole steps with moved thresholds.
#[test]
fn tga_thresholds_learn_through_the_scale_of_the_last_layer_alone() {
    let config = Config {
        hidden: vec![9, 7],
        weights: Weights::tga(),
        activation: Activation::Relu { bits: 8 },
        ..Config::default()
    };
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(6);
    let mut net = Net::new(&config, &places(&config, &[11], 1, 4).expect("a network"));
    let mut space = Workspace::new(&net, 64);
    space.input.iter_mut().for_each(|x| *x = f32::from(rng.random_range(0..=15u8)));
    space.labels.iter_mut().for_each(|l| *l = rng.random_range(0..4));
    step(&mut net, &config, &mut space, 0.5);
    let found: Vec<f64> = space.layers.iter().map(|l| l.threshold_grad).collect();
    let ternary: Vec<Vec<f32>> = space.layers.iter().map(|l| l.quantised.weights.clone()).collect();
    let mut loss = |layer: usize, by: f32| {
        let mut moved = net.clone();
        moved.dense[layer].threshold.value[0] += by;
        let loss = step(&mut moved, &config, &mut space, 0.5).loss;
        let same = space.layers.iter().zip(&ternary).all(|(l, t)| l.quantised.weights == *t);
        assert!(same, "a weight switched: choose another seed");
        loss
    };
    let by = 1e-3;
    let expected = (loss(2, by) - loss(2, -by)) / f64::from(2.0 * by);
    assert!((found[2] - expected).abs() < 0.02 * expected.abs(), "{} against {expected}", found[2]);
    for layer in 0..2 {
        assert!(found[layer].abs() < 1e-3 * found[2].abs(), "hidden layer {layer}: {found:?}");
    }
}
