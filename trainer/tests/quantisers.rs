//! Quantisers against their closed forms.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use sterna_trainer::config::Weights;
use sterna_trainer::quantise::{Choice, Quantised, quantise};

/// Standard normal draws by Box and Muller.
fn normal(count: usize) -> Vec<f32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let mut draw = || {
        let (u, v): (f64, f64) = (rng.random(), rng.random());
        ((-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()) as f32
    };
    (0..count).map(|_| draw()).collect()
}

fn run(method: &Weights, latent: &[f32], inputs: usize, choice: Choice<'_>) -> Quantised {
    let mut out = Quantised::default();
    quantise(method, latent, inputs, choice, &mut out);
    out
}

#[test]
fn twn_has_the_zeros_and_scale_of_gaussian_theory() {
    let latent = normal(400_000);
    // Threshold factor, zeros and scale over the standard deviation, from the normal distribution function.
    for (factor, zeros, scale) in
        [(0.5, 0.310, 1.068), (0.7, 0.424, 1.184), (0.75, 0.450, 1.214), (1.4, 0.736, 1.620)]
    {
        let q = run(&Weights::Twn { factor }, &latent, 1000, Choice::Free);
        let found = 1.0 - q.nonzeros() as f64 / latent.len() as f64;
        assert!((found - zeros).abs() < 0.003, "factor {factor}: zeros {found}, theory {zeros}");
        assert!(
            (f64::from(q.scale[0]) - scale).abs() < 0.005,
            "factor {factor}: scale {}, theory {scale}",
            q.scale[0]
        );
    }
}

#[test]
fn bwn_scales_are_mean_magnitudes_per_filter_or_layer() {
    let latent = [1.0, -3.0, 0.5, 0.0, 0.0, -8.0];
    let per_filter = run(&Weights::Bwn { per_filter: true }, &latent, 3, Choice::Free);
    assert_eq!(per_filter.scale, [1.5, (8.0f32) / 3.0]);
    assert_eq!(per_filter.weights, [1.0, -1.0, 1.0, 1.0, 1.0, -1.0]);
    assert_eq!(run(&Weights::Bwn { per_filter: false }, &latent, 3, Choice::Free).scale, [12.5 / 6.0]);
}

#[test]
fn frozen_choice_keeps_its_zeros_and_lets_signs_flip() {
    let mask = [true, false, true, false];
    let method = Weights::top_k(0.5);
    let q = run(&method, &[0.1, 9.0, -0.1, -9.0], 4, Choice::Frozen(&mask));
    assert_eq!(q.weights, [1.0, 0.0, -1.0, 0.0]);
    assert_eq!(q.scale, [0.1]);
}

proptest! {
    #[test]
    fn top_k_keeps_exactly_the_largest(latent in prop::collection::vec(-4i8..=4, 1..400), part in 0.0f64..1.0) {
        // Few distinct values, so that ties are the rule.
        let latent: Vec<f32> = latent.iter().map(|&v| f32::from(v) / 3.0).collect();
        let k = ((latent.len() as f64 * part) as usize).max(1);
        let q = run(&Weights::top_k(0.5), &latent, latent.len(), Choice::Keep(k));
        prop_assert_eq!(q.nonzeros(), k);
        let kept = latent.iter().zip(&q.weights).filter(|(_, q)| **q != 0.0);
        let smallest = kept.map(|(w, _)| w.abs()).fold(f32::INFINITY, f32::min);
        let left = latent.iter().zip(&q.weights).filter(|(_, q)| **q == 0.0);
        let largest = left.map(|(w, _)| w.abs()).fold(0.0, f32::max);
        prop_assert!(largest <= smallest, "left out {} but kept {}", largest, smallest);
    }

    #[test]
    fn twn_scale_is_the_mean_of_what_it_keeps(latent in prop::collection::vec(-1f32..1.0, 1..300), factor in 0.0f64..2.0) {
        let q = run(&Weights::Twn { factor }, &latent, latent.len(), Choice::Free);
        let kept: Vec<f32> = latent.iter().zip(&q.weights).filter(|(_, q)| **q != 0.0).map(|(w, _)| w.abs()).collect();
        if !kept.is_empty() {
            let mean = kept.iter().sum::<f32>() / kept.len() as f32;
            prop_assert!((q.scale[0] - mean).abs() <= 1e-5 * mean.max(1e-3));
        }
    }
}
