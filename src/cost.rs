//! What a network costs while it is trained: by a table, neuron by neuron, and by the circuit that it compiles to.

use std::fmt;

use sterna_hdl::estimate::estimate;
use sterna_hdl::family::Family;
use sterna_hdl::lower::MOST_LANES;
use sterna_hdl::{Folding, Options};
use sterna_ir::Network;
use sterna_ir::cost::{Circuit, CostTable, Curve, LayerCost, MILLI, Total};
use sterna_trainer::config::{Activation, Config, Input, Weights};
use sterna_trainer::data::Dataset;
use sterna_trainer::encode::Encoder;
use sterna_trainer::geometry::{Place, places};
use sterna_trainer::{Error, Result};

use crate::choices;

/// What is to be kept small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Look-up tables of an unrolled circuit.
    Luts(Family),
    /// Cycles per sample of a folded circuit.
    Cycles {
        /// Processing elements of all layers together.
        pes: usize,
        /// Elements of a sample that arrive in a cycle; `None` for the usual number.
        input_lanes: Option<usize>,
    },
}

/// The flags of `compile` that build what is counted.
impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::Luts(family) => write!(f, "--unrolled --target {family}"),
            Goal::Cycles { pes, input_lanes: None } => write!(f, "--pes {pes}"),
            Goal::Cycles { pes, input_lanes: Some(lanes) } => write!(f, "--pes {pes} --input-lanes {lanes}"),
        }
    }
}

impl From<Goal> for Circuit {
    fn from(goal: Goal) -> Self {
        match goal {
            Goal::Luts(family) => Circuit::Luts { family: family.name().into() },
            Goal::Cycles { pes, input_lanes } => Circuit::Cycles { pes, input_lanes },
        }
    }
}

impl Goal {
    /// What the budget of `config` counts in a circuit; `None` without a budget, and where the cost table has the last word.
    ///
    /// Errors for a family that there is not.
    pub fn of(config: &Config) -> Result<Option<Self>> {
        let Weights::Cost { table: CostTable { circuit: Some(circuit), .. }, .. } = &config.weights else {
            return Ok(None);
        };
        Ok(Some(match circuit {
            Circuit::Cycles { pes, input_lanes } => Goal::Cycles { pes: *pes, input_lanes: *input_lanes },
            Circuit::Luts { family } => {
                let field = || "weights.table.circuit".to_string();
                Goal::Luts(choices::family(family).map_err(|what| Error::Config { field: field(), what })?)
            }
        }))
    }
}

/// Cycles between two rows of a processing element.
const GAP: u64 = MILLI;

/// The table for the network that `config` describes on `dataset`.
///
/// Errors where [`places`] does, and for fewer processing elements than layers.
pub fn table(config: &Config, dataset: &Dataset, goal: Goal) -> Result<CostTable> {
    let first = match config.input {
        Input::Raw => dataset.range.width(),
        Input::Bits { bits } => bits,
        Input::Thermometer { .. } => 1,
    };
    let code = match config.activation {
        Activation::Sign { .. } => 1,
        Activation::Codes { bits, .. } | Activation::Relu { bits } => bits,
    };
    let matrices = matrices(config, dataset)?;
    let last = matrices.len() - 1;
    let widths = widths(&matrices, first, code);
    let elements = match goal {
        Goal::Cycles { pes, .. } => shared_out(pes, &matrices)?,
        Goal::Luts(_) => Vec::new(),
    };
    let layer = |(index, place): (usize, &Place)| {
        let bits = widths[index];
        let levels = if index == last { 0 } else { (1 << code) - 1 };
        match goal {
            Goal::Cycles { .. } => {
                let windows = place.geometry.positions() as u64;
                LayerCost::Folded { elements: elements[index], gap: GAP, floor: 0, windows }
            }
            Goal::Luts(family) if bits == 1 && levels == 1 => LayerCost::tables(family.lut_inputs()),
            // A carry chain takes one table per bit; operands are signed.
            Goal::Luts(_) => LayerCost::adders(place.inputs, bits + 1, levels, MILLI, Curve::constant(MILLI)),
        }
    };
    let layers = matrices.iter().enumerate().map(layer).collect();
    let (unit, total) = match goal {
        Goal::Luts(family) => (format!("LUT ({family})"), Total::Sum),
        Goal::Cycles { .. } => ("cycles".into(), Total::Longest),
    };
    Ok(CostTable { unit, total, fixed: 0, layers, circuit: Some(goal.into()) })
}

