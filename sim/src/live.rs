//! What of a netlist has to be simulated.

use crate::order::Action;
use crate::program::Watch;
use sterna_ir::Reach;
use sterna_ir::netlist::{MemoryId, MemoryKind, Netlist, Node, NodeId, Op};

/// The nodes that an output or a watched node depends on.
pub(crate) fn live(netlist: &Netlist, watch: Watch) -> Vec<bool> {
    let nodes = match watch {
        Watch::All => return vec![true; netlist.nodes.len()],
        Watch::Nodes(nodes) => nodes,
    };
    let mut reach = Reach::new(netlist);
    let inputs = netlist.ids().filter(|id| netlist.node(*id).op == Op::Input);
    let roots = inputs.chain(netlist.outputs.iter().copied()).chain(nodes.iter().copied());
    roots.chain(netlist.reset).for_each(|id| reach.add(id));
    reach.members()
}

/// The state changes of live nodes.
pub(crate) fn actions(netlist: &Netlist, live: &[bool]) -> Vec<Action> {
    let sequential = |id: &NodeId| live[id.index()] && netlist.node(*id).op.is_sequential();
    let updates = netlist.ids().filter(sequential).map(Action::Update);
    let writes = (0..netlist.memories.len() as u32).map(MemoryId).filter(|id| {
        let read = |n: &Node| matches!(n.op, Op::Read { memory, .. } if memory == *id);
        matches!(netlist.memory(*id).kind, MemoryKind::Ram { .. })
            && netlist.ids().any(|node| live[node.index()] && read(netlist.node(node)))
    });
    updates.chain(writes.map(Action::Write)).collect()
}
