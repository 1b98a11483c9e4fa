//! Training steps, batch 128, forward, backward, update: 784-512-512-10 with sign activations and Adam, and LeNet-5 with
//! rectified linear units and momentum; ternary weights.

use criterion::{Criterion, criterion_group, criterion_main};
use sterna_trainer::Config;
use sterna_trainer::config::{Activation, Architecture, Optimiser};
use sterna_trainer::geometry::places;
use sterna_trainer::net::Net;
use sterna_trainer::step::{Workspace, step};
use sterna_trainer::update::apply;

fn bench(c: &mut Criterion, name: &str, config: &Config) {
    let mut net = Net::new(config, &places(config, &[1, 28, 28], 1, 10).expect("a network"));
    let mut space = Workspace::new(&net, 128);
    space.input.iter_mut().enumerate().for_each(|(i, x)| *x = (i * 7919 % 256) as f32);
    space.labels.iter_mut().enumerate().for_each(|(i, l)| *l = (i % 10) as u8);
    let mut count = 0;
    c.bench_function(name, |b| {
        b.iter(|| {
            count += 1;
            let result = step(&mut net, config, &mut space, 0.5);
            apply(&mut net, config, &space, config.rate, count);
            result
        });
    });
}

fn training_step(c: &mut Criterion) {
    let dense = Config { hidden: vec![512, 512], activation: Activation::sign(), ..Config::default() };
    bench(c, "step 784-512-512-10 batch 128", &dense);
    let lenet = Config {
        model: Architecture::Lenet5,
        activation: Activation::Relu { bits: 8 },
        optimiser: Optimiser::Sgd { momentum: 0.9 },
        weight_decay: 1e-4,
        ..Config::default()
    };
    bench(c, "step LeNet-5 batch 128", &lenet);
}

criterion_group!(benches, training_step);
criterion_main!(benches);
