//! Learning the map from measurements to 8-bit codes.

use sterna_ir::Scaling;

/// The training split's minimum becomes 0, its maximum 255: bounds of `rows`, finite and row-major with
/// `channels * positions` values a row. There is one pair of bounds per element; in images the elements of a channel have
/// equal bounds, so that a weight means the same at every position.
pub(super) fn learn(rows: &[f64], channels: usize, positions: usize) -> Scaling {
    let mut bounds = vec![(f64::INFINITY, f64::NEG_INFINITY); channels];
    for row in rows.chunks_exact(channels * positions) {
        for (bound, plane) in bounds.iter_mut().zip(row.chunks_exact(positions)) {
            *bound = plane.iter().fold(*bound, |(lo, hi), &v| (lo.min(v), hi.max(v)));
        }
    }
    let spread = |bound: fn(&(f64, f64)) -> f64| {
        bounds.iter().flat_map(|b| std::iter::repeat_n(bound(b), positions)).collect()
    };
    Scaling { min: spread(|b| b.0), max: spread(|b| b.1) }
}
