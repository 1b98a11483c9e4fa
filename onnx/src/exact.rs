//! Exact arithmetic over the floats of a model, and half-lines: the sets of values on which a staircase has reached a step.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

/// A rational number. Every finite float is one.
pub type Ratio = BigRational;

/// The value of a float; `None` for infinities and NaN.
pub fn ratio(value: f32) -> Option<Ratio> {
    Ratio::from_float(value)
}

/// An integer.
pub fn whole(value: i64) -> Ratio {
    Ratio::from_integer(value.into())
}

/// Bits of a square root that is no rational number: relative error below 2^-128, far below what floats can tell.
const ROOT_BITS: u64 = 128;

/// Square root of a number that is not negative: exact where it is rational, else rounded down after 128 bits.
pub fn sqrt(value: &Ratio) -> Ratio {
    // sqrt(n / d) = sqrt(n d) / d
    let square = value.numer() * value.denom();
    let exact = square.sqrt();
    if &exact * &exact == square {
        return Ratio::new(exact, value.denom().clone());
    }
    let shift = ROOT_BITS.saturating_sub(square.bits() / 2) + 1;
    let root: BigInt = (square << (2 * shift)).sqrt();
    Ratio::new(root, value.denom() << shift)
}

/// A decimal number as written, e.g. `-0.125` or `3`.
pub fn decimal(text: &str) -> Option<Ratio> {
    const MOST_DIGITS: usize = 40;
    let text = text.trim();
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{before}{after}");
    if all.is_empty() || all.len() > MOST_DIGITS || !all.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value = Ratio::new(all.parse().ok()?, BigInt::from(10u32).pow(after.len() as u32));
    Some(if negative { -value } else { value })
}

/// A float near the value, for people to read.
pub fn near(value: &Ratio) -> f64 {
    value.to_f64().unwrap_or(f64::NAN)
}

/// About the value, for a reader: all of its digits where they are few.
pub fn about(value: &Ratio) -> String {
    let near = near(value);
    let all = near.to_string();
    if all.len() <= 10 { all } else { format!("{near:.6e}") }
}

/// The exponent of a power of two.
pub fn log2(value: &Ratio) -> Result<i64, String> {
    let (n, d) = (value.numer(), value.denom());
    let power = |v: &BigInt| v.is_positive() && v.magnitude().count_ones() == 1;
    if power(n) && power(d) {
        return Ok(n.bits() as i64 - d.bits() as i64);
    }
    Err(format!("scales with a ratio of {}; want a power of two", about(value)))
}

/// The integer itself, if it is one of at most 60 bits.
pub fn as_integer(value: &Ratio) -> Option<i64> {
    if !value.is_integer() {
        return None;
    }
    value.to_integer().to_i64().filter(|v| v.unsigned_abs() < 1 << 60)
}

/// The largest number of which all `values` are multiples, 1 if those are zeros; `None` where one is more than `most` times
/// it.
pub fn common_step(values: &[Ratio], most: i16) -> Option<Ratio> {
    let magnitudes = || values.iter().map(Signed::abs).filter(|v| !v.is_zero());
    let Some(largest) = magnitudes().max() else { return Some(Ratio::one()) };
    let least = largest / whole(most.into());
    // Of numbers without such a step the first few already show it.
    magnitudes().try_fold(Ratio::zero(), |step, value| {
        Some(common_divisor(value, step)).filter(|step| *step >= least)
    })
}

/// The largest number of which both are integer multiples.
fn common_divisor(mut a: Ratio, mut b: Ratio) -> Ratio {
    while !b.is_zero() {
        let rest = &a - (&a / &b).trunc() * &b;
        a = std::mem::replace(&mut b, rest);
    }
    a
}

/// Values on one side of an edge, or all, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every value.
    Always,
    /// No value.
    Never,
    /// `v >= at`, or `v > at` if open.
    Above {
        /// The edge.
        at: Ratio,
        /// The edge itself is left out.
        open: bool,
    },
    /// `v <= at`, or `v < at` if open.
    Below {
        /// The edge.
        at: Ratio,
        /// The edge itself is left out.
        open: bool,
    },
}

