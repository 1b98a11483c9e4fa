//! Scores with scales of their own, brought to one: integers `a` and `b` such that `a[c] * z[c] + b[c]` are in the order of
//! `scale[c] * z[c] + offset[c]` for all integers `z` that can occur, equal where those are. Checked, not estimated.

use num_bigint::BigInt;
use num_traits::{One, ToPrimitive};
use sterna_ir::Range;

use crate::exact::{Ratio, as_integer, whole};
use crate::stairs::Params;

/// Most bits of a factor: two weights of 14 bits make it.
pub const MOST_BITS: u32 = 27;

/// Most pairs of a class and an integer of another that are compared: a second's work at most.
const MOST_COMPARED: i128 = 1 << 22;

/// One straight line for each class.
struct Lines {
    slope: Vec<i128>,
    offset: Vec<i128>,
}

/// Factors and biases; `None` where no factors of [`MOST_BITS`] keep the order, or too many would have to be compared.
pub fn weigh(scale: &Params, offset: &Params, ranges: &[Range]) -> Option<(Vec<i64>, Vec<i64>)> {
    let values: i128 = ranges.iter().map(|r| i128::from(r.hi) - i128::from(r.lo) + 1).sum();
    // Products with wider sums would not stay within 128 bits.
    let wide = ranges.iter().any(|r| !Range::signed(31).covers(*r));
    if wide || values * ranges.len() as i128 > MOST_COMPARED {
        return None;
    }
    let exact = lines(scale, offset)?;
    let largest = scale.iter().max()?;
    (0..=MOST_BITS).find_map(|bits| {
        let fine = |v: &Ratio| (v / largest * whole((1 << bits) - 1).max(Ratio::one())).round();
        let integers =
            |params: &Params| params.iter().map(|p| as_integer(&fine(p))).collect::<Option<Vec<i64>>>();
        let (slope, offset) = (integers(scale)?, integers(offset)?);
        let wide = |v: &Vec<i64>| v.iter().map(|v| i128::from(*v)).collect();
        let near = Lines { slope: wide(&slope), offset: wide(&offset) };
        (slope.iter().all(|s| *s > 0) && same_order(&exact, &near, ranges)).then_some((slope, offset))
    })
}

/// The lines times the least number that makes all of them integers.
fn lines(scale: &Params, offset: &Params) -> Option<Lines> {
    let mut denominator = BigInt::one();
    for value in scale.iter().chain(offset) {
        denominator = Ratio::new(denominator, value.denom().clone()).numer() * value.denom();
    }
    let factor = Ratio::from_integer(denominator);
    // Products with sums of 30 bits stay within 128.
    let integer = |v: &Ratio| (v * &factor).to_integer().to_i128().filter(|v| v.unsigned_abs() < 1 << 96);
    let all = |params: &Params| params.iter().map(integer).collect::<Option<Vec<i128>>>();
    Some(Lines { slope: all(scale)?, offset: all(offset)? })
}

/// Whether every pair of classes compares the same, at every pair of integers in range.
fn same_order(a: &Lines, b: &Lines, ranges: &[Range]) -> bool {
    let pairs = || (0..ranges.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    pairs().all(|(i, j)| {
        (ranges[i].lo..=ranges[i].hi).all(|z| a.reached(i, z, j, ranges[j]) == b.reached(i, z, j, ranges[j]))
    })
}

impl Lines {
    /// The largest integer of class `j` whose score is not above that of class `i` at `z`, and whether it is equal. Below all
    /// of `range` it is the one before.
    fn reached(&self, i: usize, z: i64, j: usize, range: Range) -> (i128, bool) {
        let rest = self.slope[i] * i128::from(z) + self.offset[i] - self.offset[j];
        let last = rest.div_euclid(self.slope[j]);
        let (lo, hi) = (i128::from(range.lo), i128::from(range.hi));
        (last.clamp(lo - 1, hi), rest.rem_euclid(self.slope[j]) == 0 && (lo..=hi).contains(&last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_is_kept(
            scales in prop::collection::vec((1i64..50, 1i64..20), 2..5),
            offsets in prop::collection::vec((-90i64..90, 1i64..20), 5),
        ) {
            let params = |v: &[(i64, i64)]| v.iter().map(|(n, d)| Ratio::new((*n).into(), (*d).into())).collect::<Params>();
            let (scale, offset) = (params(&scales), params(&offsets[..scales.len()]));
            let ranges = vec![Range::new(-12, 9); scale.len()];
            let Some((a, b)) = weigh(&scale, &offset, &ranges) else { return Ok(()) };
            for (i, j) in [(0, 1), (1, 0), (0, scale.len() - 1)] {
                for (x, y) in (-12..=9).flat_map(|x| (-12..=9).map(move |y| (x, y))) {
                    let real = |c: usize, z: i64| &scale[c] * whole(z) + &offset[c];
                    let ours = |c: usize, z: i64| a[c] * z + b[c];
                    prop_assert_eq!(ours(i, x).cmp(&ours(j, y)), real(i, x).cmp(&real(j, y)));
                }
            }
        }
    }

    #[test]
    fn scales_of_floats_are_kept_apart() {
        let scale: Params =
            [0.0123f32, 0.0321, 0.02].iter().map(|s| crate::exact::ratio(*s).unwrap()).collect();
        let offset: Params = [0.5f32, -0.25, 0.1].iter().map(|s| crate::exact::ratio(*s).unwrap()).collect();
        assert!(weigh(&scale, &offset, &[Range::new(-300, 300); 3]).is_some());
    }
}
