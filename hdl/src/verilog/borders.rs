//! What crosses the border of each module, and which nodes get a line of their own.
//!
//! A node is *live* when an output, or a node asked to stay visible, depends on it. Only live nodes are printed. A live
//! node crosses the border of a module when it is computed on one side and read on the other. Constants never cross: they
//! are printed where they are read.

use std::collections::BTreeSet;

use sterna_ir::netlist::{MemoryKind, ModuleId, Netlist, NodeId, Op};

use crate::complement::complemented;

/// Nodes that cross a border together: one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The bus they belong to, by position in [`Netlist::buses`].
    pub bus: Option<usize>,
    /// Members, low bits first; one exactly when the port is the node itself.
    pub nodes: Vec<NodeId>,
}

/// One module seen from outside.
#[derive(Clone, Debug, Default)]
pub struct Border {
    /// Driven from outside.
    pub inputs: Vec<Bundle>,
    /// Read outside.
    pub outputs: Vec<Bundle>,
    /// Whether a register or memory is inside, at any depth.
    pub sequential: bool,
}

/// The analysis of a whole netlist.
#[derive(Debug)]
pub struct Borders {
    /// Per node: whether anything depends on it.
    pub live: Vec<bool>,
    /// Per node: printed inside its only reader.
    pub inlined: Vec<bool>,
    /// Per memory: whether a live node reads it.
    pub memories: Vec<bool>,
    /// Per module.
    pub modules: Vec<Border>,
}

impl Borders {
    /// Analyses `netlist`; `visible` nodes are treated as read by the top module.
    pub fn new(netlist: &Netlist, visible: &[NodeId]) -> Self {
        let (live, memories) = live(netlist, visible);
        let uses = uses(netlist, visible, &live, &memories);
        let inlined = inlined(netlist, visible, &uses);
        let mut inputs = vec![BTreeSet::new(); netlist.modules.len()];
        let mut outputs = inputs.clone();
        for &(node, reader) in &uses {
            if !matches!(netlist.node(node).op, Op::Const(_)) {
                cross(netlist, netlist.node(node).module, reader, |module| {
                    outputs[module.index()].insert(node)
                });
                cross(netlist, reader, netlist.node(node).module, |module| {
                    inputs[module.index()].insert(node)
                });
            }
        }
        let top = ModuleId::TOP.index();
        inputs[top].extend(netlist.ids().filter(|id| netlist.node(*id).op == Op::Input));
        outputs[top].extend(netlist.outputs.iter().copied());

        let mut bus_of = vec![None; netlist.nodes.len()];
        for (index, bus) in netlist.buses.iter().enumerate() {
            for node in &bus.nodes {
                bus_of[node.index()] = Some(index);
            }
        }
        let mut modules: Vec<Border> = std::iter::zip(&inputs, &outputs)
            .map(|(inputs, outputs)| Border {
                inputs: bundles(netlist, &bus_of, inputs),
                outputs: bundles(netlist, &bus_of, outputs),
                sequential: false,
            })
            .collect();
        let nodes = netlist.ids().filter(|id| live[id.index()] && netlist.node(*id).op.is_sequential());
        for module in nodes.map(|id| netlist.node(id).module) {
            let mut at = Some(module);
            while let Some(module) = at.filter(|m| !modules[m.index()].sequential) {
                modules[module.index()].sequential = true;
                at = netlist.module(module).parent;
            }
        }
        Borders { live, inlined, memories, modules }
    }

    /// Whether the module is printed: one that nothing outside reads has no effect.
    pub fn is_printed(&self, module: ModuleId) -> bool {
        module == ModuleId::TOP || !self.modules[module.index()].outputs.is_empty()
    }
}

