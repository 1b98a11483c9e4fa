//! What the user chooses about the hardware.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::family::Family;

/// Choices of a compilation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Style of each dense layer and convolution.
    pub folding: Folding,
    /// Adder levels between pipeline registers in unrolled layers; at least 1.
    pub levels_per_stage: u32,
    /// Clock to reach after place and route, in kHz: registers are then placed by the delay model of the family, in place of
    /// every so many levels. Needs a family that the model knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_khz: Option<u32>,
    /// Elements per input beat; by default all for an unrolled first layer, 1 for a folded one, the channels of a pixel for
    /// an image. Of a pixel only a divisor.
    pub input_lanes: Option<usize>,
    /// Effort of the search for sums that neurons of an unrolled layer can share, a tenth of a second a unit for 10,000
    /// nonzeros, a second where the target sums three at once; `None` gives every neuron a tree of its own.
    pub sharing: Option<u32>,
    /// Most sums on any path of an unrolled layer, as far as trees allow; `None` leaves it to the search.
    pub depth: Option<u32>,
    /// Name of the top module; by default the network's.
    pub top: Option<String>,
    /// The family that the circuit is mapped to; `None` for operators that every tool understands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
}

impl Style {
    /// Processing elements, of styles that have them.
    pub fn pes(self) -> Option<usize> {
        match self {
            Style::Unrolled => None,
            Style::Folded { pes } | Style::Dense { pes } | Style::Xnor { pes } => Some(pes),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            folding: Folding::Unrolled,
            levels_per_stage: 2,
            clock_khz: None,
            input_lanes: None,
            sharing: Some(1),
            depth: None,
            top: None,
            family: None,
        }
    }
}

/// How the dense layers and convolutions are built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Folding {
    /// Every layer as adder trees: one vector per cycle.
    Unrolled,
    /// Every layer folded, this many processing elements in all, shared out so that the slowest layer is fastest.
    Pes(usize),
    /// One style per dense layer or convolution.
    PerLayer(Vec<Style>),
}

/// How one dense layer is built, or the matrix that a convolution applies to each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// Adder trees: one vector or window per cycle.
    Unrolled,
    /// A static schedule of the nonzeros on processing elements, each adding one of them per cycle.
    Folded {
        /// Processing elements; no more than the rows of the layer are built.
        pes: usize,
    },
    /// The same elements walking all weights, zeros too, in step over one copy of the activations: the baseline that skipping
    /// zeros is measured against. Weights of -1, 0 and 1 only.
    Dense {
        /// Processing elements; no more than the rows of the layer are built.
        pes: usize,
    },
    /// Elements of a binary network, each comparing up to 16 bits with as many weights per cycle and counting those that
    /// agree: the baseline of weights that have no zeros. Weights of -1 and 1 over values of one bit only.
    Xnor {
        /// Processing elements; no more than the rows of the layer are built.
        pes: usize,
    },
}

/// As `--style` of the command takes it.
impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Style::Unrolled => f.write_str("unrolled"),
            Style::Folded { pes } => write!(f, "{pes}"),
            Style::Dense { pes } => write!(f, "dense:{pes}"),
            Style::Xnor { pes } => write!(f, "xnor:{pes}"),
        }
    }
}
