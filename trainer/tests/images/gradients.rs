//! Gradients against finite differences of a plain `f64` forward pass.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use sterna_trainer::Config;
use sterna_trainer::config::{Activation, Architecture, Block, Weights};
use sterna_trainer::geometry::{Place, places};
use sterna_trainer::net::Net;
use sterna_trainer::step::{Workspace, step};

use super::{blocks, config, depthwise, residual};
use crate::util::gradient_error;

#[derive(Clone)]
struct Real {
    weights: Vec<Vec<f64>>,
    gamma: Vec<Vec<f64>>,
    beta: Vec<Vec<f64>>,
}

/// Sums of a layer for one sample, `[position][output]`.
fn sums(place: &Place, weights: &[f64], x: &[f64]) -> Vec<f64> {
    let Some(w) = place.geometry.conv else {
        let channels = place.inputs;
        let total = |c: usize| x.iter().skip(c).step_by(channels).sum::<f64>();
        let x: Vec<f64> = (0..channels).map(total).collect();
        return weights
            .chunks(place.inputs)
            .map(|row| row.iter().zip(&x).map(|(a, b)| a * b).sum())
            .collect();
    };
    let ([channels, height, width], [rows, columns]) = (w.input, w.output());
    let mut out = Vec::new();
    for (row, column) in (0..rows * columns).map(|p| (p / columns, p % columns)) {
        for (o, weights) in weights.chunks(place.inputs).enumerate() {
            let term = |(k, weight): (usize, &f64)| {
                let (tap, c) = if place.geometry.depthwise { (k, o) } else { (k / channels, k % channels) };
                let (ky, kx) = (tap / w.kernel[1], tap % w.kernel[1]);
                let y = (row * w.stride[0] + ky) as i64 - w.padding[0] as i64;
                let x_at = (column * w.stride[1] + kx) as i64 - w.padding[1] as i64;
                let inside = (0..height as i64).contains(&y) && (0..width as i64).contains(&x_at);
                if inside { weight * x[(y as usize * width + x_at as usize) * channels + c] } else { 0.0 }
            };
            out.push(weights.iter().enumerate().map(term).sum());
        }
    }
    out
}

/// Mean cross-entropy of rectified linear units, the pool taken behind them.
fn loss(real: &Real, places: &[Place], epsilon: f64, scale: f64, x: &[f64], labels: &[u8]) -> f64 {
    let batch = labels.len();
    let mut samples: Vec<Vec<f64>> = x.chunks(x.len() / batch).map(<[f64]>::to_vec).collect();
    let mut left: Vec<Vec<Vec<f64>>> = Vec::new();
    for (index, place) in places.iter().enumerate() {
        samples = samples.iter().map(|x| sums(place, &real.weights[index], x)).collect();
        if index == real.gamma.len() {
            break;
        }
        let outputs = place.outputs;
        for c in 0..outputs {
            let all: Vec<f64> =
                samples.iter().flat_map(|s| s.iter().skip(c).step_by(outputs).copied()).collect();
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let var = all.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / all.len() as f64;
            for z in samples.iter_mut().flat_map(|s| s.iter_mut().skip(c).step_by(outputs)) {
                let normal = (*z - mean) / (var + epsilon).sqrt();
                *z = (real.gamma[index][c] * normal + real.beta[index][c]).max(0.0);
            }
        }
        if let Some(w) = place.geometry.pool {
            let [rows, columns] = w.output();
            let peak = |s: &Vec<f64>, p: usize, c: usize| {
                let at = |k: usize| (p / columns * 2 + k / 2) * w.input[2] + p % columns * 2 + k % 2;
                (0..4).map(|k| s[at(k) * outputs + c]).fold(f64::MIN, f64::max)
            };
            let pooled = |s: &Vec<f64>| -> Vec<f64> {
                (0..rows * columns * outputs).map(|i| peak(s, i / outputs, i % outputs)).collect()
            };
            samples = samples.iter().map(pooled).collect();
        }
        if place.geometry.skip > 0 {
            let earlier = left[index - place.geometry.skip].iter().flatten();
            samples.iter_mut().flatten().zip(earlier).for_each(|(s, x)| *s += x);
        }
        left.push(samples.clone());
    }
    let sample = |(z, &label): (&Vec<f64>, &u8)| {
        let total: f64 = z.iter().map(|z| (scale * z).exp()).sum();
        total.ln() - scale * z[usize::from(label)]
    };
    samples.iter().zip(labels).map(sample).sum::<f64>() / batch as f64
}

fn check_gradients(weights: Weights, blocks: Vec<Block>) {
    let config =
        Config { model: Architecture::Layers(blocks), ..config(weights, Activation::Relu { bits: 8 }) };
    let places = places(&config, &[2, 8, 7], 1, 4).expect("a network");
    let mut net = Net::new(&config, &places);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(11);
    for norm in &mut net.norm {
        // Both signs: a pool passes on the smallest sum of a falling channel.
        norm.gamma.value.iter_mut().for_each(|g| *g = rng.random_range(-1.5..1.5));
        norm.beta.value.iter_mut().for_each(|b| *b = rng.random_range(-0.5..0.5));
    }
    // A whole shard of images and a part of another.
    let mut space = Workspace::new(&net, 20);
    space.input.iter_mut().for_each(|x| *x = rng.random_range(0.0..15.0));
    space.labels.iter_mut().for_each(|l| *l = rng.random_range(0..4));
    let result = step(&mut net, &config, &mut space, 1.0);

    let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let real = Real {
        weights: space.layers.iter().map(|l| wide(&l.quantised.weights)).collect(),
        gamma: net.norm.iter().map(|n| wide(&n.gamma.value)).collect(),
        beta: net.norm.iter().map(|n| wide(&n.beta.value)).collect(),
    };
    let x = wide(&space.input);
    let scale = f64::from(net.head.scale(&config.weights, &space.layers[places.len() - 1].quantised));
    let f = |real: &Real| loss(real, &places, config.norm_epsilon, scale, &x, &space.labels);
    assert!((f(&real) - result.loss).abs() < 1e-5, "loss {} against {}", result.loss, f(&real));
    let small = |what: &str, found: &[f32], select: &dyn Fn(&mut Real) -> &mut Vec<f64>| {
        let error = gradient_error(found, &real, select, f);
        assert!(error < 1e-3, "{:?}: {what} is off by {error}", config.weights);
    };
    for (i, layer) in space.layers.iter().enumerate() {
        let by_weight = |(k, g): (usize, &f32)| g * layer.quantised.scale_of(k / places[i].inputs);
        let by_weight: Vec<f32> = layer.weight_grad.iter().enumerate().map(by_weight).collect();
        small("weight", &by_weight, &|r| &mut r.weights[i]);
        if i < net.norm.len() {
            small("gamma", &layer.gamma_grad, &|r| &mut r.gamma[i]);
            small("beta", &layer.beta_grad, &|r| &mut r.beta[i]);
        }
    }
}

#[test]
fn gradients_of_real_weights() {
    check_gradients(Weights::Float { bits: 8 }, blocks());
}

#[test]
fn gradients_of_depthwise_kernels() {
    check_gradients(Weights::Float { bits: 8 }, depthwise());
}

#[test]
fn gradients_through_residual_sums_and_averages() {
    check_gradients(Weights::Float { bits: 8 }, residual());
}

#[test]
fn gradients_of_ternary_weights_with_a_scale_per_filter() {
    check_gradients(Weights::Twn { factor: 0.75, per_filter: true }, blocks());
}
