//! A block of Sterna's, cut out of the netlist of a compiled network.

use sterna_hdl::lower::cone::Cone;
use sterna_ir::netlist::{Netlist, NodeId, Op};

/// The block with its pins, in the order in which they were asked for.
#[derive(Clone, Debug)]
pub struct Part {
    /// The block alone.
    pub netlist: Netlist,
    /// Pins that are driven.
    pub inputs: Vec<NodeId>,
    /// Pins that are looked at.
    pub outputs: Vec<NodeId>,
}

impl Part {
    /// What `outputs` depend on, up to `inputs`. A block without registers that reset has a reset that nothing reads.
    ///
    /// # Panics
    /// When it depends on more than that.
    pub fn new(netlist: &Netlist, inputs: &[NodeId], outputs: &[NodeId]) -> Self {
        let cone = Cone::new(netlist, outputs, inputs);
        let [inputs, outputs] =
            [inputs, outputs].map(|pins| Vec::from_iter(pins.iter().map(|p| cone.at(*p))));
        let netlist = Netlist { outputs: outputs.clone(), ..cone.netlist };
        for id in netlist.ids().filter(|id| netlist.node(*id).op == Op::Input) {
            let resets = netlist.nodes.iter().any(|n| matches!(n.op, Op::Reg { reset: Some(_), .. }));
            let is_driven = inputs.contains(&id) || (netlist.reset == Some(id) && !resets);
            assert!(is_driven, "nothing drives {}", netlist.node(id).name);
        }
        Part { netlist, inputs, outputs }
    }

    /// Puts another operation in the place of the node of that name, to see that it matters.
    pub fn damage(&mut self, name: &str, change: impl FnOnce(&mut Op)) {
        let at = node(&self.netlist, name);
        change(&mut self.netlist.nodes[at.index()].op);
    }
}

/// The node `module/name`, or `name` in the top module.
///
/// # Panics
/// When there is none, or more than one.
pub fn node(netlist: &Netlist, path: &str) -> NodeId {
    let (module, name) = path.split_once('/').unwrap_or((&netlist.modules[0].name, path));
    let is = |id: &NodeId| {
        let node = netlist.node(*id);
        node.name == name && netlist.module(node.module).name == module
    };
    let found = Vec::from_iter(netlist.ids().filter(is));
    assert!(found.len() == 1, "{} nodes {module}/{name}", found.len());
    found[0]
}
