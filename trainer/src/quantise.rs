//! Weight quantisers: real latent weights to integers times a scale. One file per method.
//!
//! The forward pass multiplies by [`Quantised::weights`] alone; the scale is absorbed by batch-norm, or by the common scale
//! of the last layer. Gradients pass straight through: the gradient with respect to `scale * weights` is given to the
//! latent weights, which is the gradient with respect to `weights` over the scale.

pub mod binary_connect;
pub mod bwn;
pub mod float;
pub mod top_k;
pub mod twn;

use crate::config::Weights;

/// Quantised weights of a dense layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quantised {
    /// `[outputs][inputs]`; -1, 0, +1, or any real for the float method.
    pub weights: Vec<f32>,
    /// One scale for all outputs, or one for each.
    pub scale: Vec<f32>,
}

impl Quantised {
    /// Scale of output `o`.
    pub fn scale_of(&self, o: usize) -> f32 {
        if self.scale.len() == 1 { self.scale[0] } else { self.scale[o] }
    }

    /// Number of weights that are not zero.
    pub fn nonzeros(&self) -> usize {
        crate::kernel::wide(|| {
            self.weights
                .chunks(4096)
                .map(|c| c.iter().map(|&w| u32::from(w != 0.0)).sum::<u32>() as usize)
                .sum()
        })
    }
}

/// How many weights of a layer may differ from zero at this point of the training, for methods that fix it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Choice<'a> {
    /// The method decides.
    Free,
    /// Exactly this many, the largest.
    Keep(usize),
    /// Exactly those marked.
    Frozen(&'a [bool]),
}

/// Quantises `latent`, `[outputs][inputs]`, by `method` into `out`.
pub fn quantise(method: &Weights, latent: &[f32], inputs: usize, choice: Choice<'_>, out: &mut Quantised) {
    out.weights.resize(latent.len(), 0.0);
    match *method {
        Weights::Float { .. } => float::quantise(latent, out),
        Weights::BinaryConnect => binary_connect::quantise(latent, out),
        Weights::Bwn { per_filter } => {
            bwn::quantise(latent, if per_filter { inputs } else { latent.len() }, out)
        }
        Weights::Twn { factor } => twn::quantise(latent, factor, out),
        Weights::TopK { .. } => top_k::quantise(latent, choice, out),
    }
}
