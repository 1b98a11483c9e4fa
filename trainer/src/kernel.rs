//! The two ways in which work is done fast: matrix products, and loops at the vector width of the CPU at hand.
//!
//! Work is cut into shards whose size depends on the data alone, never on the number of threads, and partial results are
//! combined in the order of the shards: the bytes of a result do not depend on the machine's load or cores.

use faer::linalg::matmul::matmul;
use faer::traits::RealField;
use faer::{Accum, MatMut, MatRef, Par};
use multiversion::multiversion;

/// Rows of a batch, or of a weight matrix, that one task handles.
pub const ROWS: usize = 32;
/// Images that one task of a convolution handles.
pub const IMAGES: usize = 16;
/// Elements that one task of an element-wise pass handles.
pub const CHUNK: usize = 16_384;

/// A row-major matrix over a slice of `rows * cols` elements.
pub fn matrix<T>(data: &[T], rows: usize, cols: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(data, rows, cols)
}

/// `out = a b`, `out` row-major `[a.nrows(), b.ncols()]`; on the calling thread only.
pub fn product<T: RealField>(out: &mut [T], a: MatRef<'_, T>, b: MatRef<'_, T>) {
    let dst = MatMut::from_row_major_slice_mut(out, a.nrows(), b.ncols());
    matmul(dst, Accum::Replace, a, b, T::one_impl(), Par::Seq);
}

/// `out += a b`, otherwise as [`product`].
pub fn add_product<T: RealField>(out: &mut [T], a: MatRef<'_, T>, b: MatRef<'_, T>) {
    let dst = MatMut::from_row_major_slice_mut(out, a.nrows(), b.ncols());
    matmul(dst, Accum::Add, a, b, T::one_impl(), Par::Seq);
}

/// Runs `work`, a few lines, compiled for the widest vectors of this CPU; what is longer may not be, and is a function with
/// the attribute `multiversion`. Floating-point order is that of the source, on every CPU.
#[inline(always)]
pub fn wide<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// Number of values that are not zero.
pub fn nonzeros(values: &[f32]) -> usize {
    let some = |chunk: &[f32]| wide(|| chunk.iter().map(|&v| u32::from(v != 0.0)).sum::<u32>()) as usize;
    values.chunks(CHUNK).map(some).sum()
}

/// Sum in a fixed order of 16 lanes, which vectorises.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
pub fn lane_sum<F: Fn(f32) -> f32>(values: &[f32], map: F) -> f64 {
    let mut lanes = [0f32; 16];
    let chunks = values.chunks_exact(16);
    let rest: f64 = chunks.remainder().iter().map(|&v| f64::from(map(v))).sum();
    for chunk in chunks {
        for (lane, &v) in lanes.iter_mut().zip(chunk) {
            *lane += map(v);
        }
    }
    rest + lanes.iter().map(|&v| f64::from(v)).sum::<f64>()
}
