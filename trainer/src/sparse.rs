//! Products with weights of which few are not zero, at the cost of those: forward, backward, and the gradient by them.
//! A shard of samples is turned around first, so that each weight adds one vector of [`ROWS`] samples to another.

use std::ops::Range;

use multiversion::multiversion;
use rayon::prelude::*;

use crate::kernel::{ROWS, nonzeros};

/// About as fast as a dense product at this density, and twice as fast at half of it (`benches/sparse.rs`).
pub(crate) const DENSITY: f64 = 1.0 / 8.0;

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

/// One element of every sample of a shard of [`ROWS`].
pub type Lanes = [f32; ROWS];

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

    /// `out[s][r]` is the sum over `c` of `x[s][c] * self[r][c]`, in ascending `c`, for the samples `s` of a shard.
    pub fn product(&self, x: &[Lanes], out: &mut [f32]) {
        product(self, x, out);
    }

    /// For each nonzero element `[r][c]` in order, the sum over samples of `grad[s][r] * x[s][c]`, times `scale(r)`, for the
    /// samples `s` of all shards.
    pub fn outer(&self, grad: &[Lanes], x: &[Lanes], scale: impl Fn(usize) -> f32) -> Vec<f32> {
        let shard = |(grad, x): (&[Lanes], &[Lanes])| {
            let mut out = vec![0f32; self.elements.len()];
            outer(self, grad, x, &mut out);
            out
        };
        let shards = grad.par_chunks(self.rows()).zip(x.par_chunks(self.columns));
        let shards: Vec<Vec<f32>> = shards.map(shard).collect();
        let mut sums = vec![0f32; self.elements.len()];
        for shard in &shards {
            sums.iter_mut().zip(shard).for_each(|(sum, g)| *sum += g);
        }
        for row in 0..self.rows() {
            let by = scale(row);
            sums[self.elements_of(row..row + 1)].iter_mut().for_each(|g| *g *= by);
        }
        sums
    }

    /// Puts the nonzeros of `matrix` in the place of as many in `rows`.
    pub fn replace(&mut self, rows: Range<usize>, matrix: &[f32]) {
        for (row, values) in rows.zip(matrix.chunks_exact(self.columns)) {
            let nonzeros = values.iter().enumerate().filter(|(_, w)| **w != 0.0);
            let place = self.elements_of(row..row + 1);
            let place = self.elements[place].iter_mut();
            place.zip(nonzeros).for_each(|(element, (c, &w))| *element = (c as u32, w));
        }
    }

    /// Calls `work` with row, column and value of each nonzero element in order.
    pub fn for_each_mut(&mut self, mut work: impl FnMut(usize, usize, &mut f32)) {
        for row in 0..self.rows() {
            let place = self.elements_of(row..row + 1);
            self.elements[place].iter_mut().for_each(|(c, value)| work(row, *c as usize, value));
        }
    }

    /// Where the elements of `rows` are among all.
    pub fn elements_of(&self, rows: Range<usize>) -> Range<usize> {
        self.starts[rows.start]..self.starts[rows.end]
    }

    /// Places of all elements in the whole matrix.
    pub fn places(&self) -> Vec<usize> {
        let row = |r: usize| self.row(r).iter().map(move |(c, _)| r * self.columns + *c as usize);
        (0..self.rows()).flat_map(row).collect()
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

/// What a shard adds to the gradient by each element.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn outer(matrix: &Sparse, grad: &[Lanes], x: &[Lanes], out: &mut [f32]) {
    for (r, grad) in grad.iter().enumerate() {
        let place = matrix.elements_of(r..r + 1);
        for (out, &(c, _)) in out[place.clone()].iter_mut().zip(&matrix.elements[place]) {
            let mut sum = *grad;
            sum.iter_mut().zip(&x[c as usize]).for_each(|(g, x)| *g *= x);
            // By halves, which vectorises.
            let mut width = ROWS / 2;
            while width > 0 {
                let (low, high) = sum.split_at_mut(width);
                low.iter_mut().zip(high).for_each(|(a, b)| *a += *b);
                width /= 2;
            }
            *out = sum[0];
        }
    }
}

/// Writes samples `[batch][width]` to `lanes`, shard after shard, each a vector of samples for each element, zeros where there
/// is none.
pub fn turn(samples: &[f32], width: usize, lanes: &mut Vec<Lanes>) {
    lanes.resize(samples.len().div_ceil(ROWS * width) * width, [0.0; ROWS]);
    let shards = lanes.par_chunks_mut(width).zip(samples.par_chunks(ROWS * width));
    shards.for_each(|(lanes, samples)| turn_shard(samples, lanes));
}

#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn turn_shard(samples: &[f32], lanes: &mut [Lanes]) {
    const TILE: usize = 16;
    let width = lanes.len();
    // In tiles, so that both sides stay near.
    for (tile, lanes) in lanes.chunks_mut(TILE).enumerate() {
        if samples.len() < ROWS * width {
            lanes.fill([0.0; ROWS]);
        }
        for (s, sample) in samples.chunks_exact(width).enumerate() {
            lanes.iter_mut().zip(&sample[tile * TILE..]).for_each(|(lane, &v)| lane[s] = v);
        }
    }
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
            // A shard left from before.
            let (mut turned_x, mut turned_grad) = (vec![[7.0; ROWS]; columns], vec![[7.0; ROWS]; rows]);
            turn(&x, columns, &mut turned_x);
            turn(&grad, rows, &mut turned_grad);
            for first in (0..batch).step_by(ROWS) {
                let here = first..(first + ROWS).min(batch);
                let shard = first / ROWS;
                let mut out = vec![9f32; here.len() * rows];
                sparse.product(&turned_x[shard * columns..(shard + 1) * columns], &mut out);
                let wanted: Vec<f32> = here.clone().flat_map(|s| (0..rows).map(move |r| (s, r))).map(|(s, r)| dot(s, r)).collect();
                prop_assert_eq!(out, wanted);
                let mut out = vec![9f32; here.len() * columns];
                sparse.transposed().product(&turned_grad[shard * rows..(shard + 1) * rows], &mut out);
                let wanted: Vec<f32> = here.flat_map(|s| (0..columns).map(move |c| (s, c))).map(|(s, c)| back(s, c)).collect();
                prop_assert_eq!(out, wanted);
            }
            let out = sparse.outer(&turned_grad, &turned_x, |r| if r % 2 == 0 { 0.5 } else { 1.0 });
            let places = sparse.places();
            prop_assert!(places.iter().copied().eq((0..matrix.len()).filter(|&at| matrix[at] != 0.0)));
            prop_assert_eq!(places.len(), out.len());
            for (at, got) in places.into_iter().zip(out) {
                let (r, c) = (at / columns, at % columns);
                let sum: f32 = (0..batch).map(|s| grad[s * rows + r] * x[s * columns + c]).sum();
                prop_assert_eq!(got, sum * if r % 2 == 0 { 0.5 } else { 1.0 }, "row {}, column {}", r, c);
            }
        }
    }

    #[test]
    fn a_dense_matrix_stays_dense() {
        assert!(Sparse::of(&[1.0; 64], 8).is_none());
        assert!(Sparse::of(&[0.0; 64], 8).is_some());
    }
}
