//! Models of floats, made ternary.

use sterna_ir::{LayerOp, Range, eval};

use super::build::{Attr, Builder};
use crate::{InputCodes, Options, Ternarise, import, parse};

/// Signs of what is above half the largest magnitude, which is the scale.
fn halves(floats: &[f32]) -> (Vec<i8>, f32) {
    let most = floats.iter().fold(0f32, |m, w| m.max(w.abs()));
    (floats.iter().map(|w| if w.abs() > most / 2.0 { w.signum() as i8 } else { 0 }).collect(), most)
}

fn numbers(count: usize, seed: u64, of: impl Fn(u64) -> f32) -> Vec<f32> {
    let next = |s: &u64| Some(s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407));
    std::iter::successors(Some(seed), next).skip(3).take(count).map(|s| of(s >> 33)).collect()
}

/// Half of -1, 0 and 1: what is ternary already stays what it is.
fn weights(count: usize, seed: u64) -> Vec<f32> {
    numbers(count, seed, |n| (n % 3) as f32 / 2.0 - 0.5)
}

fn samples(count: usize) -> Vec<Vec<i64>> {
    let all = numbers(count * 16, 5, |n| (n % 256) as f32);
    all.chunks(16).map(|s| s.iter().map(|v| *v as i64).collect()).collect()
}

fn options(bits: u32) -> Options {
    let input = InputCodes::new(Range::new(0, 255), "1/255", "0");
    Options {
        input,
        ternarise: Some(Ternarise { weights: halves, bits, samples: samples(50) }),
        ..Options::default()
    }
}

/// A matrix, ReLU, a matrix.
fn model() -> Builder {
    Builder::new(&[16])
        .floats("w", &[16, 12], &weights(192, 1))
        .floats("c", &[12], &numbers(12, 2, |n| (n % 7) as f32 / 7.0 - 0.4))
        .floats("v", &[12, 4], &weights(48, 3))
        .node("Gemm", "x w c", "a", &[])
        .node("Relu", "a", "r", &[])
        .node("MatMul", "r v", "s", &[])
        .node("ArgMax", "s", "y", &[("axis", Attr::Int(1))])
}

/// Its class, in floats.
fn class(sample: &[i64]) -> usize {
    let (w, v, c) = (weights(192, 1), weights(48, 3), numbers(12, 2, |n| (n % 7) as f32 / 7.0 - 0.4));
    let hidden: Vec<f32> = (0..12)
        .map(|o| {
            let sum: f32 = sample.iter().enumerate().map(|(i, x)| *x as f32 / 255.0 * w[i * 12 + o]).sum();
            (sum + c[o]).max(0.0)
        })
        .collect();
    let score = |o: usize| hidden.iter().enumerate().map(|(i, h)| h * v[i * 4 + o]).sum::<f32>();
    (1..4).fold(0, |best, o| if score(o) > score(best) { o } else { best })
}

#[test]
fn many_bits_keep_the_classes_and_few_do_not() {
    let model = parse(&model().bytes()).unwrap();
    let equal = |bits| {
        let network = import(&model, &options(bits)).unwrap().network;
        let fresh = samples(400).split_off(50);
        let own = |s: &Vec<i64>| eval::evaluate(&network, s).unwrap().pop().unwrap()[0] as usize;
        fresh.iter().filter(|s| own(s) == class(s)).count()
    };
    assert!(equal(8) >= 340, "{} of 350", equal(8));
    assert!(equal(1) < equal(8), "{} of 350", equal(1));
    // Without it, floats are refused.
    let plain = import(&model, &Options { ternarise: None, ..options(4) }).unwrap_err().to_string();
    assert!(plain.contains("put a quantiser"), "{plain}");
}

#[test]
fn batch_norm_is_measured_and_sums_share_their_steps() {
    let norm = |b: Builder, name: &str| {
        b.floats(&format!("{name}_g"), &[4], &[1.0, 2.0, 0.5, 1.0])
            .floats(&format!("{name}_b"), &[4], &[0.5, 0.0, 1.0, 0.25])
            .floats(&format!("{name}_m"), &[4], &[100.0; 4])
            .floats(&format!("{name}_v"), &[4], &[9.0; 4])
    };
    let conv = [("pads", Attr::Ints(&[1, 1, 1, 1]))];
    let pool = [("kernel_shape", Attr::Ints(&[2, 2])), ("strides", Attr::Ints(&[2, 2]))];
    let model = norm(norm(Builder::new(&[1, 4, 4]), "p"), "q")
        .floats("w", &[4, 1, 3, 3], &numbers(36, 7, |n| (n % 100) as f32 / 50.0 - 1.0))
        .floats("v", &[4, 4, 3, 3], &numbers(144, 8, |n| (n % 100) as f32 / 50.0 - 1.0))
        .floats("u", &[16, 3], &numbers(48, 9, |n| (n % 100) as f32 / 50.0 - 1.0))
        .node("Conv", "x w", "a", &conv)
        .node("BatchNormalization", "a p_g p_b p_m p_v", "b", &[])
        .node("Relu", "b", "c", &[])
        .node("Conv", "c v", "d", &conv)
        .node("BatchNormalization", "d q_g q_b q_m q_v", "e", &[])
        .node("Add", "e c", "f", &[])
        .node("Relu", "f", "g", &[])
        .node("MaxPool", "g", "h", &pool)
        .node("Flatten", "h", "i", &[])
        .node("MatMul", "i u", "y", &[]);
    let network = import(&parse(&model.bytes()).unwrap(), &options(3)).unwrap().network;
    let ternary = |op: &LayerOp| match op {
        LayerOp::Dense(d) => d.weights.iter().all(|w| w.abs() <= 1),
        LayerOp::Conv2d(c) => c.weights.iter().all(|w| w.abs() <= 1),
        _ => true,
    };
    assert!(network.layers.iter().all(|l| ternary(&l.op)));
    assert!(network.layers.iter().any(|l| matches!(l.op, LayerOp::Add { .. })));
    // A mean of 100 would leave no activation above 0.
    let traces: Vec<_> = samples(50).iter().map(|s| eval::evaluate(&network, s).unwrap()).collect();
    let first = network.layers.iter().position(|l| matches!(l.op, LayerOp::Threshold(_))).unwrap();
    let codes: Vec<i64> = traces.iter().flat_map(|t| t[first].clone()).collect();
    let share = codes.iter().filter(|c| **c > 0).count() as f64 / codes.len() as f64;
    assert!((0.4..0.9).contains(&share), "{share}");
    assert!(codes.contains(&7) && codes.iter().all(|c| (0..8).contains(c)));
}

#[test]
fn samples_must_be_the_models() {
    let with = |samples| {
        let mut options = options(4);
        options.ternarise.as_mut().unwrap().samples = samples;
        import(&parse(&model().bytes()).unwrap(), &options).unwrap_err().to_string()
    };
    assert!(with(vec![]).contains("want 16 integers of 0..=255 each"));
    assert!(with(vec![vec![0; 15]]).contains("want 16 integers"));
    assert!(with(vec![vec![256; 16]]).contains("want 16 integers"));
}
