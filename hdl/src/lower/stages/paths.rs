//! Paths through the operations of a stage, followed with the delay model, for limits in picoseconds.

use std::collections::{BTreeSet, HashMap, HashSet};

use sterna_ir::netlist::{Netlist, NodeId, Op};

use super::{Group, maker};
use crate::delay::{Delays, subtracted};

/// The nodes of the steps, to follow paths through.
pub struct Paths<'a> {
    netlist: &'a Netlist,
    firsts: &'a [usize],
    /// Sums that are wanted both as they are and subtracted, hence registered both ways, one behind inverters.
    pub both: HashSet<NodeId>,
    /// Those whose complement has to be taken a stage later.
    pub later: HashSet<NodeId>,
}

impl<'a> Paths<'a> {
    pub fn new(netlist: &'a Netlist, firsts: &'a [usize], results: &[NodeId]) -> Self {
        let mut paths = Paths { netlist, firsts, both: HashSet::new(), later: HashSet::new() };
        let (mut plain, mut taken) = (HashSet::<NodeId>::from_iter(results.iter().copied()), HashSet::new());
        for id in netlist.ids().skip(firsts.first().copied().unwrap_or(netlist.nodes.len())) {
            let minus: Vec<NodeId> = subtracted(netlist, id).collect();
            plain.extend(netlist.node(id).op.operands().into_iter().filter(|x| !minus.contains(x)));
            taken.extend(minus);
        }
        paths.both = taken.into_iter().filter(|x| plain.contains(x) && !paths.is_input(*x)).collect();
        paths
    }

    /// Finds the sums that leave no time for inverters behind them.
    pub fn complement_later(&mut self, groups: &[Group], delays: &Delays, period: u32) {
        for group in groups.iter().filter(|_| delays.inverter > 0) {
            let latest = self.latest(group, delays, &mut HashMap::new());
            if delays.period_of(latest) > period {
                let nodes: Vec<NodeId> = self.nodes(group).filter(|n| self.both.contains(n)).collect();
                self.later.extend(nodes);
            }
        }
    }

    /// What a group subtracts that has to be complemented behind a register.
    pub fn subtracted_later(&self, group: &Group) -> impl Iterator<Item = NodeId> {
        self.nodes(group).flat_map(|n| subtracted(self.netlist, n)).filter(|x| self.later.contains(x))
    }

    fn nodes(&self, group: &Group) -> impl Iterator<Item = NodeId> + use<'a> {
        let end = |s: usize| self.firsts.get(s + 1).copied().unwrap_or(self.netlist.nodes.len());
        let nodes: Vec<_> = group.steps.iter().map(|s| self.firsts[*s]..end(*s)).collect();
        nodes.into_iter().flatten().map(|n| NodeId(n as u32))
    }

    fn is_input(&self, node: NodeId) -> bool {
        maker(self.firsts, node).is_none() && !matches!(self.netlist.node(node).op, Op::Const(_))
    }

    pub fn subtracts_input(&self, group: &Group) -> bool {
        self.nodes(group).any(|n| subtracted(self.netlist, n).any(|x| self.is_input(x)))
    }

    /// The latest arrival in a group, given those in front of it that run in the same stage; its own are added to them.
    pub fn latest(&self, group: &Group, delays: &Delays, at: &mut HashMap<NodeId, Vec<u32>>) -> u32 {
        let launched = [delays.clock_to_q; 64];
        let mut latest = 0;
        for node in self.nodes(group) {
            // Registers hold what is subtracted as its complement.
            let inverts = |x: NodeId| match self.is_input(x) {
                true => !group.is_late,
                // A sum that is wanted no other way leaves its tables inverted.
                false => at.contains_key(&x) && self.both.contains(&x),
            };
            let inverter = if subtracted(self.netlist, node).any(inverts) { delays.inverter } else { 0 };
            let mut arrival =
                Delays { inverter, ..*delays }.through(self.netlist, node, |id| match at.get(&id) {
                    Some(bits) => bits,
                    None if matches!(self.netlist.node(id).op, Op::Const(_)) => &[],
                    None => &launched[..self.netlist.node(id).range.width() as usize],
                });
            let inverted = self.both.contains(&node) && !self.later.contains(&node);
            let inverter = if inverted { delays.inverter } else { 0 };
            latest = latest.max(arrival.iter().copied().max().unwrap_or(0) + inverter);
            delays.leave_chain(self.netlist, node, &mut arrival);
            at.insert(node, arrival);
        }
        latest
    }
}

/// Groups that end a path from `g` longer than the period, those aside that lie behind such.
pub fn too_slow(paths: &Paths, groups: &[Group], g: usize, (delays, period): (&Delays, u32)) -> Vec<usize> {
    let mut at: HashMap<NodeId, Vec<u32>> = HashMap::new();
    let mut reached = BTreeSet::from([g]);
    let mut far = Vec::new();
    while let Some(next) = reached.pop_first() {
        let latest = paths.latest(&groups[next], delays, &mut at);
        if delays.period_of(latest) > period && next != g {
            far.push(next);
            paths.nodes(&groups[next]).for_each(|n| {
                at.remove(&n);
            });
        } else {
            reached.extend(&groups[next].readers);
        }
    }
    far
}
