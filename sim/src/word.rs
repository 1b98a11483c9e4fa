//! The machine words that a simulation computes in.

use sterna_ir::Range;

/// A signed machine word. Arithmetic wraps: a result whose range fits the word is exact even where a partial sum is not.
pub(crate) trait Word: Copy + Ord + Send + Sync + 'static {
    /// Bits of the word.
    const BITS: u32;
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The low bits of `value`.
    fn cut(value: i64) -> Self;
    /// The value, sign-extended.
    fn wide(self) -> i64;
    /// `self + other`.
    fn plus(self, other: Self) -> Self;
    /// `self - other`.
    fn minus(self, other: Self) -> Self;
    /// `self << bits`, `bits` below the word's.
    fn left(self, bits: u32) -> Self;
    /// Arithmetic `self >> bits`, `bits` below the word's.
    fn right(self, bits: u32) -> Self;
    /// Bitwise and.
    fn and(self, other: Self) -> Self;
    /// Bitwise or.
    fn or(self, other: Self) -> Self;
    /// Bitwise exclusive or.
    fn xor(self, other: Self) -> Self;

    /// 0 or 1.
    #[inline(always)]
    fn bit(value: bool) -> Self {
        if value { Self::ONE } else { Self::ZERO }
    }

    /// `width` ones.
    #[inline(always)]
    fn mask(width: u32) -> Self {
        if width >= Self::BITS { Self::ZERO.minus(Self::ONE) } else { Self::ONE.left(width).minus(Self::ONE) }
    }

    /// `if sel { one } else { zero }` without a branch, for a `sel` of 0 or 1.
    #[inline(always)]
    fn select(sel: Self, zero: Self, one: Self) -> Self {
        zero.xor(zero.xor(one).and(Self::ZERO.minus(sel)))
    }
}

macro_rules! word {
    ($type:ty) => {
        impl Word for $type {
            const BITS: u32 = <$type>::BITS;
            const ZERO: Self = 0;
            const ONE: Self = 1;
            #[inline(always)]
            fn cut(value: i64) -> Self {
                value as $type
            }
            #[inline(always)]
            fn wide(self) -> i64 {
                i64::from(self)
            }
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn left(self, bits: u32) -> Self {
                self.wrapping_shl(bits)
            }
            #[inline(always)]
            fn right(self, bits: u32) -> Self {
                self.wrapping_shr(bits)
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                self | other
            }
            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                self ^ other
            }
        }
    };
}

word!(i16);
word!(i32);
word!(i64);

/// Which word a program computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WordSize {
    /// `i16`.
    W16,
    /// `i32`.
    W32,
    /// `i64`.
    W64,
}

impl WordSize {
    /// The smallest word that holds every value of `range`.
    pub fn of(range: Range) -> Self {
        let fits = |bits: u32| range.lo >= -(1i64 << (bits - 1)) && range.hi < 1i64 << (bits - 1);
        match () {
            () if fits(16) => WordSize::W16,
            () if fits(32) => WordSize::W32,
            () => WordSize::W64,
        }
    }
}
