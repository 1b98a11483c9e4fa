//! Cost of one node.

use std::collections::BTreeSet;

use sterna_ir::netlist::{Netlist, NodeId, Op, Term};

use super::Resources;
use crate::adder::{self, Adder, Tables};
use crate::complement::{as_difference, complemented};
use crate::family::Family;

/// Share of a LUT6 that one bit of a multiplexer takes; the rest is left to its neighbours.
pub const XCUP_MUX: f64 = 0.5;

/// Cells of node `id`, built as `adder` if it is a sum. `registered` says which values a register takes at once, `inverted`
/// remembers the words that already have inverters.
pub fn cost(
    netlist: &Netlist,
    id: NodeId,
    (family, adder): (Family, Adder),
    registered: &[bool],
    inverted: &mut BTreeSet<NodeId>,
) -> Resources {
    let node = netlist.node(id);
    let width = f64::from(node.range.width());
    let width_of = |id: NodeId| f64::from(netlist.node(id).range.width());
    let constant = |id: NodeId| matches!(netlist.node(id).op, Op::Const(_));
    match &node.op {
        Op::Sum(terms) if adder == Adder::Tables => Resources {
            lut: Tables::new(netlist, id).luts().len() as f64,
            adders: terms.len().saturating_sub(1) as u64,
            ..Resources::default()
        },
        Op::Sum(terms) => match (complemented(netlist, id), as_difference(netlist, terms)) {
            // The tables of a sum that is wanted no other way give its complement.
            (Some(x), _) if matches!(netlist.node(x).op, Op::Sum(_)) && !registered[x.index()] => luts(0.0),
            (Some(_), _) => luts(width),
            (_, Some(d)) => {
                sum(netlist, &[d.added, d.complement], width, (family, Adder::Operators), inverted)
            }
            _ => sum(netlist, terms, width, (family, adder), inverted),
        },
        Op::Ge(a, b) => {
            let width = width_of(*a).max(width_of(*b));
            match netlist.node(*b).op {
                // The low bits of a round threshold do not matter; a power of two is a wire.
                Op::Const(t) => compare(width - f64::from(t.trailing_zeros()).min(width - 1.0), true, family),
                _ => compare(width, constant(*a), family),
            }
        }
        Op::Eq(a, b) => {
            let per_lut = if constant(*a) || constant(*b) { 1.0 } else { 2.0 };
            luts(tree(width_of(*a).max(width_of(*b)) * per_lut, family))
        }
        Op::And(bits) | Op::Or(bits) => luts(tree(bits.len() as f64, family)),
        Op::Lut { inputs, table } => luts(super::table::luts(inputs.len() as u32, *table, family)),
        // An inverter is swallowed by the logic it feeds.
        Op::Not(_) => Resources::default(),
        Op::Mux { zero, one, .. } if constant(*zero) && constant(*one) => Resources::default(),
        Op::Mux { zero, one, .. } if constant(*zero) || constant(*one) => luts(width * 0.5),
        Op::Mux { .. } => luts(width * if family == Family::Xcup { XCUP_MUX } else { 1.0 }),
        Op::Reg { .. } => Resources { ff: width, ..Resources::default() },
        // The register of a read port is inside the block RAM; small tables keep it outside.
        Op::Read { memory, .. } if super::memory::is_block(netlist.memory(*memory), family) => {
            Resources::default()
        }
        Op::Read { .. } => Resources { ff: width, ..Resources::default() },
        Op::Input | Op::Const(_) | Op::Wrap(_) | Op::Slice { .. } | Op::Concat(_) => Resources::default(),
    }
}

fn luts(lut: f64) -> Resources {
    Resources { lut, ..Resources::default() }
}

/// Tables needed to join `inputs` bits into one.
fn tree(inputs: f64, family: Family) -> f64 {
    if inputs <= 1.0 { 0.0 } else { ((inputs - 1.0) / f64::from(family.lut_inputs() - 1)).ceil() }
}

fn sum(
    netlist: &Netlist,
    terms: &[Term],
    width: f64,
    (family, adder): (Family, Adder),
    inverted: &mut BTreeSet<NodeId>,
) -> Resources {
    let constants = terms.iter().filter(|t| matches!(netlist.node(t.node).op, Op::Const(_))).count();
    let negated = terms.iter().filter(|t| t.negate).count();
    // All terms negated costs one more addition: -a - b is -(a + b).
    let operands = terms.len() + usize::from(negated == terms.len() && constants == 0);
    if operands < 2 {
        return Resources::default();
    }
    let chains = if adder == Adder::Three { 1 } else { operands - 1 };
    let adders = operands - 1;
    // Low bits where a single unshifted operand stands alone pass straight through.
    let mut shifts: Vec<u8> = terms.iter().map(|t| t.shift).collect();
    shifts.sort_unstable();
    let bits = (width - f64::from(shifts.get(1).copied().unwrap_or(0))).max(1.0);
    let chain = match family {
        Family::Ecp5 if adder != Adder::Odd => 2.0 * (bits / 2.0).ceil(),
        _ => bits,
    };
    let mut lut = chain * chains as f64;
    if family == Family::Xcup {
        let width = width as u32;
        // The ends of chains of three pass; to Yosys, equal tables at the end of a chain of two are one.
        let tables = match adder {
            Adder::Three => adder::ends(netlist, terms, width).tables,
            _ => terms
                .iter()
                .map(|t| netlist.node(t.node).range.width() + u32::from(t.shift))
                .max()
                .unwrap_or(width),
        };
        lut -= f64::from(width.saturating_sub(tables));
    }
    if family == Family::Ice40 {
        let fresh = terms.iter().filter(|t| t.negate && inverted.insert(t.node));
        lut += fresh.map(|t| f64::from(netlist.node(t.node).range.width())).sum::<f64>();
    }
    Resources { lut, carry: bits * chains as f64, adders: adders as u64, ..Resources::default() }
}

fn compare(width: f64, constant: bool, family: Family) -> Resources {
    match (family, constant) {
        (_, true) if width <= 1.0 => Resources::default(),
        // The carry chain compares; only its end leaves through a table.
        (Family::Ice40, true) => Resources { lut: 1.0, carry: width, ..Resources::default() },
        (Family::Ice40, false) => Resources { lut: width + 1.0, carry: width, ..Resources::default() },
        (Family::Ecp5, _) => {
            Resources { lut: 2.0 * (width / 2.0).ceil() + 1.0, carry: width, ..Resources::default() }
        }
        (Family::Gowin, _) => Resources { lut: width, carry: width, ..Resources::default() },
        (Family::Xcup, true) => luts((width / 5.0).ceil()),
        (Family::Xcup, false) => Resources { lut: width, carry: width, ..Resources::default() },
    }
}
