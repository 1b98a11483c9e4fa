//! One module as text.
//!
//! Here names are given and it is decided what is packed in what; `instances.rs` connects the modules inside, and `text.rs`
//! writes all down.

mod instances;
mod text;

use std::collections::{HashMap, HashSet};

use sterna_ir::netlist::{ModuleId, Netlist, NodeId, Op};

use super::blocks::Blocks;
use super::borders::Borders;
use super::expr::Scope;
use super::layout::Line;
use super::names::Names;
use super::ports::{self, Direction, ModulePort};

/// A module that has been printed, for its parent.
#[derive(Debug)]
pub struct Printed {
    /// Its ports.
    pub ports: Vec<ModulePort>,
    /// Its text, from the header to the last line.
    pub text: String,
    /// Where its nodes can be seen: signal name and lowest bit.
    pub seen: HashMap<NodeId, (String, u32)>,
    /// Names of the nodes that are computed in it, or enter the circuit there.
    pub own: HashMap<NodeId, String>,
    /// Names of the instances in it.
    pub instances: Vec<(ModuleId, String)>,
}

/// Several nodes side by side in one signal.
struct Packed {
    name: String,
    nodes: Vec<NodeId>,
    /// An output port, whose unread bits nobody minds.
    is_output: bool,
}

/// What all modules share.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What crosses which border.
    pub borders: &'a Borders,
    /// Names of all modules.
    pub module_names: &'a [String],
    /// Nodes that are printed as blocks.
    pub blocks: &'a Blocks,
}

/// The module being printed.
pub struct Writer<'a> {
    /// The whole netlist.
    pub netlist: &'a Netlist,
    context: &'a Context<'a>,
    module: ModuleId,
    /// Names of everything inside.
    pub names: Names,
    /// Names and uses of the nodes.
    pub scope: Scope<'a>,
    ports: Vec<ModulePort>,
    packed: Vec<Packed>,
    /// Signal and lowest bit of nodes that come packed from a port or an instance.
    home: HashMap<NodeId, (usize, u32)>,
    /// Packed nodes that are read.
    packed_used: HashSet<NodeId>,
    /// Nodes whose own signal is an output port.
    exported: HashSet<NodeId>,
}

/// Prints `module`; `printed` holds the modules inside it.
pub fn print(
    netlist: &Netlist,
    context: &Context,
    module: ModuleId,
    children: &[ModuleId],
    printed: &HashMap<ModuleId, Printed>,
    generator: &str,
) -> Printed {
    let borders = context.borders;
    let mut names = Names::default();
    let ports = ports::ports(netlist, borders, module, &mut names);
    let scope = Scope {
        netlist,
        inlined: &borders.inlined,
        names: HashMap::new(),
        tables: HashMap::new(),
        used: HashMap::new(),
    };
    let mut w = Writer {
        netlist,
        context,
        module,
        names,
        scope,
        ports,
        packed: Vec::new(),
        home: HashMap::new(),
        packed_used: HashSet::new(),
        exported: HashSet::new(),
    };
    w.enter_ports();
    let wires = w.enter_children(children, printed);
    w.enter_own();
    w.text(children, printed, generator, &wires)
}

