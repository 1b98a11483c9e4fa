//! Where the weight matrix of a layer applies: once to a whole vector, or to every window of an image.
//!
//! The trainer keeps images as `[height][width][channels]`, so that a row of a window lies together in memory and loops run
//! over channels; weights of a convolution are `[outputs][kernel height][kernel width][channels]`. A [`Window`] names its
//! image `[channels, height, width]`, the order of the integer network, into which [`to_rows`] turns everything on export.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};
use sterna_ir::Window;

use crate::config::{Block, Config, Conv};
use crate::{Error, Result};

/// Windows of a layer, and what it adds; nothing of it for a plain dense layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geometry {
    /// Where the matrix applies.
    pub conv: Option<Window>,
    /// Whether each channel has a kernel of its own instead of reading all of them.
    pub depthwise: bool,
    /// Max pool over the outputs.
    pub pool: Option<Window>,
    /// Window of a whole image, whose positions are summed before a dense matrix: a global average without the division.
    pub average: Option<Window>,
    /// Blocks, this one the last, that a residual sum bridges; 0 for none.
    pub skip: usize,
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
        self.conv.or(self.average).map_or(inputs, |w| w.elements())
    }

    /// The block whose output this block, the `index`-th, adds to its own; `None` for no sum.
    pub fn source(&self, index: usize) -> Option<usize> {
        (self.skip > 0).then(|| index - self.skip)
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
/// Errors for layers that no network can have, when samples are no images but must be, when a kernel does not fit, and
/// beyond what a network file may hold.
pub fn places(config: &Config, shape: &[usize], width: usize, classes: usize) -> Result<Vec<Place>> {
    config.validate_blocks()?;
    let mut length = shape.iter().product::<usize>() * width;
    if length > sterna_ir::MAX_ELEMENTS {
        let what = format!("{length} input bits; want at most {}; use fewer levels", sterna_ir::MAX_ELEMENTS);
        return Err(Error::config("input.levels", what));
    }
    let mut image = image_of(shape).map(|[channels, h, w]| [channels * width, h, w]);
    let mut places: Vec<Place> = Vec::new();
    let mut average = None;
    for (index, block) in config.blocks().into_iter().chain([Block::Dense { outputs: classes }]).enumerate() {
        let fail = |what: String| Error::config(format!("model.layers[{index}]"), what);
        let place = match block {
            Block::Average => {
                let [channels, height, width] =
                    image.ok_or_else(|| fail("an average over what is no image; leave it out".into()))?;
                let (input, kernel) = ([channels, height, width], [height, width]);
                average = Some(Window { input, kernel, stride: kernel, padding: [0, 0] });
                length = channels;
                continue;
            }
            Block::Dense { outputs } => {
                let geometry = Geometry { average: average.take(), ..Geometry::default() };
                Place { inputs: length, outputs, geometry }
            }
            Block::Conv(conv) => {
                let input = image
                    .ok_or_else(|| format!("samples of shape {shape:?} are no images; use dense layers"));
                input.and_then(|input| convolution(conv, input, &places)).map_err(fail)?
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

/// Sums over the positions of each image of `x`: `[images][positions][channels]` to `[images][channels]`.
pub(crate) fn totals<T: Copy + Default + AddAssign>(w: &Window, x: &[T]) -> Vec<T> {
    let channels = w.input[0];
    let mut out = vec![T::default(); x.len() / w.elements() * channels];
    for (out, image) in out.chunks_exact_mut(channels).zip(x.chunks_exact(w.elements())) {
        for position in image.chunks_exact(channels) {
            out.iter_mut().zip(position).for_each(|(o, x)| *o += *x);
        }
    }
    out
}

/// The way back from [`totals`] for gradients: every position gets that of the sum.
pub(crate) fn spread(w: &Window, totals: &[f32], grad: &mut [f32]) {
    let channels = w.input[0];
    for (image, total) in grad.chunks_exact_mut(w.elements()).zip(totals.chunks_exact(channels)) {
        image.chunks_exact_mut(channels).for_each(|position| position.copy_from_slice(total));
    }
}

/// The place of a convolution that reads `input` behind the layers `before`; where it does not fit, what to change.
fn convolution(conv: Conv, input: [usize; 3], before: &[Place]) -> std::result::Result<Place, String> {
    let Conv { outputs, kernel, stride, padding, pool, skip, depthwise } = conv;
    let channels = input[0];
    if depthwise && outputs != channels {
        return Err(format!("{outputs} outputs of {channels} channels; want {channels} when depthwise"));
    }
    let inputs = if depthwise { kernel * kernel } else { channels * kernel * kernel };
    let square = |n: usize| [n, n];
    let window = Window { input, kernel: square(kernel), stride: square(stride), padding: square(padding) };
    window.check(window.elements(), outputs, inputs)?;
    let [height, width] = window.output();
    let input = [outputs, height, width];
    let pool = Window { input, kernel: square(pool), stride: square(pool), padding: [0, 0] };
    pool.check(pool.elements(), outputs, 1)?;
    let pool = Some(pool).filter(|p| p.kernel != [1, 1]);
    let geometry = Geometry { conv: Some(window), depthwise, pool, average: None, skip };
    if let Some(source) = geometry.source(before.len()) {
        let earlier = before[source].geometry.image(before[source].outputs).unwrap_or_default();
        let leaving = geometry.image(outputs).unwrap_or_default();
        if earlier != leaving {
            return Err(format!("adds an image of {earlier:?} to one of {leaving:?}; want equal images"));
        }
    }
    Ok(Place { inputs, outputs, geometry })
}

/// Reorders `[height][width][channels]` to `[channels][height][width]`.
pub fn to_rows<T: Copy>(values: &[T], [channels, height, width]: [usize; 3]) -> Vec<T> {
    let size = height * width;
    (0..channels * size).map(|e| values[e % size * channels + e / size]).collect()
}
