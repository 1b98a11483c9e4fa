//! What a tensor of the model is in the network: the integers of a layer, seen through exact functions and a layout.

use num_traits::{One, Signed, Zero};

use crate::constant::Constant;
use crate::exact::{Ratio, Rounding};
use crate::shapes;
use crate::stairs::{Params, Step, common, zip};

/// Bits of numerators and denominators: a batch norm needs some two hundred.
const MOST_BITS: u64 = 4096;

/// Functions between two layers that do not join into one.
const MOST_STEPS: usize = 64;

/// A tensor that depends on the sample.
#[derive(Clone, Debug)]
pub struct Signal {
    /// The layer whose integers it is made of; `None` for the input.
    pub layer: Option<usize>,
    /// Sizes behind the batch axis.
    pub shape: Vec<usize>,
    /// For each element of the tensor, row-major, the integer it is made of; `None` when they are in the same order.
    pub order: Option<Vec<usize>>,
    /// The functions from integers to values, the first one first. Their parts are those of the layer's vector.
    pub steps: Vec<Step>,
    /// Range of the integers, where they are codes.
    pub codes: Option<(i64, i64)>,
}

impl Signal {
    /// The integers of a layer themselves, as a tensor of shape `shape`.
    pub fn new(layer: Option<usize>, shape: Vec<usize>, codes: Option<(i64, i64)>) -> Self {
        Signal { layer, shape, order: None, steps: vec![Step::identity()], codes }
    }

    /// Elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Applies one more function.
    pub fn then(mut self, step: Step) -> Result<Self, String> {
        let joined = match (self.steps.last(), &step) {
            (Some(Step::Affine { scale: s1, offset: o1 }), Step::Affine { scale: s2, offset: o2 }) => {
                let scale = zip(s1, s2, |a, b| a * b);
                let offset = zip(o1, s2, |o, s| o * s).and_then(|o| zip(&o, o2, |a, b| a + b));
                let (scale, offset) =
                    scale.zip(offset).ok_or("parts that differ from those of the node before")?;
                Some(Step::Affine { scale: narrow(scale), offset: narrow(offset) })
            }
            _ => None,
        };
        if let Some(Step::Affine { scale, offset }) = &joined {
            let is_long = |v: &Ratio| v.numer().bits().max(v.denom().bits()) > MOST_BITS;
            if scale.iter().chain(offset).any(is_long) {
                return Err(format!("arithmetic that needs numbers of more than {MOST_BITS} bits"));
            }
        }
        if self.steps.len() == MOST_STEPS {
            return Err(format!("more than {MOST_STEPS} bounds between two layers"));
        }
        match joined {
            Some(joined) => *self.steps.last_mut().expect("there is one") = joined,
            None => self.steps.push(step),
        }
        if common(self.parts(), self.len()) != Some(self.len()) {
            return Err("parts that do not divide the tensor".into());
        }
        Ok(self)
    }

    /// `scale * x + offset`.
    pub fn affine(self, scale: Params, offset: Params) -> Result<Self, String> {
        self.then(Step::Affine { scale, offset })
    }

    /// Held between bounds.
    pub fn clamp(self, lo: Option<Ratio>, hi: Option<Ratio>) -> Result<Self, String> {
        if lo.as_ref().zip(hi.as_ref()).is_some_and(|(lo, hi)| lo > hi) {
            return Err("a lower bound above the upper one".into());
        }
        self.then(Step::Clamp { lo, hi })
    }

    /// Rounded, which changes no integer.
    pub fn round(self, mode: Rounding) -> Result<Self, String> {
        let is_whole = |params: &Params| params.iter().all(Ratio::is_integer);
        if self.scaled().is_ok_and(|(scale, offset)| is_whole(scale) && is_whole(offset)) {
            return Ok(self);
        }
        self.then(Step::Round(mode))
    }

    /// Parts that its functions tell apart.
    pub fn parts(&self) -> usize {
        self.steps.iter().map(Step::parts).max().unwrap_or(1)
    }

    /// Scale and offset of its integers, when nothing else lies between.
    pub fn scaled(&self) -> Result<(&Params, &Params), String> {
        match self.steps.as_slice() {
            [Step::Affine { scale, offset }] => Ok((scale, offset)),
            _ => {
                Err("values that are not quantised behind an activation; put a quantiser before this node"
                    .into())
            }
        }
    }

