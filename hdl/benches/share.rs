//! The search for shared sums on a random 256 x 256 ternary matrix with 90 % zeros, 8-bit inputs.

use criterion::{Criterion, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use sterna_hdl::share::{Chain, Problem, Row, Settings, Term, share};
use sterna_ir::Range;

fn problem() -> Problem {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let row = |rng: &mut Xoshiro256PlusPlus| {
        let mut terms = Vec::new();
        for node in 0..256 {
            if rng.random_range(0..10) == 0 {
                terms.push(Term { node, shift: 0, negate: rng.random() });
            }
        }
        Row { terms, any_sign: true }
    };
    let rows = (0..256).map(|_| row(&mut rng)).collect();
    Problem { inputs: vec![Range::signed(8); 256], rows }
}

fn search(c: &mut Criterion) {
    let problem = problem();
    for operands in [2, 3] {
        for effort in [0, 1] {
            let chain = Chain { operands, tables: false, inverts: true };
            let settings = Settings { chain, sharing: true, effort, starts: 1, depth: None };
            let name = format!("share 256x256 z90, {operands} operands, effort {effort}");
            c.bench_function(&name, |b| b.iter(|| share(&problem, &settings)));
        }
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(10); targets = search }
criterion_main!(benches);
