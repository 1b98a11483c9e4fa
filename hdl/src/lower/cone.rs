//! A part of a netlist that runs by itself: what some nodes depend on, up to where it is cut.

use std::collections::HashMap;

use sterna_ir::Netlist;
use sterna_ir::interpret::{Circuit, Interpreter};
use sterna_ir::netlist::{MemoryId, MemoryKind, ModuleId, Node, NodeId, Op};

/// The part, and where the nodes of the whole went.
#[derive(Debug)]
pub struct Cone {
    /// The part, as one module.
    pub netlist: Netlist,
    place: Vec<Option<NodeId>>,
}

impl Cone {
    /// All that `ports` and the reset depend on; nodes in `cut` become inputs, constants aside.
    pub fn new(netlist: &Netlist, ports: &[NodeId], cut: &[NodeId]) -> Self {
        let mut is_cut = vec![false; netlist.nodes.len()];
        for id in cut.iter().filter(|id| !matches!(netlist.node(**id).op, Op::Const(_))) {
            is_cut[id.index()] = true;
        }
        let mut needed = vec![false; netlist.nodes.len()];
        let mut memories: HashMap<MemoryId, MemoryId> = HashMap::new();
        let mut stack: Vec<NodeId> = ports.iter().copied().chain(netlist.reset).collect();
        while let Some(id) = stack.pop() {
            if std::mem::replace(&mut needed[id.index()], true) || is_cut[id.index()] {
                continue;
            }
            let op = &netlist.node(id).op;
            stack.extend(op.operands());
            if let Op::Read { memory, .. } = op {
                let next = MemoryId(memories.len() as u32);
                memories.entry(*memory).or_insert(next);
                if let MemoryKind::Ram { enable, addr, data } = netlist.memory(*memory).kind {
                    stack.extend([enable, addr, data]);
                }
            }
        }
        let mut place = vec![None; netlist.nodes.len()];
        let kept: Vec<NodeId> = netlist.ids().filter(|id| needed[id.index()]).collect();
        kept.iter().enumerate().for_each(|(new, old)| place[old.index()] = Some(NodeId(new as u32)));
        let at = |id: NodeId| place[id.index()].expect("the cone is closed");
        let node = |id: &NodeId| {
            let Node { mut op, range, name, .. } = netlist.node(*id).clone();
            if is_cut[id.index()] {
                op = Op::Input;
            }
            op.map_operands(at);
            if let Op::Read { memory, .. } = &mut op {
                *memory = memories[memory];
            }
            Node { op, range, name, module: ModuleId::TOP }
        };
        let nodes = kept.iter().map(node).collect();
        let mut listed: Vec<(MemoryId, MemoryId)> = memories.iter().map(|(old, new)| (*new, *old)).collect();
        listed.sort_by_key(|(new, _)| new.index());
        let memory = |(_, old): (MemoryId, MemoryId)| {
            let mut memory = netlist.memory(old).clone();
            memory.module = ModuleId::TOP;
            if let MemoryKind::Ram { enable, addr, data } = &mut memory.kind {
                [enable, addr, data].into_iter().for_each(|id| *id = at(*id));
            }
            memory
        };
        let memories = listed.into_iter().map(memory).collect();
        let reset = netlist.reset.map(at);
        let modules = netlist.modules[..1].to_vec();
        let netlist = Netlist { nodes, modules, memories, reset, ..Netlist::default() };
        Cone { netlist, place }
    }

    /// The part at work, just out of reset where it has one.
    pub fn started(&self) -> Interpreter<'_> {
        let mut circuit = Interpreter::new(&self.netlist);
        if let Some(reset) = self.netlist.reset {
            circuit.set(reset, 1);
            circuit.settle();
            circuit.clock();
            circuit.set(reset, 0);
        }
        circuit
    }

    /// Where a node of the whole went, if it is in the part.
    pub fn find(&self, node: NodeId) -> Option<NodeId> {
        self.place[node.index()]
    }

    /// Where a port went.
    pub fn at(&self, port: NodeId) -> NodeId {
        self.find(port).expect("ports are in the cone")
    }
}
