//! The delay model: how fast a netlist is after place and route, without any tool.
//!
//! Arrival times are kept per bit of each word, so that the chains of sums in a row overlap as they do in hardware: low
//! bits are ready first. A hop from cell to cell costs one routing delay, which grows with the logarithm of the circuit: a
//! larger one is spread wider, and its slowest path is the worst of more.

use sterna_ir::netlist::{MemoryKind, Netlist, NodeId, Op, Term};

use crate::adder::{Adder, adder, registered};
use crate::complement::{as_difference, complemented};
use crate::estimate::{Resources, live};
use crate::family::Family;

/// Delays of a family's cells, in picoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    /// Clock edge to the output of a flip-flop.
    pub clock_to_q: u32,
    /// Into a flip-flop beyond the table in front of it.
    pub setup: u32,
    /// From cell to cell.
    pub route: u32,
    /// Through a look-up table.
    pub lut: u32,
    /// Onto a carry chain.
    pub enter: u32,
    /// A bit along the chain, times 1000 (femtoseconds).
    pub carry: u32,
    /// Off the chain.
    pub leave: u32,
    /// Inputs of a table.
    pub inputs: u32,
    /// To and through the table of an odd bit that leaves its chain, see `adder.rs`; 0 where none does.
    pub odd: u32,
    /// To and through the table that inverts a subtracted operand next to its chain; 0 where chains invert.
    pub inverter: u32,
}

impl Delays {
    /// Delays in a circuit of these cells; `None` for Gowin, not measured yet, and Xilinx, where no open tool places and routes, so that nothing could be
    /// calibrated.
    ///
    /// Cells: as nextpnr's databases have them, read from its reports of critical paths (iCE40HX, nextpnr-ice40 0.4; ECP5 of
    /// speed 6, nextpnr-ecp5 0.11). Routing: fitted to the clocks of matrices of 16x16 to 64x64 with registers every one or
    /// two levels, one seed each (`scripts/measure/delay --fit`); without that flag the script measures how far off the clock
    /// is on other designs.
    pub fn new(family: Family, size: &Resources) -> Option<Self> {
        let doublings = (size.lut + size.ff).max(1.0).log2();
        let route = match family {
            Family::Ice40 => 230.0 * doublings - 1050.0,
            Family::Ecp5 => 170.0 * doublings - 560.0,
            Family::Gowin | Family::Xcup => return None,
        };
        Self::with_route(family, route.max(400.0) as u32)
    }

    /// The same with a routing delay that is known, in picoseconds.
    pub fn with_route(family: Family, route: u32) -> Option<Self> {
        let (clock_to_q, setup, lut, enter, carry, leave, inverter, odd) = match family {
            Family::Ice40 => (540, 0, 380, 250, 135_000, 574, 980, 0),
            Family::Ecp5 => (525, 130, 236, 447, 36_000, 443, 0, 836),
            Family::Gowin | Family::Xcup => return None,
        };
        let inputs = family.lut_inputs();
        Some(Delays { clock_to_q, setup, route, lut, enter, carry, leave, inputs, inverter, odd })
    }

