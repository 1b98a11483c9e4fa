//! Which bits of each word anything depends on: synthesis drops the others.

use sterna_ir::Range;
use sterna_ir::netlist::{MemoryKind, Netlist, NodeId, Op};

/// The low `width` bits set.
pub fn ones(width: u32) -> u64 {
    if width == 0 { 0 } else { u64::MAX >> (64 - width) }
}

/// Bits that are needed, as masks: of nodes, and of the words of memories.
#[derive(Debug)]
pub struct Needed {
    /// Per node.
    pub nodes: Vec<u64>,
    /// Per memory.
    pub memories: Vec<u64>,
}

/// Walks back from the outputs.
pub fn needed(netlist: &Netlist) -> Needed {
    let mut walk = Walk {
        netlist,
        needed: Needed { nodes: vec![0; netlist.nodes.len()], memories: vec![0; netlist.memories.len()] },
        stack: Vec::new(),
    };
    netlist.outputs.iter().for_each(|id| walk.whole(*id));
    while let Some(id) = walk.stack.pop() {
        walk.operands(id);
    }
    walk.needed
}

struct Walk<'a> {
    netlist: &'a Netlist,
    needed: Needed,
    stack: Vec<NodeId>,
}

impl Walk<'_> {
    fn range(&self, id: NodeId) -> Range {
        self.netlist.node(id).range
    }

    fn whole(&mut self, id: NodeId) {
        self.bits(id, u64::MAX);
    }

    /// These bits of the word, extended as far as they go beyond it.
    fn bits(&mut self, id: NodeId, bits: u64) {
        let range = self.range(id);
        let own = ones(range.width());
        let sign = if range.is_signed() && bits & !own != 0 { 1 << (range.width() - 1) } else { 0 };
        let before = self.needed.nodes[id.index()];
        let now = before | bits & own | sign;
        if now != before {
            self.needed.nodes[id.index()] = now;
            self.stack.push(id);
        }
    }

    fn operands(&mut self, id: NodeId) {
        let netlist = self.netlist;
        let bits = self.needed.nodes[id.index()];
        match &netlist.node(id).op {
            Op::Input | Op::Const(_) => {}
            // A bit of a sum depends on all below.
            Op::Sum(terms) => {
                let low = ones(64 - bits.leading_zeros());
                terms.iter().for_each(|t| self.bits(t.node, low >> t.shift));
            }
            Op::Ge(..) | Op::Eq(..) | Op::And(_) | Op::Or(_) | Op::Not(_) | Op::Lut { .. } => {
                netlist.node(id).op.operands().into_iter().for_each(|o| self.whole(o));
            }
            Op::Mux { sel, zero, one } => {
                self.whole(*sel);
                [zero, one].into_iter().for_each(|o| self.bits(*o, bits));
            }
            Op::Wrap(a) => self.bits(*a, bits),
            Op::Slice { a, lo } => self.bits(*a, bits << lo),
            Op::Concat(parts) => {
                let mut at = 0;
                for part in parts {
                    let width = self.range(*part).width();
                    self.bits(*part, bits >> at & ones(width));
                    at += width;
                }
            }
            Op::Reg { d, enable, .. } => {
                self.bits(*d, bits);
                enable.iter().for_each(|e| self.whole(*e));
            }
            Op::Read { memory, addr, enable } => {
                self.whole(*addr);
                enable.iter().for_each(|e| self.whole(*e));
                let (all, word) = (bits, netlist.memory(*memory).word);
                let own = ones(word.width());
                let sign = if word.is_signed() && all & !own != 0 { 1 << (word.width() - 1) } else { 0 };
                self.needed.memories[memory.index()] |= all & own | sign;
                if let MemoryKind::Ram { enable, addr, data } = &netlist.memory(*memory).kind {
                    self.whole(*enable);
                    self.whole(*addr);
                    self.bits(*data, all | sign);
                }
            }
        }
    }
}
