//! Closed integer intervals. Every value in a network or netlist carries one; widths are derived from it.

use serde::{Deserialize, Serialize};

/// The closed interval `lo..=hi`. Signed exactly when `lo < 0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Range {
    /// Smallest value.
    pub lo: i64,
    /// Largest value.
    pub hi: i64,
}

/// Widest value, in bits, that the netlist allows: sums of three stay inside `i64`.
pub const MAX_WIDTH: u32 = 60;

impl Range {
    /// The interval `lo..=hi`; panics when empty (a fault of the caller).
    pub fn new(lo: i64, hi: i64) -> Self {
        assert!(lo <= hi, "empty range {lo}..={hi}");
        Range { lo, hi }
    }

    /// All values of an unsigned word of `width` bits.
    pub fn unsigned(width: u32) -> Self {
        assert!((1..=MAX_WIDTH).contains(&width), "width {width}");
        Range { lo: 0, hi: (1i64 << width) - 1 }
    }

    /// All values of a two's complement word of `width` bits.
    pub fn signed(width: u32) -> Self {
        assert!((1..=MAX_WIDTH).contains(&width), "width {width}");
        Range { lo: -(1i64 << (width - 1)), hi: (1i64 << (width - 1)) - 1 }
    }

    /// One value.
    pub fn point(value: i64) -> Self {
        Range { lo: value, hi: value }
    }

    /// A single bit.
    pub const BIT: Range = Range { lo: 0, hi: 1 };

    /// Whether words of this range are two's complement.
    pub fn is_signed(self) -> bool {
        self.lo < 0
    }

    /// Bits of the narrowest word that holds every value; at least 1.
    ///
    /// ```
    /// use sterna_ir::Range;
    /// assert_eq!(Range::new(0, 255).width(), 8);
    /// assert_eq!(Range::new(-1, 255).width(), 9);
    /// assert_eq!(Range::point(0).width(), 1);
    /// ```
    pub fn width(self) -> u32 {
        let magnitude = |v: i64| 64 - (if v < 0 { !v } else { v }).leading_zeros();
        let bits = magnitude(self.lo).max(magnitude(self.hi));
        (bits + u32::from(self.is_signed())).max(1)
    }

    /// Every value of a word as wide and signed as this range needs.
    pub fn word(self) -> Self {
        if self.is_signed() { Range::signed(self.width()) } else { Range::unsigned(self.width()) }
    }

    /// Whether `value` lies inside.
    pub fn contains(self, value: i64) -> bool {
        self.lo <= value && value <= self.hi
    }

    /// Whether every value of `other` lies inside.
    pub fn covers(self, other: Range) -> bool {
        self.lo <= other.lo && other.hi <= self.hi
    }

    /// Smallest interval around both.
    pub fn union(self, other: Range) -> Self {
        Range { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// `None` when a bound leaves `i64`.
    pub fn checked_add(self, other: Range) -> Option<Self> {
        Some(Range { lo: self.lo.checked_add(other.lo)?, hi: self.hi.checked_add(other.hi)? })
    }

    /// Range of `factor * x`; `None` when a bound leaves `i64`.
    pub fn checked_scale(self, factor: i64) -> Option<Self> {
        let (a, b) = (self.lo.checked_mul(factor)?, self.hi.checked_mul(factor)?);
        Some(Range { lo: a.min(b), hi: a.max(b) })
    }

    /// The low `width()` bits of `value`, read as a word of this range: what a register of this width would hold.
    pub fn wrap(self, value: i64) -> i64 {
        let width = self.width();
        let low = value & ((1i64 << width) - 1);
        if self.is_signed() && low >> (width - 1) == 1 { low - (1i64 << width) } else { low }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..={}", self.lo, self.hi)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn width_is_the_narrowest_that_holds_both_ends(a in -1_000_000i64..1_000_000, b in -1_000_000i64..1_000_000) {
            let range = Range::new(a.min(b), a.max(b));
            let fits = |w: u32| if range.is_signed() { Range::signed(w).covers(range) } else { Range::unsigned(w).covers(range) };
            prop_assert!(fits(range.width()));
            prop_assert!(range.width() == 1 || !fits(range.width() - 1));
        }

        #[test]
        fn wrap_keeps_what_fits_and_is_modular(a in -5000i64..5000, b in -5000i64..5000, v in -1_000_000i64..1_000_000) {
            let range = Range::new(a.min(b), a.max(b)).word();
            prop_assert!(range.contains(range.wrap(v)));
            prop_assert_eq!((range.wrap(v) - v).rem_euclid(1 << range.width()), 0);
            if range.contains(v) { prop_assert_eq!(range.wrap(v), v); }
        }
    }
}
