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
    let features: usize = dataset.shape.iter().product();
    let (inputs, first) = match config.input {
        Input::Raw => (features, dataset.range.width()),
        Input::Bits { bits } => (features, bits),
        Input::Thermometer { levels } => (features * levels as usize, 1),
    };
    let code = match config.activation {
        Activation::Sign { .. } => 1,
        Activation::Codes { bits, .. } | Activation::Relu { bits } => bits,
    };
    let sizes: Vec<usize> =
        [inputs].into_iter().chain(config.hidden.iter().copied()).chain([dataset.classes]).collect();
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
