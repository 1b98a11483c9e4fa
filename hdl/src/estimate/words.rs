//! A netlist taken apart into gates, carry chains and flip-flops, the way Yosys does it.

use std::collections::{HashMap, HashSet};

use sterna_ir::netlist::{Netlist, NodeId, Op, Term};

use super::Resources;
use super::gates::{FALSE, Gates, Lit, TRUE};
use super::meets::met;
use super::needed::{Needed, needed, ones};
use crate::adder::{self, Adder, Tables};
use crate::complement::{as_difference, complemented};
use crate::family::Family;
use crate::pairs::{inputs, pairs, wide_muxes};

/// What a netlist is made of on a family.
#[derive(Debug)]
pub struct Words<'a> {
    /// The netlist.
    pub netlist: &'a Netlist,
    /// The family.
    pub family: Family,
    /// Bits that are needed.
    pub needed: Needed,
    /// What look-up tables compute.
    pub gates: Gates,
    /// Per node, its bits; those of registers and read ports are sources.
    pub bits: Vec<Vec<Lit>>,
    /// Per group, the cells that are no look-up tables of the gates.
    pub cells: Vec<Resources>,
    /// Outputs of carry chains that are in a look-up table with room for more, and the signals that it reads, the carry
    /// aside.
    pub roomy: HashMap<usize, Vec<usize>>,
    /// Chains by their operands: Yosys makes equal ones once.
    pub chains: HashMap<(Vec<Lit>, Vec<Lit>, bool), Vec<Lit>>,
    /// Per memory, whether a read may meet a write.
    pub met: Vec<bool>,
    /// Writes that wait for a cycle: address, word, enable.
    pub waiting: HashSet<(Vec<Lit>, Vec<Lit>, Lit)>,
    /// The family that the netlist is printed for, whose primitives are left as they are.
    printed: Option<Family>,
    registered: Vec<bool>,
    seconds: HashSet<NodeId>,
    wide: HashSet<NodeId>,
}

impl<'a> Words<'a> {
    /// Takes `netlist`, of which `live` is used, apart. `group` says where the cells of a node are counted.
    pub fn new(
        netlist: &'a Netlist,
        live: &[bool],
        (family, printed): (Family, Option<Family>),
        group: impl Fn(sterna_ir::netlist::ModuleId) -> usize,
    ) -> Self {
        let seconds: HashSet<NodeId> = pairs(netlist, live, printed).into_iter().map(|p| p.1).collect();
        let wide = wide_muxes(netlist, live, &seconds, printed).into_keys().collect();
        let mut words = Words {
            netlist,
            family,
            needed: needed(netlist),
            gates: Gates::new(),
            bits: vec![Vec::new(); netlist.nodes.len()],
            cells: vec![Resources::default(); netlist.modules.len()],
            roomy: HashMap::new(),
            chains: HashMap::new(),
            met: met(netlist, live),
            waiting: HashSet::new(),
            printed,
            registered: adder::registered(netlist, live),
            seconds,
            wide,
        };
        // Registers read the reset without naming it.
        let live = |id: &NodeId| live[id.index()] || netlist.reset == Some(*id);
        for id in netlist.ids().filter(live) {
            let node = netlist.node(id);
            words.gates.group = group(node.module) as u32;
            words.bits[id.index()] = match &node.op {
                Op::Input | Op::Reg { .. } => (0..node.range.width()).map(|_| words.gates.source()).collect(),
                Op::Read { memory, .. } => words.read_sources(id, *memory),
                _ => words.combinational(id),
            };
        }
        for memory in 0..netlist.memories.len() {
            words.gates.group = group(netlist.memories[memory].module) as u32;
            words.memory(memory);
        }
        for id in netlist.ids().filter(live) {
            words.gates.group = group(netlist.node(id).module) as u32;
            words.sequential(id);
        }
        for id in &netlist.outputs {
            (0..netlist.node(*id).range.width()).for_each(|k| words.gates.sink(words.bit(*id, k)));
        }
        words
    }

    /// The cells of the current group.
    pub fn here(&mut self) -> &mut Resources {
        &mut self.cells[self.gates.group as usize]
    }