impl Reach {
    /// `v >= at`.
    pub fn from(at: Ratio) -> Self {
        Reach::Above { at, open: false }
    }

    /// Where the half-line begins.
    pub fn edge(&self) -> Option<&Ratio> {
        match self {
            Reach::Above { at, .. } | Reach::Below { at, .. } => Some(at),
            Reach::Always | Reach::Never => None,
        }
    }

    /// Whether `value` is one of them.
    pub fn holds(&self, value: &Ratio) -> bool {
        match self {
            Reach::Always => true,
            Reach::Never => false,
            Reach::Above { at, open } => value > at || (!open && value == at),
            Reach::Below { at, open } => value < at || (!open && value == at),
        }
    }

    /// The numbers `x` with `scale * x + offset` among these.
    pub fn before_affine(self, scale: &Ratio, offset: &Ratio) -> Self {
        if scale.is_zero() {
            return if self.holds(offset) { Reach::Always } else { Reach::Never };
        }
        let back = |at: Ratio| (at - offset) / scale;
        match self {
            Reach::Above { at, open } if scale.is_positive() => Reach::Above { at: back(at), open },
            Reach::Above { at, open } => Reach::Below { at: back(at), open },
            Reach::Below { at, open } if scale.is_positive() => Reach::Below { at: back(at), open },
            Reach::Below { at, open } => Reach::Above { at: back(at), open },
            all_or_none => all_or_none,
        }
    }

    /// The numbers that are among these once held between `lo` and `hi`.
    pub fn before_clamp(self, lo: Option<&Ratio>, hi: Option<&Ratio>) -> Self {
        let (least, most) = match &self {
            Reach::Above { .. } => (lo, hi),
            Reach::Below { .. } => (hi, lo),
            _ => return self,
        };
        if least.is_some_and(|v| self.holds(v)) {
            Reach::Always
        } else if most.is_some_and(|v| !self.holds(v)) {
            Reach::Never
        } else {
            self
        }
    }

    /// The numbers that are among these once rounded.
    pub fn before_round(self, mode: Rounding) -> Self {
        match self {
            Reach::Above { at, open } => {
                let first = if open { at.floor() + Ratio::one() } else { at.ceil() };
                mode.reach(&first)
            }
            Reach::Below { at, open } => {
                let last = if open { at.ceil() - Ratio::one() } else { at.floor() };
                match mode.reach(&(last + Ratio::one())) {
                    Reach::Above { at, open } => Reach::Below { at, open: !open },
                    _ => unreachable!("rounding reaches every integer from below"),
                }
            }
            all_or_none => all_or_none,
        }
    }
}

/// Ways to round, as QONNX names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, ties to even.
    HalfEven,
    /// To the nearest, ties away from zero.
    HalfUp,
    /// To the nearest, ties towards zero.
    HalfDown,
    /// Towards positive infinity.
    Ceil,
    /// Towards negative infinity.
    Floor,
    /// Away from zero.
    Up,
    /// Towards zero.
    Down,
}

