//! Quantisers: which integers their codes are, and the staircase from real values to codes.
//!
//! `Quant`, `BipolarQuant`, `Trunc` and `MultiThreshold` follow the operator definitions of QONNX 1.0
//! (<https://github.com/fastmachinelearning/qonnx/tree/main/docs/qonnx-custom-ops>), `QuantizeLinear` those of ONNX.

use num_traits::{One, Signed, Zero};

use crate::constant::Constant;
use crate::exact::{Ratio, Reach, Rounding, as_integer, whole};
use crate::model::Node;
use crate::proto::kind;
use crate::stairs::{Params, Stairs, Step, zip};

/// Most bits of a code that is named by a width: those of thresholds are bounded by the network itself.
const MOST_BITS: i64 = 32;

/// The codes of a `Quant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codes {
    /// Lowest code.
    pub lo: i64,
    /// Highest code.
    pub hi: i64,
    /// How values between are rounded.
    pub mode: Rounding,
    /// One signed bit: -1 below 0, else 1, with nothing between.
    pub bipolar: bool,
}

impl Codes {
    /// Of a `Quant` node whose input of bits is `bits`.
    pub fn of_node(node: &Node, bits: &Constant) -> Result<Self, String> {
        let signed = node.int("signed").unwrap_or(1) != 0;
        let narrow = node.int("narrow").unwrap_or(1) != 0;
        Codes::new(width(bits)?, signed, narrow, rounding(node, "ROUND")?)
    }

    /// Of so many bits; `narrow` leaves one code out.
    pub fn new(bits: i64, signed: bool, narrow: bool, mode: Rounding) -> Result<Self, String> {
        let half = 1i64 << (bits - 1);
        let narrow = i64::from(narrow);
        let (lo, hi) = if signed { (narrow - half, half - 1) } else { (0, 2 * half - 1 - narrow) };
        if signed && bits == 1 {
            return Ok(Codes { lo: -1, hi: 1, mode, bipolar: true });
        }
        if lo >= hi {
            return Err(format!("{bits} bits with a narrow range hold one code; want two or more"));
        }
        Ok(Codes { lo, hi, mode, bipolar: false })
    }

    /// The largest magnitude of a code.
    pub fn largest(&self) -> f64 {
        self.lo.abs().max(self.hi) as f64
    }

    /// The code of a value that is scaled and moved by the zero point already.
    pub fn apply(&self, value: f32) -> f32 {
        match self.bipolar {
            true if value >= 0.0 => 1.0,
            true => -1.0,
            false => self.mode.apply(value.clamp(self.lo as f32, self.hi as f32)),
        }
    }

    /// The staircase of `Quant`: first these functions, then the steps.
    pub fn stairs(&self, scale: &Params, zero: &Params) -> Result<(Vec<Step>, Stairs), String> {
        let first = Step::Affine { scale: inverse(scale)?, offset: zero.clone() };
        let value =
            |code: i64| zip(scale, zero, |s, z| (whole(code) - z) * s).ok_or("scales and zero points differ");
        if self.bipolar {
            let stairs = Stairs {
                edges: vec![vec![Reach::from(Ratio::zero())]],
                unit: scale.iter().map(|s| s * whole(2)).collect(),
                base: value(-1)?,
            };
            return Ok((vec![first], stairs));
        }
        few(self.lo, self.hi)?;
        let stairs =
            Stairs { unit: scale.clone(), base: value(self.lo)?, ..Stairs::integers(self.lo, self.hi) };
        Ok((vec![first, Step::Round(self.mode)], stairs))
    }
}

/// Refuses more codes than a threshold layer has.
pub fn few(lo: i64, hi: i64) -> Result<(), String> {
    match hi - lo {
        levels if levels <= sterna_ir::MAX_LEVELS as i64 => Ok(()),
        levels => Err(format!("{} codes; want at most {}: 8 bits", levels + 1, sterna_ir::MAX_LEVELS + 1)),
    }
}

/// A number of bits.
pub fn width(bits: &Constant) -> Result<i64, String> {
    let bits = bits.scalar()?;
    let known = as_integer(&bits).filter(|b| (1..=MOST_BITS).contains(b));
    known.ok_or_else(|| format!("{bits} bits; want 1 to {MOST_BITS}"))
}

