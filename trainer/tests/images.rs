//! Convolutional networks: gradients against finite differences of a plain `f64` forward pass, and exact export.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use sterna_ir::cost::{CostTable, Curve, LayerCost, Total};
use sterna_ir::{LayerOp, Task, format};
use sterna_trainer::config::{Activation, Architecture, Block, Conv, Input, Weights};
use sterna_trainer::geometry::{Place, places};
use sterna_trainer::net::Net;
use sterna_trainer::step::{Workspace, step};
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
        let (mut apart, mut size) = (0.0, 0.0);
        for (i, &g) in found.iter().enumerate() {
            let at = |h: f64| {
                let mut moved = real.clone();
                select(&mut moved)[i] += h;
                f(&moved)
            };
            let expected = (at(1e-6) - at(-1e-6)) / 2e-6;
            apart += (f64::from(g) - expected).powi(2);
            size += expected.powi(2);
        }
        let error = (apart / size).sqrt();
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
        let table = CostTable { unit: "adder bits".into(), total: Total::Sum, fixed: 0, layers };
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
