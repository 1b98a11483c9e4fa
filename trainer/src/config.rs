//! What to train and how. The defaults reach 98.4 % on MNIST with 784-256-256-10, and 98.1 % with one-bit activations.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Everything that decides the result of a training, apart from the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Outputs of each hidden layer, `[256, 256]` by default; may be empty.
    pub hidden: Vec<usize>,
    /// How the weights of every layer, the last included, are quantised. TWN with factor 0.7 by default.
    pub weights: Weights,
    /// What follows the batch-norm of each hidden layer. Two-bit codes by default.
    pub activation: Activation,
    /// How 8-bit features enter the first layer. As they are by default.
    pub input: Input,
    /// Passes over the training samples. 40 by default.
    pub epochs: usize,
    /// Samples per step. 128 by default.
    pub batch: usize,
    /// Update rule. Adam with 0.9 and 0.999 by default.
    pub optimiser: Optimiser,
    /// Learning rate at its highest. For Adam, weights move by this fraction of their initial bound. 0.01 by
    /// default; stochastic gradient descent wants about 0.1.
    pub rate: f64,
    /// How the rate changes over the training. A cosine by default.
    pub schedule: Schedule,
    /// Epochs of linear rise of the rate from 0; may be a fraction. 1 by default.
    pub warmup: f64,
    /// Pull of the weights (not of batch-norm or biases) towards 0: decoupled for Adam, an L2 term for SGD.
    /// 0.05 by default; stochastic gradient descent wants about 1e-4.
    pub weight_decay: f64,
    /// Probability spread evenly over all classes in the target. 0 by default.
    pub label_smoothing: f64,
    /// Share of the training samples set aside to choose the best epoch; 0 keeps the last epoch. 0.05 by default.
    pub validation: f64,
    /// Seed of initial weights, validation split and order of samples. 1 by default.
    pub seed: u64,
    /// Weight of the past in the running batch-norm statistics. 0.9 by default.
    pub norm_momentum: f64,
    /// Added to a batch-norm variance, in units of squared accumulator steps. 1e-3 by default.
    pub norm_epsilon: f64,
}

/// Weight methods. All but `Float` give weights of -1, 0 and +1 times a scale that batch-norm absorbs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Weights {
    /// Real weights, exported as symmetric integers.
    Float {
        /// Bits of the exported integers, 2 to 8.
        bits: u32,
    },
    /// Signs of clipped latent weights.
    BinaryConnect,
    /// Signs times the mean magnitude.
    Bwn {
        /// One mean per output instead of one per layer.
        per_filter: bool,
    },
    /// Ternary weights with a threshold relative to the mean magnitude.
    Twn {
        /// Threshold over mean magnitude.
        factor: f64,
    },
    /// The largest magnitudes only, an exact number per layer.
    TopK {
        /// Fraction of zeros: one for all layers, or one per dense layer, the last included.
        zeros: Vec<f64>,
        /// Part of the training over which zeros rise from none to their final fraction.
        anneal: f64,
        /// Part of the training after which the choice of zeros stays.
        freeze: f64,
    },
}

/// Activations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Activation {
    /// One bit: whether the batch-norm output is at least 0.
    Sign {
        /// Half width of the triangular window through which gradients pass.
        width: f64,
    },
    /// Unsigned codes of the batch-norm output, rounded to multiples of a fixed step.
    Codes {
        /// Bits per code, 2 to 8.
        bits: u32,
        /// Batch-norm output per code.
        step: f64,
        /// Codes beyond both ends of the range at which gradients still pass.
        margin: f64,
    },
    /// Rectified linear while training; exported as unsigned codes whose step fits the training set.
    Relu {
        /// Bits of the exported codes, 1 to 8.
        bits: u32,
    },
}

/// Codings of the 8-bit input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Input {
    /// The features as they are.
    Raw,
    /// Codes of this many bits with uniform thresholds: the top bits when the range is 0..=255.
    Bits {
        /// Bits per code, 1 to 8.
        bits: u32,
    },
    /// This many uniform thresholds per feature, each a bit of its own.
    Thermometer {
        /// Thresholds per feature, 1 to 255.
        levels: u32,
    },
}

/// Update rules.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Optimiser {
    /// Stochastic gradient descent.
    Sgd {
        /// Share of the last step that is repeated.
        momentum: f64,
    },
    /// Adam (Kingma and Ba, arXiv 1412.6980) with decoupled weight decay (arXiv 1711.05101).
    Adam {
        /// Decay of the mean gradient.
        beta1: f64,
        /// Decay of the mean squared gradient.
        beta2: f64,
        /// Added to the root of the mean square.
        epsilon: f64,
    },
}

/// Learning rate over the training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// The same rate throughout.
    Constant,
    /// Multiplied at given parts of the training.
    Step {
        /// Fractions of the training, ascending.
        at: Vec<f64>,
        /// Factor at each.
        factor: f64,
    },
    /// Half a cosine down to 0.
    Cosine,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            hidden: vec![256, 256],
            weights: Weights::Twn { factor: 0.7 },
            activation: Activation::Codes { bits: 2, step: 0.7, margin: 0.5 },
            input: Input::Raw,
            epochs: 40,
            batch: 128,
            optimiser: Optimiser::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
            rate: 0.01,
            schedule: Schedule::Cosine,
            warmup: 1.0,
            weight_decay: 0.05,
            label_smoothing: 0.0,
            validation: 0.05,
            seed: 1,
            norm_momentum: 0.9,
            norm_epsilon: 1e-3,
        }
    }
}