    /// Bit `k` of the word of `id`, extended as far as need be.
    pub fn bit(&self, id: NodeId, k: u32) -> Lit {
        let range = self.netlist.node(id).range;
        if let Op::Const(value) = self.netlist.node(id).op {
            return if value >> k.min(63) & 1 == 1 { TRUE } else { FALSE };
        }
        match (k < range.width(), range.is_signed()) {
            (true, _) => self.bits[id.index()][k as usize],
            (false, true) => self.bits[id.index()][range.width() as usize - 1],
            (false, false) => FALSE,
        }
    }

    /// `node << shift` in `width` bits.
    fn word(&self, id: NodeId, shift: u32, width: u32) -> Vec<Lit> {
        (0..width).map(|k| if k < shift { FALSE } else { self.bit(id, k - shift) }).collect()
    }

    fn combinational(&mut self, id: NodeId) -> Vec<Lit> {
        let netlist = self.netlist;
        let node = netlist.node(id);
        let width = node.range.width();
        let one = |bit: Lit| {
            let mut bits = vec![FALSE; width as usize];
            bits[0] = bit;
            bits
        };
        match &node.op {
            Op::Const(_) => self.word(id, 0, width),
            Op::Sum(terms) => self.sum(id, terms, width),
            Op::Ge(a, b) => one(self.ge(*a, *b)),
            Op::Eq(a, b) => {
                let (x, y) = (netlist.node(*a).range, netlist.node(*b).range);
                let width = x.width().max(y.width()) + u32::from(x.is_signed() != y.is_signed());
                let equal: Vec<Lit> =
                    (0..width).map(|k| !self.gates.xor(self.bit(*a, k), self.bit(*b, k))).collect();
                one(self.gates.all_of(&equal))
            }
            Op::And(bits) => {
                let bits: Vec<Lit> = bits.iter().map(|b| self.bit(*b, 0)).collect();
                one(self.gates.all_of(&bits))
            }
            Op::Or(bits) => {
                let bits: Vec<Lit> = bits.iter().map(|b| !self.bit(*b, 0)).collect();
                one(!self.gates.all_of(&bits))
            }
            Op::Not(a) => one(!self.bit(*a, 0)),
            Op::Lut { .. } if self.is_primitive(id) => {
                let reads = inputs(netlist, id).expect("it is a table");
                let reads: Vec<Lit> = reads.iter().map(|r| self.bit(*r, 0)).collect();
                reads.into_iter().for_each(|r| self.gates.sink(r));
                self.here().lut += 1.0;
                if self.seconds.contains(&id) {
                    self.here().lut -= 1.0;
                }
                one(self.gates.source())
            }
            Op::Lut { inputs, table } => {
                let entries: Vec<Option<Lit>> = (0..1 << inputs.len())
                    .map(|i| Some(if table >> i & 1 == 1 { TRUE } else { FALSE }))
                    .collect();
                let address: Vec<Lit> = inputs.iter().map(|b| self.bit(*b, 0)).collect();
                one(self.gates.table(&address, &entries).expect("every entry is known"))
            }
            Op::Mux { sel, zero, one: other } if self.wide.contains(&id) => {
                [*sel, *zero, *other].into_iter().for_each(|o| self.gates.sink(self.bit(o, 0)));
                one(self.gates.source())
            }
            Op::Mux { sel, zero, one } => {
                let sel = self.bit(*sel, 0);
                (0..width).map(|k| self.gates.mux(sel, self.bit(*zero, k), self.bit(*one, k))).collect()
            }
            Op::Wrap(a) => self.word(*a, 0, width),
            Op::Slice { a, lo } => (0..width).map(|k| self.bit(*a, lo + k)).collect(),
            Op::Concat(parts) => {
                let part = |id: &NodeId| self.word(*id, 0, netlist.node(*id).range.width());
                let mut bits: Vec<Lit> = parts.iter().flat_map(part).collect();
                bits.resize(width as usize, FALSE);
                bits
            }
            Op::Input | Op::Reg { .. } | Op::Read { .. } => panic!("node {} is not combinational", id.0),
        }
    }

    /// Whether a table is printed as the family's primitive.
    fn is_primitive(&self, id: NodeId) -> bool {
        self.printed == Some(Family::Xcup)
            && self.netlist.node(id).range.width() == 1
            && inputs(self.netlist, id).is_some_and(|i| i.len() > 1)
    }

