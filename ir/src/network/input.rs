//! What a sample looks like.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::MAX_ELEMENTS;
use crate::{Error, Range, Result};

/// What a sample looks like. Elements are ordered row-major over `shape`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// `[n]` or `[channels, height, width]`.
    pub shape: Vec<usize>,
    /// What the elements can be.
    #[serde(rename = "range")]
    pub ranges: Ranges,
}

/// Ranges of the elements of a sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "input.range: want {lo, hi}, or a list of them, one for each channel")]
pub enum Ranges {
    /// The same for all.
    Same(Range),
    /// One for each channel: of a vector, for each element.
    ByChannel(Vec<Range>),
}

impl From<Range> for Ranges {
    fn from(range: Range) -> Self {
        Ranges::Same(range)
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.union())?;
        if let Ranges::ByChannel(_) = self { f.write_str(" by channel") } else { Ok(()) }
    }
}

impl Ranges {
    /// Smallest range around all.
    pub fn union(&self) -> Range {
        match self {
            Ranges::Same(range) => *range,
            Ranges::ByChannel(ranges) => {
                ranges.iter().copied().reduce(Range::union).unwrap_or(Range::point(0))
            }
        }
    }
}

impl Input {
    /// A sample of this shape.
    pub fn new(shape: Vec<usize>, ranges: impl Into<Ranges>) -> Self {
        Input { shape, ranges: ranges.into() }
    }

    /// Elements of one sample.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Smallest range around all elements.
    pub fn range(&self) -> Range {
        self.ranges.union()
    }

    /// Range of every element; the network is [checked](super::Network::check).
    pub fn of_elements(&self) -> Vec<Range> {
        match &self.ranges {
            Ranges::Same(range) => vec![*range; self.elements()],
            Ranges::ByChannel(ranges) => {
                let each = self.elements() / ranges.len();
                ranges.iter().flat_map(|range| std::iter::repeat_n(*range, each)).collect()
            }
        }
    }

    /// Refuses sizes past the limits, and ranges that are empty, too wide or too few.
    pub(super) fn check(&self) -> Result<()> {
        let shape = &self.shape;
        let elements = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).unwrap_or(usize::MAX);
        if shape.is_empty() || shape.len() > 3 || elements == 0 || elements > MAX_ELEMENTS {
            return Err(Error::format(
                "input.shape",
                format!("{shape:?}; want 1 to 3 sizes, 1 to {MAX_ELEMENTS} elements in all"),
            ));
        }
        let ranges = match &self.ranges {
            Ranges::Same(range) => std::slice::from_ref(range),
            Ranges::ByChannel(ranges) if ranges.len() == shape[0] => ranges,
            Ranges::ByChannel(ranges) => {
                let (given, channels) = (ranges.len(), shape[0]);
                return Err(Error::format(
                    "input.range",
                    format!("{given} given; want one for all, or one for each of {channels} channels"),
                ));
            }
        };
        match ranges.iter().find(|range| range.lo > range.hi || range.width() > 32) {
            Some(range) => {
                Err(Error::format("input.range", format!("{range}; want lo <= hi within 32 bits")))
            }
            None => Ok(()),
        }
    }
}
