//! What to train and how. The defaults reach 98.4 % on MNIST with 784-256-256-10, and 98.1 % with one-bit activations.

use serde::{Deserialize, Serialize};

mod architecture;
mod levers;
mod validate;
mod weights;

pub use architecture::{Architecture, Block, Conv};
pub use levers::{Augment, Teacher, TeacherSource};
pub(crate) use validate::within;
pub use weights::Weights;

/// Everything that decides the result of a training, apart from the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Kinds and sizes of the layers. Dense ones by default.
    pub model: Architecture,
    /// Outputs of each hidden layer of the default model, `[256, 256]` by default; may be empty.
    pub hidden: Vec<usize>,
    /// How the weights of every layer, the last included unless it counts votes, are quantised. TWN with factor 0.7 by
    /// default.
    pub weights: Weights,
    /// Part of the training after which the choice of zeros stays and only signs are trained on. By default the
    /// method's own: never for those that do not aim at a number of zeros.
    pub freeze: Option<f64>,
    /// Whether the last layer is not trained: the neurons of the last hidden layer vote, each for one class. False by
    /// default.
    pub votes: bool,
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
    /// A larger network to learn from. None by default.
    pub teacher: Option<Teacher>,
    /// Random changes of the training images. None by default.
    pub augment: Augment,
    /// Share of the past in the running average of the parameters that is judged and exported; 0 takes the
    /// parameters themselves. 0 by default.
    pub average: f64,
    /// Share of the training samples set aside to choose the best epoch; 0 keeps the last epoch. 0.05 by default.
    pub validation: f64,
    /// Seed of initial weights, validation split and order of samples. 1 by default.
    pub seed: u64,
    /// Weight of the past in the running batch-norm statistics. 0.9 by default.
    pub norm_momentum: f64,
    /// Added to a batch-norm variance, in units of squared accumulator steps. 1e-3 by default.
    pub norm_epsilon: f64,
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
            model: Architecture::Mlp,
            hidden: vec![256, 256],
            weights: Weights::twn(),
            freeze: None,
            votes: false,
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
            teacher: None,
            augment: Augment::default(),
            average: 0.0,
            validation: 0.05,
            seed: 1,
            norm_momentum: 0.9,
            norm_epsilon: 1e-3,
        }
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
    /// Number of layers with weights, the last included.
    pub fn weight_layers(&self) -> usize {
        self.blocks().iter().filter(|b| **b != Block::Average).count() + 1
    }

    /// Number of layers whose weights are trained.
    pub fn trained_layers(&self) -> usize {
        self.weight_layers() - usize::from(self.votes)
    }

    /// Part of the training after which the choice of zeros stays; 1 or more: never.
    pub fn freeze_at(&self) -> f64 {
        self.freeze.unwrap_or_else(|| self.weights.freeze_at())
    }
}
