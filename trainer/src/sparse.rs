//! Products with weights of which few are not zero, at the cost of those: forward, backward, and the gradient of frozen
//! weights. A shard of samples is turned around first, so that each weight adds one vector of [`ROWS`] samples to another.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::kernel::{ROWS, nonzeros};

/// About as fast as a dense product at this density, and twice as fast at half of it (`benches/sparse.rs`).
const DENSITY: f64 = 1.0 / 8.0;

/// The nonzero elements of a matrix by rows.
#[derive(Clone, Debug, Default)]
pub struct Sparse {
    /// Where the elements of each row begin, and where the last ones end.
    starts: Vec<usize>,
    /// Column and value, ascending columns.
    elements: Elements,
    columns: usize,
}

/// Columns and values.
type Elements = Vec<(u32, f32)>;

/// One element of every sample of a shard.
type Lanes = [f32; ROWS];

impl Sparse {
    /// The nonzeros of `matrix`, `[rows][columns]`, if they are few enough to gain by it.
    pub fn of(matrix: &[f32], columns: usize) -> Option<Self> {
        let total = nonzeros(matrix);
        if total as f64 > matrix.len() as f64 * DENSITY {
            return None;
        }
        let shards: Vec<(Vec<usize>, Elements)> = matrix
            .par_chunks(ROWS * columns)
            .map(|rows| {
                let (mut counts, mut elements) = (Vec::with_capacity(ROWS), Vec::new());
                for row in rows.chunks_exact(columns) {
                    let before = elements.len();
                    let nonzeros = row.iter().enumerate().filter(|(_, w)| **w != 0.0);
                    elements.extend(nonzeros.map(|(c, &w)| (c as u32, w)));
                    counts.push(elements.len() - before);
                }
                (counts, elements)
            })
            .collect();
        let mut sparse = Sparse { starts: vec![0], elements: Vec::with_capacity(total), columns };
        for (counts, elements) in shards {
            for count in counts {
                sparse.starts.push(sparse.starts[sparse.starts.len() - 1] + count);
            }
            sparse.elements.extend(elements);
        }
        Some(sparse)
    }

    /// Rows become columns.
    pub fn transposed(&self) -> Self {
        let mut starts = vec![0; self.columns + 1];
        self.elements.iter().for_each(|&(c, _)| starts[c as usize + 1] += 1);
        (0..self.columns).for_each(|c| starts[c + 1] += starts[c]);
        let mut next = starts.clone();
        let mut elements = vec![(0, 0.0); self.elements.len()];
        for row in 0..self.rows() {
            for &(c, value) in self.row(row) {
                elements[next[c as usize]] = (row as u32, value);
                next[c as usize] += 1;
            }
        }
        Sparse { starts, elements, columns: self.rows() }
    }

    /// `out[s][r]` is the sum over `c` of `x[s][c] * self[r][c]`, in ascending `c`, for at most [`ROWS`] samples `s`.
    pub fn product(&self, x: &[f32], out: &mut [f32]) {
        product(self, &turned(x, self.columns), out);
    }

    /// `out[r][c]` is the sum over samples of `grad[s][r] * x[s][c]`, times `scale(r)`, where the matrix is not zero, and 0
    /// elsewhere; `out` is `[rows][columns]`, `grad` `[batch][rows]`, `x` `[batch][columns]`.
    pub fn outer(&self, grad: &[f32], x: &[f32], scale: impl Fn(usize) -> f32 + Sync, out: &mut [f32]) {
        let turn = |all: &[f32], width: usize| -> Vec<Vec<Lanes>> {
            all.par_chunks(ROWS * width).map(|shard| turned(shard, width)).collect()
        };
        let (grad, x) = (turn(grad, self.rows()), turn(x, self.columns));
        out.par_chunks_mut(self.columns).enumerate().for_each(|(r, out)| {
            out.fill(0.0);
            row_gradient(self.row(r), (&grad, r), &x, scale(r), out);
        });
    }

    fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    fn row(&self, row: usize) -> &[(u32, f32)] {
        &self.elements[self.starts[row]..self.starts[row + 1]]
    }
}

#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn product(matrix: &Sparse, x: &[Lanes], out: &mut [f32]) {
    let rows = matrix.rows();
    // Rows in blocks, so that results are written in runs.
    for first in (0..rows).step_by(16) {
        let mut sums = [[0f32; ROWS]; 16];
        let here = (rows - first).min(16);
        for (r, sum) in sums[..here].iter_mut().enumerate() {
            for &(c, value) in matrix.row(first + r) {
                for (sum, x) in sum.iter_mut().zip(&x[c as usize]) {
                    *sum += value * x;
                }
            }
        }
        for (s, out) in out.chunks_exact_mut(rows).enumerate() {
            for (out, sum) in out[first..first + here].iter_mut().zip(&sums) {
                *out = sum[s];
            }
        }
    }
}

