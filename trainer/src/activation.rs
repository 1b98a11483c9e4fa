//! Activations: what a neuron passes on, given the output of its batch-norm.

use serde::{Deserialize, Serialize};

use crate::config::Activation;
use crate::kernel::wide;

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

fn rows(z: &[f32], slope: &[f32], offset: &[f32], out: &mut [f32], f: impl Fn(f32) -> f32 + Copy) {
    let c = slope.len();
    wide(move || {
        for (out, z) in out.chunks_exact_mut(c).zip(z.chunks_exact(c)) {
            for (((o, z), a), b) in out.iter_mut().zip(z).zip(slope).zip(offset) {
                *o = f(a * z + b);
            }
        }
    });
}

fn scale_rows(z: &[f32], slope: &[f32], offset: &[f32], grad: &mut [f32], f: impl Fn(f32) -> f32 + Copy) {
    let c = slope.len();
    wide(move || {
        for (grad, z) in grad.chunks_exact_mut(c).zip(z.chunks_exact(c)) {
            for (((g, z), a), b) in grad.iter_mut().zip(z).zip(slope).zip(offset) {
                *g *= f(a * z + b);
            }
        }
    });
}
