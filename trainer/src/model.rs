//! The trained network as the trainer evaluates it: integer weights, batch-norm as an affine map of the exact sum, and a
//! staircase. [`HiddenLayer::code`] is the expression that the export turns into thresholds.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sterna_ir::Range;

use crate::activation::Staircase;
use crate::conv;
use crate::encode::Encoder;
use crate::geometry::{Geometry, totals};
use crate::kernel::{IMAGES, matrix, product, wide};
use crate::pool;
use crate::residual::Kept;

/// Samples that one task evaluates.
const SAMPLES: usize = 256;
/// Values held at once: bounds memory however wide a layer is.
const SLAB: usize = 1 << 23;

/// A trained network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Name of the data set it was trained on.
    pub name: String,
    /// Shape of a sample.
    pub shape: Vec<usize>,
    /// Range of every feature.
    pub range: Range,
    /// Features to codes.
    pub encoder: Encoder,
    /// Hidden layers in order.
    pub hidden: Vec<HiddenLayer>,
    /// Weights of the last layer.
    pub last: Linear,
    /// Integer bias of each class: the real one over the common scale, rounded.
    pub bias: Vec<i64>,
}

/// Integer weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// Weights of an output.
    pub inputs: usize,
    /// Neurons, or output channels.
    pub outputs: usize,
    /// `[outputs][inputs]`.
    pub weights: Vec<i16>,
    /// Where the matrix applies.
    pub geometry: Geometry,
}

/// A layer of weights, its batch-norm, its activation and its pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HiddenLayer {
    /// Weights.
    pub linear: Linear,
    /// Batch-norm: factor of the sum, per channel.
    pub slope: Vec<f64>,
    /// Batch-norm: added to it, per channel.
    pub offset: Vec<f64>,
    /// The activation.
    pub stairs: Staircase,
}

/// What a model says about samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// What leaves each hidden layer, behind its pool and residual sum, `[samples][outputs]`; images as
    /// `[height][width][channels]`.
    pub codes: Vec<Array2<u16>>,
    /// Class of each sample.
    pub classes: Vec<u8>,
}

impl Model {
    /// Length of the longest vector between input and output.
    pub fn widest(&self) -> usize {
        self.hidden.iter().map(|h| &h.linear).chain([&self.last]).map(Linear::widest).max().unwrap_or(1)
    }
}

impl HiddenLayer {
    /// Code of channel `c` when its sum is `z`: the definition that thresholds reproduce. Monotone in `z`.
    #[inline(always)]
    pub fn code(&self, c: usize, z: f64) -> f64 {
        self.stairs.code(self.slope[c] * z + self.offset[c])
    }

    /// Codes of the sums of whole samples, pooled.
    pub(crate) fn codes(&self, mut sums: Vec<f64>) -> Vec<f64> {
        let Geometry { pool, .. } = self.linear.geometry;
        sums.par_chunks_mut(self.linear.sums_each()).for_each(|sums| {
            wide(|| {
                for row in sums.chunks_exact_mut(self.slope.len()) {
                    row.iter_mut().enumerate().for_each(|(c, z)| *z = self.code(c, *z));
                }
            });
        });
        let Some(w) = pool else { return sums };
        let mut out = vec![0.0; sums.len() / w.elements() * w.positions() * self.linear.outputs];
        let samples =
            out.par_chunks_mut(w.positions() * self.linear.outputs).zip(sums.par_chunks(w.elements()));
        samples.for_each(|(out, codes)| pool::largest(&w, codes, out));
        out
    }
}

impl Linear {
    /// Sums of a sample.
    fn sums_each(&self) -> usize {
        self.geometry.positions() * self.outputs
    }

    /// Length of the longer one of the vectors before and behind it.
    pub(crate) fn widest(&self) -> usize {
        self.geometry.elements(self.inputs).max(self.sums_each())
    }