impl Rounding {
    /// By its name in QONNX.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "ROUND" | "HALF_EVEN" => Rounding::HalfEven,
            "HALF_UP" => Rounding::HalfUp,
            "HALF_DOWN" => Rounding::HalfDown,
            "CEIL" => Rounding::Ceil,
            "FLOOR" => Rounding::Floor,
            "UP" => Rounding::Up,
            "DOWN" | "ROUND_TO_ZERO" => Rounding::Down,
            _ => return None,
        })
    }

    /// The outcome in single precision, as numpy computes it.
    pub fn apply(self, v: f32) -> f32 {
        let signed = |magnitude: f32| if v < 0.0 { -magnitude } else { magnitude };
        match self {
            Rounding::HalfEven => v.round_ties_even(),
            Rounding::HalfUp => signed((v.abs() + 0.5).floor()),
            Rounding::HalfDown => signed((v.abs() - 0.5).ceil()),
            Rounding::Ceil => v.ceil(),
            Rounding::Floor => v.floor(),
            Rounding::Up => signed(v.abs().ceil()),
            Rounding::Down => v.trunc(),
        }
    }

    /// The integer that `value` rounds to.
    pub fn round(self, value: &Ratio) -> Ratio {
        let floor = value.floor();
        let near = [&floor + Ratio::one(), floor.clone()];
        let reached = near.into_iter().find(|m| self.reach(m).holds(value));
        reached.unwrap_or_else(|| floor - Ratio::one())
    }

    /// The numbers that round to `least` or more, `least` being an integer.
    fn reach(self, least: &Ratio) -> Reach {
        let half = Ratio::new(1.into(), 2.into());
        let is_even = (least.to_integer() % 2u32).is_zero();
        let is_positive = least.is_positive();
        let (down, open) = match self {
            Rounding::HalfEven => (half, !is_even),
            Rounding::HalfUp => (half, !is_positive),
            Rounding::HalfDown => (half, is_positive),
            Rounding::Ceil => (Ratio::one(), true),
            Rounding::Floor => (Ratio::zero(), false),
            Rounding::Up if is_positive => (Ratio::one(), true),
            Rounding::Up => (Ratio::zero(), false),
            Rounding::Down if is_positive => (Ratio::zero(), false),
            Rounding::Down => (Ratio::one(), true),
        };
        Reach::Above { at: least - down, open }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn half_lines_pull_back_to_what_the_functions_say(
            x in -40i64..40, edge in -40i64..40, open: bool, below: bool, scale in -6i64..6, offset in -9i64..9,
            (lo, hi) in (-12i64..12, -12i64..12),
        ) {
            let quarter = |v: i64| Ratio::new(v.into(), 4.into());
            let at = quarter(edge);
            let reach = if below { Reach::Below { at, open } } else { Reach::Above { at, open } };
            let value = quarter(x);
            for mode in ["ROUND", "HALF_UP", "HALF_DOWN", "CEIL", "FLOOR", "UP", "DOWN"] {
                let mode = Rounding::named(mode).unwrap();
                let image = ratio(mode.apply(x as f32 / 4.0)).unwrap();
                prop_assert_eq!(&mode.round(&value), &image);
                prop_assert_eq!(reach.clone().before_round(mode).holds(&value), reach.holds(&image), "{:?}", mode);
            }
            let (s, o) = (quarter(scale), quarter(offset));
            prop_assert_eq!(reach.clone().before_affine(&s, &o).holds(&value), reach.holds(&(&value * &s + &o)));
            let (lo, hi) = (quarter(lo.min(hi)), quarter(lo.max(hi)));
            let held = value.clone().max(lo.clone()).min(hi.clone());
            prop_assert_eq!(reach.clone().before_clamp(Some(&lo), Some(&hi)).holds(&value), reach.holds(&held));
        }

        #[test]
        fn decimals_are_read_exactly(n in -1_000_000i64..1_000_000, places in 0usize..6) {
            let text = format!("{:.places$}", n as f64 / 10f64.powi(places as i32));
            prop_assert_eq!(decimal(&text), Some(Ratio::new(n.into(), BigInt::from(10u32).pow(places as u32))));
        }

        #[test]
        fn roots_are_exact_or_close_from_below(n in 1u32..1_000_000, d in 1u32..1000) {
            let value = Ratio::new(n.into(), d.into());
            let root = sqrt(&value);
            prop_assert_eq!(sqrt(&(&value * &value)), value.clone());
            let square = &root * &root;
            prop_assert!(square <= value);
            let error = (&value - &square) / &value;
            prop_assert!(error < Ratio::new(1.into(), BigInt::one() << 120));
        }
    }
}
