//! Registers near each reader of a shared word (ECP5, a register behind every adder): they are there, and synthesis keeps
//! them.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use sterna_hdl::estimate::estimate;
use sterna_hdl::family::Family;
use sterna_hdl::synth::synthesise;
use sterna_hdl::verilog::{PrintOptions, print};
use sterna_hdl::{Options, lower, matrix};
use sterna_ir::netlist::{NodeId, Op};
use sterna_ir::{Design, Range};

use crate::tools::{has, lint};

fn design(family: Family, levels_per_stage: u32) -> Design {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let weights = (0..12 * 14).map(|_| rng.random_range(-1..=1)).collect();
    let network = matrix::network("spread", 12, 14, weights, Range::signed(4)).unwrap();
    lower(&network, &Options { family: Some(family), levels_per_stage, ..Options::default() }).unwrap()
}

/// Most sums that read one register which does nothing but delay another or an input.
fn most_readers(design: &Design) -> usize {
    let netlist = &design.netlist;
    let delays = |id: NodeId| match netlist.node(id).op {
        Op::Reg { d, .. } => netlist.node(d).op.is_sequential() || netlist.node(d).op == Op::Input,
        _ => false,
    };
    let sums = netlist.nodes.iter().filter(|n| matches!(n.op, Op::Sum(_)));
    let mut read: Vec<NodeId> = sums.flat_map(|n| n.op.operands()).filter(|id| delays(*id)).collect();
    read.sort_unstable();
    read.chunk_by(|a, b| a == b).map(<[NodeId]>::len).max().unwrap_or(0)
}

#[test]
fn each_reader_has_a_register_that_synthesis_keeps() {
    let near = design(Family::Ecp5, 1);
    assert_eq!(most_readers(&near), 1);
    for other in [design(Family::Ecp5, 2), design(Family::Ice40, 1)] {
        assert!(other.netlist.copies.is_empty());
    }
    let options = PrintOptions { version: false, visible: vec![], family: Some(Family::Ecp5) };
    let emitted = print(&near.netlist, &options).unwrap();
    lint(&emitted);
    if !has("yosys") {
        return;
    }
    let found = |kept: bool| {
        let folder = tempfile::tempdir().unwrap();
        let text = |text: &str| if kept { text.to_string() } else { text.replace("(* keep *) ", "") };
        let files: Vec<(String, String)> =
            emitted.files.iter().map(|f| (f.name.clone(), text(&f.text))).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
        synthesise(&files, &emitted.top, Family::Ecp5, folder.path()).unwrap().ff as f64
    };
    let bits = estimate(&near.netlist, Family::Ecp5, Some(Family::Ecp5)).total.ff;
    assert_eq!(found(true), bits);
    assert!(found(false) < bits);
}
