//! The longest path of a whole netlist.

use sterna_ir::netlist::{Memory, MemoryKind, Netlist, NodeId, Op};

use super::{Delays, subtracted};
use crate::adder::registered;
use crate::complement::complemented;
use crate::estimate::{Home, delays_writes, home_of, live, met};

impl Delays {
    /// The shortest clock period of the registers of `netlist`, in picoseconds, and what is read at the end of the path that
    /// asks for it; `None` without any path between some.
    pub fn longest(&self, netlist: &Netlist) -> Option<(u32, NodeId)> {
        let (at, ends) = self.arrivals(netlist);
        let latest = |id: NodeId| Some((at[id.index()].iter().copied().max()?, id));
        let (latest, id) = ends.into_iter().filter_map(latest).max()?;
        Some((self.period_of(latest), id))
    }

    /// When a word that was read is there.
    fn read(&self, memory: &Memory, meets: bool) -> u32 {
        match home_of(memory, u64::MAX, meets, self.family) {
            // A word that waits to be written may be read.
            Home::Block { .. } if meets && delays_writes(self.family) => {
                self.clock_to_block + self.route + self.lut
            }
            Home::Block { .. } => self.clock_to_block,
            _ => self.clock_to_q,
        }
    }

    /// When each bit of each live node is ready, and the nodes at which paths end.
    fn arrivals(&self, netlist: &Netlist) -> (Vec<Vec<u32>>, Vec<NodeId>) {
        let mut at: Vec<Vec<u32>> = vec![Vec::new(); netlist.nodes.len()];
        // Inputs of the table that a bit of logic can be, together with the logic in front of it.
        let mut cones: Vec<Vec<NodeId>> = vec![Vec::new(); netlist.nodes.len()];
        let live = live(netlist);
        let met = met(netlist, &live);
        let registered = registered(netlist, &live);
        // Read as they are; a sum that never is leaves its tables inverted.
        let mut plain = vec![false; netlist.nodes.len()];
        for id in netlist.ids().filter(|id| live[id.index()] && complemented(netlist, *id).is_none()) {
            let minus: Vec<NodeId> = subtracted(netlist, id).collect();
            let operands = netlist.node(id).op.operands();
            operands.into_iter().filter(|x| !minus.contains(x)).for_each(|x| plain[x.index()] = true);
        }
        for id in netlist.ids().filter(|id| live[id.index()]) {
            let node = netlist.node(id);
            // The tables of a sum that is wanted no other way give its complement.
            if let Some(x) = complemented(netlist, id)
                && matches!(netlist.node(x).op, Op::Sum(_))
                && !registered[x.index()]
            {
                at[id.index()] = at[x.index()].clone();
                continue;
            }
            let is_logic =
                matches!(node.op, Op::And(_) | Op::Or(_) | Op::Not(_) | Op::Mux { .. } | Op::Lut { .. });
            if is_logic && node.range.width() == 1 {
                let cone = cone(netlist, id, &cones);
                let latest = |bits: &[u32]| bits.iter().copied().max();
                let found = match cone[..] {
                    [only] => Some(latest(&at[only.index()])),
                    _ if cone.len() > self.inputs as usize => None,
                    _ => Some(
                        cone.iter()
                            .filter_map(|c| latest(&at[c.index()]))
                            .max()
                            .map(|t| t + self.route + self.lut),
                    ),
                };
                if let Some(latest) = found {
                    at[id.index()] = latest.map_or(Vec::new(), |t| vec![t]);
                    cones[id.index()] = cone;
                    continue;
                }
            }
            // Ports are taken to be registered next to the circuit.
            let arrival = match &node.op {
                Op::Read { memory, .. } => {
                    vec![self.read(netlist.memory(*memory), met[memory.index()]); node.range.width() as usize]
                }
                op if op.is_sequential() || *op == Op::Input => {
                    vec![self.clock_to_q; node.range.width() as usize]
                }
                _ => {
                    let sees = |x: &NodeId| plain[x.index()] || !matches!(netlist.node(*x).op, Op::Sum(_));
                    let inverter = if subtracted(netlist, id).any(|x| sees(&x)) { self.inverter } else { 0 };
                    Delays { inverter, ..*self }.through(netlist, id, |x| &at[x.index()])
                }
            };
            at[id.index()] = arrival;
            if !registered[id.index()] {
                self.leave_chain(netlist, id, &mut at[id.index()]);
            }
        }
        let ids = netlist.ids().filter(|id| live[id.index()]).map(|id| netlist.node(id));
        let ends = ids.filter(|n| n.op.is_sequential()).flat_map(|n| {
            let early = |id: NodeId| at[id.index()].iter().all(|t| *t <= self.clock_to_q);
            let starts = |id: NodeId| netlist.node(id).op.is_sequential() || netlist.node(id).op == Op::Input;
            let held = matches!(n.op, Op::Reg { d, .. } if starts(d) && early(d));
            // A register behind a register is no path worth a word.
            if held { n.op.operands().split_off(1) } else { n.op.operands() }
        });
        let written = netlist.memories.iter().flat_map(|m| match m.kind {
            MemoryKind::Ram { enable, addr, data } => vec![enable, addr, data],
            MemoryKind::Rom(_) => Vec::new(),
        });
        let ends = ends.chain(written).collect();
        (at, ends)
    }
}

