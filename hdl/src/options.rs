//! What the user chooses about the hardware.

use std::fmt;
use std::str::FromStr;

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

/// Bits of the digits that [`Style::Serial`] knows.
pub const DIGIT_BITS: [u32; 3] = [1, 2, 4];

impl Style {
    /// Processing elements, of styles that have them.
    pub fn pes(self) -> Option<usize> {
        match self {
            Style::Unrolled | Style::Serial { .. } => None,
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
    /// The same adder graph over a few bits of every element per cycle, least significant first. Weights of -1, 0 and 1 only.
    Serial {
        /// Bits per cycle, one of [`DIGIT_BITS`].
        bits: u32,
    },
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
            Style::Serial { bits } => write!(f, "serial:{bits}"),
            Style::Folded { pes } => write!(f, "{pes}"),
            Style::Dense { pes } => write!(f, "dense:{pes}"),
            Style::Xnor { pes } => write!(f, "xnor:{pes}"),
        }
    }
}

/// The same text, or what is wanted.
impl FromStr for Style {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pes = |text: &str| text.parse::<usize>().ok().filter(|pes| *pes > 0);
        let bits = |text: &str| text.parse::<u32>().ok().filter(|bits| DIGIT_BITS.contains(bits));
        let style = match text.split_once(':') {
            None if text == "unrolled" => Some(Style::Unrolled),
            None => pes(text).map(|pes| Style::Folded { pes }),
            Some(("serial", text)) => bits(text).map(|bits| Style::Serial { bits }),
            Some(("dense", text)) => pes(text).map(|pes| Style::Dense { pes }),
            Some(("xnor", text)) => pes(text).map(|pes| Style::Xnor { pes }),
            Some(_) => None,
        };
        style.ok_or_else(|| {
            format!(
                "{text:?}; want `unrolled`, a number of processing elements, `dense:` or `xnor:` and one, or \
                 `serial:1`, `serial:2` or `serial:4`"
            )
        })
    }
}