impl Weights {
    /// TWN with the threshold factor of the paper's first version (arXiv 1605.04711v1).
    pub fn twn() -> Self {
        Weights::Twn { factor: 0.7 }
    }

    /// Top-k with the same fraction of zeros in all layers.
    pub fn top_k(zeros: f64) -> Self {
        Weights::TopK { zeros: vec![zeros], anneal: 0.4, freeze: 0.9 }
    }
}

impl Activation {
    /// One-bit activations with the default window.
    pub fn sign() -> Self {
        Activation::Sign { width: 1.0 }
    }

    /// Unsigned codes of `bits` bits over the same span of the batch-norm output as the default.
    pub fn codes(bits: u32) -> Self {
        Activation::Codes { bits, step: 2.1 / f64::from((1u32 << bits.clamp(1, 16)) - 1), margin: 0.5 }
    }
}

impl Config {
    /// Number of dense layers, the last included.
    pub fn dense_layers(&self) -> usize {
        self.hidden.len() + 1
    }

    /// Refuses settings out of range; the message names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<()> {
        for (i, &n) in self.hidden.iter().enumerate() {
            within(&format!("hidden[{i}]"), n as f64, 1.0, sterna_ir::MAX_ELEMENTS as f64)?;
        }
        if self.hidden.len() > 64 {
            return Err(Error::config("hidden", format!("{} layers; want at most 64", self.hidden.len())));
        }
        self.weights.validate(self.dense_layers())?;
        match self.activation {
            Activation::Sign { width } => within("activation.width", width, 1e-3, 1e3)?,
            Activation::Codes { bits, step, margin } => {
                within("activation.bits", bits.into(), 2.0, 8.0)?;
                within("activation.step", step, 1e-6, 1e6)?;
                within("activation.margin", margin, 0.0, 1e6)?;
            }
            Activation::Relu { bits } => within("activation.bits", bits.into(), 1.0, 8.0)?,
        }
        match self.input {
            Input::Raw => {}
            Input::Bits { bits } => within("input.bits", bits.into(), 1.0, 8.0)?,
            Input::Thermometer { levels } => within("input.levels", levels.into(), 1.0, 255.0)?,
        }
        within("epochs", self.epochs as f64, 1.0, 1e6)?;
        within("batch", self.batch as f64, 2.0, 65_536.0)?;
        match self.optimiser {
            Optimiser::Sgd { momentum } => within("optimiser.momentum", momentum, 0.0, 0.9999)?,
            Optimiser::Adam { beta1, beta2, epsilon } => {
                within("optimiser.beta1", beta1, 0.0, 0.9999)?;
                within("optimiser.beta2", beta2, 0.0, 0.999_999)?;
                within("optimiser.epsilon", epsilon, 1e-30, 1.0)?;
            }
        }
        within("rate", self.rate, 1e-9, 1e3)?;
        if let Schedule::Step { at, factor } = &self.schedule {
            within("schedule.factor", *factor, 1e-6, 1.0)?;
            for (i, &part) in at.iter().enumerate() {
                within(&format!("schedule.at[{i}]"), part, if i > 0 { at[i - 1] } else { 0.0 }, 1.0)?;
            }
        }
        within("warmup", self.warmup, 0.0, self.epochs as f64)?;
        within("weight_decay", self.weight_decay, 0.0, 10.0)?;
        within("label_smoothing", self.label_smoothing, 0.0, 0.9)?;
        within("validation", self.validation, 0.0, 0.9)?;
        within("norm_momentum", self.norm_momentum, 0.0, 0.9999)?;
        within("norm_epsilon", self.norm_epsilon, 1e-9, 1e6)
    }
}

impl Weights {
    fn validate(&self, layers: usize) -> Result<()> {
        match self {
            Weights::Float { bits } => within("weights.bits", (*bits).into(), 2.0, 8.0),
            Weights::BinaryConnect | Weights::Bwn { .. } => Ok(()),
            Weights::Twn { factor } => within("weights.factor", *factor, 0.0, 10.0),
            Weights::TopK { zeros, anneal, freeze } => {
                if zeros.len() != 1 && zeros.len() != layers {
                    let what =
                        format!("{} fractions; want 1, or one for each of {layers} layers", zeros.len());
                    return Err(Error::config("weights.zeros", what));
                }
                for (i, &part) in zeros.iter().enumerate() {
                    within(&format!("weights.zeros[{i}]"), part, 0.0, 0.9999)?;
                }
                within("weights.anneal", *anneal, 0.0, 1.0)?;
                within("weights.freeze", *freeze, *anneal, 1.0)
            }
        }
    }

    /// Final fraction of zeros of dense layer `layer`, where the method fixes it.
    pub(crate) fn zeros(&self, layer: usize) -> Option<f64> {
        match self {
            Weights::TopK { zeros, .. } => Some(if zeros.len() == 1 { zeros[0] } else { zeros[layer] }),
            _ => None,
        }
    }
}

fn within(field: &str, value: f64, lo: f64, hi: f64) -> Result<()> {
    // A NaN lies in no interval, so it is refused too.
    if (lo..=hi).contains(&value) {
        return Ok(());
    }
    Err(Error::config(field, format!("{value}; want {lo} to {hi}")))
}
