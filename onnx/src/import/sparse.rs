//! Layers that only move elements, or multiply each by a weight of its own: matrices and convolutions of one place, nearly
//! all of whose weights are 0.

use sterna_ir::{Conv2d, Dense, LayerOp, MAX_WEIGHTS, Window};

/// Most weights of such a layer, zeros too: a matrix over some thousand elements.
const MOST: usize = MAX_WEIGHTS >> 8;

/// An element or channel that goes out, one that comes in, and how often.
pub(super) type Weight = (usize, usize, i16);

/// A layer over vectors, or over the channels of images, with the `weights` that are not 0; `bias` is by output, or empty.
pub(super) fn sparse(
    shape: &[usize],
    outputs: usize,
    weights: impl IntoIterator<Item = Weight>,
    bias: Vec<i64>,
) -> Result<LayerOp, String> {
    let (inputs, window) = match *shape {
        [channels, height, width] => {
            let input = [channels, height, width];
            (channels, Some(Window { input, kernel: [1, 1], stride: [1, 1], padding: [0, 0] }))
        }
        _ => (shape.iter().product(), None),
    };
    let mut all = zeros(inputs, outputs)?;
    weights.into_iter().for_each(|(to, from, weight)| all[to * inputs + from] = weight);
    Ok(match window {
        Some(window) => LayerOp::Conv2d(Conv2d { window, outputs, groups: 1, weights: all, bias }),
        None => LayerOp::Dense(Dense { inputs, outputs, weights: all, bias }),
    })
}

/// A layer that gives zeros of the sizes `after` for whatever of the sizes `before`.
pub(super) fn blank(before: &[usize], after: &[usize]) -> Result<LayerOp, String> {
    let &[outputs, rows, columns] = after else {
        return sparse(&[before.iter().product()], after[0], [], vec![]);
    };
    let input = match *before {
        [channels, height, width] => [channels, height, width],
        _ => [before.iter().product(), 1, 1],
    };
    // Padding by one less than the kernel makes an image larger, a kernel without padding makes it smaller.
    let along = |have: usize, want: usize| (have.abs_diff(want) + 1, want.saturating_sub(have));
    let ((height, above), (width, left)) = (along(input[1], rows), along(input[2], columns));
    let window = Window { input, kernel: [height, width], stride: [1, 1], padding: [above, left] };
    let places = height * width;
    window.check(input.iter().product(), outputs, input[0] * places)?;
    let weights = zeros(input[0] * places, outputs)?;
    Ok(LayerOp::Conv2d(Conv2d { window, outputs, groups: 1, weights, bias: vec![] }))
}

fn zeros(inputs: usize, outputs: usize) -> Result<Vec<i16>, String> {
    match inputs.checked_mul(outputs) {
        Some(all) if all <= MOST => Ok(vec![0; all]),
        _ => Err(format!(
            "{inputs} x {outputs} elements to be moved in one layer; want a product of {MOST} at most"
        )),
    }
}
