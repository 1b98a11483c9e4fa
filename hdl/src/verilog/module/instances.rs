//! The instances in one module: the signals that they drive, and those at their ports.

use std::collections::HashMap;

use sterna_ir::netlist::{ModuleId, NodeId};

use super::{Packed, Printed, Writer};
use crate::verilog::expr::side_by_side;
use crate::verilog::ports::{Direction, width};

/// A signal driven by an instance, and not an output port of this module.
pub enum Wire {
    /// A node's own.
    Node(NodeId),
    /// Position in [`Writer::packed`].
    Packed(usize),
}

/// An instance: the signal at each of its ports.
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Port and signal.
    pub connections: Vec<(String, String)>,
}

impl Writer<'_> {
    /// Names the signals driven by instances; returns those that need a declaration.
    pub(super) fn enter_children(
        &mut self,
        children: &[ModuleId],
        printed: &HashMap<ModuleId, Printed>,
    ) -> Vec<Wire> {
        let mut wires = Vec::new();
        for child in children {
            for port in printed[child].ports.iter().filter(|p| p.direction == Direction::Output) {
                if let Some(node) = port.single() {
                    if !self.scope.names.contains_key(&node) {
                        // One node of a wider bus is better known by its own name.
                        let bus = port.bundle.bus.filter(|bus| self.netlist.buses[*bus].nodes.len() == 1);
                        let own =
                            bus.map_or(&self.netlist.node(node).name, |bus| &self.netlist.buses[bus].name);
                        let name = self.names.claim(own);
                        self.scope.names.insert(node, name);
                        wires.push(Wire::Node(node));
                    }
                    continue;
                }
                let nodes = &port.bundle.nodes;
                // The same nodes on an output of this module: the instance drives that port.
                let same = self.packed.iter().position(|p| p.is_output && p.nodes == *nodes);
                let at = same.unwrap_or_else(|| {
                    let name = self.names.claim(&port.name);
                    self.packed.push(Packed { name, nodes: nodes.clone(), is_output: false });
                    wires.push(Wire::Packed(self.packed.len() - 1));
                    self.packed.len() - 1
                });
                let mut lo = 0;
                for node in nodes {
                    self.home.insert(*node, (at, lo));
                    lo += self.netlist.node(*node).range.width();
                }
            }
        }
        wires
    }

    /// A whole node as it is best read by a port: a slice of what it is packed in, or its name.
    pub(super) fn source(&mut self, nodes: &[NodeId]) -> String {
        let mut runs: Vec<String> = Vec::new();
        let mut at = 0;
        while at < nodes.len() {
            let node = nodes[at];
            let Some(&(signal, lo)) = self.home.get(&node) else {
                let width = self.netlist.node(node).range.width();
                runs.push(self.scope.bits(node, 0, width));
                at += 1;
                continue;
            };
            let mut hi = lo;
            while let Some(next) = nodes.get(at).filter(|n| self.home.get(n) == Some(&(signal, hi))) {
                self.packed_used.insert(*next);
                hi += self.netlist.node(*next).range.width();
                at += 1;
            }
            let packed = &self.packed[signal];
            runs.push(match width(self.netlist, &packed.nodes) {
                all if all == hi - lo => packed.name.clone(),
                _ if hi - lo == 1 => format!("{}[{lo}]", packed.name),
                _ => format!("{}[{}:{lo}]", packed.name, hi - 1),
            });
        }
        runs.reverse();
        side_by_side(runs)
    }

    /// An instance of `child`.
    pub(super) fn instance(&mut self, child: ModuleId, printed: &Printed) -> Instance {
        let mut connections = Vec::new();
        for port in &printed.ports {
            let signal = match port.direction {
                _ if port.is_clock() => self.ports[0].name.clone(),
                Direction::Input => self.source(&port.bundle.nodes),
                Direction::Output => match port.single() {
                    Some(node) => self.scope.name(node).to_string(),
                    None => self.packed[self.home[&port.bundle.nodes[0]].0].name.clone(),
                },
            };
            connections.push((port.name.clone(), signal));
        }
        Instance { name: self.names.claim(&format!("u_{}", self.netlist.module(child).name)), connections }
    }
}
