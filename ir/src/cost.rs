//! What a network costs in hardware, as a function of its fan-ins alone: the table through which training learns about the
//! circuit. The cost model fills it; nothing that defines meaning depends on it.
//!
//! Costs are counted in thousandths of the table's unit, so that the table is exact and the same everywhere.

mod chain;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use chain::{Matrix, live_fan_ins};

/// Thousandths in one unit.
pub const MILLI: u64 = 1000;

/// Costs of all layers of weights of a network, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostTable {
    /// What is counted, e.g. `LUT6` or `cycles`; free text.
    pub unit: String,
    /// How layers add up.
    pub total: Total,
    /// What no weight can change (encoder, arg max, shell), in thousandths.
    pub fixed: u64,
    /// One per layer of weights.
    pub layers: Vec<LayerCost>,
    /// The circuit whose cost the table stands for; `None` where its own figures count.
    #[serde(default)]
    pub circuit: Option<Circuit>,
}

/// A circuit and what of it is counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Circuit {
    /// Look-up tables, all layers unrolled.
    Luts {
        /// Name of the family of parts.
        family: String,
    },
    /// Cycles between samples, all layers folded.
    Cycles {
        /// Processing elements of all layers together.
        pes: usize,
        /// Elements of a sample that arrive in a cycle; `None` for the usual number.
        input_lanes: Option<usize>,
    },
}

fn one() -> u64 {
    1
}

/// How the costs of layers make the cost of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Total {
    /// Their sum: area.
    Sum,
    /// The largest: cycles per sample of layers that work at the same time.
    Longest,
}

/// Cost of one layer of weights and the threshold or arg max behind it; of a convolution, of the matrix that every window
/// passes through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum LayerCost {
    /// Every neuron has its own adders.
    Unrolled {
        /// Cost of a neuron over its fan-in.
        neuron: Curve,
        /// Thousandths of the neurons' sum that sharing of sub-sums leaves, over thousandths of weights that are not zero.
        sharing: Curve,
    },
    /// Processing elements walk the nonzeros, one row each at a time.
    Folded {
        /// Processing elements.
        elements: u32,
        /// Cycles between rows, in thousandths.
        gap: u64,
        /// Cycles whatever the weights are, in thousandths.
        floor: u64,
        /// Times that the matrix applies to a sample: the windows of a convolution.
        #[serde(default = "one")]
        windows: u64,
    },
}

/// A function given by points, linear between them and beyond the last two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// Ascending `(x, thousandths)`, at least one.
    pub points: Vec<(u32, u64)>,
}

impl Curve {
    /// The same everywhere.
    pub fn constant(value: u64) -> Self {
        Curve { points: vec![(0, value)] }
    }

    /// Value at `x`, in thousandths.
    pub fn at(&self, x: u32) -> u64 {
        let p = &self.points;
        let next = p.partition_point(|(at, _)| *at <= x);
        if p.len() == 1 || next == 0 {
            return p[0].1;
        }
        let next = next.min(p.len() - 1);
        let ((x0, y0), (x1, y1)) = (p[next - 1], p[next]);
        let rise = (i128::from(y1) - i128::from(y0)) * i128::from(x - x0) / i128::from(x1 - x0);
        u64::try_from(i128::from(y0) + rise).unwrap_or(0)
    }

    fn check(&self) -> Result<(), String> {
        if self.points.is_empty() {
            return Err("a curve without points; give at least one".into());
        }
        match self.points.windows(2).position(|w| w[0].0 >= w[1].0) {
            Some(i) => Err(format!(
                "point {} of a curve lies at {}, not beyond the one before it",
                i + 1,
                self.points[i + 1].0
            )),
            None => Ok(()),
        }
    }
}