/// Which nodes and memories the outputs and `visible` depend on.
fn live(netlist: &Netlist, visible: &[NodeId]) -> (Vec<bool>, Vec<bool>) {
    let mut live = vec![false; netlist.nodes.len()];
    let mut memories = vec![false; netlist.memories.len()];
    let mut todo: Vec<NodeId> = netlist.outputs.iter().chain(visible).copied().collect();
    while let Some(id) = todo.pop() {
        if std::mem::replace(&mut live[id.index()], true) {
            continue;
        }
        let op = &netlist.node(id).op;
        todo.extend(op.operands());
        match op {
            Op::Reg { reset: Some(_), .. } => todo.extend(netlist.reset),
            Op::Read { memory, .. } if !std::mem::replace(&mut memories[memory.index()], true) => {
                todo.extend(write_port(&netlist.memory(*memory).kind));
            }
            _ => {}
        }
    }
    (live, memories)
}

fn write_port(kind: &MemoryKind) -> Vec<NodeId> {
    match kind {
        MemoryKind::Rom(_) => vec![],
        MemoryKind::Ram { enable, addr, data } => vec![*enable, *addr, *data],
    }
}

/// Every (node, module that reads it), once per reader.
fn uses(netlist: &Netlist, visible: &[NodeId], live: &[bool], memories: &[bool]) -> Vec<(NodeId, ModuleId)> {
    let mut uses: Vec<_> = visible.iter().map(|id| (*id, ModuleId::TOP)).collect();
    uses.extend(netlist.outputs.iter().map(|id| (*id, ModuleId::TOP)));
    for id in netlist.ids().filter(|id| live[id.index()]) {
        let node = netlist.node(id);
        uses.extend(node.op.operands().into_iter().map(|operand| (operand, node.module)));
        if let Op::Reg { reset: Some(_), .. } = node.op {
            uses.extend(netlist.reset.map(|reset| (reset, node.module)));
        }
    }
    for (memory, _) in netlist.memories.iter().zip(memories).filter(|(_, live)| **live) {
        uses.extend(write_port(&memory.kind).into_iter().map(|operand| (operand, memory.module)));
    }
    uses
}

/// Inversions and slices that are read once, where they are computed, read best inside their reader.
fn inlined(netlist: &Netlist, visible: &[NodeId], uses: &[(NodeId, ModuleId)]) -> Vec<bool> {
    let mut readers = vec![0; netlist.nodes.len()];
    for &(node, module) in uses {
        readers[node.index()] += if module == netlist.node(node).module { 1 } else { 2 };
    }
    // Outputs and visible nodes need a name; they count as if read twice.
    for node in netlist.outputs.iter().chain(visible) {
        readers[node.index()] += 2;
    }
    let small = |id: NodeId| match &netlist.node(id).op {
        Op::Not(_) => netlist.node(id).range.width() == 1,
        Op::Slice { .. } => true,
        Op::Sum(_) => complemented(netlist, id)
            .is_some_and(|x| netlist.node(x).range.width() == netlist.node(id).range.width()),
        _ => false,
    };
    netlist.ids().map(|id| readers[id.index()] == 1 && small(id)).collect()
}

/// Visits every module that contains `from` but not `to`.
fn cross(netlist: &Netlist, from: ModuleId, to: ModuleId, mut visit: impl FnMut(ModuleId) -> bool) {
    let mut at = from;
    while !netlist.is_within(to, at) {
        visit(at);
        at = netlist.module(at).parent.expect("everything is within the top module");
    }
}

fn bundles(netlist: &Netlist, bus_of: &[Option<usize>], crossing: &BTreeSet<NodeId>) -> Vec<Bundle> {
    let mut seen = BTreeSet::new();
    let mut bundles = Vec::new();
    for &id in crossing {
        let bus = bus_of[id.index()];
        match bus {
            None => bundles.push(Bundle { bus, nodes: vec![id] }),
            Some(index) if seen.insert(index) => {
                let members = netlist.buses[index].nodes.iter().copied();
                bundles.push(Bundle { bus, nodes: members.filter(|n| crossing.contains(n)).collect() });
            }
            Some(_) => {}
        }
    }
    bundles
}