    /// `out[s][p][o] = sum_i weights[o][i] x[s][window p][i]`, exact while every sum stays below 2^53, as 16-bit weights and
    /// 8-bit codes do for any layer that a network may have.
    pub(crate) fn sums(&self, x: &[f64]) -> Vec<f64> {
        let weights: Vec<f64> = self.weights.iter().map(|&w| f64::from(w)).collect();
        if let Some(w) = &self.geometry.conv {
            let mut out = vec![0.0; x.len() / w.elements() * self.sums_each()];
            let samples =
                out.par_chunks_mut(IMAGES * self.sums_each()).zip(x.par_chunks(IMAGES * w.elements()));
            samples.for_each(|(out, x)| {
                let mut tile = vec![0.0; conv::tile(w)];
                let samples = out.chunks_exact_mut(self.sums_each()).zip(x.chunks_exact(w.elements()));
                samples.for_each(|(out, x)| {
                    conv::forward(w, self.geometry.depthwise, &weights, x, out, &mut tile)
                });
            });
            return out;
        }
        let summed = self.geometry.average.as_ref().map(|w| totals(w, x));
        let x = summed.as_deref().unwrap_or(x);
        let rows = x.len() / self.inputs;
        let mut out = vec![0.0; rows * self.outputs];
        out.par_chunks_mut(SAMPLES * self.outputs).zip(x.par_chunks(SAMPLES * self.inputs)).for_each(
            |(out, x)| {
                let x = matrix(x, x.len() / self.inputs, self.inputs);
                product(out, x, matrix(&weights, self.outputs, self.inputs).transpose());
            },
        );
        out
    }
}

/// Encodes samples, `[samples][features]`, for the first layer.
pub(crate) fn encode(encoder: &Encoder, x: ArrayView2<'_, u8>) -> Vec<f64> {
    let width = x.ncols() * encoder.width();
    let mut out = vec![0.0; x.nrows() * width];
    out.par_chunks_mut(width).enumerate().for_each(|(s, out)| {
        encoder.encode(&x.row(s).to_vec(), out);
    });
    out
}

/// The trainer's own forward pass over samples `x`, `[samples][features]`.
pub fn evaluate(model: &Model, x: ArrayView2<'_, u8>) -> Evaluation {
    let mut codes: Vec<Vec<u16>> = vec![Vec::new(); model.hidden.len()];
    let mut classes = Vec::with_capacity(x.nrows());
    for slab in x.axis_chunks_iter(Axis(0), (SLAB / model.widest()).max(1)) {
        let mut values = encode(&model.encoder, slab);
        let mut kept = Kept::new(model.hidden.iter().map(|h| &h.linear.geometry));
        for (index, (layer, codes)) in model.hidden.iter().zip(&mut codes).enumerate() {
            values = layer.codes(layer.linear.sums(&values));
            kept.leave(index, &mut values);
            codes.extend(values.iter().map(|&v| v as u16));
        }
        let sums = model.last.sums(&values);
        let score = |(s, b): (&f64, &i64)| *s as i64 + b;
        classes.extend(sums.chunks_exact(model.last.outputs).map(|row| {
            let scores: Vec<i64> = row.iter().zip(&model.bias).map(score).collect();
            sterna_ir::eval::arg_max(&scores) as u8
        }));
    }
    let shaped = |(layer, codes): (&HiddenLayer, Vec<u16>)| {
        let width = layer.linear.geometry.pooled() * layer.linear.outputs;
        Array2::from_shape_vec((x.nrows(), width), codes).expect("one code per sample and channel")
    };
    Evaluation { codes: model.hidden.iter().zip(codes).map(shaped).collect(), classes }
}

/// Fraction of `classes` that equal `labels`; 0 for no samples.
pub fn accuracy(classes: &[u8], labels: &[u8]) -> f64 {
    let correct = classes.iter().zip(labels).filter(|(c, l)| c == l).count();
    correct as f64 / labels.len().max(1) as f64
}
