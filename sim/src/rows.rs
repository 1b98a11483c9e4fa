//! Samples in a matrix that somebody else holds.

use crate::packed::{Layout, Source, check};
use crate::{Error, Result};
use sterna_ir::Design;

/// The rows of a matrix in memory, of whatever integers it holds: packed when they are asked for, never copied as a whole.
#[derive(Clone, Debug)]
pub struct Rows<'a, T> {
    layout: Layout,
    values: &'a [T],
    elements: usize,
}

impl<'a, T: Copy + Into<i64>> Rows<'a, T> {
    /// Rows of `elements` values each, for a design's input.
    ///
    /// # Errors
    /// Values that are no whole number of rows, rows that are too short, a value outside its pin's range.
    pub fn new(design: &Design, values: &'a [T], elements: usize) -> Result<Self> {
        if elements == 0 || !values.len().is_multiple_of(elements) {
            return Err(Error::Request(format!("{} values are no whole rows of {elements}", values.len())));
        }
        check(design, values.chunks_exact(elements))?;
        Ok(Rows { layout: Layout::new(&design.netlist, &design.input), values, elements })
    }
}

impl<T: Copy + Into<i64> + Sync> Source for Rows<'_, T> {
    fn count(&self) -> usize {
        self.values.len() / self.elements
    }

    fn beat(&self, sample: usize, beat: usize, words: &mut [u64]) {
        let row = &self.values[sample * self.elements..][..self.elements];
        words.fill(0);
        self.layout.beat(beat).for_each(|(field, element)| field.put(words, row[element].into()));
    }
}