    /// Arrival of each bit of a combinational node, given those of its operands: one per bit of the operand's word, or none
    /// for what does not move.
    pub fn through<'a>(&self, netlist: &Netlist, id: NodeId, at: impl Fn(NodeId) -> &'a [u32]) -> Vec<u32> {
        let node = netlist.node(id);
        let width = node.range.width() as usize;
        let latest = |id: &NodeId| at(*id).iter().copied().max();
        let all = || node.op.operands().iter().filter_map(latest).max();
        let through = |levels: u32| match all() {
            Some(t) => vec![t + levels * (self.route + self.lut); width],
            None => Vec::new(),
        };
        match &node.op {
            Op::Input | Op::Const(_) | Op::Reg { .. } | Op::Read { .. } => Vec::new(),
            Op::Sum(terms) => match (complemented(netlist, id), as_difference(netlist, terms)) {
                (Some(x), _) => at(x).iter().map(|t| t + self.inverter).collect(),
                (_, Some(d)) => self.sum(&[d.added, d.complement], width, at),
                _ => self.sum(terms, width, at),
            },
            Op::Ge(a, b) => {
                let Some(chain) = self.chain(&[at(*a), at(*b)], at(*a).len().max(at(*b).len())) else {
                    return Vec::new();
                };
                vec![chain.last().map_or(0, |t| t + self.leave); width]
            }
            Op::Eq(a, b) => {
                let own = |id: NodeId| at(id).len() as u32;
                through(self.levels(own(*a) + own(*b)))
            }
            Op::And(bits) | Op::Or(bits) | Op::Lut { inputs: bits, .. } => {
                through(self.levels(bits.len() as u32))
            }
            Op::Mux { .. } => through(1),
            // Swallowed by the logic behind it.
            Op::Not(_) => through(0),
            Op::Wrap(a) => (0..width).filter_map(|i| bit(at(*a), i)).collect(),
            Op::Slice { a, lo } => (0..width).filter_map(|i| bit(at(*a), i + *lo as usize)).collect(),
            Op::Concat(parts) => {
                let word = |id: &NodeId| (netlist.node(*id).range.width(), at(*id));
                let still = all().is_none();
                let bits = parts
                    .iter()
                    .map(word)
                    .flat_map(|(width, bits)| (0..width as usize).map(move |i| bit(bits, i).unwrap_or(0)));
                if still { Vec::new() } else { bits.collect() }
            }
        }
    }

    /// Adds to the arrival of a sum that no register takes at once what its odd bit takes longer.
    pub fn leave_chain(&self, netlist: &Netlist, id: NodeId, at: &mut [u32]) {
        let is_odd = self.odd > 0 && adder(netlist, id, Some(Family::Ecp5), false) == Adder::Odd;
        if let Some(top) = at.last_mut().filter(|_| is_odd) {
            *top += self.odd;
        }
    }

    /// Levels of tables that join `inputs` bits.
    fn levels(&self, inputs: u32) -> u32 {
        let (mut levels, mut reach) = (1, self.inputs);
        while reach < inputs {
            (levels, reach) = (levels + 1, reach * self.inputs);
        }
        levels
    }

    fn sum<'a>(&self, terms: &[Term], width: usize, at: impl Fn(NodeId) -> &'a [u32]) -> Vec<u32> {
        let word = |t: &Term| {
            let bits = at(t.node);
            let inverter = if t.negate { self.inverter } else { 0 };
            let moved =
                (0..width).map(|i| bit(bits, i.saturating_sub(t.shift.into())).unwrap_or(0) + inverter);
            if bits.is_empty() { Vec::new() } else { moved.collect() }
        };
        let words: Vec<Vec<u32>> = terms.iter().map(word).collect();
        if matches!(terms, [only] if !only.negate) {
            return words.concat();
        }
        // Two at a time: a third operand is a chain of its own.
        let mut words = words.into_iter();
        let mut sum = words.next().expect("a sum has terms");
        for word in words.by_ref().chain((terms.len() == 1).then(Vec::new)) {
            let Some(chain) = self.chain(&[&sum, &word], width) else { continue };
            let own = |i: usize| bit(&sum, i).max(bit(&word, i)).map_or(0, |t| t + self.route + self.lut);
            let bits = (0..width).map(|i| match i {
                0 => own(0),
                _ => own(i).max(chain[i - 1] + self.leave),
            });
            sum = bits.collect();
        }
        sum
    }

    /// When the carry behind each of `width` bits is ready; `None` when nothing moves.
    fn chain(&self, words: &[&[u32]], width: usize) -> Option<Vec<u32>> {
        if words.iter().all(|word| word.is_empty()) {
            return None;
        }
        // Femtoseconds: a bit of carry is a fraction of the other delays.
        let mut carry = 0u64;
        let chain = (0..width).map(|i| {
            let own = words.iter().filter_map(|word| bit(word, i)).max();
            let enter = own.map_or(0, |t| u64::from(t + self.route + self.enter) * 1000);
            carry = enter.max(if carry == 0 { 0 } else { carry + u64::from(self.carry) });
            (carry / 1000) as u32
        });
        Some(chain.collect())
    }

    /// The shortest clock period of the registers of `netlist`, in picoseconds; `None` without any path between some.
    pub fn period(&self, netlist: &Netlist) -> Option<u32> {
        let mut at: Vec<Vec<u32>> = vec![Vec::new(); netlist.nodes.len()];
        // Inputs of the table that a bit of logic can be, together with the logic in front of it.
        let mut cones: Vec<Vec<NodeId>> = vec![Vec::new(); netlist.nodes.len()];
        let live = live(netlist);
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
            let logic =
                matches!(node.op, Op::And(_) | Op::Or(_) | Op::Not(_) | Op::Mux { .. } | Op::Lut { .. });
            if logic && node.range.width() == 1 {
                let cone = cone(netlist, id, &cones);
                if cone.len() <= self.inputs as usize {
                    let latest = cone.iter().filter_map(|c| at[c.index()].iter().copied().max()).max();
                    let hop = if cone.len() > 1 { self.route + self.lut } else { 0 };
                    at[id.index()] = latest.map_or(Vec::new(), |t| vec![t + hop]);
                    cones[id.index()] = cone;
                    continue;
                }
            }
            // Ports are taken to be registered next to the circuit.
            at[id.index()] = match node.op.is_sequential() || node.op == Op::Input {
                true => vec![self.clock_to_q; node.range.width() as usize],
                false => {
                    let sees = |x: &NodeId| plain[x.index()] || !matches!(netlist.node(*x).op, Op::Sum(_));
                    let inverter = if subtracted(netlist, id).any(|x| sees(&x)) { self.inverter } else { 0 };
                    Delays { inverter, ..*self }.through(netlist, id, |id| &at[id.index()])
                }
            };
            if !registered[id.index()] {
                self.leave_chain(netlist, id, &mut at[id.index()]);
            }
        }
        let ids = netlist.ids().filter(|id| live[id.index()]).map(|id| netlist.node(id));
        let ends = ids.filter(|n| n.op.is_sequential()).flat_map(|n| {
            let starts = |op: &Op| op.is_sequential() || *op == Op::Input;
            let held = matches!(&n.op, Op::Reg { d, .. } if starts(&netlist.node(*d).op));
            // A register behind a register is no path worth a word.
            if held { n.op.operands().split_off(1) } else { n.op.operands() }
        });
        let written = netlist.memories.iter().flat_map(|m| match m.kind {
            MemoryKind::Ram { enable, addr, data } => vec![enable, addr, data],
            MemoryKind::Rom(_) => Vec::new(),
        });
        let latest = ends.chain(written).filter_map(|id| at[id.index()].iter().copied().max()).max()?;
        Some(latest + self.setup)
    }
}

