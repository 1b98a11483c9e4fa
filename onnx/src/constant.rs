//! Constants of a graph: floats as they are in the file, and quantised ones as integers with a scale.

use std::sync::Arc;

use crate::exact::{Ratio, as_integer, common_step, ratio, whole};
use crate::stairs::Params;
use crate::tensor::{Data, Tensor};

/// `value = scale * integer`, the scale being one for all or one for each index along `axis`.
#[derive(Clone, Debug)]
pub struct Quantised {
    /// Sizes along the axes.
    pub shape: Vec<usize>,
    /// Row-major.
    pub ints: Vec<i64>,
    /// Which axis has scales of its own.
    pub axis: usize,
    /// One, or as many as the axis is long.
    pub scale: Params,
}

/// A constant.
#[derive(Clone, Debug)]
pub enum Constant {
    /// As it is in the file, or computed from such.
    Plain(Arc<Tensor>),
    /// What left a quantiser.
    Quantised(Arc<Quantised>),
}

impl Constant {
    /// Sizes along the axes.
    pub fn shape(&self) -> &[usize] {
        match self {
            Constant::Plain(t) => &t.shape,
            Constant::Quantised(q) => &q.shape,
        }
    }

    /// Exact values; an error for infinities and NaN.
    pub fn ratios(&self) -> Result<Vec<Ratio>, String> {
        match self {
            Constant::Plain(t) => match &t.data {
                Data::Int(v) => Ok(v.iter().map(|i| whole(*i)).collect()),
                Data::Float(v) => {
                    let exact =
                        |v: &f32| ratio(*v).ok_or_else(|| format!("a constant is {v}; want finite ones"));
                    v.iter().map(exact).collect()
                }
            },
            Constant::Quantised(q) => {
                let inner: usize = q.shape.iter().skip(q.axis + 1).product();
                let scale = |i: usize| &q.scale[i / inner.max(1) % q.scale.len()];
                Ok(q.ints.iter().enumerate().map(|(i, v)| whole(*v) * scale(i)).collect())
            }
        }
    }

    /// The only value of a constant with one element.
    pub fn scalar(&self) -> Result<Ratio, String> {
        match <[Ratio; 1]>::try_from(self.ratios()?) {
            Ok([value]) => Ok(value),
            Err(values) => Err(format!("a constant of {} elements; want one", values.len())),
        }
    }

    /// Integers, as shapes and axes are given.
    pub fn integers(&self) -> Result<Vec<i64>, String> {
        match self {
            Constant::Plain(t) => {
                t.integers().ok_or_else(|| "a constant with fractions; want integers".into())
            }
            Constant::Quantised(_) => Err("a quantised constant; want integers".into()),
        }
    }

    /// Integers with a scale: what a quantiser gave, or floats that are small multiples of one number, found exactly.
    pub fn quantised(&self) -> Result<Arc<Quantised>, String> {
        match self {
            Constant::Quantised(q) => Ok(q.clone()),
            Constant::Plain(t) => grid(t).map(Arc::new),
        }
    }
}

/// Floats as multiples of the largest number of which all are multiples.
fn grid(tensor: &Tensor) -> Result<Quantised, String> {
    let values = Constant::Plain(Arc::new(tensor.clone())).ratios()?;
    let step = common_step(&values, i16::MAX)
        .ok_or("float weights; quantise them, in training or with a Quant node, or let --ternarise do it")?;
    let int = |v: &Ratio| as_integer(&(v / &step)).expect("a small multiple of the step");
    let ints = values.iter().map(int).collect();
    Ok(Quantised { shape: tensor.shape.clone(), ints, axis: 0, scale: vec![step] })
}
