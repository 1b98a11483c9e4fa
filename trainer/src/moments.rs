//! Mean and variance of the columns of a matrix, from row shards merged in their order.

use multiversion::multiversion;

/// Moments of one shard.
#[derive(Clone)]
pub(crate) struct Moments {
    rows: f64,
    mean: Vec<f32>,
    /// Sum of squared deviations from the shard's own mean.
    deviation: Vec<f32>,
}

impl Moments {
    /// Moments of the columns of `values`, `[rows][cols]`.
    pub(crate) fn of(values: &[f32], cols: usize) -> Self {
        let (mut mean, mut deviation) = (vec![0f32; cols], vec![0f32; cols]);
        let rows = (values.len() / cols) as f64;
        deviations(values, 1.0 / rows as f32, &mut mean, &mut deviation);
        Moments { rows, mean, deviation }
    }
}

/// Columns' means, `scale` times their sums, and sums of squared deviations from it.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn deviations(values: &[f32], scale: f32, mean: &mut [f32], deviation: &mut [f32]) {
    let cols = mean.len();
    for row in values.chunks_exact(cols) {
        for (m, v) in mean.iter_mut().zip(row) {
            *m += v;
        }
    }
    for m in mean.iter_mut() {
        *m *= scale;
    }
    for row in values.chunks_exact(cols) {
        for ((d, v), m) in deviation.iter_mut().zip(row).zip(&*mean) {
            *d += (v - m) * (v - m);
        }
    }
}

/// Mean and variance of each column over all shards, merged in `f64` (Chan, Golub and LeVeque, 1983).
pub(crate) fn merge(shards: &[Moments], cols: usize) -> (Vec<f32>, Vec<f32>) {
    let total: f64 = shards.iter().map(|s| s.rows).sum();
    let column = |c: usize| {
        let mean = shards.iter().map(|s| s.rows * f64::from(s.mean[c])).sum::<f64>() / total;
        let apart = |s: &Moments| f64::from(s.deviation[c]) + s.rows * (f64::from(s.mean[c]) - mean).powi(2);
        (mean as f32, (shards.iter().map(apart).sum::<f64>() / total) as f32)
    };
    (0..cols).map(column).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_shards_have_the_moments_of_the_whole() {
        let values: Vec<f32> = (0..90u32).map(|i| (i * i % 37) as f32 + 1000.0).collect();
        let shards = [&values[..36], &values[36..75], &values[75..]].map(|v| Moments::of(v, 3));
        let (mean, var) = merge(&shards, 3);
        for c in 0..3 {
            let column: Vec<f64> = values.iter().skip(c).step_by(3).map(|&v| f64::from(v)).collect();
            let expected = column.iter().sum::<f64>() / 30.0;
            let spread = column.iter().map(|v| (v - expected).powi(2)).sum::<f64>() / 30.0;
            assert!((f64::from(mean[c]) - expected).abs() < 1e-3, "mean {} of {expected}", mean[c]);
            assert!((f64::from(var[c]) / spread - 1.0).abs() < 1e-4, "variance {} of {spread}", var[c]);
        }
    }
}
