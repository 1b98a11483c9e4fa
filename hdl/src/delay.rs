//! The delay model: how fast a netlist is after place and route, without any tool.
//!
//! Arrival times are kept per bit of each word, so that the chains of sums in a row overlap as they do in hardware: low
//! bits are ready first. A hop from cell to cell costs one routing delay. Hops scatter, and the slowest path is the worst of
//! many, so that it takes longer than usual hops would; by how much grows with the logarithm of the tables. (Of the
//! registers many only delay a word, next to what gave it: a pipeline with more of them is hardly spread wider.)

mod period;

use sterna_ir::netlist::{Netlist, NodeId, Op, Term};

use crate::adder::{Adder, adder};
use crate::complement::{as_difference, complemented};
use crate::estimate::Resources;
use crate::family::Family;
use crate::synth::{FEW_OF_TWO, few};

/// Delays of a family's cells, in picoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    /// The family.
    pub family: Family,
    /// Clock edge to the output of a flip-flop.
    pub clock_to_q: u32,
    /// Clock edge to the output of a block RAM.
    pub clock_to_block: u32,
    /// Into a flip-flop beyond the table in front of it.
    pub setup: u32,
    /// By what the routes of the slowest path are longer than usual hops.
    pub worst: u32,
    /// From cell to cell.
    pub route: u32,
    /// Through a look-up table.
    pub lut: u32,
    /// Bits of the widest sum that is tables and no chain.
    pub narrow: u32,
    /// Bits of the widest word that is compared with a constant in tables.
    pub few: u32,
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
    /// Delays in a circuit of these cells; `None` for Gowin, not measured yet, and Xilinx, where no open tool places and
    /// routes, so that nothing could be calibrated.
    ///
    /// Cells: as nextpnr's databases have them, read from its reports of critical paths (iCE40HX, nextpnr-ice40 0.4; ECP5 of
    /// speed 6, nextpnr-ecp5 0.11). Routing: fitted by `scripts/measure/delay --fit` to the clocks of the circuits in
    /// `scripts/measure/delay.csv`; without that flag the script measures how far off the clock is on other designs.
    pub fn new(family: Family, size: &Resources) -> Option<Self> {
        let doublings = size.lut.max(1.0).log2() - 10.0;
        let (route, worst) = match family {
            Family::Ice40 => (560, 1460.0 + 390.0 * doublings),
            Family::Ecp5 => (720, 1000.0 + 370.0 * doublings),
            Family::Gowin | Family::Xcup => return None,
        };
        Self::with_routing(family, route, worst.max(0.0) as u32)
    }

    /// Whether there is a model of the family's delays.
    pub fn are_known(family: Family) -> bool {
        Self::with_routing(family, 0, 0).is_some()
    }

    /// The same with routes that are known: a hop, and what the slowest path has more, in picoseconds.
    pub fn with_routing(family: Family, route: u32, worst: u32) -> Option<Self> {
        let (clock_to_q, setup, lut, narrow, enter, carry, leave, inverter, odd) = match family {
            Family::Ice40 => (540, 0, 380, 2, 250, 135_000, 574, 980, 0),
            Family::Ecp5 => (525, 130, 236, 4, 447, 36_000, 443, 0, 836),
            Family::Gowin | Family::Xcup => return None,
        };
        let clock_to_block = if family == Family::Ecp5 { 5830 } else { 2146 };
        let inputs = family.lut_inputs();
        Some(Delays {
            family,
            clock_to_q,
            clock_to_block,
            setup,
            worst,
            route,
            lut,
            narrow,
            few: few(family)?,
            enter,
            carry,
            leave,
            inputs,
            inverter,
            odd,
        })
    }

    /// Period of a clock whose latest path arrives then.
    pub fn period_of(&self, latest: u32) -> u32 {
        latest + self.worst + self.setup
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
            // A word alone is wires, or inverted.
            Op::Sum(terms) if width as u32 <= self.narrow && terms.len() > 1 => {
                through(self.levels(terms.iter().map(|t| at(t.node).len() as u32).sum()))
            }
            Op::Sum(terms) => match (complemented(netlist, id), as_difference(netlist, terms)) {
                (Some(x), _) => at(x).iter().map(|t| t + self.inverter).collect(),
                (_, Some(d)) => self.sum(&[d.added, d.complement], width, at),
                _ => self.sum(terms, width, at),
            },
            Op::Ge(a, b) => {
                let fixed = [a, b].iter().any(|x| matches!(netlist.node(**x).op, Op::Const(_)));
                let compared = [a, b].map(|x| netlist.node(*x).range.width()).into_iter().max();
                if compared <= Some(if fixed { self.few } else { FEW_OF_TWO }) {
                    return through(self.levels((at(*a).len() + at(*b).len()) as u32));
                }
                // The sign of the difference, behind the carry of its top bit.
                let chain = self.chain(&[at(*a), at(*b)], at(*a).len().max(at(*b).len()));
                chain.and_then(|bits| bits.last().map(|t| t + self.leave)).into_iter().collect()
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
}

/// Operands that a sum subtracts.
pub fn subtracted(netlist: &Netlist, id: NodeId) -> impl Iterator<Item = NodeId> + use<'_> {
    let terms = match &netlist.node(id).op {
        Op::Sum(terms) => &terms[..],
        _ => &[],
    };
    terms.iter().filter(|t| t.negate).map(|t| t.node)
}

/// Bit `i` of a word, its last one for those above.
fn bit(word: &[u32], i: usize) -> Option<u32> {
    word.get(i).or(word.last()).copied()
}