    fn sum(&mut self, id: NodeId, terms: &[Term], width: u32) -> Vec<Lit> {
        let netlist = self.netlist;
        if let Some(x) = complemented(netlist, id) {
            return self.word(x, 0, width).into_iter().map(|bit| !bit).collect();
        }
        self.here().adders += terms.len().saturating_sub(1) as u64;
        let wanted = 64 - self.needed.nodes[id.index()].leading_zeros();
        let full = |mut bits: Vec<Lit>| {
            bits.resize(width as usize, FALSE);
            bits
        };
        if let Some(d) = as_difference(netlist, terms) {
            let shift = u32::from(d.complement.shift);
            let kept = d.bits.unwrap_or(wanted);
            let taken = |k: u32| match k.checked_sub(shift) {
                Some(k) if k < kept => !self.bit(d.complement.node, k),
                _ => FALSE,
            };
            let b: Vec<Lit> = (0..wanted).map(taken).collect();
            let a = self.word(d.added.node, d.added.shift.into(), wanted);
            return full(self.chain(a, b, true, u64::MAX));
        }
        match adder::adder(netlist, id, self.printed, self.registered[id.index()]) {
            Adder::Tables => {
                return self.primitives(terms, Tables::new(netlist, id).luts().len() as u32, width);
            }
            Adder::Three => {
                self.here().carry += f64::from(width);
                return self.primitives(terms, adder::ends(netlist, terms, width).tables, width);
            }
            Adder::Odd => return self.odd(terms, width),
            Adder::Operators => {}
        }
        let mut constant = 0i64;
        let (mut plus, mut minus) = (Vec::new(), Vec::new());
        for term in terms {
            match netlist.node(term.node).op {
                Op::Const(value) => constant += (value << term.shift) * if term.negate { -1 } else { 1 },
                _ => {
                    let word = self.word(term.node, term.shift.into(), wanted);
                    if term.negate { minus.push(word) } else { plus.push(word) }
                }
            }
        }
        let magnitude = |value: i64| -> Vec<Lit> {
            (0..wanted).map(|k| if value >> k.min(63) & 1 == 1 { TRUE } else { FALSE }).collect()
        };
        match constant {
            0 => {}
            1.. => plus.push(magnitude(constant)),
            _ => minus.push(magnitude(-constant)),
        }
        let mut plus = plus.into_iter();
        let first = plus.next().unwrap_or(vec![FALSE; wanted as usize]);
        let sum = plus.fold(first, |a, b| self.chain(a, b, false, u64::MAX));
        full(minus.into_iter().fold(sum, |a, b| self.chain(a, b, true, u64::MAX)))
    }

    /// A sum in primitives that synthesis leaves as they are.
    fn primitives(&mut self, terms: &[Term], luts: u32, width: u32) -> Vec<Lit> {
        let mut inputs = Vec::new();
        for t in terms {
            let own = self.netlist.node(t.node).range.width();
            inputs.extend((0..own).map(|k| self.bit(t.node, k)));
        }
        inputs.iter().for_each(|bit| self.gates.sink(*bit));
        self.here().lut += f64::from(luts);
        self.gates.chain(inputs, width as usize)
    }

    /// As `sterna_add2.v` has it: the last bit behind the chain.
    fn odd(&mut self, terms: &[Term], width: u32) -> Vec<Lit> {
        let mut terms = terms.to_vec();
        terms.sort_by_key(|t| t.negate);
        let minus = terms[1].negate;
        let [a, b] = [0, 1].map(|t| self.word(terms[t].node, terms[t].shift.into(), width));
        let below = width as usize - 1;
        let mut y = self.chain(a[..below].to_vec(), b[..below].to_vec(), minus, u64::MAX);
        let invert = |bit: Lit| if minus { !bit } else { bit };
        let (p, q) = (a[below - 1], invert(b[below - 1]));
        let (both, either) = (self.gates.and(p, q), self.gates.or(p, q));
        let on = self.gates.and(either, !y[below - 1]);
        let carry = self.gates.or(both, on);
        let last = self.gates.xor(a[below], invert(b[below]));
        y.push(self.gates.xor(last, carry));
        y
    }

