//! Parameters, the rules that update them, and the learning rate over the training.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::config::{Config, Optimiser, Schedule};
use crate::kernel::{CHUNK, wide};

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

    /// One update by `grad` at learning rate `rate`; `step` counts from 1.
    pub fn update(&mut self, grad: &[f32], optimiser: Optimiser, rate: f64, step: usize, rule: Rule) {
        let clip = rule.clip.map_or(f32::INFINITY, |c| c as f32);
        let tensors = (self.value.par_chunks_mut(CHUNK), self.mean.par_chunks_mut(CHUNK));
        match optimiser {
            Optimiser::Sgd { momentum } => {
                let (momentum, decay, rate) = (momentum as f32, rule.decay as f32, rate as f32);
                tensors.into_par_iter().zip(grad.par_chunks(CHUNK)).for_each(|((w, m), g)| {
                    wide(move || {
                        for ((w, m), g) in w.iter_mut().zip(m).zip(g) {
                            *m = momentum * *m + (g + decay * *w);
                            *w = (*w - rate * *m).clamp(-clip, clip);
                        }
                    });
                });
            }
            Optimiser::Adam { beta1, beta2, epsilon } => {
                let power = step.min(i32::MAX as usize) as i32;
                let (b1, b2, eps) = (beta1 as f32, beta2 as f32, epsilon as f32);
                let size = (rate * rule.unit / (1.0 - beta1.powi(power))) as f32;
                let unbias = (1.0 / (1.0 - beta2.powi(power))) as f32;
                let keep = (1.0 - rate * rule.decay) as f32;
                let tensors = tensors.into_par_iter().zip(self.square.par_chunks_mut(CHUNK));
                tensors.zip(grad.par_chunks(CHUNK)).for_each(|(((w, m), v), g)| {
                    wide(move || {
                        for (((w, m), v), g) in w.iter_mut().zip(m).zip(v).zip(g) {
                            *m = b1 * *m + (1.0 - b1) * g;
                            *v = b2 * *v + (1.0 - b2) * g * g;
                            *w = (keep * *w - size * *m / ((*v * unbias).sqrt() + eps)).clamp(-clip, clip);
                        }
                    });
                });
            }
        }
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
