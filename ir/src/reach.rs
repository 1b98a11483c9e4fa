//! What nodes depend on, through registers and memories too.

use crate::netlist::{MemoryKind, Netlist, NodeId, Op};

/// A growing set of nodes that holds all that its members depend on.
#[derive(Clone, Debug)]
pub struct Reach<'a> {
    netlist: &'a Netlist,
    members: Vec<bool>,
    count: usize,
}

impl<'a> Reach<'a> {
    /// An empty set.
    pub fn new(netlist: &'a Netlist) -> Self {
        Reach { netlist, members: vec![false; netlist.nodes.len()], count: 0 }
    }

    /// Adds a node with its cone.
    pub fn add(&mut self, node: NodeId) {
        let mut open = vec![node];
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut self.members[id.index()], true) {
                continue;
            }
            self.count += 1;
            let op = &self.netlist.node(id).op;
            op.each_operand(|o| open.push(o));
            if let Op::Read { memory, .. } = op
                && let MemoryKind::Ram { enable, addr, data } = self.netlist.memory(*memory).kind
            {
                open.extend([enable, addr, data]);
            }
        }
    }

    /// Number of members.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Per node, whether it is a member.
    pub fn members(self) -> Vec<bool> {
        self.members
    }
}
