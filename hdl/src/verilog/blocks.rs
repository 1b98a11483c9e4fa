//! Blocks of vendor primitives, where operators would not be mapped as the family wants them.
//!
//! On Xilinx a sum of three operands takes one LUT6_2 per bit in one carry chain; synthesis tools make two chains of it. Sums
//! of a few bits are tables without a chain. On ECP5 the odd bit of a chain leaves it.
//! Truth tables become look-up tables as they are, two in one where they share their inputs: tools restructure tables that
//! are given as expressions, and the open one does not join two in a LUT6.

use std::collections::{BTreeSet, HashMap};

use sterna_ir::netlist::{Netlist, NodeId, Op};

use super::SourceFile;
use super::expr::Scope;
use super::layout::BREAK;
use super::names::Names;
use crate::adder::{self, Adder, Tables};
use crate::family::Family;
use crate::pairs::{self, inputs, table_over, union};

/// The blocks of the families and the behaviour of the primitives. The models are empty for synthesis (`ifndef SYNTHESIS`).
const FILES: [(&str, &str); 7] = [
    ("sterna_add2", include_str!("../../rtl/sterna_add2.v")),
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
    /// A sum of two in an odd number of bits.
    Add2,
    /// A sum of three.
    Add3,
    /// A sum as tables.
    Tables,
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
#[derive(Debug)]
pub struct Blocks {
    all: HashMap<NodeId, Block>,
    files: BTreeSet<&'static str>,
}

impl Blocks {
    /// The blocks among the live nodes.
    pub fn new(netlist: &Netlist, live: &[bool], family: Option<Family>) -> Self {
        let registered = adder::registered(netlist, live);
        let block = |id: NodeId| match &netlist.node(id).op {
            Op::Sum(_) => Some(match adder::adder(netlist, id, family, registered[id.index()]) {
                Adder::Operators => return None,
                Adder::Tables => Block::Tables,
                Adder::Three => Block::Add3,
                Adder::Odd => Block::Add2,
            }),
            // An inverter is best left to the logic around it.
            Op::Lut { .. } if family == Some(Family::Xcup) && netlist.node(id).range.width() == 1 => {
                inputs(netlist, id).filter(|i| i.len() > 1).map(|_| Block::Lut)
            }
            _ => None,
        };
        let live_ids = netlist.ids().filter(|id| live[id.index()]);
        let mut all: HashMap<NodeId, Block> = live_ids.filter_map(|id| Some((id, block(id)?))).collect();
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
        let mut files = BTreeSet::new();
        for block in all.values() {
            files.extend(match block {
                Block::Add2 => &["sterna_add2"][..],
                Block::Add3 => &["sterna_add3", "CARRY4", "LUT6_2"],
                Block::Lut => &["LUT6"],
                Block::Pair(_) => &["LUT6_2"],
                Block::Mux(7) => &["MUXF7"],
                Block::Mux(_) => &["MUXF8"],
                Block::Second => &[],
                Block::Tables => &["LUT6", "LUT6_2"],
            });
        }
        Blocks { all, files }
    }

    /// What the node is printed as; `None` for an expression.
    pub fn get(&self, id: NodeId) -> Option<Block> {
        self.all.get(&id).copied()
    }

    /// Files of the blocks that are used.
    pub fn files(&self) -> Vec<SourceFile> {
        let used = FILES.iter().filter(|(name, _)| self.files.contains(name));
        used.map(|(name, text)| SourceFile { name: format!("{name}.v"), text: text.to_string() }).collect()
    }
}

/// Names that no module may have when the family's blocks are used.
pub fn reserved(family: Option<Family>) -> impl Iterator<Item = &'static str> {
    FILES.iter().filter(move |_| family.is_some()).map(|(name, _)| *name)
}

