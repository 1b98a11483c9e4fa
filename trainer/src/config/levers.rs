//! What any recipe may add to gain accuracy: a teacher, changed images.

use serde::{Deserialize, Serialize};

/// Distillation: Hinton, Vinyals and Dean (arXiv 1503.02531).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teacher {
    /// Where it comes from.
    pub source: TeacherSource,
    /// Share of the teacher in the target, 0 to 1; the label has the rest.
    pub share: f64,
    /// Divides the logits of both before their softmax.
    pub temperature: f64,
}

/// Where a teacher comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum TeacherSource {
    /// A real network with rectified linear units, trained first with the same settings otherwise.
    Train {
        /// Outputs of its hidden layers.
        hidden: Vec<usize>,
        /// Passes over the training samples.
        epochs: usize,
    },
    /// The network kept in a checkpoint.
    Saved {
        /// The file.
        path: std::path::PathBuf,
    },
}

/// Random changes of training images, drawn anew for every sample in every epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Most pixels by which an image is moved along each axis; what is left empty has the lowest value. (Moving by up
    /// to 4 is the same as a random crop after padding by 4.)
    pub shift: usize,
    /// Most degrees by which an image is turned about its centre, with bilinear interpolation.
    pub rotate: f64,
    /// Mirror half of the images left to right.
    pub flip: bool,
}
