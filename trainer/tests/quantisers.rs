//! Quantisers against their closed forms.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use sterna_trainer::config::Weights;
use sterna_trainer::quantise::{Choice, Layer, Pass, Quantised, backward, fan_in, quantise, sca, tga};

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
    quantise(method, &layer(latent, inputs, choice), &mut out);
    out
}

fn layer<'a>(latent: &'a [f32], inputs: usize, choice: Choice<'a>) -> Layer<'a> {
    let pass = Pass::Judging;
    Layer { latent, inputs, bound: 1.0, threshold: 0.3, control: 0.5, choice, pass }
}

#[test]
fn twn_has_the_zeros_and_scale_of_gaussian_theory() {
    let latent = normal(400_000);
    // Threshold factor, zeros and scale over the standard deviation, from the normal distribution function.
    for (factor, zeros, scale) in
        [(0.5, 0.310, 1.068), (0.7, 0.424, 1.184), (0.75, 0.450, 1.214), (1.4, 0.736, 1.620)]
    {
        let q = run(&Weights::Twn { factor, per_filter: false }, &latent, 1000, Choice::Free);
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
fn twn_per_filter_has_one_threshold_and_scale_per_row() {
    let latent = [1.0, -3.0, 0.5, 0.1, 0.0, -0.2];
    let q = run(&Weights::Twn { factor: 0.75, per_filter: true }, &latent, 3, Choice::Free);
    // Mean magnitudes 1.5 and 0.1: thresholds 1.125 and 0.075.
    assert_eq!(q.weights, [0.0, -1.0, 0.0, 1.0, 0.0, -1.0]);
    assert_eq!(q.scale.iter().map(|s| (s * 100.0).round()).collect::<Vec<_>>(), [300.0, 15.0]);
    let layer = run(&Weights::Twn { factor: 0.75, per_filter: false }, &latent, 3, Choice::Free);
    assert_eq!(layer.weights, [1.0, -1.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn tga_scale_is_the_mean_of_the_gaussian_tail_and_has_its_derivatives() {
    // No threshold: the half-normal's mean; the truncated normal beyond one deviation from tables.
    assert!((tga::scale(0.0, 1.0, 0.0).value - (2.0 / std::f64::consts::PI).sqrt()).abs() < 1e-12);
    assert!((tga::scale(0.0, 1.0, 1.0).value - 1.525_135_276_160_981).abs() < 1e-9);
    let latent: Vec<f32> = normal(400_000).iter().map(|w| 0.4 * w + 0.1).collect();
    for (mu, sigma, d) in [(0.1, 0.4, 0.05), (-0.3, 0.7, 1.2), (0.0, 0.2, 0.55)] {
        let s = tga::scale(mu, sigma, d);
        let slope = |f: &dyn Fn(f64) -> f64| (f(1e-6) - f(-1e-6)) / 2e-6;
        assert!((slope(&|h| tga::scale(mu, sigma, d + h).value) - s.by_threshold).abs() < 1e-7);
        assert!((slope(&|h| tga::scale(mu, sigma + h, d).value) - s.by_sigma).abs() < 1e-7);
    }
    // Ternary by mu +- D, the scale the mean of what lies above mu + D.
    let q = run(&Weights::tga(), &latent, 1000, Choice::Free);
    let above: Vec<f64> = latent.iter().filter(|w| **w > 0.4).map(|&w| f64::from(w)).collect();
    let mean = above.iter().sum::<f64>() / above.len() as f64;
    assert!((f64::from(q.scale[0]) - mean).abs() < 0.01, "{} against {mean}", q.scale[0]);
    assert!(latent.iter().zip(&q.weights).all(|(w, q)| (*q == 0.0) == (*w > -0.2 && *w < 0.4)
        || (w - 0.4).abs() < 1e-2
        || (w + 0.2).abs() < 1e-2));
}

/// `sum c S T`, the ternary weights held, against the closed-form gradients by the threshold and the latent weights.
#[test]
fn tga_gradients_are_those_of_the_scale() {
    let latent: Vec<f32> = normal(60).iter().map(|w| 0.3 * w + 0.02).collect();
    let delta = 0.21;
    let view = Layer { threshold: delta, ..layer(&latent, 60, Choice::Free) };
    let mut q = Quantised::default();
    quantise(&Weights::tga(), &view, &mut q);
    let c: Vec<f32> = normal(120)[60..].to_vec();
    let mut grad = c.clone();
    let by_delta = backward(&Weights::tga(), &view, &q, 0.0, &mut grad);
    let wide: Vec<f64> = latent.iter().map(|&w| f64::from(w)).collect();
    let value = |w: &[f64], delta: f64| {
        let mu = w.iter().sum::<f64>() / 60.0;
        let sigma = (w.iter().map(|v| (v - mu).powi(2)).sum::<f64>() / 59.0).sqrt();
        let ct: f64 = c.iter().zip(&q.weights).map(|(c, t)| f64::from(c * t)).sum();
        ct * tga::scale(mu, sigma, delta).value
    };
    let expected = (value(&wide, delta + 1e-6) - value(&wide, delta - 1e-6)) / 2e-6;
    assert!((by_delta - expected).abs() < 1e-4 * expected.abs(), "{by_delta} against {expected}");
    for i in 0..60 {
        let at = |h: f64| {
            let mut moved = wide.clone();
            moved[i] += h;
            value(&moved, delta)
        };
        let expected = (at(1e-6) - at(-1e-6)) / 2e-6;
        // The straight-through branch passes c on unchanged; the rest comes through mu and sigma.
        assert!(
            (f64::from(grad[i] - c[i]) - expected).abs() < 1e-4,
            "{i}: {} against {expected}",
            grad[i] - c[i]
        );
    }
}

/// `sum c tanh(theta) + strength R`, by finite differences.
#[test]
fn sca_gradient_is_that_of_loss_and_regulariser() {
    let latent = normal(50);
    let c: Vec<f32> = normal(100)[50..].to_vec();
    let (alpha, strength, bound) = (0.6, 0.8, 2.0);
    let view = Layer { control: alpha, bound, pass: Pass::Training, ..layer(&latent, 50, Choice::Free) };
    let mut q = Quantised::default();
    quantise(&Weights::sca(0.5), &view, &mut q);
    let mut grad = c.clone();
    backward(&Weights::sca(0.5), &view, &q, strength, &mut grad);
    let value = |w: f64, c: f32| {
        let square = (sca::GAIN / bound * w).tanh().powi(2);
        f64::from(c) * (sca::GAIN / bound * w).tanh() + strength * (alpha - square) * square
    };
    for i in 0..50 {
        let w = f64::from(latent[i]);
        let expected = (value(w + 1e-5, c[i]) - value(w - 1e-5, c[i])) / 2e-5;
        assert!((f64::from(grad[i]) - expected).abs() < 1e-4, "{i}: {} against {expected}", grad[i]);
    }
}

/// Descent on the regulariser alone: magnitudes below `sqrt(alpha / 2)` vanish, the others go to 1.
#[test]
fn sca_regulariser_switches_at_the_root_of_half_alpha() {
    for alpha in [0.1, 0.5, 1.0, 1.5] {
        let mut latent: Vec<f32> = (-40..=40).map(|i| i as f32 / 20.0).collect();
        let start: Vec<f32> = latent.iter().map(|w| (sca::GAIN as f32 * w).tanh()).collect();
        for _ in 0..3000 {
            let view = Layer { control: alpha, pass: Pass::Training, ..layer(&latent, 81, Choice::Free) };
            let mut q = Quantised::default();
            quantise(&Weights::sca(0.5), &view, &mut q);
            let mut grad = vec![0.0; 81];
            backward(&Weights::sca(0.5), &view, &q, 1.0, &mut grad);
            latent.iter_mut().zip(grad).for_each(|(w, g)| *w -= 0.05 * g);
        }
        let end = run(&Weights::sca(0.5), &latent, 81, Choice::Free);
        let edge = (alpha / 2.0).sqrt() as f32;
        for (from, to) in start.iter().zip(&end.weights).filter(|(w, _)| (w.abs() - edge).abs() > 0.02) {
            let expected = if from.abs() < edge { 0.0 } else { from.signum() };
            assert_eq!(*to, expected, "alpha {alpha}: from {from}");
        }
    }
}

#[test]
fn a_dead_zone_keeps_what_lies_beyond_it() {
    let q = run(&Weights::faraone(0.3), &[0.1, 0.4, -0.29, -0.8], 2, Choice::Free);
    assert_eq!(q.weights, [0.0, 1.0, 0.0, -1.0]);
    assert!((q.scale[0] - 0.6).abs() < 1e-6);
}

#[test]
fn rescaled_rows_keep_their_ranking() {
    let mut latent = vec![4.0, -2.0, 1.0, 0.5, 0.1, -0.2, 0.3, 0.0];
    fan_in::rescale(&mut latent, 4, 2, 1.0);
    assert_eq!(latent, [2.0, -1.0, 0.5, 0.25, 0.1, -0.2, 0.3, 0.0]);
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
    fn fan_in_keeps_exactly_the_largest_of_each_row(latent in prop::collection::vec(-4i8..=4, 60), k in 1usize..12) {
        let latent: Vec<f32> = latent.iter().map(|&v| f32::from(v) / 3.0).collect();
        let q = run(&Weights::fan_in(k), &latent, 10, Choice::KeepEach(k));
        for (latent, q) in latent.chunks(10).zip(q.weights.chunks(10)) {
            let of = |zero: bool| latent.iter().zip(q).filter(move |(_, q)| (**q == 0.0) == zero).map(|(w, _)| w.abs());
            prop_assert_eq!(of(false).count(), k.min(10));
            prop_assert!(of(true).fold(0.0, f32::max) <= of(false).fold(f32::INFINITY, f32::min));
        }
    }

    #[test]
    fn a_frozen_choice_holds_for_every_method(latent in prop::collection::vec(-1f32..1.0, 24), mask in prop::collection::vec(any::<bool>(), 24)) {
        for method in crate::util::methods().into_iter().skip(1) {
            let q = run(&method, &latent, 6, Choice::Frozen(&mask));
            let expected = |(w, m): (&f32, &bool)| match (m, *w >= 0.0) {
                (false, _) => 0.0,
                (true, true) => 1.0,
                (true, false) => -1.0,
            };
            let expected: Vec<f32> = latent.iter().zip(&mask).map(expected).collect();
            prop_assert_eq!(&q.weights, &expected);
        }
    }

    #[test]
    fn twn_scale_is_the_mean_of_what_it_keeps(latent in prop::collection::vec(-1f32..1.0, 1..300), factor in 0.0f64..2.0) {
        let q = run(&Weights::Twn { factor, per_filter: false }, &latent, latent.len(), Choice::Free);
        let kept: Vec<f32> = latent.iter().zip(&q.weights).filter(|(_, q)| **q != 0.0).map(|(w, _)| w.abs()).collect();
        if !kept.is_empty() {
            let mean = kept.iter().sum::<f32>() / kept.len() as f32;
            prop_assert!((q.scale[0] - mean).abs() <= 1e-5 * mean.max(1e-3));
        }
    }
}