/// Elements of a sample that must arrive in a cycle for a sample in every `cycles`; `None` where one does, and for images, of
/// which a whole pixel arrives.
pub fn input_lanes(config: &Config, dataset: &Dataset, cycles: f64) -> Result<Option<usize>> {
    let elements = matrices(config, dataset)?[0].inputs;
    let enough = |lanes: &usize| elements.div_ceil(*lanes) as f64 <= cycles;
    let lanes = (0..=MOST_LANES.ilog2()).map(|bits| 1 << bits).find(enough).unwrap_or(MOST_LANES);
    Ok((lanes > 1 && !config.reads_images()).then_some(lanes))
}

/// Processing elements by layer, in proportion to their weights and the times that these apply: equal zeros then take equal
/// cycles.
fn shared_out(pes: usize, matrices: &[Place]) -> Result<Vec<u32>> {
    if pes < matrices.len() {
        let what = format!("{pes}; want at least one for each of {} layers", matrices.len());
        return Err(Error::Config { field: "pes".into(), what });
    }
    let load = |p: &Place| (p.inputs * p.outputs * p.geometry.positions()) as f64;
    let total: f64 = matrices.iter().map(load).sum();
    let spare = (pes - matrices.len()) as f64;
    Ok(matrices.iter().map(|p| 1 + (spare * load(p) / total).round() as u32).collect())
}

/// What the circuit of `network` takes: look-up tables by the estimate, or cycles between samples. `None` for a network that
/// does not compile; compiling it says why.
pub fn price(network: &Network, goal: Goal) -> Option<f64> {
    match goal {
        Goal::Luts(family) => {
            let options = Options { family: Some(family), ..Options::default() };
            let design = sterna_hdl::lower(network, &options).ok()?;
            Some(estimate(&design.netlist, family, Some(family)).total.lut)
        }
        Goal::Cycles { pes, input_lanes } => {
            let options = Options { folding: Folding::Pes(pes), input_lanes, ..Options::default() };
            Some(sterna_hdl::lower(network, &options).ok()?.timing.interval as f64)
        }
    }
}

/// What `table` asks for when every neuron has the same share of `zeros`: one for all layers, or one per layer.
pub fn at_zeros(table: &CostTable, config: &Config, dataset: &Dataset, zeros: &[f64]) -> Result<f64> {
    let layer = |((index, place), cost): ((usize, &Place), &LayerCost)| {
        let share = if zeros.len() == 1 { zeros[0] } else { zeros[index] };
        let kept = (place.inputs as f64 * (1.0 - share)).round().max(1.0) as u32;
        cost.of(place.inputs, &vec![kept; place.outputs])
    };
    let matrices = matrices(config, dataset)?;
    let layers: Vec<u64> = matrices.iter().enumerate().zip(&table.layers).map(layer).collect();
    Ok((table.sum(&layers) as f64 / MILLI as f64).ceil())
}

/// Bits of what each matrix reads: `first` for the features, then codes of `code` bits and sums of them.
fn widths(matrices: &[Place], first: u32, code: u32) -> Vec<u32> {
    let mut leaving: Vec<u64> = Vec::new();
    let mut widths = Vec::new();
    for Place { geometry, .. } in matrices {
        let arriving = leaving.last().copied().unwrap_or((1 << first) - 1);
        let summed = geometry.average.map_or(1, |w| w.kernel[0] * w.kernel[1]) as u64;
        widths.push(u64::BITS - (arriving * summed).leading_zeros());
        let bridged = geometry.source(leaving.len()).map_or(0, |source| leaving[source]);
        leaving.push((1 << code) - 1 + bridged);
    }
    widths
}

/// All weight matrices.
fn matrices(config: &Config, dataset: &Dataset) -> Result<Vec<Place>> {
    let width = Encoder::of(config, &dataset.shape, dataset.range).width();
    places(config, &dataset.shape, width, dataset.classes)
}
