//! A layer of 784 inputs and 512 outputs over 32 samples, as a dense product and by its nonzeros.

use criterion::{Criterion, criterion_group, criterion_main};
use sterna_trainer::kernel::{ROWS, matrix, product};
use sterna_trainer::sparse::{Sparse, turn};

fn forward(c: &mut Criterion) {
    let (inputs, outputs) = (784, 512);
    let x: Vec<f32> = (0..ROWS * inputs).map(|i| (i * 7919 % 256) as f32).collect();
    let mut out = vec![0f32; ROWS * outputs];
    for every in [8, 16, 64] {
        let weights: Vec<f32> = (0..inputs * outputs)
            .map(|i| if (i * 7919 + i / inputs) % every == 0 { 1.0 } else { 0.0 })
            .collect();
        let sparse = Sparse::of(&weights, inputs).expect("few nonzeros");
        c.bench_function(&format!("one of {every} weights, by nonzeros"), |b| {
            let mut turned = Vec::new();
            b.iter(|| {
                turn(&x, inputs, &mut turned);
                sparse.product(&turned, &mut out);
            })
        });
        c.bench_function(&format!("one of {every} weights, dense"), |b| {
            b.iter(|| {
                product(&mut out, matrix(&x, ROWS, inputs), matrix(&weights, outputs, inputs).transpose())
            })
        });
    }
}

criterion_group!(benches, forward);
criterion_main!(benches);