/// The gradient by the elements of row `r`.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn row_gradient(
    row: &[(u32, f32)],
    (grad, r): (&[Vec<Lanes>], usize),
    x: &[Vec<Lanes>],
    scale: f32,
    out: &mut [f32],
) {
    for &(c, _) in row {
        let mut sum = [0f32; ROWS];
        for (grad, x) in grad.iter().zip(x) {
            for ((sum, g), x) in sum.iter_mut().zip(&grad[r]).zip(&x[c as usize]) {
                *sum += g * x;
            }
        }
        out[c as usize] = scale * sum.iter().sum::<f32>();
    }
}

/// Samples `[at most ROWS][width]` as a vector of samples for each element, zeros where there is none.
fn turned(samples: &[f32], width: usize) -> Vec<Lanes> {
    let mut lanes = vec![[0f32; ROWS]; width];
    // In tiles, so that both sides stay near.
    for first in (0..width).step_by(16) {
        let last = (first + 16).min(width);
        for (s, sample) in samples.chunks_exact(width).enumerate() {
            lanes[first..last].iter_mut().zip(&sample[first..last]).for_each(|(lane, &v)| lane[s] = v);
        }
    }
    lanes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn case() -> impl Strategy<Value = (usize, usize, usize, Vec<f32>, Vec<f32>, Vec<f32>)> {
        (1..70usize, 1..70usize, 1..70usize).prop_flat_map(|(rows, columns, batch)| {
            // At most an eighth of the matrix, so that it counts as sparse whatever is drawn.
            let few = rows * columns / 8;
            let places = prop::collection::vec((0..rows * columns, prop::bool::ANY), 0..=few);
            let matrix = places.prop_map(move |places| {
                let mut matrix = vec![0f32; rows * columns];
                places.into_iter().for_each(|(at, plus)| matrix[at] = if plus { 1.0 } else { -1.0 });
                matrix
            });
            // Small integers: every sum is exact, in any order.
            let small = |n: usize| prop::collection::vec((-8i8..8).prop_map(f32::from), n);
            (Just(rows), Just(columns), Just(batch), matrix, small(batch * columns), small(batch * rows))
        })
    }

    proptest! {
        #[test]
        fn products_are_those_of_the_dense_matrix((rows, columns, batch, matrix, x, grad) in case()) {
            let sparse = Sparse::of(&matrix, columns).expect("few nonzeros");
            let dot = |s: usize, r: usize| -> f32 { (0..columns).map(|c| x[s * columns + c] * matrix[r * columns + c]).sum() };
            let back = |s: usize, c: usize| -> f32 { (0..rows).map(|r| grad[s * rows + r] * matrix[r * columns + c]).sum() };
            for first in (0..batch).step_by(ROWS) {
                let here = first..(first + ROWS).min(batch);
                let mut out = vec![9f32; here.len() * rows];
                sparse.product(&x[here.start * columns..here.end * columns], &mut out);
                let wanted: Vec<f32> = here.clone().flat_map(|s| (0..rows).map(move |r| (s, r))).map(|(s, r)| dot(s, r)).collect();
                prop_assert_eq!(out, wanted);
                let mut out = vec![9f32; here.len() * columns];
                sparse.transposed().product(&grad[here.start * rows..here.end * rows], &mut out);
                let wanted: Vec<f32> = here.flat_map(|s| (0..columns).map(move |c| (s, c))).map(|(s, c)| back(s, c)).collect();
                prop_assert_eq!(out, wanted);
            }
            let mut out = vec![9f32; rows * columns];
            sparse.outer(&grad, &x, |r| if r % 2 == 0 { 0.5 } else { 1.0 }, &mut out);
            for (at, &got) in out.iter().enumerate() {
                let (r, c) = (at / columns, at % columns);
                let sum: f32 = (0..batch).map(|s| grad[s * rows + r] * x[s * columns + c]).sum();
                let wanted = if matrix[at] == 0.0 { 0.0 } else { sum * if r % 2 == 0 { 0.5 } else { 1.0 } };
                prop_assert_eq!(got, wanted, "row {}, column {}", r, c);
            }
        }
    }

    #[test]
    fn a_dense_matrix_stays_dense() {
        assert!(Sparse::of(&[1.0; 64], 8).is_none());
        assert!(Sparse::of(&[0.0; 64], 8).is_some());
    }
}
