//! A data set that trains in milliseconds, and short configurations.

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use sterna_ir::Range;
use sterna_ir::cost::{self, CostTable, LayerCost, MILLI, Total};
use sterna_trainer::Config;
use sterna_trainer::config::Weights;
use sterna_trainer::data::{Dataset, Split};

/// Four classes in 24 noisy features: random prototypes, of which each sample shows a quarter of the features wrong.
pub fn dataset() -> Dataset {
    blobs(vec![24])
}

/// The same as images of two channels.
pub fn images() -> Dataset {
    blobs(vec![2, 8, 7])
}

/// Samples of this shape.
fn blobs(shape: Vec<usize>) -> Dataset {
    let features = shape.iter().product();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let prototypes: Vec<Vec<u8>> =
        (0..4).map(|_| (0..features).map(|_| rng.random_range(0..=200u8)).collect()).collect();
    let mut split = |samples: usize| {
        let y: Vec<u8> = (0..samples).map(|i| (i % 4) as u8).collect();
        let mut feature = |s: usize, i: usize| {
            let noise = rng.random_range(0..=55u8);
            if rng.random_range(0..4) == 0 { noise * 4 } else { prototypes[s % 4][i] + noise }
        };
        Split { x: Array2::from_shape_fn((samples, features), |(s, i)| feature(s, i)), y }
    };
    let (train, test) = (split(600), split(200));
    Dataset {
        name: "blobs".into(),
        shape,
        range: Range::new(0, 255),
        classes: 4,
        train,
        test,
        task: sterna_ir::Task::default(),
    }
}

/// A few epochs of a small network.
pub fn config(weights: Weights) -> Config {
    Config {
        hidden: vec![20, 12],
        weights,
        epochs: 10,
        batch: 50,
        rate: 0.03,
        warmup: 0.5,
        ..Config::default()
    }
}

/// Every weight method.
pub fn methods() -> Vec<Weights> {
    vec![
        Weights::Float { bits: 8 },
        Weights::BinaryConnect,
        Weights::Bwn { per_filter: true },
        Weights::Bwn { per_filter: false },
        Weights::twn(),
        Weights::Twn { factor: 0.75, per_filter: true },
        Weights::tga(),
        Weights::sca(0.5),
        Weights::faraone(0.3),
        Weights::FanIn { inputs: vec![6, 8, 6], anneal: 0.4 },
        Weights::cost(table([24, 20, 12, 4]), 800.0),
        Weights::TopK { zeros: vec![0.8, 0.7, 0.5], anneal: 0.4 },
    ]
}

/// So few inputs that neurons choose in turns; too few to learn well.
pub fn few_inputs() -> Weights {
    Weights::FanIn { inputs: vec![3, 2, 1], anneal: 0.4 }
}

/// Adder bits of unrolled layers of these sizes, 8-bit inputs and 2-bit codes.
pub fn table(sizes: [usize; 4]) -> CostTable {
    let layer = |i: usize| {
        let (width, levels) = (if i == 0 { 9 } else { 3 }, if i == 2 { 0 } else { 3 });
        LayerCost::adders(sizes[i], width, levels, MILLI, cost::pairs_shared())
    };
    CostTable {
        unit: "adder bits".into(),
        total: Total::Sum,
        fixed: 0,
        layers: (0..3).map(layer).collect(),
        circuit: None,
    }
}

/// Relative L2 error of `found` against central differences of the loss by the tensor that `select` picks.
pub fn gradient_error<R: Clone>(
    found: &[f32],
    real: &R,
    select: impl Fn(&mut R) -> &mut Vec<f64>,
    f: impl Fn(&R) -> f64,
) -> f64 {
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
    (apart / size).sqrt()
}
