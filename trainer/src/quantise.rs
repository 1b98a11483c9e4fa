//! Weight methods: real latent weights to integers times a scale, and the gradient back. One file per method; a method sees
//! one matrix of latent weights, `[outputs][inputs of an output]`, and knows nothing of the layer around it.
//!
//! The forward pass multiplies by [`Quantised::weights`] alone; the scale is absorbed by batch-norm, or by the common scale
//! of the last layer. Gradients pass straight through: the gradient with respect to `scale * weights` is given to the
//! latent weights, which is the gradient with respect to `weights` over the scale.

pub mod binary_connect;
pub mod bwn;
pub mod dead_zone;
pub mod fan_in;
pub mod float;
pub mod mask;
pub mod sca;
pub mod tga;
pub mod top_k;
pub mod twn;
pub mod votes;

use crate::config::Weights;

/// Quantised weights of a layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quantised {
    /// `[outputs][inputs]`; -1, 0, +1, or any real for the float method and for SCA while it trains.
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
        crate::kernel::nonzeros(&self.weights)
    }
}

/// How many weights of a layer may differ from zero at this point of the training, for methods that fix it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Choice<'a> {
    /// The method decides.
    Free,
    /// Exactly this many, the largest.
    Keep(usize),
    /// Exactly this many of each output, the largest.
    KeepEach(usize),
    /// Exactly those marked.
    Frozen(&'a [bool]),
}

/// What weights are wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// A training step: SCA's weights are real.
    Training,
    /// Judging or exporting the network: weights are what the circuit will have.
    Judging,
}

/// What a method is given.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// Latent weights, `[outputs][inputs]`.
    pub latent: &'a [f32],
    /// Inputs of an output.
    pub inputs: usize,
    /// Bound of the latent weights when they were drawn.
    pub bound: f64,
    /// TGA's trained threshold, or the half width of a dead zone, in units of the latent weights; unused by the others.
    pub threshold: f64,
    /// SCA's alpha; unused by the others.
    pub control: f64,
    /// Which weights may differ from zero.
    pub choice: Choice<'a>,
    /// What for.
    pub pass: Pass,
}

/// Quantises `layer` by `method` into `out`.
pub fn quantise(method: &Weights, layer: &Layer<'_>, out: &mut Quantised) {
    let &Layer { latent, inputs, choice, .. } = layer;
    out.weights.resize(latent.len(), 0.0);
    let group = |per_filter: bool| if per_filter { inputs } else { latent.len() };
    if let (Choice::Frozen(mask), false) = (choice, matches!(method, Weights::Float { .. })) {
        return mask::quantise(latent, mask, method.scale_group(inputs, latent.len()), out);
    }
    match *method {
        Weights::Float { .. } => float::quantise(latent, out),
        Weights::BinaryConnect => binary_connect::quantise(latent, out),
        Weights::Bwn { per_filter } => bwn::quantise(latent, group(per_filter), out),
        Weights::Twn { factor, per_filter } => twn::quantise(latent, group(per_filter), factor, out),
        Weights::Tga { .. } => tga::quantise(latent, layer.threshold, out),
        Weights::Sca { .. } => sca::quantise(latent, layer.bound, layer.pass, out),
        Weights::Faraone { .. } | Weights::Cost { .. } => dead_zone::quantise(latent, layer.threshold, out),
        Weights::TopK { .. } | Weights::FanIn { .. } => top_k::quantise(latent, inputs, choice, out),
    }
}

/// Completes `grad`, the straight-through gradient by the latent weights (that by `scale * weights`), with what the method
/// adds; `strength` is that of SCA's regulariser. Returns the gradient by the method's threshold, 0 for those without.
pub fn backward(
    method: &Weights,
    layer: &Layer<'_>,
    quantised: &Quantised,
    strength: f64,
    grad: &mut [f32],
) -> f64 {
    match method {
        Weights::Tga { .. } if layer.choice == Choice::Free => {
            tga::backward(layer.latent, layer.threshold, quantised, grad)
        }
        Weights::Sca { .. } if layer.choice == Choice::Free => {
            sca::backward(layer, strength, quantised, grad);
            0.0
        }
        _ => 0.0,
    }
}

impl Weights {
    /// Latent weights that share a scale, of `inputs` per output and `all` in the layer.
    pub(crate) fn scale_group(&self, inputs: usize, all: usize) -> usize {
        match self {
            Weights::Bwn { per_filter: true } | Weights::Twn { per_filter: true, .. } => inputs,
            _ => all,
        }
    }
}
