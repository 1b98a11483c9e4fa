//! NumPy arrays in and out.

use anyhow::{anyhow, bail};
use numpy::{
    Element, PyArray2, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArray,
};
use numpy::{PyUntypedArrayMethods, ndarray::Array2};
use pyo3::prelude::*;
use pyo3::types::IntoPyDict;
use sterna::ir::Network;

use crate::error::{Error, Result};

/// Integers of any width that a network's values have, as the array holds them: row-major and not copied, unless the array
/// was of another layout.
pub enum Integers<'py> {
    /// Unsigned bytes, and booleans.
    U8(PyReadonlyArrayDyn<'py, u8>),
    /// Signed bytes.
    I8(PyReadonlyArrayDyn<'py, i8>),
    /// Unsigned, 16 bits.
    U16(PyReadonlyArrayDyn<'py, u16>),
    /// Signed, 16 bits.
    I16(PyReadonlyArrayDyn<'py, i16>),
    /// Unsigned, 32 bits.
    U32(PyReadonlyArrayDyn<'py, u32>),
    /// Signed, 32 bits.
    I32(PyReadonlyArrayDyn<'py, i32>),
    /// Signed, 64 bits.
    I64(PyReadonlyArrayDyn<'py, i64>),
}

/// Runs `$body` with the values of `$integers` as a slice, whatever their type.
macro_rules! with_values {
    ($integers:expr, $values:ident => $body:expr) => {
        match $integers {
            $crate::arrays::Integers::U8(array) => {
                let $values = array.as_slice()?;
                $body
            }
            $crate::arrays::Integers::I8(array) => {
                let $values = array.as_slice()?;
                $body
            }
            $crate::arrays::Integers::U16(array) => {
                let $values = array.as_slice()?;
                $body
            }
            $crate::arrays::Integers::I16(array) => {
                let $values = array.as_slice()?;
                $body
            }
            $crate::arrays::Integers::U32(array) => {
                let $values = array.as_slice()?;
                $body
            }
            $crate::arrays::Integers::I32(array) => {
                let $values = array.as_slice()?;
                $body
            }
            $crate::arrays::Integers::I64(array) => {
                let $values = array.as_slice()?;
                $body
            }
        }
    };
}
pub(crate) use with_values;

impl<'py> Integers<'py> {
    /// Takes an array, or a list that NumPy makes one of; `what` names it in errors. Also its shape.
    pub fn new(what: &str, value: &Bound<'py, PyAny>) -> Result<(Self, Vec<usize>)> {
        let order = [("order", "C")].into_py_dict(value.py())?;
        let array = value.py().import("numpy")?.call_method("asarray", (value,), Some(&order))?;
        let untyped = array.cast::<PyUntypedArray>().map_err(PyErr::from)?;
        let (shape, dtype) = (untyped.shape().to_vec(), untyped.dtype());
        let array =
            if dtype.kind() == b'b' { array.call_method1("view", ("uint8",))? } else { array.clone() };
        let wrong = || anyhow!("{what}: values of type {dtype}; want integers of at most 64 bits with sign");
        let integers = typed(&array, Integers::U8)
            .or_else(|| typed(&array, Integers::I8))
            .or_else(|| typed(&array, Integers::I64))
            .or_else(|| typed(&array, Integers::I32))
            .or_else(|| typed(&array, Integers::I16))
            .or_else(|| typed(&array, Integers::U16))
            .or_else(|| typed(&array, Integers::U32));
        Ok((integers.ok_or_else(wrong)?, shape))
    }

    /// All values.
    pub fn to_vec(&self) -> Result<Vec<i64>> {
        Ok(with_values!(self, values => wide(values)))
    }
}

fn typed<'py, T: Element>(
    array: &Bound<'py, PyAny>,
    wrap: fn(PyReadonlyArrayDyn<'py, T>) -> Integers<'py>,
) -> Option<Integers<'py>> {
    Some(wrap(array.cast::<PyArrayDyn<T>>().ok()?.try_readonly().ok()?))
}

/// Samples for a network.
pub struct Samples<'py> {
    /// Row by row.
    pub values: Integers<'py>,
    /// Values of a row.
    pub elements: usize,
}

impl<'py> Samples<'py> {
    /// Takes an array of shape `(samples, elements)` or `(samples, *network.shape)`.
    pub fn new(network: &Network, value: &Bound<'py, PyAny>) -> Result<Self> {
        let (values, shape) = Integers::new("samples", value)?;
        let (elements, inner) = (network.input.elements(), &network.input.shape);
        match shape.split_first() {
            Some((_, rest)) if rest == [elements] || rest == inner.as_slice() => {
                Ok(Samples { values, elements })
            }
            _ => {
                let rows = |sizes: &[usize]| format!("(n, {})", list(sizes));
                let images = if inner.len() > 1 { format!(" or {}", rows(inner)) } else { String::new() };
                let (shape, want) = (tuple(&shape), rows(&[elements]));
                Err(anyhow!("samples of shape {shape}: want {want}{images}").into())
            }
        }
    }

    /// A vector for each sample.
    pub fn to_rows(&self) -> Result<Vec<Vec<i64>>> {
        Ok(with_values!(&self.values, values => {
            values.chunks_exact(self.elements).map(wide).collect()
        }))
    }
}

/// Values as the library takes them.
pub fn wide<T: Copy + Into<i64>>(values: &[T]) -> Vec<i64> {
    values.iter().map(|value| (*value).into()).collect()
}

fn list(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

/// A shape as Python writes it.
pub fn tuple(sizes: &[usize]) -> String {
    format!("({}{})", list(sizes), if sizes.len() == 1 { "," } else { "" })
}

/// Vectors of `width` elements as the rows of an array.
pub fn rows<'py>(py: Python<'py>, vectors: Vec<Vec<i64>>, width: usize) -> Result<Bound<'py, PyArray2<i64>>> {
    let count = vectors.len();
    let values: Vec<i64> = vectors.into_iter().flatten().collect();
    Ok(PyArray2::from_owned_array(py, Array2::from_shape_vec((count, width), values)?))
}

/// Values that fit a narrower integer; `what` names them in errors.
pub fn narrow<T: TryFrom<i64>>(what: &str, values: &[i64], want: &str) -> std::result::Result<Vec<T>, Error> {
    let one = |(i, value): (usize, &i64)| match T::try_from(*value) {
        Ok(value) => Ok(value),
        Err(_) => bail!("{what}, value {i} is {value}; want {want}"),
    };
    Ok(values.iter().enumerate().map(one).collect::<anyhow::Result<_>>()?)
}