    /// `a >= b`.
    fn ge(&mut self, a: NodeId, b: NodeId) -> Lit {
        let netlist = self.netlist;
        let constant = |id: NodeId| match netlist.node(id).op {
            Op::Const(value) => Some(value),
            _ => None,
        };
        let exact = |id: NodeId| constant(id).map_or(netlist.node(id).range, sterna_ir::Range::point);
        let (x, y) = (exact(a), exact(b));
        if x.hi < y.lo || y.hi <= x.lo {
            return if y.hi <= x.lo { TRUE } else { FALSE };
        }
        let (x, y) = (netlist.node(a).range, netlist.node(b).range);
        let signed = x.is_signed() || y.is_signed();
        let own = |r: sterna_ir::Range| r.width() + u32::from(signed && !r.is_signed());
        let width = own(x).max(own(y));
        // Its `opt_expr` sees comparisons that some of the bits decide.
        match constant(b) {
            Some(0) if signed => return !self.bit(a, width - 1),
            Some(value) if !signed && value.count_ones() == 1 => {
                let low: Vec<Lit> = (value.trailing_zeros()..width).map(|k| !self.bit(a, k)).collect();
                return !self.gates.all_of(&low);
            }
            _ => {}
        }
        let fixed = constant(a).or(constant(b)).is_some();
        match crate::synth::few(self.family) {
            Some(few) if width <= if fixed { few } else { crate::synth::FEW_OF_TWO } => {
                let (p, q) = (self.word(a, 0, width), self.word(b, 0, width));
                self.compare(&p, &q, signed)
            }
            Some(_) => {
                let (p, q) = (self.word(a, 0, width + 1), self.word(b, 0, width + 1));
                !self.chain(p, q, true, 1 << width)[width as usize]
            }
            None => {
                let (p, q) = (self.word(a, 0, width), self.word(b, 0, width));
                if fixed && width <= self.family.lut_inputs() {
                    return self.compare(&p, &q, signed);
                }
                self.compare_in_chunks(&p, &q, signed, if fixed { 1 } else { 2 })
            }
        }
    }

    /// `a >= b` bit by bit.
    fn compare(&mut self, a: &[Lit], b: &[Lit], signed: bool) -> Lit {
        let mut reaches = TRUE;
        for (k, (p, q)) in std::iter::zip(a, b).enumerate() {
            let (p, q) = if signed && k + 1 == a.len() { (q, p) } else { (p, q) };
            let (above, not_below) = (self.gates.and(*p, !*q), self.gates.or(*p, !*q));
            let on = self.gates.and(not_below, reaches);
            reaches = self.gates.or(above, on);
        }
        reaches
    }

    /// Xilinx: tables that compare a few bits, their results on a carry chain if they are more than two.
    fn compare_in_chunks(&mut self, a: &[Lit], b: &[Lit], signed: bool, cost: usize) -> Lit {
        let size = self.family.lut_inputs() as usize / cost;
        let mut chunks = Vec::new();
        for (n, (p, q)) in std::iter::zip(a.rchunks(size), b.rchunks(size)).enumerate() {
            let (mut propagate, mut generate) = (TRUE, FALSE);
            for k in (0..p.len()).rev() {
                let (x, y) = if signed && n == 0 && k + 1 == p.len() { (q[k], p[k]) } else { (p[k], q[k]) };
                let above = self.gates.and(x, !y);
                let first = self.gates.and(propagate, above);
                generate = self.gates.or(generate, first);
                let equal = !self.gates.xor(p[k], q[k]);
                propagate = self.gates.and(propagate, equal);
            }
            chunks.push((propagate, generate));
        }
        if chunks.len() > 2 {
            for (propagate, generate) in &chunks {
                let on = self.gates.and(*propagate, !*generate);
                self.gates.sink(on);
                self.gates.sink(*generate);
            }
            self.here().carry += chunks.len() as f64;
            return self.gates.source();
        }
        chunks.iter().rev().fold(TRUE, |reaches, (propagate, generate)| {
            let on = self.gates.and(*propagate, reaches);
            self.gates.or(*generate, on)
        })
    }

    /// Bits of a node that are needed.
    pub fn wanted(&self, id: NodeId) -> Vec<u32> {
        let mask = self.needed.nodes[id.index()] & ones(self.netlist.node(id).range.width());
        (0..64).filter(|k| mask >> k & 1 == 1).collect()
    }
}