/// What a bit of logic depends on, seen through the tables in front of it.
fn cone(netlist: &Netlist, id: NodeId, cones: &[Vec<NodeId>]) -> Vec<NodeId> {
    let mut leaves = Vec::new();
    for operand in netlist.node(id).op.operands() {
        match &cones[operand.index()][..] {
            [] if matches!(netlist.node(operand).op, Op::Const(_)) => {}
            [] => leaves.push(operand),
            inner => leaves.extend(inner),
        }
    }
    leaves.sort_unstable();
    leaves.dedup();
    leaves
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::Family;
    use sterna_ir::Range;
    use sterna_ir::build::Builder;
    use sterna_ir::netlist::Term;

    fn sums(count: usize) -> Netlist {
        let mut b = Builder::new("sums", vec![]);
        let inputs: Vec<NodeId> = (0..=count).map(|i| b.input(format!("x{i}"), Range::signed(8))).collect();
        let held: Vec<NodeId> = inputs.iter().map(|x| b.reg(*x, None, "r")).collect();
        let mut sum = held[0];
        for x in &held[1..] {
            sum = b.sum(&[Term::plus(sum), Term::plus(*x)], "s");
        }
        let out = b.reg(sum, None, "q");
        b.output(out);
        b.finish()
    }

    #[test]
    fn chains_overlap() {
        let delays = Delays::with_routing(Family::Ecp5, 1000, 0).unwrap();
        let period = |count| delays.longest(&sums(count)).unwrap().0;
        // Nine bits: on the chain, eight bits along it and off it.
        assert_eq!(period(1), 525 + 1000 + 447 + 7 * 36 + 443 + 130);
        // The first of two has nine bits: the ninth is behind the chain.
        assert!(period(2) > period(1) + 1000 + 836, "{}", period(2));
        // Another sum costs a hop and its own lowest bit, not another chain.
        let delays = Delays::with_routing(Family::Ice40, 1000, 0).unwrap();
        let period = |count| delays.longest(&sums(count)).unwrap().0;
        let more = period(2) - period(1);
        assert!((1000..2000).contains(&more), "{more}");
    }

    #[test]
    fn a_comparison_takes_as_long_as_a_difference() {
        let compared = |of: Range| {
            let mut b = Builder::new("compared", vec![]);
            let held = [0, 1].map(|i| {
                let x = b.input(format!("x{i}"), of);
                b.reg(x, None, "r")
            });
            let ge = b.ge(held[0], held[1], "ge");
            let out = b.reg(ge, None, "q");
            b.output(out);
            b.finish()
        };
        for family in [Family::Ice40, Family::Ecp5] {
            let delays = Delays::with_routing(family, 1000, 0).unwrap();
            let period = |netlist: &Netlist| delays.longest(netlist).unwrap().0;
            let wide = period(&compared(Range::signed(8)));
            assert_eq!(wide, period(&sums(1)), "{family}");
            assert!(period(&compared(Range::signed(2))) < wide, "one table on {family}");
        }
    }

    #[test]
    fn a_register_alone_has_no_path() {
        let delays = Delays::with_routing(Family::Ice40, 1000, 0).unwrap();
        assert_eq!(delays.longest(&sums(0)), None);
        assert!(Delays::with_routing(Family::Xcup, 1000, 0).is_none());
    }
}
