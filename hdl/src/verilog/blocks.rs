//! Blocks of vendor primitives, where operators would not be mapped as the family wants them.
//!
//! On Xilinx a sum of three operands takes one LUT6_2 per bit in one carry chain; synthesis tools make two chains of it.
//! Truth tables become look-up tables as they are, two in one where they share their inputs: tools restructure tables that
//! are given as expressions, and the open one does not join two in a LUT6.

use std::collections::HashMap;

use sterna_ir::netlist::{Netlist, NodeId, Op};

use super::SourceFile;
use super::expr::Scope;
use super::layout::BREAK;
use crate::family::Family;
use crate::pairs::{self, inputs, table_over, union};

/// The blocks and the behaviour of the primitives. The models are empty for synthesis (`ifndef SYNTHESIS`).
const XILINX: [(&str, &str); 6] = [
    ("CARRY4", include_str!("../../rtl/models/CARRY4.v")),
    ("LUT6", include_str!("../../rtl/models/LUT6.v")),
    ("LUT6_2", include_str!("../../rtl/models/LUT6_2.v")),
    ("MUXF7", include_str!("../../rtl/models/MUXF7.v")),
    ("MUXF8", include_str!("../../rtl/models/MUXF8.v")),
    ("sterna_add3", include_str!("../../rtl/sterna_add3.v")),
];

/// What a node is printed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// A sum of three.
    Add3,
    /// A table by itself.
    Lut,
    /// Two tables in one primitive.
    Pair(NodeId),
    /// A multiplexer of the slice: MUXF7 or MUXF8.
    Mux(u8),
    /// The second of a pair, printed with the first.
    Second,
}

/// The nodes that are printed as blocks.
#[derive(Debug, Default)]
pub struct Blocks(HashMap<NodeId, Block>);

impl Blocks {
    /// The blocks among the live nodes.
    pub fn new(netlist: &Netlist, live: &[bool], family: Option<Family>) -> Self {
        if family != Some(Family::Xcup) {
            return Blocks::default();
        }
        let block = |id: NodeId| match &netlist.node(id).op {
            // At least one operand must be added: the chain has two places to complete a negation.
            Op::Sum(terms) if terms.len() == 3 && terms.iter().any(|t| !t.negate) => Some((id, Block::Add3)),
            // An inverter is best left to the logic around it.
            Op::Lut { .. } if netlist.node(id).range.width() == 1 => {
                inputs(netlist, id).filter(|i| i.len() > 1).map(|_| (id, Block::Lut))
            }
            _ => None,
        };
        let mut all: HashMap<NodeId, Block> =
            netlist.ids().filter(|id| live[id.index()]).filter_map(block).collect();
        let pairs = pairs::pairs(netlist, live, family);
        for &(first, second) in &pairs {
            if all.contains_key(&first) && all.contains_key(&second) {
                all.insert(first, Block::Pair(second));
                all.insert(second, Block::Second);
            }
        }
        let seconds = pairs.into_iter().map(|p| p.1).collect();
        let wide = pairs::wide_muxes(netlist, live, &seconds, family);
        all.extend(wide.into_iter().map(|(id, width)| (id, Block::Mux(width))));
        Blocks(all)
    }

    /// What the node is printed as; `None` for an expression.
    pub fn get(&self, id: NodeId) -> Option<Block> {
        self.0.get(&id).copied()
    }

    /// Files of the blocks that are used.
    pub fn files(&self) -> Vec<SourceFile> {
        let any = |wanted: fn(&Block) -> bool| self.0.values().any(wanted);
        let (sums, pairs) = (any(|b| *b == Block::Add3), any(|b| matches!(b, Block::Pair(_))));
        let used = |name: &str| match name {
            "LUT6" => any(|b| *b == Block::Lut),
            "LUT6_2" => sums || pairs,
            "MUXF7" => any(|b| *b == Block::Mux(7)),
            "MUXF8" => any(|b| *b == Block::Mux(8)),
            _ => sums,
        };
        let file =
            |(name, text): &(&str, &str)| SourceFile { name: format!("{name}.v"), text: text.to_string() };
        XILINX.iter().filter(|(name, _)| used(name)).map(file).collect()
    }
}

/// Names that no module may have when the family's blocks are used.
pub fn reserved(family: Option<Family>) -> impl Iterator<Item = &'static str> {
    XILINX.iter().filter(move |_| family == Some(Family::Xcup)).map(|(name, _)| *name)
}

/// The instance `name` that computes a node (and its partner) into its own signal, breakable.
pub fn instance(scope: &mut Scope, id: NodeId, block: Block, name: &str) -> String {
    match block {
        Block::Add3 => add3(scope, id, name),
        Block::Lut => {
            let reads = inputs(scope.netlist, id).expect("it is a table");
            let table = table_over(scope.netlist, id, &reads);
            let pins = pins(scope, &reads, "1'b0");
            // Unconnected inputs are 0 and past the table's end.
            format!("LUT6 #(.INIT(64'h{table:016x})) {name} (.O({}),{BREAK}{pins});", scope.name(id))
        }
        Block::Pair(second) => {
            let of = |id| inputs(scope.netlist, id).expect("it is a table");
            let reads = union(&of(id), &of(second));
            let high = table_over(scope.netlist, id, &reads);
            let table = high << 32 | table_over(scope.netlist, second, &reads);
            let pins = pins(scope, &reads, "1'b1");
            let (o6, o5) = (scope.name(id), scope.name(second));
            format!("LUT6_2 #(.INIT(64'h{table:016x})) {name} (.O6({o6}),{BREAK}.O5({o5}),{BREAK}{pins});")
        }
        Block::Mux(width) => {
            let Op::Mux { sel, zero, one } = scope.netlist.node(id).op else {
                panic!("node {} selects nothing", id.0)
            };
            let (zero, one, sel) = (scope.bit(zero), scope.bit(one), scope.bit(sel));
            let o = scope.name(id);
            format!("MUXF{width} {name} (.O({o}),{BREAK}.I0({zero}),{BREAK}.I1({one}),{BREAK}.S({sel}));")
        }
        Block::Second => String::new(),
    }
}

/// The inputs of a table; `last` is what I5 is where it is not read.
fn pins(scope: &mut Scope, reads: &[NodeId], last: &str) -> String {
    let pin = |k: usize| {
        let signal = match reads.get(k) {
            Some(node) => scope.bit(*node),
            None => (if k == 5 { last } else { "1'b0" }).to_string(),
        };
        format!(".I{k}({signal})")
    };
    (0..6).map(pin).collect::<Vec<_>>().join(&format!(",{BREAK}"))
}

fn add3(scope: &mut Scope, id: NodeId, name: &str) -> String {
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
