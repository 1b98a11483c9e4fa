//! The network while it is trained: real latent parameters, and inference with running batch-norm statistics.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::config::{Config, Weights};
use crate::cost;
use crate::geometry::{Geometry, Place};
use crate::kernel::{CHUNK, IMAGES, ROWS, wide};
use crate::optim::Param;
use crate::quantise::{Choice, Layer, Pass, Quantised, fan_in, quantise, tga, votes};

/// Layers of weights with batch-norm between them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Net {
    /// All layers of weights, the last included.
    pub dense: Vec<Dense>,
    /// One per hidden layer.
    pub norm: Vec<Norm>,
    /// What turns sums of the last layer into logits.
    pub head: Head,
    /// Cost-aware training: what the circuit takes over what the cost table says, when last asked; 1 before.
    pub charge: f64,
}

/// Latent weights of a layer, dense or a convolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    /// Weights of an output.
    pub inputs: usize,
    /// Neurons, or output channels.
    pub outputs: usize,
    /// Where the matrix applies.
    pub geometry: Geometry,
    /// `[outputs][inputs]`.
    pub weight: Param,
    /// TGA's trained threshold; empty for the other methods.
    pub threshold: Param,
    /// What a controller of the method holds: SCA's alpha, or the dead zone of cost-aware training over the bound
    /// of the weights; 0 for the others.
    pub control: f64,
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
    /// `strength` of the last layer at that batch; the scale follows it.
    pub strength: f64,
}

impl Dense {
    /// Length of the vector that the layer reads.
    pub fn elements(&self) -> usize {
        self.geometry.elements(self.inputs)
    }

    /// Sums of a sample.
    pub fn sums(&self) -> usize {
        self.geometry.positions() * self.outputs
    }

    /// Length of the vector that leaves the layer.
    pub fn codes(&self) -> usize {
        self.geometry.pooled() * self.outputs
    }

    /// Samples that one task handles.
    pub(crate) fn shard(&self) -> usize {
        if self.geometry.conv.is_some() { IMAGES } else { ROWS }
    }

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
    /// The factor of the sums, given the weights of the last layer.
    pub fn scale(&self, method: &Weights, quantised: &Quantised) -> f32 {
        let relative = strength(method, quantised) / self.strength;
        (f64::from(self.gain.value[0]).exp() * relative) as f32 * self.unit
    }
}

/// What logits are proportional to beside the sums: TGA's trained scale; for the other methods the root of the density,
/// inverted, so that a changing number of nonzeros leaves the spread of logits as it is. SCA's real weights need neither.
pub(crate) fn strength(method: &Weights, quantised: &Quantised) -> f64 {
    match method {
        Weights::Tga { .. } => f64::from(quantised.scale[0]),
        Weights::Sca { .. } => 1.0,
        _ => 1.0 / (quantised.nonzeros().max(1) as f64).sqrt(),
    }
}

