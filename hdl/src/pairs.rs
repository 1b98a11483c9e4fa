//! Which truth tables share one look-up table: a Xilinx LUT6 computes two functions of the same five inputs.
//!
//! The cost model and the printer read the same pairs. A table is paired with one that reads some of the same inputs, the
//! most demanding first; tables that have nothing in common are left for the placer to join where it is short of room.

use std::collections::{BTreeMap, HashSet};

use sterna_ir::netlist::{Netlist, NodeId, Op};

use crate::family::Family;

/// Inputs that both functions share.
const INPUTS: usize = 5;

/// Partners tried per input: keeps an input that thousands of tables read from costing their square.
const TRIED: usize = 256;

/// The inputs of a table that are no constants, each once, in order.
pub fn inputs(netlist: &Netlist, id: NodeId) -> Option<Vec<NodeId>> {
    let Op::Lut { inputs, .. } = &netlist.node(id).op else { return None };
    let varies = |id: &NodeId| !matches!(netlist.node(*id).op, Op::Const(_));
    let mut inputs: Vec<NodeId> = inputs.iter().copied().filter(varies).collect();
    inputs.sort_unstable();
    inputs.dedup();
    Some(inputs)
}

/// Inputs of both, each once.
pub fn union(a: &[NodeId], b: &[NodeId]) -> Vec<NodeId> {
    let mut all = [a, b].concat();
    all.sort_unstable();
    all.dedup();
    all
}

/// Longest combinational path to each node.
fn levels(netlist: &Netlist) -> Vec<u32> {
    let mut level = vec![0u32; netlist.nodes.len()];
    for id in netlist.ids().filter(|id| !netlist.node(*id).op.is_sequential()) {
        let below = netlist.node(id).op.operands().iter().map(|o| level[o.index()] + 1).max();
        level[id.index()] = below.unwrap_or(0);
    }
    level
}

/// Pairs of live tables of one module that fit one LUT6, for a family that has it. Both lie at the end of equally long
/// paths, so that no pair closes a loop.
pub fn pairs(netlist: &Netlist, live: &[bool], family: Option<Family>) -> Vec<(NodeId, NodeId)> {
    if family != Some(Family::Xcup) {
        return Vec::new();
    }
    let small = |id: NodeId| inputs(netlist, id).filter(|i| (2..=INPUTS).contains(&i.len())).map(|i| (id, i));
    let mut tables: Vec<(NodeId, Vec<NodeId>)> =
        netlist.ids().filter(|id| live[id.index()]).filter_map(small).collect();
    tables.sort_by_key(|(id, inputs)| (INPUTS - inputs.len(), *id));
    let mut readers: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
    for (t, (_, inputs)) in tables.iter().enumerate() {
        inputs.iter().for_each(|input| readers.entry(*input).or_default().push(t));
    }
    let level = levels(netlist);
    let mut paired = vec![false; tables.len()];
    let mut pairs = Vec::new();
    for (t, (id, own)) in tables.iter().enumerate() {
        if paired[t] {
            continue;
        }
        let place = |id: NodeId| (netlist.node(id).module, level[id.index()]);
        let home = place(*id);
        let fits = |other: usize| {
            let (id, inputs) = &tables[other];
            let width = union(own, inputs).len();
            // Few inputs in all, many of the partner's: what is left must still find partners.
            let rank = (INPUTS - inputs.len(), width, other);
            (place(*id) == home && width <= INPUTS).then_some(rank)
        };
        let candidates = own.iter().flat_map(|input| {
            readers[input].iter().copied().filter(|other| *other != t && !paired[*other]).take(TRIED)
        });
        if let Some((.., other)) = candidates.filter_map(fits).min() {
            paired[t] = true;
            paired[other] = true;
            pairs.push((*id, tables[other].0));
        }
    }
    pairs
}

/// Multiplexers of bits that are in the slice behind two tables, or behind two of such, and cost no table: 7 or 8, as in
/// MUXF7 and MUXF8. `seconds` are the tables that leave their LUT6 by the other output, which reaches no multiplexer.
pub fn wide_muxes(
    netlist: &Netlist,
    live: &[bool],
    seconds: &HashSet<NodeId>,
    family: Option<Family>,
) -> BTreeMap<NodeId, u8> {
    let mut wide: BTreeMap<NodeId, u8> = BTreeMap::new();
    let mut taken: HashSet<NodeId> = HashSet::new();
    for id in netlist.ids().filter(|id| live[id.index()] && family == Some(Family::Xcup)) {
        let node = netlist.node(id);
        let Op::Mux { zero, one, .. } = node.op else { continue };
        let kind = |operand: NodeId| match inputs(netlist, operand) {
            _ if netlist.node(operand).module != node.module || taken.contains(&operand) => None,
            Some(reads) => (reads.len() > 1 && !seconds.contains(&operand)).then_some(6),
            None => wide.get(&operand).copied(),
        };
        match (kind(zero), kind(one)) {
            (Some(a), Some(b)) if a == b && a < 8 && zero != one && node.range.width() == 1 => {
                taken.extend([zero, one]);
                wide.insert(id, a + 1);
            }
            _ => {}
        }
    }
    wide
}

/// The truth table of node `id` over `inputs`, which hold all of its own.
pub fn table_over(netlist: &Netlist, id: NodeId, inputs: &[NodeId]) -> u64 {
    let Op::Lut { inputs: own, table } = &netlist.node(id).op else { panic!("node {} is no table", id.0) };
    let entry = |i: u64| {
        let bit = |node: &NodeId| match netlist.node(*node).op {
            Op::Const(value) => value as u64,
            _ => i >> inputs.iter().position(|n| n == node).expect("all inputs are given") & 1,
        };
        let index: u64 = own.iter().enumerate().map(|(k, node)| bit(node) << k).sum();
        table >> index & 1
    };
    (0..1u64 << inputs.len()).map(|i| entry(i) << i).sum()
}
