//! One training step of 784-512-512-10 with sign activations and ternary weights, batch 128, Adam: forward, backward, update.

use criterion::{Criterion, criterion_group, criterion_main};
use sterna_trainer::Config;
use sterna_trainer::config::{Activation, Weights};
use sterna_trainer::net::Net;
use sterna_trainer::step::{Workspace, step};
use sterna_trainer::update::apply;

fn training_step(c: &mut Criterion) {
    let config = Config {
        hidden: vec![512, 512],
        weights: Weights::twn(),
        activation: Activation::sign(),
        ..Config::default()
    };
    let mut net = Net::new(&config, 784, 10);
    let mut space = Workspace::new(&net, 128);
    space.input.iter_mut().enumerate().for_each(|(i, x)| *x = (i * 7919 % 256) as f32);
    space.labels.iter_mut().enumerate().for_each(|(i, l)| *l = (i % 10) as u8);
    let mut count = 0;
    c.bench_function("step 784-512-512-10 batch 128", |b| {
        b.iter(|| {
            count += 1;
            let result = step(&mut net, &config, &mut space, 0.5);
            apply(&mut net, &config, &space, config.rate, count);
            result
        });
    });
}

criterion_group!(benches, training_step);
criterion_main!(benches);
