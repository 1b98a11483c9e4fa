//! Hand-written blocks of vendor primitives, where operators would not be mapped as the family wants them.
//!
//! On Xilinx a sum of three operands takes one LUT6_2 per bit in one carry chain; synthesis tools make two chains of it.

use sterna_ir::netlist::{Netlist, NodeId, Op};

use super::SourceFile;
use super::expr::Scope;
use super::layout::BREAK;
use crate::family::Family;

/// The block and the behaviour of its primitives. The models are empty for synthesis (`ifndef SYNTHESIS`).
const XILINX: [(&str, &str); 3] = [
    ("CARRY4", include_str!("../../rtl/models/CARRY4.v")),
    ("LUT6_2", include_str!("../../rtl/models/LUT6_2.v")),
    ("sterna_add3", include_str!("../../rtl/sterna_add3.v")),
];

/// Whether the node is printed as a block.
pub fn is_block(netlist: &Netlist, id: NodeId, family: Option<Family>) -> bool {
    match &netlist.node(id).op {
        // At least one operand must be added: the chain has two places to complete a negation.
        Op::Sum(terms) if family == Some(Family::Xcup) => terms.len() == 3 && terms.iter().any(|t| !t.negate),
        _ => false,
    }
}

/// Names that no module may have when the family's blocks are used.
pub fn reserved(family: Option<Family>) -> impl Iterator<Item = &'static str> {
    XILINX.iter().filter(move |_| family == Some(Family::Xcup)).map(|(name, _)| *name)
}

/// Files of the blocks that `netlist` uses.
pub fn files(netlist: &Netlist, live: &[bool], family: Option<Family>) -> Vec<SourceFile> {
    let used = netlist.ids().any(|id| live[id.index()] && is_block(netlist, id, family));
    let file = |(name, text): &(&str, &str)| SourceFile { name: format!("{name}.v"), text: text.to_string() };
    XILINX.iter().filter(|_| used).map(file).collect()
}

/// The instance `name` that computes the node into its own signal, breakable.
pub fn instance(scope: &mut Scope, id: NodeId, name: &str) -> String {
    let node = scope.netlist.node(id);
    let Op::Sum(terms) = &node.op else { panic!("node {} is no sum", id.0) };
    let width = node.range.width();
    let mut terms = terms.clone();
    terms.sort_by_key(|t| t.negate);
    let minus = terms.iter().filter(|t| t.negate).count();
    let mut text = format!("sterna_add3 #(.WIDTH({width}), .MINUS({minus})) {name} (");
    for (port, t) in std::iter::zip(["a", "b", "c"], &terms) {
        text += &format!(".{port}({}),{BREAK}", scope.word(t.node, u32::from(t.shift), width));
    }
    text + &format!(".y({}));", scope.name(id))
}