impl LayerCost {
    /// Cost in thousandths of a layer with `inputs` inputs whose outputs have these fan-ins.
    pub fn of(&self, inputs: usize, fan_in: &[u32]) -> u64 {
        match self {
            LayerCost::Unrolled { neuron, sharing } => {
                let sum: u64 = fan_in.iter().map(|&k| neuron.at(k)).sum();
                let weights = (inputs * fan_in.len()).max(1) as u64;
                let nonzeros: u64 = fan_in.iter().map(|&k| u64::from(k)).sum();
                let density = (nonzeros * MILLI / weights).min(MILLI) as u32;
                sum * sharing.at(density) / MILLI
            }
            LayerCost::Folded { elements, gap, floor, windows } => {
                let mut rows: Vec<u32> = fan_in.iter().copied().filter(|&k| k > 0).collect();
                rows.sort_unstable_by(|a, b| b.cmp(a));
                // Rows of like length share a slot, which lasts as long as its longest.
                let slot = |rows: &[u32]| u64::from(rows[0]) * MILLI + gap;
                floor + windows * rows.chunks((*elements).max(1) as usize).map(slot).sum::<u64>()
            }
        }
    }

    /// A layer of carry-chain adders: `width` bits per input (sign included), `levels` comparisons behind each sum, and
    /// `bit` thousandths per adder bit.
    ///
    /// A balanced tree over `k` inputs has about `k / 2^l` adders of `width + l` bits at level `l`; a comparison costs
    /// half a bit of the sum each.
    pub fn adders(inputs: usize, width: u32, levels: u32, bit: u64, sharing: Curve) -> Self {
        let cost = |k: u32| {
            let (mut terms, mut w, mut bits) = (u64::from(k), u64::from(width), 0);
            while terms > 1 {
                w += 1;
                bits += terms / 2 * w;
                terms -= terms / 2;
            }
            (bits * bit) + if k > 0 { u64::from(levels) * w * bit / 2 } else { 0 }
        };
        // Dense where the curve bends, then at about every eighth.
        let mut at: Vec<u32> = vec![0];
        while *at.last().expect("one point") < inputs as u32 {
            let last = at[at.len() - 1];
            at.push((last + 1 + last / 8).min(inputs as u32));
        }
        LayerCost::Unrolled {
            neuron: Curve { points: at.into_iter().map(|k| (k, cost(k))).collect() },
            sharing,
        }
    }

    /// A layer of one-bit inputs and one-bit outputs in look-up tables of `lut_inputs` inputs.
    ///
    /// A neuron of up to `lut_inputs` inputs is one table; beyond, measured means of structured threshold functions
    /// (LUT6: 1.75 at fan-in 7, 4 at 9, 7 at 12, 11.3 at 15), then one table per input.
    pub fn tables(lut_inputs: u32) -> Self {
        let points = if lut_inputs >= 6 {
            vec![
                (0, 0),
                (1, 1000),
                (6, 1000),
                (7, 1750),
                (8, 2750),
                (9, 4000),
                (12, 7000),
                (15, 11_300),
                (16, 12_300),
            ]
        } else {
            vec![(0, 0), (1, 1000), (4, 1000), (5, 2000), (6, 4000), (9, 9100), (16, 24_000), (17, 25_500)]
        };
        LayerCost::Unrolled { neuron: Curve { points }, sharing: Curve::constant(MILLI) }
    }
}

/// What greedy sharing of two-term sub-sums leaves of the adders, over the density of random ternary matrices (256 x 64).
pub fn pairs_shared() -> Curve {
    let points =
        [(0, 1000), (20, 979), (50, 884), (100, 765), (250, 584), (500, 451), (670, 388), (1000, 231)];
    Curve { points: points.to_vec() }
}

impl CostTable {
    /// Cost in thousandths of layers with these costs.
    pub fn sum(&self, layers: &[u64]) -> u64 {
        self.fixed
            + match self.total {
                Total::Sum => layers.iter().sum::<u64>(),
                Total::Longest => layers.iter().copied().max().unwrap_or(0),
            }
    }

    /// Refuses tables that do not fit a network of `layers` layers of weights.
    pub fn check(&self, layers: usize) -> Result<(), String> {
        if self.layers.len() != layers {
            return Err(format!("costs of {} layers; want those of {layers}", self.layers.len()));
        }
        for layer in &self.layers {
            match layer {
                LayerCost::Unrolled { neuron, sharing } => neuron.check().and(sharing.check())?,
                LayerCost::Folded { elements: 0, .. } => {
                    return Err("0 processing elements; want at least 1".into());
                }
                LayerCost::Folded { .. } => {}
            }
        }
        Ok(())
    }
}
