//! Whether a read can meet a write. Yosys finds out by SAT (`memory_dff`); here the form is known that folded stages give it:
//! nothing is read while the half is written that is read.

use sterna_ir::netlist::{Memory, MemoryKind, Netlist, NodeId, Op};

/// By memory, whether any of its words may be read in the cycle in which it is written. Reads that are not `live` are none.
pub fn met(netlist: &Netlist, live: &[bool]) -> Vec<bool> {
    let mut met = vec![false; netlist.memories.len()];
    for id in netlist.ids().filter(|id| live[id.index()]) {
        if let Op::Read { memory, addr, enable } = netlist.node(id).op {
            met[memory.index()] |= may_meet(netlist, netlist.memory(memory), addr, enable);
        }
    }
    met
}

/// Whether a word of `memory` may be read at `addr` in the cycle in which it is written.
fn may_meet(netlist: &Netlist, memory: &Memory, addr: NodeId, enable: Option<NodeId>) -> bool {
    let MemoryKind::Ram { enable: write, addr: to, .. } = memory.kind else { return false };
    let (from, to) = (places(netlist, addr), places(netlist, to));
    let in_both = |a: NodeId, b: NodeId| from.iter().any(|(bit, n)| *n == a && to.contains(&(*bit, b)));
    let same_part = |id: &NodeId| match netlist.node(*id).op {
        Op::Eq(a, b) => in_both(a, b) || in_both(b, a),
        _ => false,
    };
    let forbids = |id: &NodeId| match netlist.node(*id).op {
        Op::Not(held) => match &netlist.node(held).op {
            Op::And(bits) => bits.iter().all(|bit| *bit == write || same_part(bit)),
            _ => false,
        },
        _ => false,
    };
    let bits = match enable.map(|id| (id, &netlist.node(id).op)) {
        Some((_, Op::And(bits))) => bits.clone(),
        Some((id, _)) => vec![id],
        None => Vec::new(),
    };
    !bits.iter().any(forbids)
}

/// The parts of an address and their lowest bits.
fn places(netlist: &Netlist, addr: NodeId) -> Vec<(u32, NodeId)> {
    let Op::Concat(parts) = &netlist.node(addr).op else { return vec![(0, addr)] };
    let mut lo = 0;
    let place = |part: &NodeId| {
        let at = lo;
        lo += netlist.node(*part).range.width();
        (at, *part)
    };
    parts.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_ir::Range;
    use sterna_ir::build::Builder;

    /// A memory of two halves, read only while `differ` of them holds where it is written; else always.
    fn halves(checked: bool, other: bool) -> bool {
        let mut b = Builder::new("halves", vec![]);
        let bit = |b: &mut Builder, name: &str| b.input(name, Range::BIT);
        let [write, to, from, more, ce] = ["write", "to", "from", "more", "ce"].map(|name| bit(&mut b, name));
        let place = b.input("place", Range::unsigned(3));
        let data = b.input("data", Range::unsigned(8));
        let (there, here) = (b.concat(&[place, to], "there"), b.concat(&[place, from], "here"));
        let same = b.eq(from, if other { more } else { to }, "same");
        let meets = b.and(&[write, same], "meets");
        let apart = b.not(meets, "apart");
        let enable = if checked { b.and(&[ce, apart], "enable") } else { ce };
        let ram = b.ram(16, write, there, data, "ram");
        let q = b.read(ram, here, Some(enable), "q");
        b.output(q);
        let netlist = b.finish();
        may_meet(&netlist, &netlist.memories[0], here, Some(enable))
    }

    #[test]
    fn halves_that_are_told_apart_never_meet() {
        assert!(!halves(true, false));
        assert!(halves(false, false), "read whatever is written");
        assert!(halves(true, true), "another bit is compared");
    }
}