impl Writer<'_> {
    fn is_own(&self, id: NodeId) -> bool {
        let node = self.netlist.node(id);
        node.module == self.module && !matches!(node.op, Op::Input | Op::Const(_))
    }

    /// Whether the node gets a signal in this module, other than a port from outside.
    fn has_line(&self, id: NodeId) -> bool {
        self.is_own(id) && self.context.borders.live[id.index()] && !self.context.borders.inlined[id.index()]
    }

    fn enter_ports(&mut self) {
        for port in self.ports.clone().iter().filter(|p| !p.is_clock()) {
            let is_output = port.direction == Direction::Output;
            match port.single() {
                // Inputs and constants that leave the top module are assigned to their port.
                Some(node) if is_output && !self.crosses_out(node) => {}
                Some(node) => {
                    self.scope.names.insert(node, port.name.clone());
                    if is_output {
                        self.exported.insert(node);
                    }
                }
                None => {
                    let nodes = port.bundle.nodes.clone();
                    if !is_output {
                        self.pack(&nodes);
                    }
                    self.packed.push(Packed { name: port.name.clone(), nodes, is_output });
                }
            }
        }
    }

    fn crosses_out(&self, node: NodeId) -> bool {
        !matches!(self.netlist.node(node).op, Op::Input | Op::Const(_))
    }

    /// Notes that `nodes` are in the signal that is about to be pushed.
    fn pack(&mut self, nodes: &[NodeId]) {
        let mut lo = 0;
        for node in nodes {
            self.home.insert(*node, (self.packed.len(), lo));
            lo += self.netlist.node(*node).range.width();
        }
    }

    /// Names the nodes computed here, and those unpacked here.
    fn enter_own(&mut self) {
        let mut packed: Vec<NodeId> = self.home.keys().copied().collect();
        packed.sort();
        for node in packed {
            if !self.scope.names.contains_key(&node) {
                let name = self.names.claim(&self.netlist.node(node).name);
                self.scope.names.insert(node, name);
            }
        }
        for id in self.netlist.ids() {
            if self.has_line(id) && !self.scope.names.contains_key(&id) {
                let name = self.names.claim(&self.netlist.node(id).name);
                self.scope.names.insert(id, name);
            }
        }
        for id in self.netlist.ids() {
            if matches!(self.netlist.node(id).op, Op::Lut { .. })
                && self.has_line(id)
                && self.context.blocks.get(id).is_none()
            {
                let name = format!("{}_table", self.scope.name(id));
                let name = self.names.claim(&name);
                self.scope.tables.insert(id, name);
            }
        }
    }

    /// The declaration of a node's own signal.
    pub fn line(&self, head: [&'static str; 2], id: NodeId, value: Option<String>) -> Line {
        let range = self.netlist.node(id).range;
        Line {
            head: head[usize::from(range.is_signed())],
            width: Some(range.width()),
            name: self.scope.name(id).to_string(),
            value,
            remark: None,
            unused: !self.scope.is_used(id),
        }
    }

    /// Where nodes can be seen; ports come first, since they are what a harness drives.
    fn seen(&self) -> HashMap<NodeId, (String, u32)> {
        let mut seen = HashMap::new();
        let (inputs, outputs): (Vec<&ModulePort>, Vec<&ModulePort>) =
            self.ports.iter().partition(|p| p.direction == Direction::Input);
        for port in inputs.into_iter().chain(outputs) {
            let mut lo = 0;
            for node in &port.bundle.nodes {
                seen.entry(*node).or_insert((port.name.clone(), lo));
                lo += self.netlist.node(*node).range.width();
            }
        }
        for (node, (at, lo)) in &self.home {
            seen.entry(*node).or_insert((self.packed[*at].name.clone(), *lo));
        }
        for (node, name) in &self.scope.names {
            seen.entry(*node).or_insert((name.clone(), 0));
        }
        seen
    }

    /// Names of the nodes of this module.
    fn own_names(&self) -> HashMap<NodeId, String> {
        let is_own = |id: &NodeId| self.netlist.node(*id).module == self.module;
        self.scope.names.iter().filter(|(id, _)| is_own(id)).map(|(id, name)| (*id, name.clone())).collect()
    }

    /// Whether the node's own signal is an output port.
    pub fn is_exported(&self, id: NodeId) -> bool {
        self.exported.contains(&id)
    }

    /// Memories of this module that live nodes read.
    pub fn memories(&self) -> Vec<usize> {
        let memories = self.netlist.memories.iter().enumerate();
        let live = memories.filter(|(i, m)| m.module == self.module && self.context.borders.memories[*i]);
        live.map(|(i, _)| i).collect()
    }

    /// Name of the clock.
    pub fn clock(&self) -> &str {
        &self.ports[0].name
    }
}
