//! Convolutions as matrix products over tiles of windows (im2col), each small enough for the cache. Depthwise ones are no
//! matrix products: each channel of a tile meets the weights of its own kernel.

use std::ops::{AddAssign, Mul};

use faer::traits::RealField;
use multiversion::multiversion;
use sterna_ir::Window;

use crate::kernel::{add_product, matrix, product, wide};

/// Numbers in a tile of windows, at most, unless one row of windows has more.
const TILE: usize = 1 << 17;

/// Rows of windows that make a tile.
fn tile_rows(w: &Window) -> usize {
    let row = w.output()[1] * w.input[0] * w.kernel[0] * w.kernel[1];
    (TILE / row).clamp(1, w.output()[0])
}

/// Numbers in a tile of windows.
pub(crate) fn tile(w: &Window) -> usize {
    tile_rows(w) * w.output()[1] * w.input[0] * w.kernel[0] * w.kernel[1]
}

/// Rows of windows of each tile.
fn tiles(w: &Window) -> impl Iterator<Item = std::ops::Range<usize>> {
    let (each, all) = (tile_rows(w), w.output()[0]);
    (0..all).step_by(each).map(move |first| first..(first + each).min(all))
}

/// Calls `f(place in the tile, first element, length)` for each row of each window of the window rows `rows`, apart for the
/// numbers on the image and for those beside it, where there is no element.
#[inline(always)]
fn spans(w: &Window, rows: std::ops::Range<usize>, mut f: impl FnMut(usize, Option<usize>, usize)) {
    let ([channels, height, width], [kh, kw]) = (w.input, w.kernel);
    let span = kw * channels;
    let mut at = 0;
    for row in rows {
        for column in 0..w.output()[1] {
            let left = column * w.stride[1];
            // The part of a window's row that lies on the image.
            let first = w.padding[1].saturating_sub(left).min(kw);
            let end = (width + w.padding[1]).saturating_sub(left).min(kw).max(first);
            for ky in 0..kh {
                let y = (row * w.stride[0] + ky).checked_sub(w.padding[0]).filter(|y| *y < height);
                match y {
                    Some(y) if end > first => {
                        if first > 0 {
                            f(at, None, first * channels);
                        }
                        let element = (y * width + left + first - w.padding[1]) * channels;
                        f(at + first * channels, Some(element), (end - first) * channels);
                        if end < kw {
                            f(at + end * channels, None, (kw - end) * channels);
                        }
                    }
                    _ => f(at, None, span),
                }
                at += span;
            }
        }
    }
}

/// Copies the windows of the window rows `rows` of an image: `[rows][columns][kernel height][kernel width][channels]`.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn gather<T: Copy + Default>(w: &Window, image: &[T], rows: std::ops::Range<usize>, out: &mut [T]) {
    spans(w, rows, |at, element, length| match element {
        // Rows of few channels are too short for a call.
        Some(element) if length < 16 => {
            out[at..at + length].iter_mut().zip(&image[element..]).for_each(|(o, x)| *o = *x);
        }
        Some(element) => out[at..at + length].copy_from_slice(&image[element..element + length]),
        None => out[at..at + length].fill(T::default()),
    });
}

/// Adds windows, laid out as by [`gather`], to the image that they came from.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn scatter(w: &Window, tile: &[f32], rows: std::ops::Range<usize>, image: &mut [f32]) {
    spans(w, rows, |at, element, length| {
        if let Some(element) = element {
            image[element..].iter_mut().zip(&tile[at..at + length]).for_each(|(x, t)| *x += *t);
        }
    });
}

/// Depthwise weights `[channels][places]` as `[places][channels]`, the order of a window.
fn turned<T: Copy>(weights: &[T], channels: usize) -> Vec<T> {
    let places = weights.len() / channels;
    (0..weights.len()).map(|i| weights[i % channels * places + i / channels]).collect()
}

/// `out[p][o] = sum_k weights[o][k] window_p[k]` for one image, or over the places of its own channel where `depthwise`;
/// `tile` is scratch of [`tile`] numbers.
pub(crate) fn forward<T: RealField + Copy + Default + Mul<Output = T> + AddAssign>(
    w: &Window,
    depthwise: bool,
    weights: &[T],
    image: &[T],
    out: &mut [T],
    tile: &mut [T],
) {
    let taken = w.input[0] * w.kernel[0] * w.kernel[1];
    let outputs = if depthwise { w.input[0] } else { weights.len() / taken };
    let across = w.output()[1];
    let own = depthwise.then(|| turned(weights, outputs));
    for rows in tiles(w) {
        let windows = rows.len() * across;
        let tile = &mut tile[..windows * taken];
        gather(w, image, rows.clone(), tile);
        let out = &mut out[rows.start * across * outputs..rows.end * across * outputs];
        match &own {
            Some(own) => wide(|| {
                out.fill(T::default());
                for (out, window) in out.chunks_exact_mut(outputs).zip(tile.chunks_exact(taken)) {
                    for (x, weights) in window.chunks_exact(outputs).zip(own.chunks_exact(outputs)) {
                        out.iter_mut().zip(x).zip(weights).for_each(|((o, x), w)| *o += *x * *w);
                    }
                }
            }),
            None => product(out, matrix(tile, windows, taken), matrix(weights, outputs, taken).transpose()),
        }
    }
}

/// Adds the gradient by the weights of one image, `grad` being that by its sums, to `weight_grad`, and that by the image to
/// `image_grad` where it is wanted.
pub(crate) fn backward(
    w: &Window,
    depthwise: bool,
    (weights, weight_grad): (&[f32], &mut [f32]),
    (image, image_grad): (&[f32], Option<&mut [f32]>),
    grad: &[f32],
    tile: &mut [f32],
) {
    let taken = w.input[0] * w.kernel[0] * w.kernel[1];
    let outputs = if depthwise { w.input[0] } else { weights.len() / taken };
    let across = w.output()[1];
    let own = depthwise.then(|| turned(weights, outputs));
    let mut own_grad = vec![0f32; if depthwise { weights.len() } else { 0 }];
    let mut image_grad = image_grad;
    for rows in tiles(w) {
        let windows = rows.len() * across;
        let tile = &mut tile[..windows * taken];
        let grad = &grad[rows.start * across * outputs..rows.end * across * outputs];
        gather(w, image, rows.clone(), tile);
        match &own {
            Some(own) => wide(|| {
                for (grad, window) in grad.chunks_exact(outputs).zip(tile.chunks_exact_mut(taken)) {
                    let places = window.chunks_exact_mut(outputs).zip(own.chunks_exact(outputs));
                    for ((x, weights), sums) in places.zip(own_grad.chunks_exact_mut(outputs)) {
                        for (((x, w), sum), g) in x.iter_mut().zip(weights).zip(sums).zip(grad) {
                            *sum += *x * g;
                            *x = w * g;
                        }
                    }
                }
            }),
            None => {
                let grad = matrix(grad, windows, outputs);
                add_product(weight_grad, grad.transpose(), matrix(tile, windows, taken));
                if image_grad.is_some() {
                    product(tile, grad, matrix(weights, outputs, taken));
                }
            }
        }
        if let Some(image_grad) = &mut image_grad {
            scatter(w, tile, rows, image_grad);
        }
    }
    let places = weights.len() / outputs;
    own_grad.iter().enumerate().for_each(|(i, g)| weight_grad[i % outputs * places + i / outputs] += g);
}
