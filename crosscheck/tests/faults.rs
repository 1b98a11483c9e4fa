//! Every operation of a block broken in turn, to see what a comparison would miss.

use sterna_crosscheck::compare::Difference;
use sterna_crosscheck::part::Part;
use sterna_ir::Range;
use sterna_ir::netlist::{Node, Op};

/// Asserts that `run` tells every broken part from the other.
pub fn all_are_found(part: &Part, run: impl Fn(&Part) -> Result<usize, Difference>) {
    for id in part.netlist.ids() {
        let node = part.netlist.node(id);
        for fault in faults_of(node) {
            let mut broken = part.clone();
            broken.netlist.nodes[id.index()].op = fault.clone();
            assert!(run(&broken).is_err(), "{} as {fault:?} makes no difference", node.name);
        }
    }
}

/// What could stand there instead: a bit that never changes, a choice the other way round, a register that does not hold or is
/// not reset.
fn faults_of(node: &Node) -> Vec<Op> {
    let stuck = |value: i64| (node.range == Range::BIT && node.op != Op::Input).then_some(Op::Const(value));
    let mut faults = Vec::from_iter([0, 1].into_iter().filter_map(stuck));
    match node.op.clone() {
        Op::Mux { sel, zero, one } => faults.push(Op::Mux { sel, zero: one, one: zero }),
        Op::Reg { d, enable, reset } => {
            faults.extend(enable.map(|_| Op::Reg { d, enable: None, reset }));
            faults.extend(reset.map(|_| Op::Reg { d, enable, reset: None }));
        }
        Op::Read { memory, addr, enable: Some(_) } => faults.push(Op::Read { memory, addr, enable: None }),
        _ => {}
    }
    faults
}
