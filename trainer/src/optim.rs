//! Parameters, the rules that update them, and the learning rate over the training.

use std::ops::Range;

use multiversion::multiversion;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::config::{Config, Optimiser, Schedule};
use crate::kernel::CHUNK;

/// A trained tensor with the memory that its update rule needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// The values.
    pub value: Vec<f32>,
    /// Momentum, or Adam's mean gradient.
    mean: Vec<f32>,
    /// Adam's mean squared gradient.
    square: Vec<f32>,
}

/// How one tensor differs from the others in an update.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Adam's step is relative to this.
    pub unit: f64,
    /// Weight decay.
    pub decay: f64,
    /// Values are clipped to this magnitude.
    pub clip: Option<f64>,
}

impl Param {
    /// Starts from `value` with no memory.
    pub fn new(value: Vec<f32>) -> Self {
        let zero = vec![0.0; value.len()];
        Param { mean: zero.clone(), square: zero, value }
    }

    /// The values alone, for a parameter that is not trained further.
    pub fn settled(&self) -> Self {
        Param { value: self.value.clone(), mean: Vec::new(), square: Vec::new() }
    }

    /// One update by `grad` with Nesterov momentum (as in Sutskever et al., ICML 2013, in PyTorch's form).
    pub fn nesterov(&mut self, grad: &[f32], rate: f64, momentum: f64) {
        let (rate, momentum) = (rate as f32, momentum as f32);
        for ((w, m), g) in self.value.iter_mut().zip(&mut self.mean).zip(grad) {
            *m = momentum * *m + g;
            *w -= rate * (g + momentum * *m);
        }
    }

    /// Does `work` to a parameter of the elements at `places` alone.
    pub fn at(&mut self, places: &[usize], work: impl FnOnce(&mut Param)) {
        let some = |all: &[f32]| places.iter().map(|&i| all[i]).collect();
        let mut few = Param { value: some(&self.value), mean: some(&self.mean), square: some(&self.square) };
        work(&mut few);
        for (j, &i) in places.iter().enumerate() {
            (self.value[i], self.mean[i], self.square[i]) = (few.value[j], few.mean[j], few.square[j]);
        }
    }

    /// One update of all elements by `grad` at learning rate `rate`; `step` counts from 1.
    pub fn update(&mut self, grad: &[f32], optimiser: Optimiser, rate: f64, step: usize, rule: Rule) {
        self.update_part(0..grad.len(), grad, optimiser, rate, step, rule);
    }

    /// The same of the elements in `part`.
    pub fn update_part(
        &mut self,
        part: Range<usize>,
        grad: &[f32],
        optimiser: Optimiser,
        rate: f64,
        step: usize,
        rule: Rule,
    ) {
        let clip = rule.clip.map_or(f32::INFINITY, |c| c as f32);
        let (value, mean) = (&mut self.value[part.clone()], &mut self.mean[part.clone()]);
        let tensors = (value.par_chunks_mut(CHUNK), mean.par_chunks_mut(CHUNK));
        match optimiser {
            Optimiser::Sgd { momentum } => {
                let (momentum, decay, rate) = (momentum as f32, rule.decay as f32, rate as f32);
                tensors.into_par_iter().zip(grad.par_chunks(CHUNK)).for_each(|((w, m), g)| {
                    heavy_ball((w, m, g), (momentum, decay, rate, clip));
                });
            }
            Optimiser::Adam { beta1, beta2, epsilon } => {
                let power = step.min(i32::MAX as usize) as i32;
                let (b1, b2, eps) = (beta1 as f32, beta2 as f32, epsilon as f32);
                let size = (rate * rule.unit / (1.0 - beta1.powi(power))) as f32;
                let unbias = (1.0 / (1.0 - beta2.powi(power))) as f32;
                let keep = (1.0 - rate * rule.decay) as f32;
                let tensors = tensors.into_par_iter().zip(self.square[part].par_chunks_mut(CHUNK));
                tensors.zip(grad.par_chunks(CHUNK)).for_each(|(((w, m), v), g)| {
                    adam((w, m, v, g), Adam { b1, b2, eps, size, unbias, keep, clip });
                });
            }
        }
    }
}

/// Weights, their running gradients, and gradients; momentum, decay, rate and bound of the weights.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn heavy_ball(
    (w, m, g): (&mut [f32], &mut [f32], &[f32]),
    (momentum, decay, rate, clip): (f32, f32, f32, f32),
) {
    for ((w, m), g) in w.iter_mut().zip(m).zip(g) {
        *m = momentum * *m + (g + decay * *w);
        *w = (*w - rate * *m).clamp(-clip, clip);
    }
}

