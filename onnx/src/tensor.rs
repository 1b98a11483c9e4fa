//! Constant tensors: read from a file that may lie about their sizes.

use std::path::Path;

use sterna_ir::MAX_WEIGHTS;

use crate::proto::{self, kind};
use crate::{Error, Result, external};

/// A constant, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Sizes along the axes; none for a scalar.
    pub shape: Vec<usize>,
    /// Element type, as `onnx.proto` numbers them.
    pub kind: i32,
    /// As many elements as the sizes multiply to.
    pub data: Data,
}

/// Elements of a [`Tensor`].
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// `float` elements.
    Float(Vec<f32>),
    /// Elements of any integer type.
    Int(Vec<i64>),
}

impl Tensor {
    /// A vector of integers, as shapes are.
    pub fn ints(values: Vec<i64>) -> Self {
        Tensor { shape: vec![values.len()], kind: kind::INT64, data: Data::Int(values) }
    }

    /// Floats in single precision.
    pub fn of_floats(shape: Vec<usize>, values: Vec<f32>) -> Self {
        Tensor { shape, kind: kind::FLOAT, data: Data::Float(values) }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.data {
            Data::Float(v) => v.len(),
            Data::Int(v) => v.len(),
        }
    }

    /// Elements as floats; of integers those that are near.
    pub fn floats(&self) -> Vec<f32> {
        match &self.data {
            Data::Float(v) => v.clone(),
            Data::Int(v) => v.iter().map(|i| *i as f32).collect(),
        }
    }

    /// Elements as integers; `None` for floats that are none.
    pub fn integers(&self) -> Option<Vec<i64>> {
        match &self.data {
            Data::Int(v) => Some(v.clone()),
            // Beyond 2^53 nothing here is meaningful.
            Data::Float(v) => {
                v.iter().map(|f| (f.fract() == 0.0 && f.abs() < 9e15).then_some(*f as i64)).collect()
            }
        }
    }

    /// Reads a tensor; data outside the file is looked for in `folder`.
    pub fn read(mut proto: proto::Tensor, folder: Option<&Path>) -> Result<Self> {
        let name = proto.name.clone().unwrap_or_default();
        let fail = |what: String| Error::Tensor { name: name.clone(), what };
        let shape: Option<Vec<usize>> = proto.dims.iter().map(|d| usize::try_from(*d).ok()).collect();
        let shape = shape.ok_or_else(|| fail(format!("dimensions {:?}; want none negative", proto.dims)))?;
        // An axis of none must not hide others that are beyond all bounds.
        let bound = shape.iter().try_fold(1usize, |n, d| n.checked_mul((*d).max(1)));
        if bound.is_none_or(|n| n > MAX_WEIGHTS) {
            return Err(fail(format!("dimensions {shape:?}; want at most {MAX_WEIGHTS} elements")));
        }
        let count: usize = shape.iter().product();
        let number = proto.data_type.unwrap_or(0);
        let size = size_of(number).ok_or_else(|| {
            fail(format!("elements of type {number}; want float or integers up to 64 bits"))
        })?;
        const EXTERNAL: i32 = 1;
        let raw = if proto.data_location == Some(EXTERNAL) {
            Some(external::read(&proto.external_data, count * size, folder).map_err(fail)?)
        } else {
            proto.raw_data.take()
        };
        let expect = |have: usize, want: usize, what: &str| {
            if have == want {
                return Ok(());
            }
            Err(fail(format!("{have} {what} of data; dimensions {shape:?} of type {number} need {want}")))
        };
        if let Some(raw) = raw {
            expect(raw.len(), count * size, "bytes")?;
            let data = from_raw(&raw, number).map_err(fail)?;
            return Ok(Tensor { shape, kind: number, data });
        }
        let data = match number {
            kind::FLOAT => Data::Float(proto.float_data),
            kind::DOUBLE => Data::Float(narrow(proto.double_data).map_err(fail)?),
            kind::INT64 => Data::Int(proto.int64_data),
            _ => Data::Int(proto.int32_data.into_iter().map(i64::from).collect()),
        };
        let tensor = Tensor { shape: shape.clone(), kind: number, data };
        expect(tensor.len(), count, "elements")?;
        Ok(tensor)
    }
}

/// Bytes of an element.
fn size_of(number: i32) -> Option<usize> {
    Some(match number {
        kind::UINT8 | kind::INT8 | kind::BOOL => 1,
        kind::UINT16 | kind::INT16 => 2,
        kind::FLOAT | kind::INT32 => 4,
        kind::INT64 | kind::DOUBLE => 8,
        _ => return None,
    })
}

fn from_raw(raw: &[u8], number: i32) -> std::result::Result<Data, String> {
    fn each<const N: usize, T>(raw: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
        raw.chunks_exact(N).map(|b| read(b.try_into().expect("chunks of N bytes"))).collect()
    }
    Ok(match number {
        kind::FLOAT => Data::Float(each(raw, f32::from_le_bytes)),
        kind::DOUBLE => Data::Float(narrow(each(raw, f64::from_le_bytes))?),
        kind::INT8 => Data::Int(each(raw, |b| i8::from_le_bytes(b).into())),
        kind::UINT16 => Data::Int(each(raw, |b| u16::from_le_bytes(b).into())),
        kind::INT16 => Data::Int(each(raw, |b| i16::from_le_bytes(b).into())),
        kind::INT32 => Data::Int(each(raw, |b| i32::from_le_bytes(b).into())),
        kind::INT64 => Data::Int(each(raw, i64::from_le_bytes)),
        _ => Data::Int(each(raw, |[b]: [u8; 1]| b.into())),
    })
}

/// Doubles that are floats: nothing is rounded in silence.
fn narrow(values: Vec<f64>) -> std::result::Result<Vec<f32>, String> {
    match values.iter().find(|v| f64::from(**v as f32) != **v) {
        Some(value) => Err(format!("{value} is no 32-bit float; export the model in single precision")),
        None => Ok(values.into_iter().map(|v| v as f32).collect()),
    }
}
