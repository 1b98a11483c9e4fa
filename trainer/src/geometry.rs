//! Where the weight matrix of a layer applies: once to a whole vector, or to every window of an image.
//!
//! The trainer keeps images as `[height][width][channels]`, so that a row of a window lies together in memory and loops run over
//! channels; weights of a convolution are `[outputs][kernel height][kernel width][channels]`. A [`Window`] names its image
//! `[channels, height, width]`, the order of the integer network, into which [`to_rows`] turns everything on export.

use serde::{Deserialize, Serialize};
use sterna_ir::Window;

use crate::config::{Block, Config};
use crate::{Error, Result};

/// Windows of a layer; none of them for a dense layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geometry {
    /// Where the matrix applies.
    pub conv: Option<Window>,
    /// Max pool over the outputs.
    pub pool: Option<Window>,
}

/// A weight matrix and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Weights of an output.
    pub inputs: usize,
    /// Outputs: neurons or channels.
    pub outputs: usize,
    /// Windows.
    pub geometry: Geometry,
}

impl Geometry {
    /// Times that the matrix applies to a sample.
    pub fn positions(&self) -> usize {
        self.conv.map_or(1, |w| w.positions())
    }

    /// Positions that the pool leaves.
    pub fn pooled(&self) -> usize {
        self.pool.map_or(self.positions(), |w| w.positions())
    }

    /// Length of the vector that a layer reads whose outputs have `inputs` weights.
    pub fn elements(&self, inputs: usize) -> usize {
        self.conv.map_or(inputs, |w| w.elements())
    }

    /// The image of `outputs` channels that leaves the layer, as `[channels, height, width]`; `None` for a vector.
    pub fn image(&self, outputs: usize) -> Option<[usize; 3]> {
        let [height, width] = self.pool.or(self.conv)?.output();
        Some([outputs, height, width])
    }
}

/// The image that a sample is; `None` when it is a plain vector.
pub fn image_of(shape: &[usize]) -> Option<[usize; 3]> {
    match *shape {
        [height, width] => Some([1, height, width]),
        [channels, height, width] => Some([channels, height, width]),
        _ => None,
    }
}

/// All weight matrices of the network that `config` describes, the last included, for samples of `shape` whose features are
/// `width` codes each.
///
/// Errors when samples are no images but must be, when a kernel does not fit, and beyond what a network file may hold.
pub fn places(config: &Config, shape: &[usize], width: usize, classes: usize) -> Result<Vec<Place>> {
    let mut length = shape.iter().product::<usize>() * width;
    if length > sterna_ir::MAX_ELEMENTS {
        let what = format!("{length} input bits; want at most {}; use fewer levels", sterna_ir::MAX_ELEMENTS);
        return Err(Error::config("input.levels", what));
    }
    let mut image = image_of(shape).map(|[channels, h, w]| [channels * width, h, w]);
    let mut places = Vec::new();
    for (index, block) in config.blocks().into_iter().chain([Block::Dense { outputs: classes }]).enumerate() {
        let place = match block {
            Block::Dense { outputs } => Place { inputs: length, outputs, geometry: Geometry::default() },
            Block::Conv { outputs, kernel, stride, padding, pool } => {
                let fail = |what: String| Error::config(format!("model.layers[{index}]"), what);
                let input = image.ok_or_else(|| {
                    fail(format!("samples of shape {shape:?} are no images; use dense layers"))
                })?;
                let inputs = input[0] * kernel * kernel;
                let square = |n: usize| [n, n];
                let window = Window {
                    input,
                    kernel: square(kernel),
                    stride: square(stride),
                    padding: square(padding),
                };
                window.check(length, outputs, inputs).map_err(fail)?;
                let [height, width] = window.output();
                let pool = Window {
                    input: [outputs, height, width],
                    kernel: square(pool),
                    stride: square(pool),
                    padding: [0, 0],
                };
                pool.check(outputs * height * width, outputs, 1).map_err(fail)?;
                let pool = Some(pool).filter(|p| p.kernel != [1, 1]);
                Place { inputs, outputs, geometry: Geometry { conv: Some(window), pool } }
            }
        };
        if place.inputs * place.outputs > sterna_ir::MAX_WEIGHTS {
            let limit = sterna_ir::MAX_WEIGHTS;
            let what = format!(
                "{} x {} weights in layer {index}; want at most {limit}",
                place.inputs, place.outputs
            );
            return Err(Error::config("hidden", what));
        }
        length = place.geometry.pooled() * place.outputs;
        image = place.geometry.image(place.outputs);
        places.push(place);
    }
    match places.last() {
        Some(last) if config.votes && last.inputs < classes => {
            let what =
                format!("{} neurons vote for {classes} classes; want at least one for each", last.inputs);
            Err(Error::config("votes", what))
        }
        _ => Ok(places),
    }
}

/// Reorders `[height][width][channels]` to `[channels][height][width]`.
pub fn to_rows<T: Copy>(values: &[T], [channels, height, width]: [usize; 3]) -> Vec<T> {
    let size = height * width;
    (0..channels * size).map(|e| values[e % size * channels + e / size]).collect()
}
