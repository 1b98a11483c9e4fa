//! The input of a network: which integers stand for a sample's values, by the caller's word, by its type, or by the model's
//! first quantiser.

use num_traits::{One, Zero};
use sterna_ir::Range;

use crate::exact::{Ratio, Rounding, about, as_integer, decimal, whole};
use crate::model::Source;
use crate::quantiser::type_range;
use crate::signal::Signal;
use crate::stairs::{Stairs, Step};

use super::Importer;

/// Integers that stand for the values of a model's input: `value = scale * integer + offset`.
#[derive(Clone, Debug, PartialEq)]
pub struct InputCodes {
    /// Smallest and largest integer.
    pub range: Range,
    scale: Ratio,
    offset: Ratio,
}

impl InputCodes {
    /// `scale` and `offset` are decimal numbers, or fractions such as `1/255`.
    ///
    /// ```
    /// use sterna_onnx::InputCodes;
    /// use sterna_ir::Range;
    /// assert!(InputCodes::new(Range::new(0, 255), "1/255", "-0.5").is_some());
    /// assert!(InputCodes::new(Range::new(0, 255), "0", "0").is_none());
    /// ```
    pub fn new(range: Range, scale: &str, offset: &str) -> Option<Self> {
        let number = |text: &str| match text.split_once('/') {
            Some((n, d)) => Some(decimal(n)? / decimal(d).filter(|d| !d.is_zero())?),
            None => decimal(text),
        };
        let scale = number(scale).filter(|s| *s > Ratio::zero())?;
        Some(InputCodes { range, scale, offset: number(offset)? })
    }
}

/// From values of the model's input to codes: `lowest` and one more for each step that is reached.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Encoder {
    pub steps: Vec<Step>,
    pub stairs: Stairs,
    pub lowest: i64,
}

/// The input of a model, the range of its integers, and how samples become those; floats that nobody has named yet have
/// neither.
pub(super) fn of_model(
    source: &Source,
    given: Option<&InputCodes>,
) -> (Signal, Option<Range>, Option<Encoder>) {
    let of_type = || {
        let (lo, hi) = type_range(source.kind)?;
        Some(InputCodes { range: Range::new(lo, hi), scale: Ratio::one(), offset: Ratio::zero() })
    };
    let mut input = Signal::new(None, source.shape.clone(), None);
    let Some(InputCodes { range, scale, offset }) = given.cloned().or_else(of_type) else {
        return (input, None, None);
    };
    let back = Step::Affine { scale: vec![scale.recip()], offset: vec![-&offset / &scale] };
    let steps = vec![back, Step::Round(Rounding::HalfEven)];
    input.steps = vec![Step::Affine { scale: vec![scale], offset: vec![offset] }];
    input.codes = Some((range.lo, range.hi));
    let encoder = Encoder { steps, stairs: Stairs::integers(range.lo, range.hi), lowest: range.lo };
    (input, Some(range), Some(encoder))
}

impl Importer<'_> {
    /// The quantiser of an input of floats: its codes are the integers that the network takes.
    pub(super) fn open_input(&mut self, x: Signal, stairs: Stairs) -> Result<Signal, String> {
        if stairs.edges.len() > 1 || stairs.unit.len() > 1 || stairs.base.len() > 1 || x.parts() > 1 {
            return Err("quantises the input by channel; want one scale for all, or say --input".into());
        }
        let (unit, base) = (stairs.unit[0].clone(), stairs.base[0].clone());
        // Codes as they are multiplied, so that 0 is 0 where it can be.
        let lowest = as_integer(&(&base / &unit)).unwrap_or(0);
        let range = Range::new(lowest, lowest + stairs.levels() as i64);
        let offset = base - &unit * whole(lowest);
        let codes = Some((range.lo, range.hi));
        let step = Step::Affine { scale: vec![unit.clone()], offset: vec![offset] };
        self.range = Some(range);
        let encoder = Encoder { steps: x.steps.clone(), stairs, lowest };
        match &self.encoder {
            Some(first) if *first != encoder => {
                return Err(
                    "quantises the input a second time, in another way; want one quantiser for all".into()
                );
            }
            Some(_) => {}
            None => self.notes.push(format!(
                "samples are the codes of the model's input quantiser, {range}, each {} wide",
                about(&unit)
            )),
        }
        self.encoder = Some(encoder);
        Ok(Signal { steps: vec![step], codes, ..x })
    }
}
