//! The network while it is trained: real latent parameters, and inference with running batch-norm statistics.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

use crate::config::{Config, Weights};
use crate::optim::Param;
use crate::quantise::{Choice, Quantised, quantise};

/// Dense layers with batch-norm between them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Net {
    /// All dense layers, the last included.
    pub dense: Vec<Dense>,
    /// One per hidden layer.
    pub norm: Vec<Norm>,
    /// What turns sums of the last layer into logits.
    pub head: Head,
}

/// Latent weights of a dense layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    /// Length of the input.
    pub inputs: usize,
    /// Length of the output.
    pub outputs: usize,
    /// `[outputs][inputs]`.
    pub weight: Param,
    /// Weights that may differ from zero, once that choice stays.
    pub mask: Option<Vec<bool>>,
}

/// Batch normalisation (Ioffe and Szegedy, arXiv 1502.03167) of integer sums.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Norm {
    /// Gain per channel.
    pub gamma: Param,
    /// Shift per channel.
    pub beta: Param,
    /// Running mean per channel.
    pub mean: Vec<f32>,
    /// Running variance per channel.
    pub var: Vec<f32>,
}

/// `logits = exp(gain) * unit * sum + bias`: one common scale, so that the order of classes is that of integers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Logarithm of the learnt scale; one element.
    pub gain: Param,
    /// One per class.
    pub bias: Param,
    /// Brings the logits of the first batch to unit variance.
    pub unit: f32,
    /// Nonzero weights of the last layer at that batch; the scale follows their root when the number changes.
    pub nonzeros: usize,
}

impl Dense {
    /// Bound of the initial weights (He et al., arXiv 1502.01852, uniform); Adam's steps are relative to it.
    pub fn bound(&self) -> f64 {
        (6.0 / self.inputs as f64).sqrt()
    }
}

impl Norm {
    fn new(channels: usize, beta: f32) -> Self {
        Norm {
            gamma: Param::new(vec![1.0; channels]),
            beta: Param::new(vec![beta; channels]),
            mean: vec![0.0; channels],
            var: vec![1.0; channels],
        }
    }

    /// `slope * z + offset` is the normalised and scaled `z`.
    pub(crate) fn affine(&self, mean: &[f32], var: &[f32], epsilon: f64) -> (Vec<f32>, Vec<f32>) {
        let inverse = |v: &f32| 1.0 / (f64::from(*v) + epsilon).sqrt();
        let slope: Vec<f32> =
            self.gamma.value.iter().zip(var).map(|(g, v)| (f64::from(*g) * inverse(v)) as f32).collect();
        let offset = self.beta.value.iter().zip(mean).zip(&slope).map(|((b, m), a)| b - m * a).collect();
        (slope, offset)
    }
}

impl Head {
    /// The factor of the sums, given the nonzeros of the last layer.
    pub fn scale(&self, nonzeros: usize) -> f32 {
        let density = self.nonzeros as f64 / nonzeros.max(1) as f64;
        (f64::from(self.gain.value[0]).exp() * density.sqrt()) as f32 * self.unit
    }
}

impl Net {
    /// Draws initial weights. `inputs` are the codes of a sample.
    pub fn new(config: &Config, inputs: usize, classes: usize) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(config.seed);
        let sizes: Vec<usize> =
            [inputs].into_iter().chain(config.hidden.iter().copied()).chain([classes]).collect();
        let dense = sizes.windows(2).map(|io| {
            let bound = (6.0 / io[0] as f64).sqrt() as f32;
            let value = (0..io[0] * io[1]).map(|_| (rng.random::<f32>() * 2.0 - 1.0) * bound).collect();
            Dense { inputs: io[0], outputs: io[1], weight: Param::new(value), mask: None }
        });
        let dense = dense.collect();
        Net {
            dense,
            norm: config.hidden.iter().map(|&n| Norm::new(n, 0.0)).collect(),
            head: Head {
                gain: Param::new(vec![0.0]),
                bias: Param::new(vec![0.0; classes]),
                unit: 0.0,
                nonzeros: 1,
            },
        }
    }

    /// The parameters without the memory of their update rule.
    pub fn settled(&self) -> Self {
        let dense = |d: &Dense| Dense { weight: d.weight.settled(), mask: d.mask.clone(), ..*d };
        let norm = |n: &Norm| Norm { gamma: n.gamma.settled(), beta: n.beta.settled(), ..n.clone() };
        let head = Head { gain: self.head.gain.settled(), bias: self.head.bias.settled(), ..self.head };
        Net {
            dense: self.dense.iter().map(dense).collect(),
            norm: self.norm.iter().map(norm).collect(),
            head,
        }
    }

    /// Quantises dense layer `index` at `part` (0 to 1) of the training.
    pub fn quantise(&self, config: &Config, index: usize, part: f64, out: &mut Quantised) {
        let dense = &self.dense[index];
        let choice = match (&dense.mask, config.weights.zeros(index)) {
            (Some(mask), _) => Choice::Frozen(mask),
            (None, Some(zeros)) => Choice::Keep(kept(&config.weights, dense.weight.value.len(), zeros, part)),
            (None, None) => Choice::Free,
        };
        quantise(&config.weights, &dense.weight.value, dense.inputs, choice, out);
    }
}

/// Weights kept of `len` at `part` of the training: falling geometrically to the final number over the annealing.
fn kept(weights: &Weights, len: usize, zeros: f64, part: f64) -> usize {
    let Weights::TopK { anneal, .. } = weights else { return len };
    let last = ((len as f64 * (1.0 - zeros)).round() as usize).clamp(1, len);
    if part >= *anneal {
        return last;
    }
    let density = (last as f64 / len as f64).powf(part / anneal);
    ((len as f64 * density).round() as usize).clamp(last, len)
}
