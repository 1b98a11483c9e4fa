//! The cost table of a training: what a network of this shape will cost, neuron by neuron.

use sterna_hdl::family::Family;
use sterna_ir::cost::{CostTable, Curve, LayerCost, MILLI, Total};
use sterna_trainer::Result;
use sterna_trainer::config::{Activation, Config, Input};
use sterna_trainer::data::Dataset;
use sterna_trainer::encode::Encoder;
use sterna_trainer::geometry::{Place, places};

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
///
/// Errors where [`places`] does.
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
    let layer = |(index, place): (usize, &Place)| {
        let bits = widths[index];
        let levels = if index == last { 0 } else { (1 << code) - 1 };
        match goal {
            Goal::Cycles { elements } => {
                let windows = place.geometry.positions() as u64;
                LayerCost::Folded { elements, gap: GAP, floor: 0, windows }
            }
            Goal::Luts(family) if bits == 1 && levels == 1 => LayerCost::tables(family.lut_inputs()),
            // A carry chain takes one table per bit; operands are signed.
            Goal::Luts(_) => LayerCost::adders(place.inputs, bits + 1, levels, MILLI, Curve::constant(MILLI)),
        }
    };
    let layers = matrices.iter().enumerate().map(layer).collect();
    Ok(match goal {
        Goal::Luts(family) => {
            CostTable { unit: format!("LUT ({family})"), total: Total::Sum, fixed: 0, layers }
        }
        Goal::Cycles { .. } => CostTable { unit: "cycles".into(), total: Total::Longest, fixed: 0, layers },
    })
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
