//! The cost table of a training: what a network of this shape will cost, neuron by neuron.

use sterna_hdl::family::Family;
use sterna_ir::cost::{CostTable, Curve, LayerCost, MILLI, Total};
use sterna_trainer::config::{Activation, Config, Input};
use sterna_trainer::data::Dataset;

/// What is to be kept small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Look-up tables of an unrolled circuit.
    Luts(Family),
    /// Cycles per sample of a folded circuit.
    Cycles {
        /// Processing elements of every layer.
        elements: u32,
    },
}

/// Cycles between two rows of a processing element.
const GAP: u64 = MILLI;

/// The table for the network that `config` describes on `dataset`.
pub fn table(config: &Config, dataset: &Dataset, goal: Goal) -> CostTable {
    let first = match config.input {
        Input::Raw => dataset.range.width(),
        Input::Bits { bits } => bits,
        Input::Thermometer { .. } => 1,
    };
    let code = match config.activation {
        Activation::Sign { .. } => 1,
        Activation::Codes { bits, .. } | Activation::Relu { bits } => bits,
    };
    let sizes = sizes(config, dataset);
    let last = config.hidden.len();
    let layer = |(index, io): (usize, &[usize])| {
        let bits = if index == 0 { first } else { code };
        let levels = if index == last { 0 } else { (1 << code) - 1 };
        match goal {
            Goal::Cycles { elements } => LayerCost::Folded { elements, gap: GAP, floor: 0 },
            Goal::Luts(family) if bits == 1 && levels == 1 => LayerCost::tables(family.lut_inputs()),
            // A carry chain takes one table per bit; operands are signed.
            Goal::Luts(_) => LayerCost::adders(io[0], bits + 1, levels, MILLI, Curve::constant(MILLI)),
        }
    };
    let layers = sizes.windows(2).enumerate().map(layer).collect();
    match goal {
        Goal::Luts(family) => {
            CostTable { unit: format!("LUT ({family})"), total: Total::Sum, fixed: 0, layers }
        }
        Goal::Cycles { .. } => CostTable { unit: "cycles".into(), total: Total::Longest, fixed: 0, layers },
    }
}

/// What `table` asks for when every neuron has the same share of `zeros`: one for all layers, or one per layer.
pub fn at_zeros(table: &CostTable, config: &Config, dataset: &Dataset, zeros: &[f64]) -> f64 {
    let layer = |((index, io), cost): ((usize, &[usize]), &LayerCost)| {
        let share = if zeros.len() == 1 { zeros[0] } else { zeros[index] };
        let kept = (io[0] as f64 * (1.0 - share)).round().max(1.0) as u32;
        cost.of(io[0], &vec![kept; io[1]])
    };
    let sizes = sizes(config, dataset);
    let layers: Vec<u64> = sizes.windows(2).enumerate().zip(&table.layers).map(layer).collect();
    (table.sum(&layers) as f64 / MILLI as f64).ceil()
}

/// Inputs of each dense layer, then the classes.
fn sizes(config: &Config, dataset: &Dataset) -> Vec<usize> {
    let features: usize = dataset.shape.iter().product();
    let inputs = match config.input {
        Input::Raw | Input::Bits { .. } => features,
        Input::Thermometer { levels } => features * levels as usize,
    };
    [inputs].into_iter().chain(config.hidden.iter().copied()).chain([dataset.classes]).collect()
}