/// What a step of Adam multiplies with.
#[derive(Clone, Copy)]
struct Adam {
    b1: f32,
    b2: f32,
    eps: f32,
    size: f32,
    unbias: f32,
    keep: f32,
    clip: f32,
}

/// Weights, running gradients and their squares, and gradients.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn adam((w, m, v, g): (&mut [f32], &mut [f32], &mut [f32], &[f32]), by: Adam) {
    let Adam { b1, b2, eps, size, unbias, keep, clip } = by;
    for (((w, m), v), g) in w.iter_mut().zip(m).zip(v).zip(g) {
        *m = b1 * *m + (1.0 - b1) * g;
        *v = b2 * *v + (1.0 - b2) * g * g;
        *w = (keep * *w - size * *m / ((*v * unbias).sqrt() + eps)).clamp(-clip, clip);
    }
}

impl Config {
    /// Learning rate of step `step` (from 0) of `total`, each epoch having `per_epoch`.
    pub fn rate_at(&self, step: usize, total: usize, per_epoch: usize) -> f64 {
        let warm = self.warmup * per_epoch as f64;
        let now = step as f64 + 1.0;
        if now < warm {
            return self.rate * now / warm;
        }
        let part = step as f64 / total as f64;
        match &self.schedule {
            Schedule::Constant => self.rate,
            Schedule::Step { at, factor } => {
                self.rate * factor.powi(at.iter().filter(|&&a| part >= a).count() as i32)
            }
            Schedule::Cosine => {
                let rest = (now - warm) / (total as f64 - warm).max(1.0);
                self.rate * 0.5 * (1.0 + (std::f64::consts::PI * rest.min(1.0)).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { unit: 1.0, decay: 0.0, clip: None };

    #[test]
    fn adam_first_steps_have_the_size_of_the_rate() {
        let adam = Optimiser::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-12 };
        let mut param = Param::new(vec![1.0, 1.0, 1.0]);
        param.update(&[5.0, -0.01, 0.0], adam, 0.1, 1, RULE);
        let moved: Vec<f32> = param.value.iter().map(|v| v - 1.0).collect();
        assert!(
            (moved[0] + 0.1).abs() < 1e-5 && (moved[1] - 0.1).abs() < 1e-5 && moved[2] == 0.0,
            "{moved:?}"
        );
        // Relative to the unit, and pulled towards 0 by rate times decay.
        let mut param = Param::new(vec![1.0]);
        param.update(&[2.0], adam, 0.1, 1, Rule { unit: 0.5, decay: 0.2, clip: None });
        assert!((param.value[0] - (1.0 - 0.02 - 0.05)).abs() < 1e-5, "{:?}", param.value);
    }

    #[test]
    fn sgd_repeats_momentum_and_clips() {
        let sgd = Optimiser::Sgd { momentum: 0.5 };
        let mut param = Param::new(vec![0.0]);
        param.update(&[1.0], sgd, 0.1, 1, RULE);
        param.update(&[0.0], sgd, 0.1, 2, RULE);
        assert!((param.value[0] + 0.15).abs() < 1e-6, "{:?}", param.value);
        param.update(&[100.0], sgd, 0.1, 3, Rule { clip: Some(0.25), ..RULE });
        assert_eq!(param.value, [-0.25]);
    }

    #[test]
    fn schedules_warm_up_and_fall() {
        let config = |schedule| Config { rate: 1.0, warmup: 1.0, schedule, ..Config::default() };
        let (total, per_epoch) = (1000, 100);
        let cosine = config(Schedule::Cosine);
        let rate = |step| cosine.rate_at(step, total, per_epoch);
        assert!((rate(0) - 0.01).abs() < 1e-12 && (rate(49) - 0.5).abs() < 1e-12, "warm-up");
        assert!(
            (rate(99) - 1.0).abs() < 1e-9 && (rate(549) - 0.5).abs() < 1e-9 && rate(999) < 1e-9,
            "cosine"
        );
        let step = config(Schedule::Step { at: vec![0.5, 0.75], factor: 0.1 });
        let at = |s| step.rate_at(s, total, per_epoch);
        assert_eq!((at(499), at(500)), (1.0, 0.1));
        assert!((at(750) - 0.01).abs() < 1e-12);
        assert_eq!(config(Schedule::Constant).rate_at(999, total, per_epoch), 1.0);
    }
}
