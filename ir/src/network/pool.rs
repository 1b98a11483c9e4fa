//! One value for every window and channel of an image.

use super::Window;
use crate::Range;
use crate::range::MAX_WIDTH;

impl Window {
    /// Calls `f(output, element)` for every element under every window of every channel; the output is
    /// `[channels, height, width]`.
    pub fn each_of_all(&self, mut f: impl FnMut(usize, usize)) {
        let (size, positions) = (self.input[1] * self.input[2], self.positions());
        for channel in 0..self.input[0] {
            for tap in 0..self.kernel[0] * self.kernel[1] {
                let tap = [tap / self.kernel[1], tap % self.kernel[1]];
                self.each(tap, |window, element| f(channel * positions + window, channel * size + element));
            }
        }
    }

    fn check_pool(&self, elements: usize) -> Result<(), String> {
        if self.padding != [0, 0] {
            return Err(format!("a pool with padding {:?}; want none", self.padding));
        }
        let fan_in = self.kernel[0].saturating_mul(self.kernel[1]);
        self.check(elements, self.input[0], fan_in)
    }
}

/// Ranges of the largest element of each window.
pub(super) fn max_ranges(window: &Window, x: &[Range]) -> Result<Vec<Range>, String> {
    window.check_pool(x.len())?;
    let mut out: Vec<Option<Range>> = vec![None; window.input[0] * window.positions()];
    window.each_of_all(|output, element| {
        let new = x[element];
        let largest = |old: Range| Range::new(old.lo.max(new.lo), old.hi.max(new.hi));
        out[output] = Some(out[output].map_or(new, largest));
    });
    Ok(out.into_iter().map(|r| r.expect("a pool has no padding")).collect())
}

/// Ranges of the sum of each window.
pub(super) fn sum_ranges(window: &Window, x: &[Range]) -> Result<Vec<Range>, String> {
    window.check_pool(x.len())?;
    let mut out = vec![Some(Range::point(0)); window.input[0] * window.positions()];
    window
        .each_of_all(|output, element| out[output] = out[output].and_then(|sum| sum.checked_add(x[element])));
    let narrow = |sum: Option<Range>| sum.filter(|r| r.width() <= MAX_WIDTH);
    let sums = out.into_iter().map(narrow).collect::<Option<Vec<Range>>>();
    sums.ok_or_else(|| format!("the sum of a window needs more than {MAX_WIDTH} bits"))
}

/// Ranges of the sums of two vectors, element by element.
pub(super) fn add_ranges(a: &[Range], b: &[Range]) -> Result<Vec<Range>, String> {
    if a.len() != b.len() {
        return Err(format!("adds {} elements to {}; want as many", b.len(), a.len()));
    }
    let sum = |(a, b): (&Range, &Range)| a.checked_add(*b).filter(|r| r.width() <= MAX_WIDTH);
    let sums = a.iter().zip(b).map(sum).collect::<Option<Vec<Range>>>();
    sums.ok_or_else(|| format!("a sum needs more than {MAX_WIDTH} bits"))
}
