//! The cost model: LUT, FF, carry and block RAM of a netlist, per top-level module, without any tool.
//!
//! It takes the nodes that are printed apart into carry chains, memories, flip-flops and gates as Yosys does, and covers the
//! gates with look-up tables: no coefficient is fitted. `scripts/measure/estimate-error` measures how far off it is.

mod chain;
mod cut;
mod gates;
mod home;
mod map;
mod meets;
mod memory;
mod needed;
mod tables;
mod timing;
mod words;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;
use sterna_ir::netlist::{MemoryKind, ModuleId, Netlist, NodeId, Op};

use crate::delay::Delays;
use crate::family::Family;
pub(crate) use home::{Home, delays_writes, home_of, is_block};
use map::Cover;
pub(crate) use meets::met;
use words::Words;

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

/// A signal of a netlist, by the names of the Verilog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The module directly below the top that it is in, or the top itself.
    pub module: String,
    /// Its name.
    pub signal: String,
}

impl Place {
    fn of(netlist: &Netlist, id: NodeId) -> Self {
        let node = netlist.node(id);
        let module = netlist.module(layer_of(netlist, node.module)).name.clone();
        Place { module, signal: node.name.clone() }
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
    /// Where the path ends that the clock waits for.
    pub slowest: Option<Place>,
    /// Each module directly below the top, with everything inside it; then the top's own nodes, if they cost anything.
    pub modules: Vec<(String, Resources)>,
}

/// Estimates `netlist` on `family`, printed for `printed`: with primitives of that family, or as any family takes it. Nodes
/// that no output, register or memory depends on cost nothing.
pub fn estimate(netlist: &Netlist, family: Family, printed: Option<Family>) -> Estimate {
    let live = live(netlist);
    let group = |module| layer_of(netlist, module).index();
    let words = Words::new(netlist, &live, (family, printed), group);
    let cover = map::cover(&words.gates, tables::of(family));
    let mut groups = words.cells.clone();
    for (group, luts) in std::iter::zip(&words.gates.groups, &cover.luts) {
        groups[*group as usize].lut += f64::from(*luts);
    }
    for (group, joined) in joined(&words, &cover) {
        groups[group as usize].lut -= joined;
    }
    let mut total = Resources::default();
    groups.iter().for_each(|g| total.add(*g));
    let below = netlist.modules.iter().zip(&groups).filter(|(m, _)| m.parent == Some(ModuleId::TOP));
    let mut modules: Vec<_> = below.map(|(m, g)| (m.name.clone(), *g)).collect();
    if groups[0] != Resources::default() {
        modules.push((netlist.modules[0].name.clone(), groups[0]));
    }
    let longest = Delays::new(family, &total).and_then(|delays| delays.longest(netlist));
    let mhz = longest.map(|(period, _)| (1e7 / f64::from(period)).round() / 10.0);
    let slowest = longest.map(|(_, end)| Place::of(netlist, end));
    Estimate { family, total, mhz, slowest, modules }
}

/// iCE40: tables and inverters that go into the table of a carry chain that alone they follow, per group.
fn joined(words: &Words<'_>, cover: &Cover) -> BTreeMap<u32, f64> {
    let mut readers: HashMap<usize, Vec<usize>> = HashMap::new();
    for gate in 1..words.gates.all.len() {
        for leaf in cover.reads(gate) {
            readers.entry(*leaf as usize).or_default().push(gate);
        }
    }
    // Whether all sinks read the inverse.
    let mut sunk: HashMap<usize, bool> = HashMap::new();
    for sink in &words.gates.sinks {
        *sunk.entry(sink.gate()).or_insert(true) &= sink.is_inverted();
    }
    let (mut taken, mut joined) = (HashSet::new(), BTreeMap::new());
    for gate in 1..words.gates.all.len() {
        let Some(own) = words.roomy.get(&gate) else { continue };
        match sunk.get(&gate) {
            Some(inverted) if *inverted && !readers.contains_key(&gate) => {
                *joined.entry(words.gates.groups[gate]).or_insert(0.0) += 1.0;
                continue;
            }
            Some(_) => continue,
            None => {}
        }
        let Some([reader]) = readers.get(&gate).map(Vec::as_slice) else { continue };
        let reads = cover.reads(*reader).iter().map(|l| *l as usize).filter(|l| *l != gate);
        let all: HashSet<usize> = reads.chain(own.iter().copied()).collect();
        // And the carry.
        if all.len() < 4 && taken.insert(*reader) {
            *joined.entry(words.gates.groups[*reader]).or_insert(0.0) += 1.0;
        }
    }
    joined
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
