//! The cost model: LUT, FF, carry and block RAM of a netlist, per top-level module, without any tool.
//!
//! It walks the same nodes that are printed, so it needs no second description.
//! The coefficients follow from how Yosys maps each kind of node; `scripts/measure/estimate-error` measures how far off they
//! are.

mod memory;
mod node;
mod table;

use std::collections::{BTreeSet, HashSet};

use serde::Serialize;
use sterna_ir::netlist::{ModuleId, Netlist, NodeId, Op};

use crate::adder::{adder, registered};
use crate::delay::Delays;
use crate::family::Family;
use crate::pairs::{pairs, wide_muxes};

/// Cells a netlist or a module is expected to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Resources {
    /// Look-up tables, by [`Family::lut_convention`].
    pub lut: f64,
    /// Flip-flops.
    pub ff: f64,
    /// Carry bits.
    pub carry: f64,
    /// Block RAMs (SB_RAM40_4K, DP16KD, RAMB18).
    pub bram: f64,
    /// Bits of constant tables.
    pub rom_bits: u64,
    /// Two-operand additions and subtractions.
    pub adders: u64,
}

impl Resources {
    fn add(&mut self, other: Resources) {
        self.lut += other.lut;
        self.ff += other.ff;
        self.carry += other.carry;
        self.bram += other.bram;
        self.rom_bits += other.rom_bits;
        self.adders += other.adders;
    }
}

/// The estimate of a netlist.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The family it holds for.
    pub family: Family,
    /// The whole netlist.
    pub total: Resources,
    /// Clock after place and route, in MHz, where the delay model knows the family and there are registers.
    pub mhz: Option<f64>,
    /// Each module directly below the top, with everything inside it; then the top's own nodes, if they cost anything.
    pub modules: Vec<(String, Resources)>,
}

/// Estimates `netlist` on `family`. Nodes that no output, register or memory depends on cost nothing.
pub fn estimate(netlist: &Netlist, family: Family) -> Estimate {
    let live = live(netlist);
    let mut groups: Vec<Resources> = vec![Resources::default(); netlist.modules.len()];
    // A subtracted word needs inverters of its own where the carry chain cannot invert; all its users share them.
    let mut inverted = BTreeSet::new();
    let registered = registered(netlist, &live);
    for id in netlist.ids().filter(|id| live[id.index()]) {
        let home = layer_of(netlist, netlist.node(id).module);
        let adder = adder(netlist, id, Some(family), registered[id.index()]);
        groups[home.index()].add(node::cost(netlist, id, (family, adder), &registered, &mut inverted));
    }
    // Two tables in one.
    let seconds: HashSet<NodeId> = pairs(netlist, &live, Some(family)).into_iter().map(|p| p.1).collect();
    let home = |id: NodeId| layer_of(netlist, netlist.node(id).module).index();
    seconds.iter().for_each(|id| groups[home(*id)].lut -= 1.0);
    for id in wide_muxes(netlist, &live, &seconds, Some(family)).into_keys() {
        groups[home(id)].lut -= node::XCUP_MUX;
    }
    for memory in &netlist.memories {
        groups[layer_of(netlist, memory.module).index()].add(memory::cost(memory, family));
    }
    let mut total = Resources::default();
    groups.iter().for_each(|g| total.add(*g));
    let below = netlist.modules.iter().zip(&groups).filter(|(m, _)| m.parent == Some(ModuleId::TOP));
    let mut modules: Vec<_> = below.map(|(m, g)| (m.name.clone(), *g)).collect();
    if groups[0] != Resources::default() {
        modules.push((netlist.modules[0].name.clone(), groups[0]));
    }
    let period = Delays::new(family, &total).and_then(|delays| delays.period(netlist));
    let mhz = period.map(|period| (1e7 / f64::from(period)).round() / 10.0);
    Estimate { family, total, mhz, modules }
}

/// The outermost module below the top around `module`; the top for itself.
fn layer_of(netlist: &Netlist, mut module: ModuleId) -> ModuleId {
    while let Some(parent) = netlist.module(module).parent.filter(|p| *p != ModuleId::TOP) {
        module = parent;
    }
    module
}

/// Per node, whether an output depends on it.
pub(crate) fn live(netlist: &Netlist) -> Vec<bool> {
    use sterna_ir::netlist::MemoryKind;
    let mut live = vec![false; netlist.nodes.len()];
    let mut stack: Vec<NodeId> = netlist.outputs.clone();
    while let Some(id) = stack.pop() {
        if std::mem::replace(&mut live[id.index()], true) {
            continue;
        }
        let op = &netlist.node(id).op;
        stack.extend(op.operands());
        if let Op::Read { memory, .. } = op
            && let MemoryKind::Ram { enable, addr, data } = &netlist.memory(*memory).kind
        {
            stack.extend([*enable, *addr, *data]);
        }
    }
    live
}