/// The instance `name` that computes a node (and its partner) into its own signal, breakable; several have names of their own.
pub fn instance(scope: &mut Scope, names: &mut Names, id: NodeId, block: Block, name: &str) -> String {
    match block {
        Block::Add2 => operands(scope, id, name, "sterna_add2"),
        Block::Add3 => operands(scope, id, name, "sterna_add3"),
        Block::Tables => tables(scope, names, id, name),
        Block::Lut => {
            let reads = inputs(scope.netlist, id).expect("it is a table");
            let table = table_over(scope.netlist, id, &reads);
            let reads: Vec<String> = reads.iter().map(|r| scope.bit(*r)).collect();
            lut(name, &[scope.name(id)], table, &reads)
        }
        Block::Pair(second) => {
            let of = |id| inputs(scope.netlist, id).expect("it is a table");
            let reads = union(&of(id), &of(second));
            let high = table_over(scope.netlist, id, &reads);
            let table = high << 32 | table_over(scope.netlist, second, &reads);
            let reads: Vec<String> = reads.iter().map(|r| scope.bit(*r)).collect();
            lut(name, &[scope.name(id), scope.name(second)], table, &reads)
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

/// A LUT6, or a LUT6_2 with two outputs: the first has the upper half of `table`.
fn lut(name: &str, outputs: &[&str], table: u64, reads: &[String]) -> String {
    let (cell, ports, idle) = match outputs {
        [o] => ("LUT6", format!(".O({o})"), "1'b0"),
        [o6, o5] => ("LUT6_2", format!(".O6({o6}),{BREAK}.O5({o5})"), "1'b1"),
        _ => panic!("a LUT6 has one or two outputs"),
    };
    // Unread inputs are 0 and past the table's end; I5 chooses the upper half.
    let pin = |k: usize| {
        let idle = if k == 5 { idle } else { "1'b0" };
        format!(".I{k}({})", reads.get(k).map_or(idle, String::as_str))
    };
    let pins = (0..6).map(pin).collect::<Vec<_>>().join(&format!(",{BREAK}"));
    format!("{cell} #(.INIT(64'h{table:016x})) {name} ({ports},{BREAK}{pins});")
}

/// A sum as tables, one instance or assignment a line.
fn tables(scope: &mut Scope, names: &mut Names, id: NodeId, name: &str) -> String {
    let tables = Tables::new(scope.netlist, id);
    let width = scope.netlist.node(id).range.width() as usize;
    let y = scope.name(id).to_string();
    let bit = |k: usize| if width == 1 { y.clone() } else { format!("{y}[{k}]") };
    let mut reads = |positions: &[usize]| -> Vec<String> {
        let inputs = positions.iter().map(|p| tables.inputs[*p]);
        inputs.map(|(node, k)| scope.bits(node, k, 1)).collect()
    };
    let mut lines = Vec::new();
    for k in 0..width {
        match tables.wire(k) {
            Some(Ok(input)) => lines.push(format!("assign {} = {};", bit(k), reads(&[input])[0])),
            Some(Err(value)) => lines.push(format!("assign {} = 1'b{};", bit(k), u8::from(value))),
            None => {}
        }
    }
    for (n, luts) in tables.luts().iter().enumerate() {
        let positions = tables.union(luts);
        let over = |k: usize| tables.over(k, &positions);
        let table = match luts[..] {
            [high, low] => over(high) << 32 | over(low),
            _ => over(luts[0]),
        };
        let outputs: Vec<String> = luts.iter().map(|k| bit(*k)).collect();
        let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let name = names.claim(&format!("{name}_{n}"));
        lines.push(lut(&name, &outputs, table, &reads(&positions)));
    }
    lines.join("\n")
}

/// A block that takes whole words, the added ones first.
fn operands(scope: &mut Scope, id: NodeId, name: &str, block: &str) -> String {
    let node = scope.netlist.node(id);
    let Op::Sum(terms) = &node.op else { panic!("node {} is no sum", id.0) };
    let width = node.range.width();
    let mut terms = terms.clone();
    terms.sort_by_key(|t| t.negate);
    let minus = terms.iter().filter(|t| t.negate).count();
    let more = match terms.len() {
        3 => {
            let ends = adder::ends(scope.netlist, &terms, width);
            format!(", .WIDE({}), .PAIR({})", ends.wide, ends.pair)
        }
        _ => String::new(),
    };
    let mut text = format!("{block} #(.WIDTH({width}), .MINUS({minus}){more}) {name} (");
    for (port, t) in std::iter::zip(["a", "b", "c"], &terms) {
        text += &format!(".{port}({}),{BREAK}", scope.word(t.node, u32::from(t.shift), width));
    }
    text + &format!(".y({}));", scope.name(id))
}