impl Net {
    /// Draws initial weights for layers at `places`.
    pub fn new(config: &Config, places: &[Place]) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(config.seed);
        let shapes: Vec<(usize, usize)> = places.iter().map(|p| (p.inputs, p.outputs)).collect();
        let hidden = &places[..places.len() - 1];
        let classes = places[places.len() - 1].outputs;
        let mut zones = match &config.weights {
            Weights::Cost { table, .. } => cost::first_zones(table, &shapes),
            _ => Vec::new(),
        }
        .into_iter();
        let dense = places.iter().map(|&Place { inputs, outputs, geometry }| {
            let bound = (6.0 / inputs as f64).sqrt() as f32;
            let value = (0..inputs * outputs).map(|_| (rng.random::<f32>() * 2.0 - 1.0) * bound).collect();
            let value: Vec<f32> = value;
            let (threshold, control) = match config.weights {
                Weights::Tga { start, .. } => (vec![tga::first_threshold(&value, start) as f32], 0.0),
                Weights::Sca { alpha, .. } => (Vec::new(), alpha),
                _ => (Vec::new(), zones.next().unwrap_or(0.0)),
            };
            let (weight, threshold) = (Param::new(value), Param::new(threshold));
            Dense { inputs, outputs, geometry, weight, threshold, control, mask: None }
        });
        let dense = dense.collect();
        Net {
            dense,
            norm: hidden.iter().map(|p| Norm::new(p.outputs, 0.0)).collect(),
            head: Head {
                gain: Param::new(vec![0.0]),
                bias: Param::new(vec![0.0; classes]),
                unit: 0.0,
                strength: 1.0,
            },
            charge: 1.0,
        }
    }

    /// The parameters without the memory of their update rule.
    pub fn settled(&self) -> Self {
        let dense = |d: &Dense| Dense {
            weight: d.weight.settled(),
            threshold: d.threshold.settled(),
            mask: d.mask.clone(),
            ..*d
        };
        let norm = |n: &Norm| Norm { gamma: n.gamma.settled(), beta: n.beta.settled(), ..n.clone() };
        let head = Head { gain: self.head.gain.settled(), bias: self.head.bias.settled(), ..self.head };
        Net {
            dense: self.dense.iter().map(dense).collect(),
            norm: self.norm.iter().map(norm).collect(),
            head,
            charge: self.charge,
        }
    }

    /// Moves each parameter towards that of `other`, keeping the share `past`; what is no real parameter is taken over.
    pub(crate) fn follow(&mut self, other: &Net, past: f32) {
        let blend = |old: &mut [f32], new: &[f32]| {
            let chunks = old.par_chunks_mut(CHUNK).zip(new.par_chunks(CHUNK));
            chunks.for_each(|(old, new)| {
                wide(move || old.iter_mut().zip(new).for_each(|(o, n)| *o = past * *o + (1.0 - past) * n));
            });
        };
        for (d, new) in self.dense.iter_mut().zip(&other.dense) {
            blend(&mut d.weight.value, &new.weight.value);
            blend(&mut d.threshold.value, &new.threshold.value);
            d.control = new.control;
        }
        for (n, new) in self.norm.iter_mut().zip(&other.norm) {
            blend(&mut n.gamma.value, &new.gamma.value);
            blend(&mut n.beta.value, &new.beta.value);
            blend(&mut n.mean, &new.mean);
            blend(&mut n.var, &new.var);
        }
        blend(&mut self.head.gain.value, &other.head.gain.value);
        blend(&mut self.head.bias.value, &other.head.bias.value);
        (self.head.unit, self.head.strength) = (other.head.unit, other.head.strength);
    }

    /// What the weight method sees of dense layer `index` at `part` (0 to 1) of the training.
    pub fn layer<'a>(&'a self, config: &Config, index: usize, part: f64, pass: Pass) -> Layer<'a> {
        let dense = &self.dense[index];
        let all = dense.weight.value.len();
        let method = &config.weights;
        let choice = match (&dense.mask, method) {
            (Some(mask), _) => Choice::Frozen(mask),
            (None, Weights::TopK { anneal, .. }) => {
                let zeros = method.zeros(index).unwrap_or(0.0);
                Choice::Keep(falling(all, (all as f64 * (1.0 - zeros)).round() as usize, part, *anneal))
            }
            (None, Weights::FanIn { anneal, .. }) => {
                let last = method.fan_in_of(index).unwrap_or(dense.inputs);
                let first = (last * fan_in::START).min(dense.inputs);
                Choice::KeepEach(falling(first, last, part, *anneal))
            }
            _ => Choice::Free,
        };
        let threshold = match method {
            Weights::Tga { .. } => f64::from(dense.threshold.value[0]),
            Weights::Faraone { start, end, .. } => {
                let grown = (part / config.freeze_at().max(1e-9)).min(1.0);
                dense.bound() * (start + (end - start) * grown)
            }
            Weights::Cost { .. } => dense.bound() * dense.control,
            _ => 0.0,
        };
        Layer {
            latent: &dense.weight.value,
            inputs: dense.inputs,
            bound: dense.bound(),
            threshold,
            control: dense.control,
            choice,
            pass,
        }
    }

    /// Quantises dense layer `index` at `part` (0 to 1) of the training.
    pub fn quantise(&self, config: &Config, index: usize, part: f64, pass: Pass, out: &mut Quantised) {
        if index >= config.trained_layers() {
            let dense = &self.dense[index];
            return votes::quantise(dense.outputs, dense.inputs, out);
        }
        quantise(&config.weights, &self.layer(config, index, part, pass), out);
    }

    /// Weights of every layer as the circuit would have them at `part` of the training.
    pub fn judged(&self, config: &Config, part: f64) -> Vec<Quantised> {
        let layer = |index: usize| {
            let mut quantised = Quantised::default();
            self.quantise(config, index, part, Pass::Judging, &mut quantised);
            quantised
        };
        (0..self.dense.len()).map(layer).collect()
    }
}

/// How many of `all` are kept at `part` of the training: falling geometrically to `last` over the annealing.
fn falling(all: usize, last: usize, part: f64, anneal: f64) -> usize {
    let last = last.clamp(1, all);
    if part >= anneal {
        return last;
    }
    let density = (last as f64 / all as f64).powf(part / anneal);
    ((all as f64 * density).round() as usize).clamp(last, all)
}
