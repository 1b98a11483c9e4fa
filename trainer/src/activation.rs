//! Activations: what a neuron passes on, given the output of its batch-norm.

use multiversion::multiversion;
use serde::{Deserialize, Serialize};

use crate::config::Activation;

/// Unsigned codes with evenly spaced thresholds: the code is the number of thresholds `first + i * step` that are reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Staircase {
    /// Where code 1 begins.
    pub first: f64,
    /// Distance between thresholds; positive.
    pub step: f64,
    /// Largest code.
    pub levels: u32,
}

impl Staircase {
    /// Multiples of `step`, rounded to the nearest, of `bits` bits.
    pub fn rounded(step: f64, bits: u32) -> Self {
        Staircase { first: step / 2.0, step, levels: (1 << bits) - 1 }
    }

    /// The code of `u`: an integer, never falling as `u` rises, because each operation here is monotone after rounding.
    #[inline(always)]
    pub fn code(&self, u: f64) -> f64 {
        (((u - self.first) / self.step).floor() + 1.0).clamp(0.0, f64::from(self.levels))
    }
}

impl Activation {
    /// The fixed staircase of this activation; `None` for ReLU, whose step comes from data.
    pub fn staircase(&self) -> Option<Staircase> {
        match *self {
            Activation::Sign { .. } => Some(Staircase { first: 0.0, step: 1.0, levels: 1 }),
            Activation::Codes { bits, step, .. } => Some(Staircase::rounded(step, bits)),
            Activation::Relu { .. } => None,
        }
    }

    /// `out[r][c] = activation(slope[c] * z[r][c] + offset[c])` for rows of `slope.len()` channels.
    pub(crate) fn forward(&self, z: &[f32], slope: &[f32], offset: &[f32], out: &mut [f32]) {
        match self.staircase() {
            Some(stairs) => {
                let (scale, top) = (1.0 / stairs.step as f32, stairs.levels as f32);
                let shift = 1.0 - stairs.first as f32 * scale;
                rows(z, slope, offset, out, move |u| (u * scale + shift).floor().clamp(0.0, top));
            }
            None => rows(z, slope, offset, out, |u| u.max(0.0)),
        }
    }

    /// Multiplies `grad`, the gradient by the activation's output, by the (straight-through) derivative at
    /// `u = slope * z + offset`.
    ///
    /// Sign: a triangle of area 1 around 0. Codes: the slope of the line through the stairs, within the range of codes and a
    /// margin. ReLU: 1 where positive.
    pub(crate) fn backward(&self, z: &[f32], slope: &[f32], offset: &[f32], grad: &mut [f32]) {
        match *self {
            Activation::Sign { width } => {
                let scale = 1.0 / width as f32;
                scale_rows(z, slope, offset, grad, move |u| (1.0 - u.abs() * scale).max(0.0) * scale);
            }
            Activation::Codes { bits, step, margin } => {
                let scale = 1.0 / step as f32;
                let (lo, hi) =
                    (-(margin * step) as f32, (step * (f64::from((1u32 << bits) - 1) + margin)) as f32);
                scale_rows(z, slope, offset, grad, move |u| if u > lo && u < hi { scale } else { 0.0 });
            }
            Activation::Relu { .. } => {
                scale_rows(z, slope, offset, grad, |u| if u > 0.0 { 1.0 } else { 0.0 });
            }
        }
    }
}

#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn rows<F: Fn(f32) -> f32>(z: &[f32], slope: &[f32], offset: &[f32], out: &mut [f32], f: F) {
    let c = slope.len();
    for (out, z) in out.chunks_exact_mut(c).zip(z.chunks_exact(c)) {
        for (((o, z), a), b) in out.iter_mut().zip(z).zip(slope).zip(offset) {
            *o = f(a * z + b);
        }
    }
}

#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn scale_rows<F: Fn(f32) -> f32>(z: &[f32], slope: &[f32], offset: &[f32], grad: &mut [f32], f: F) {
    let c = slope.len();
    for (grad, z) in grad.chunks_exact_mut(c).zip(z.chunks_exact(c)) {
        for (((g, z), a), b) in grad.iter_mut().zip(z).zip(slope).zip(offset) {
            *g *= f(a * z + b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smooth function whose derivative `backward` is: what the straight-through estimator pretends the stairs to be.
    fn surrogate(activation: Activation, u: f64) -> f64 {
        match activation {
            Activation::Sign { width } => {
                let v = (u / width).clamp(-1.0, 1.0);
                0.5 + v - v * v.abs() / 2.0
            }
            Activation::Codes { bits, step, margin } => {
                (u / step).clamp(-margin, f64::from((1u32 << bits) - 1) + margin)
            }
            Activation::Relu { .. } => u.max(0.0),
        }
    }

    #[test]
    fn backward_is_the_slope_of_the_surrogate() {
        let codes = Activation::Codes { bits: 2, step: 0.7, margin: 0.5 };
        for activation in [Activation::Sign { width: 0.8 }, codes, Activation::Relu { bits: 8 }] {
            for i in -40..40 {
                // Off the kinks, which lie at multiples of 0.05.
                let z = f64::from(i) / 10.0 + 0.013;
                let (slope, offset) = (1.25f32, -0.1f32);
                let u = z * f64::from(slope) + f64::from(offset);
                let mut grad = [3f32];
                activation.backward(&[z as f32], &[slope], &[offset], &mut grad);
                let expected =
                    3.0 * (surrogate(activation, u + 1e-6) - surrogate(activation, u - 1e-6)) / 2e-6;
                assert!(
                    (f64::from(grad[0]) - expected).abs() < 1e-4,
                    "{activation:?} at {u}: {grad:?}, {expected}"
                );
            }
        }
    }

    #[test]
    fn codes_round_to_the_nearest_step_and_saturate() {
        let stairs = Staircase::rounded(0.5, 2);
        let cases =
            [(-9.0, 0.0), (0.24, 0.0), (0.25, 1.0), (0.74, 1.0), (0.75, 2.0), (1.25, 3.0), (9.0, 3.0)];
        for (u, code) in cases {
            assert_eq!(stairs.code(u), code, "code of {u}");
        }
        let sign = Activation::sign().staircase().expect("a fixed staircase");
        assert_eq!([-1e-300, -0.0, 0.0, 1e-300].map(|u| sign.code(u)), [0.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn training_and_evaluation_agree_on_codes() {
        let activation = Activation::codes(3);
        let stairs = activation.staircase().expect("a fixed staircase");
        let z: Vec<f32> = (-60..60).map(|i| i as f32 / 8.0).collect();
        for value in z {
            let mut code = [0f32];
            activation.forward(&[value], &[0.33], &[0.07], &mut code);
            let u = f64::from(0.33f32 * value + 0.07f32);
            // Within rounding of a threshold either code is right.
            assert!((stairs.code(u - 1e-5)..=stairs.code(u + 1e-5)).contains(&f64::from(code[0])), "at {u}");
        }
    }
}