/// The rounding that a node names.
pub fn rounding(node: &Node, default: &str) -> Result<Rounding, String> {
    let name = node.text("rounding_mode").unwrap_or_else(|| default.into());
    Rounding::named(&name).ok_or_else(|| {
        let name = crate::error::shown(&name);
        format!("rounding {name:?}; want ROUND, HALF_UP, HALF_DOWN, CEIL, FLOOR, UP or DOWN")
    })
}

/// Refuses scales that are not above 0.
pub fn positive(scales: &[Ratio]) -> Result<(), String> {
    match scales.iter().find(|s| !s.is_positive()) {
        Some(scale) => Err(format!("a scale of {scale}; want it above 0")),
        None => Ok(()),
    }
}

fn inverse(scale: &Params) -> Result<Params, String> {
    positive(scale)?;
    Ok(scale.iter().map(Ratio::recip).collect())
}

/// The staircase of `BipolarQuant`: `-scale` below 0, else `scale`.
pub fn bipolar(scale: &Params) -> Result<Stairs, String> {
    positive(scale)?;
    Ok(Stairs {
        edges: vec![vec![Reach::from(Ratio::zero())]],
        unit: scale.iter().map(|s| s * whole(2)).collect(),
        base: scale.iter().map(|s| -s).collect(),
    })
}

/// The staircase of `Sign`: -1, 0 and 1.
pub fn sign() -> Stairs {
    let edges = vec![Reach::from(Ratio::zero()), Reach::Above { at: Ratio::zero(), open: true }];
    Stairs { edges: vec![edges], unit: vec![Ratio::one()], base: vec![whole(-1)] }
}

/// The staircase of `MultiThreshold`: by channel the number of thresholds reached, scaled and moved.
pub fn multi_threshold(node: &Node, thresholds: &Constant) -> Result<Stairs, String> {
    let &[channels, levels] = thresholds.shape() else {
        return Err(format!("thresholds of shape {:?}; want [channels, levels]", thresholds.shape()));
    };
    if channels == 0 || levels == 0 {
        return Err("no thresholds; want one or more".into());
    }
    few(0, levels as i64)?;
    let number = |name: &str, default: f32| {
        let value = node.float(name).unwrap_or(default);
        crate::exact::ratio(value).ok_or_else(|| format!("{name} is {value}; want a finite one"))
    };
    let (unit, base) = (number("out_scale", 1.0)?, number("out_bias", 0.0)?);
    if unit.is_zero() {
        return Err("an out_scale of 0; want another".into());
    }
    let mut values = thresholds.ratios()?;
    values.chunks_mut(levels).for_each(<[Ratio]>::sort);
    let edges = values.chunks(levels).map(|c| c.iter().cloned().map(Reach::from).collect()).collect();
    Ok(Stairs { edges, unit: vec![unit], base: vec![base] })
}

/// The integers of a `QuantizeLinear` node, by its attribute or the type of its zero point.
pub fn linear_range(node: &Node, zero: Option<&Constant>) -> Result<(i64, i64), String> {
    let number = match (node.int("output_dtype").filter(|n| *n != 0), zero) {
        (Some(number), _) => number as i32,
        (None, Some(Constant::Plain(tensor))) => tensor.kind,
        (None, _) => kind::UINT8,
    };
    type_range(number).ok_or_else(|| format!("codes of type {number}; want uint8 or int8"))
}

/// Values of a narrow integer type.
pub fn type_range(number: i32) -> Option<(i64, i64)> {
    match number {
        kind::UINT8 => Some((0, 255)),
        kind::INT8 => Some((-128, 127)),
        _ => None,
    }
}

/// The staircase of `QuantizeLinear`: rounded before the zero point is added.
pub fn linear(scale: &Params, zero: &Params, (lo, hi): (i64, i64)) -> Result<(Vec<Step>, Stairs), String> {
    let steps = vec![
        Step::Affine { scale: inverse(scale)?, offset: vec![Ratio::zero()] },
        Step::Round(Rounding::HalfEven),
        Step::Affine { scale: vec![Ratio::one()], offset: zero.clone() },
    ];
    Ok((steps, Stairs::integers(lo, hi)))
}
