//! Residual sums (He et al., arXiv 1512.03385): a block adds to its codes the vector that entered an earlier block.
//!
//! All codes are integers of one step, so the sum is one too and the circuit adds it as it is.

use std::ops::AddAssign;

use rayon::prelude::*;

use crate::geometry::Geometry;
use crate::kernel::CHUNK;

/// `out[i] += x[i]`.
pub(crate) fn add<T: Copy + AddAssign + Send + Sync>(out: &mut [T], x: &[T]) {
    let chunks = out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK));
    chunks.for_each(|(out, x)| out.iter_mut().zip(x).for_each(|(o, x)| *o += *x));
}

/// What left the blocks of a network that is evaluated, as long as a later block adds it.
#[derive(Clone, Debug)]
pub(crate) struct Kept<T> {
    sources: Vec<Option<usize>>,
    values: Vec<Option<Vec<T>>>,
}

impl<T: Copy + AddAssign + Send + Sync> Kept<T> {
    /// For hidden blocks of these geometries.
    pub(crate) fn new<'a>(geometries: impl Iterator<Item = &'a Geometry>) -> Self {
        let sources: Vec<_> =
            geometries.enumerate().map(|(index, geometry)| geometry.source(index)).collect();
        Kept { values: vec![None; sources.len()], sources }
    }

    /// Turns the codes of block `index`, the blocks taken in order, into what leaves it.
    pub(crate) fn leave(&mut self, index: usize, codes: &mut [T]) {
        if let Some(source) = self.sources[index] {
            add(codes, self.values[source].as_ref().expect("kept for this block"));
        }
        let later = &self.sources[index + 1..];
        if later.contains(&Some(index)) {
            self.values[index] = Some(codes.to_vec());
        }
        for (source, value) in self.values.iter_mut().enumerate() {
            if !later.contains(&Some(source)) {
                *value = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_bridge_blocks_and_nothing_is_kept_in_vain() {
        // Block 2 adds what left block 0, block 3 what left block 2.
        let geometries = [0, 0, 2, 1].map(|skip| Geometry { skip, ..Geometry::default() });
        let mut kept = Kept::new(geometries.iter());
        let mut seen = Vec::new();
        for index in 0..4 {
            let mut codes = [10i32.pow(index as u32)];
            kept.leave(index, &mut codes);
            seen.push((codes[0], kept.values.iter().flatten().count()));
        }
        assert_eq!(seen, [(1, 1), (10, 1), (101, 1), (1101, 0)]);
    }
}
