//! Signed digits: a constant as the shortest sum of signed powers of two (canonical signed digits, Reitwiesner 1960).

/// One digit: `+2^shift` or `-2^shift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digit {
    /// Power of two.
    pub shift: u8,
    /// Whether the power is subtracted.
    pub negate: bool,
}

/// The digits of `value`, lowest power first; no two are neighbours, so no shorter sum exists.
///
/// ```
/// use sterna_hdl::digits::digits;
/// let seven: Vec<_> = digits(7).map(|d| (d.shift, d.negate)).collect();
/// assert_eq!(seven, [(0, true), (3, false)]);
/// ```
pub fn digits(value: i64) -> impl Iterator<Item = Digit> {
    let mut rest = i128::from(value);
    let mut shift = 0;
    std::iter::from_fn(move || {
        if rest == 0 {
            return None;
        }
        let zeros = rest.trailing_zeros();
        rest >>= zeros;
        shift += zeros;
        // An odd rest of 3 modulo 4 takes -1, so that the carry clears the next digit.
        let negate = rest & 3 == 3;
        rest += if negate { 1 } else { -1 };
        Some(Digit { shift: shift as u8, negate })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn digits_sum_to_the_value_and_are_no_neighbours(value in -(1i64 << 58)..(1i64 << 58)) {
            let all: Vec<Digit> = digits(value).collect();
            let sum: i64 = all.iter().map(|d| if d.negate { -(1i64 << d.shift) } else { 1i64 << d.shift }).sum();
            prop_assert_eq!(sum, value);
            prop_assert!(all.windows(2).all(|w| w[1].shift >= w[0].shift + 2));
        }
    }

    #[test]
    fn ternary_weights_are_single_digits() {
        assert_eq!(digits(0).count(), 0);
        assert_eq!(digits(1).collect::<Vec<_>>(), [Digit { shift: 0, negate: false }]);
        assert_eq!(digits(-1).collect::<Vec<_>>(), [Digit { shift: 0, negate: true }]);
    }
}