/// Operands that a sum subtracts.
pub fn subtracted(netlist: &Netlist, id: NodeId) -> impl Iterator<Item = NodeId> + use<'_> {
    let terms = match &netlist.node(id).op {
        Op::Sum(terms) => &terms[..],
        _ => &[],
    };
    terms.iter().filter(|t| t.negate).map(|t| t.node)
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

/// Bit `i` of a word, its last one for those above.
fn bit(word: &[u32], i: usize) -> Option<u32> {
    word.get(i).or(word.last()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_ir::Range;
    use sterna_ir::build::Builder;

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
        let delays = Delays::with_route(Family::Ecp5, 1000).unwrap();
        let period = |count| delays.period(&sums(count)).unwrap();
        // Nine bits: on the chain, eight bits along it and off it.
        assert_eq!(period(1), 525 + 1000 + 447 + 7 * 36 + 443 + 130);
        // The first of two has nine bits: the ninth is behind the chain.
        assert!(period(2) > period(1) + 1000 + 836, "{}", period(2));
        // Another sum costs a hop and its own lowest bit, not another chain.
        let delays = Delays::with_route(Family::Ice40, 1000).unwrap();
        let more = delays.period(&sums(2)).unwrap() - delays.period(&sums(1)).unwrap();
        assert!((1000..2000).contains(&more), "{more}");
    }

    #[test]
    fn a_register_alone_has_no_path() {
        let delays = Delays::with_route(Family::Ice40, 1000).unwrap();
        assert_eq!(delays.period(&sums(0)), None);
        assert!(Delays::with_route(Family::Xcup, 1000).is_none());
    }
}
