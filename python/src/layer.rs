//! Layers made from arrays.

use anyhow::anyhow;
use pyo3::prelude::*;
use sterna::ir::{self, Conv2d, Dense, LayerOp, Threshold, Window};

use crate::arrays::{Integers, narrow, tuple};
use crate::error::Result;

/// A layer of a network, to be given to `Network`.
#[pyclass(frozen, module = "sterna")]
pub struct Layer(pub ir::Layer);

/// Weights of `N` dimensions.
fn weights<const N: usize>(value: &Bound<'_, PyAny>, want: &str) -> Result<(Vec<i16>, [usize; N])> {
    let (values, shape) = Integers::new("weights", value)?;
    let shape =
        shape[..].try_into().map_err(|_| anyhow!("weights of shape {}: want {want}", tuple(&shape)))?;
    Ok((narrow("weights", &values.to_vec()?, "-32768 to 32767")?, shape))
}

fn bias(value: Option<&Bound<'_, PyAny>>) -> Result<Vec<i64>> {
    value.map_or(Ok(Vec::new()), |value| Integers::new("bias", value)?.0.to_vec())
}

fn layer(name: &str, op: LayerOp) -> Layer {
    Layer(ir::Layer { name: name.into(), op })
}

fn pool(input: [usize; 3], kernel: [usize; 2], stride: Option<[usize; 2]>) -> Window {
    Window { input, kernel, stride: stride.unwrap_or(kernel), padding: [0, 0] }
}

#[pymethods]
impl Layer {
    #[staticmethod]
    #[pyo3(signature = (weights, bias=None, *, name="dense"))]
    fn dense(weights: &Bound<'_, PyAny>, bias: Option<&Bound<'_, PyAny>>, name: &str) -> Result<Self> {
        let (weights, [outputs, inputs]) = self::weights(weights, "(outputs, inputs)")?;
        Ok(layer(name, LayerOp::Dense(Dense { inputs, outputs, weights, bias: self::bias(bias)? })))
    }

    #[staticmethod]
    #[pyo3(signature = (weights, bias=None, *, input, stride=[1, 1], padding=[0, 0], groups=1, name="conv2d"))]
    fn conv2d(
        weights: &Bound<'_, PyAny>,
        bias: Option<&Bound<'_, PyAny>>,
        input: [usize; 3],
        stride: [usize; 2],
        padding: [usize; 2],
        groups: usize,
        name: &str,
    ) -> Result<Self> {
        let want = "(outputs, channels / groups, kernel height, kernel width)";
        let (weights, [outputs, channels, height, width]) = self::weights(weights, want)?;
        if channels.checked_mul(groups) != Some(input[0]) {
            return Err(anyhow!(
                "weights for {channels} channels in {groups} groups: the input has {}",
                input[0]
            )
            .into());
        }
        let window = Window { input, kernel: [height, width], stride, padding };
        Ok(layer(name, LayerOp::Conv2d(Conv2d { window, outputs, groups, weights, bias: self::bias(bias)? })))
    }

    #[staticmethod]
    #[pyo3(signature = (thresholds, falling=None, *, positions=1, thermometer=false, name="threshold"))]
    fn threshold(
        thresholds: &Bound<'_, PyAny>,
        falling: Option<Vec<bool>>,
        positions: usize,
        thermometer: bool,
        name: &str,
    ) -> Result<Self> {
        let (values, shape) = Integers::new("thresholds", thresholds)?;
        let [channels, levels] = shape[..] else {
            return Err(anyhow!("thresholds of shape {}: want (channels, levels)", tuple(&shape)).into());
        };
        let (thresholds, falling) = (values.to_vec()?, falling.unwrap_or_default());
        let threshold = Threshold { channels, positions, levels, thresholds, falling, thermometer };
        Ok(layer(name, LayerOp::Threshold(threshold)))
    }

    #[staticmethod]
    #[pyo3(signature = (*, input, kernel, stride=None, name="max_pool"))]
    fn max_pool(input: [usize; 3], kernel: [usize; 2], stride: Option<[usize; 2]>, name: &str) -> Self {
        layer(name, LayerOp::MaxPool(pool(input, kernel, stride)))
    }

    #[staticmethod]
    #[pyo3(signature = (*, input, kernel, stride=None, name="sum_pool"))]
    fn sum_pool(input: [usize; 3], kernel: [usize; 2], stride: Option<[usize; 2]>, name: &str) -> Self {
        layer(name, LayerOp::SumPool(pool(input, kernel, stride)))
    }

    /// Adds the output of layer number `from_layer`.
    #[staticmethod]
    #[pyo3(signature = (from_layer, *, name="add"))]
    fn add(from_layer: usize, name: &str) -> Self {
        layer(name, LayerOp::Add { from: from_layer })
    }

    #[staticmethod]
    #[pyo3(signature = (*, name="argmax"))]
    fn argmax(name: &str) -> Self {
        layer(name, LayerOp::ArgMax)
    }

    fn __repr__(&self) -> String {
        format!("<sterna.Layer {:?}>", self.0.name)
    }
}