    /// Whether larger integers never become smaller values.
    pub fn rises(&self) -> bool {
        self.steps.iter().all(|s| match s {
            Step::Affine { scale, .. } => scale.iter().all(|s| !s.is_negative()),
            _ => true,
        })
    }

    /// The elements of a constant as parts of this tensor, in the order of its layer's vector.
    pub fn params(&self, constant: &Constant) -> Result<Params, String> {
        let mut batched = vec![1];
        batched.extend(&self.shape);
        self.params_of(constant, &batched)
    }

    fn params_of(&self, constant: &Constant, shape: &[usize]) -> Result<Params, String> {
        let sizes = constant.shape();
        let fail = || {
            format!("a constant of shape {sizes:?} over {shape:?}; want one value, or one for each channel")
        };
        let more = sizes.len().saturating_sub(shape.len());
        if sizes[..more].iter().any(|d| *d != 1) {
            return Err(fail());
        }
        let sizes = &sizes[more..];
        let over = &shape[shape.len() - sizes.len()..];
        // It must vary along the first axes only: then its elements are parts that follow each other.
        let varies: Vec<usize> = (0..sizes.len()).filter(|a| sizes[*a] != 1).collect();
        let Some(&last) = varies.last() else { return constant.ratios() };
        let outer = shape.len() - sizes.len();
        let is_prefix = shape[..outer].iter().chain(&over[..=last]).copied().product::<usize>()
            == sizes[..=last].iter().product::<usize>();
        let fits = varies.iter().all(|a| sizes[*a] == over[*a]);
        if !fits || !is_prefix || self.order.is_some() {
            return Err(fail());
        }
        Ok(narrow(constant.ratios()?))
    }

    /// A constant with one value for each channel, as batch norm has them.
    pub fn channel_params(&self, constant: &Constant) -> Result<Params, String> {
        let channels = self.shape[0];
        if constant.shape() != [channels] && constant.shape() != [1] && !constant.shape().is_empty() {
            return Err(format!(
                "a constant of shape {:?}; want one value for each of {channels} channels",
                constant.shape()
            ));
        }
        if self.order.is_some() {
            return Err("values by channel in a layout with the channels elsewhere".into());
        }
        Ok(narrow(constant.ratios()?))
    }

    /// The same elements under other sizes.
    pub fn reshape(mut self, shape: Vec<usize>) -> Self {
        self.shape = shape;
        self
    }

    /// The same elements with their axes permuted, the batch axis left out.
    pub fn transpose(mut self, axes: &[usize]) -> Self {
        let order = shapes::permuted(&self.shape, axes);
        let order: Vec<usize> = match &self.order {
            Some(old) => order.into_iter().map(|i| old[i]).collect(),
            None => order,
        };
        self.order = Some(order).filter(|o| o.iter().enumerate().any(|(i, e)| i != *e));
        self.shape = axes.iter().map(|a| self.shape[*a]).collect();
        self
    }

    /// The only scale of its integers and the offset, by part.
    pub fn one_scale(&self) -> Result<(Ratio, &Params), String> {
        match self.scaled()? {
            (scale, offset) if scale.len() == 1 => Ok((scale[0].clone(), offset)),
            _ => Err("channels with scales of their own that are added up; want one scale for all".into()),
        }
    }

    /// Refuses functions that tell more apart than so many channels.
    pub fn within_channels(&self, channels: usize) -> Result<(), String> {
        match channels.is_multiple_of(self.parts()) {
            true => Ok(()),
            false => {
                Err("elements of an image with scales of their own; want them by channel at most".into())
            }
        }
    }

    /// Whether nothing but zero is added to scaled integers.
    pub fn is_centred(&self) -> bool {
        self.scaled().is_ok_and(|(_, offset)| offset.iter().all(Zero::is_zero))
    }
}

/// One value where all are equal.
pub fn narrow(params: Params) -> Params {
    if params.iter().all(|p| *p == params[0]) { params.into_iter().take(1).collect() } else { params }
}

/// Ones and zeros: the parameters of an identity.
pub fn one() -> Params {
    vec![Ratio::one()]
}

/// No offset.
pub fn zero() -> Params {
    vec![Ratio::zero()]
}
