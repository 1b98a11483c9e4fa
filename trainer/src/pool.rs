//! Max pools over images of `[height][width][channels]`.
//!
//! An activation never falls as the output of batch-norm rises, so the largest code of a window is the code of the largest
//! output. Training pools sums before the activation, where a window has one winner; the circuit pools codes, which are
//! narrow.

use multiversion::multiversion;
use sterna_ir::Window;

/// Places of a pool's window, as distances in elements from its first.
fn places(w: &Window) -> impl Iterator<Item = usize> {
    let ([channels, _, width], [kh, kw]) = (w.input, w.kernel);
    (0..kh * kw).map(move |k| (k / kw * width + k % kw) * channels)
}

/// First element of each window.
fn starts(w: &Window) -> impl Iterator<Item = usize> {
    let ([channels, _, width], [_, columns]) = (w.input, w.output());
    let [down, across] = w.stride;
    (0..w.positions()).map(move |p| (p / columns * down * width + p % columns * across) * channels)
}

/// The sum of each window and channel whose batch-norm output, of this `slope`, is the largest, and its place.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
pub(crate) fn peaks(w: &Window, sums: &[f32], slope: &[f32], peaks: &mut [f32], winners: &mut [u8]) {
    let channels = w.input[0];
    let windows = peaks.chunks_exact_mut(channels).zip(winners.chunks_exact_mut(channels));
    for (start, (peaks, winners)) in starts(w).zip(windows) {
        for (k, place) in places(w).enumerate() {
            let sums = &sums[start + place..start + place + channels];
            if k == 0 {
                peaks.copy_from_slice(sums);
                winners.fill(0);
                continue;
            }
            for (((peak, winner), &z), a) in peaks.iter_mut().zip(&mut *winners).zip(sums).zip(slope) {
                let larger = (z - *peak) * a > 0.0;
                *peak = if larger { z } else { *peak };
                *winner = if larger { k as u8 } else { *winner };
            }
        }
    }
}

/// Adds `slope` times the gradients of each window to its winner.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
pub(crate) fn back(w: &Window, winners: &[u8], grad: &[f32], slope: &[f32], sums_grad: &mut [f32]) {
    let channels = w.input[0];
    let windows = grad.chunks_exact(channels).zip(winners.chunks_exact(channels));
    for (start, (grad, winners)) in starts(w).zip(windows) {
        for (k, place) in places(w).enumerate() {
            let out = &mut sums_grad[start + place..start + place + channels];
            for (((out, &winner), g), a) in out.iter_mut().zip(winners).zip(grad).zip(slope) {
                *out += if winner == k as u8 { a * g } else { 0.0 };
            }
        }
    }
}

/// The largest code of each window and channel.
pub(crate) fn largest(w: &Window, codes: &[f64], out: &mut [f64]) {
    let channels = w.input[0];
    for (start, out) in starts(w).zip(out.chunks_exact_mut(channels)) {
        out.fill(0.0);
        for place in places(w) {
            let codes = &codes[start + place..start + place + channels];
            out.iter_mut().zip(codes).for_each(|(o, c)| *o = o.max(*c));
        }
    }
}
