//! Random netlists with every operation, for what prints and runs them.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use sterna_ir::Range;
use sterna_ir::check::check;
use sterna_ir::netlist::{
    Bus, Memory, MemoryId, MemoryKind, Module, ModuleId, Netlist, Node, NodeId, Op, Term,
};

struct Generator {
    rng: Xoshiro256PlusPlus,
    netlist: Netlist,
    /// Among the sums, differences of complements.
    differences: bool,
}

impl Generator {
    fn below(&mut self, n: usize) -> usize {
        self.rng.random_range(0..n)
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    fn add(&mut self, op: Op, range: Range) -> NodeId {
        let id = NodeId(self.netlist.nodes.len() as u32);
        let module = match op {
            Op::Input => ModuleId::TOP,
            Op::Read { memory, .. } => self.netlist.memory(memory).module,
            _ => ModuleId(self.below(self.netlist.modules.len()) as u32),
        };
        self.netlist.nodes.push(Node { op, range, name: format!("n{}", id.0), module });
        id
    }

    /// A range of any kind: bits, whole words, points, negative only, with and without zero.
    fn range(&mut self) -> Range {
        let (a, b): (i64, i64) = (self.rng.random_range(-40..40), self.rng.random_range(-40..40));
        match self.below(8) {
            0 => Range::BIT,
            1 => Range::point(a),
            2 => Range::new(-41 - a.abs(), -1 - b.abs()),
            3 => Range::unsigned(1 + a.unsigned_abs() as u32 % 9),
            4 => Range::signed(1 + a.unsigned_abs() as u32 % 9),
            5 => Range::new(a.abs().min(b.abs()), a.abs().max(b.abs())),
            6 => Range::new(-a.abs() * 1_000_000_007, b.abs() * 999_999_937),
            _ => Range::new(a.min(b), a.max(b)),
        }
    }

    /// Sometimes wider than need be.
    fn widened(&mut self, range: Range) -> Range {
        match self.below(8) {
            0 => range.union(Range::point(range.hi + 3)),
            1 => range.union(Range::point(range.lo - 2)),
            _ => range,
        }
    }

    fn node(&mut self) -> NodeId {
        NodeId(self.below(self.netlist.nodes.len()) as u32)
    }

    fn range_of(&self, id: NodeId) -> Range {
        self.netlist.node(id).range
    }

    fn bit(&mut self) -> NodeId {
        for _ in 0..20 {
            let id = self.node();
            if Range::BIT.covers(self.range_of(id)) {
                return id;
            }
        }
        let a = self.node();
        let lo = self.below(self.range_of(a).width() as usize) as u32;
        self.add(Op::Slice { a, lo }, Range::BIT)
    }

    fn bits(&mut self) -> Vec<NodeId> {
        (0..1 + self.below(4)).map(|_| self.bit()).collect()
    }

    /// A small unsigned node that is no constant, for addresses: Yosys warns about memories with constant ones.
    fn address(&mut self) -> NodeId {
        let varies = |g: &Self, id: NodeId| match g.netlist.node(id).op {
            Op::Const(_) => false,
            Op::Slice { a, .. } | Op::Not(a) | Op::Wrap(a) => !matches!(g.netlist.node(a).op, Op::Const(_)),
            _ => true,
        };
        for _ in 0..20 {
            let id = self.node();
            if 0 <= self.range_of(id).lo && self.range_of(id).hi < 40 && varies(self, id) {
                return id;
            }
        }
        self.netlist.reset.expect("made first")
    }

    fn maybe_bit(&mut self) -> Option<NodeId> {
        self.chance(50).then(|| self.bit())
    }

    fn step(&mut self) {
        let (a, b) = (self.node(), self.node());
        let range = self.range();
        match self.below(16) {
            0 => {
                let value = range.lo;
                let range = self.widened(Range::point(value));
                self.add(Op::Const(value), range);
            }
            3 if self.differences => self.difference(),
            1..=3 => self.sum(),
            4 => {
                self.widened_bit(Op::Ge(a, b));
            }
            5 => {
                self.widened_bit(Op::Eq(a, b));
            }
            6 => {
                let op = if self.chance(50) { Op::And(self.bits()) } else { Op::Or(self.bits()) };
                self.widened_bit(op);
            }
            7 => {
                let bit = self.bit();
                self.widened_bit(Op::Not(bit));
            }
            8 => {
                let sel = self.bit();
                let range = self.range_of(a).union(self.range_of(b));
                let range = self.widened(range);
                self.add(Op::Mux { sel, zero: a, one: b }, range);
            }
            9 => {
                self.add(Op::Wrap(a), range.word());
            }
            10 => {
                let width = self.range_of(a).width();
                let lo = self.below(width as usize) as u32;
                let bits = 1 + self.below((width - lo) as usize) as u32;
                self.add(Op::Slice { a, lo }, Range::unsigned(bits));
            }
            11 => self.concat(),
            12 | 13 => self.register(),
            14 => {
                let inputs: Vec<NodeId> = (0..1 + self.below(6)).map(|_| self.bit()).collect();
                let table = self.rng.random::<u64>() >> (64 - (1u32 << inputs.len()));
                self.widened_bit(Op::Lut { inputs, table });
            }
            _ => self.memory(),
        }
    }

    fn widened_bit(&mut self, op: Op) -> NodeId {
        let range = self.widened(Range::BIT);
        self.add(op, range)
    }

    fn sum(&mut self) {
        let terms: Vec<Term> = (0..1 + self.below(3))
            .map(|_| Term { node: self.node(), shift: self.below(4) as u8, negate: self.chance(40) })
            .collect();
        let mut range = Range::point(0);
        for term in &terms {
            let factor = if term.negate { -1 } else { 1 } << term.shift;
            range = range.checked_add(self.range_of(term.node).checked_scale(factor).unwrap()).unwrap();
        }
        let range = self.widened(range);
        if range.width() <= 50 {
            self.add(Op::Sum(terms), range);
        }
    }

    /// A difference, one operand of which is held as its complement.
    fn difference(&mut self) {
        let (a, x) = (self.node(), self.node());
        let range = self.range_of(x);
        let ones = if range.is_signed() { -1 } else { (1i64 << range.width()) - 1 };
        if range.width() > 40 || self.range_of(a).width() > 40 {
            return;
        }
        let constant = |g: &mut Self, value| Term::plus(g.add(Op::Const(value), Range::point(value)));
        let all = constant(self, ones);
        let complement = Range::new(ones - range.hi, ones - range.lo);
        let own = self.widened(complement);
        let complement = self.add(Op::Sum(vec![all, Term::minus(x)]), own);
        let shift = self.below(4) as u8;
        let carry = constant(self, -ones);
        let terms = vec![Term::plus(a), Term { shift, ..Term::plus(complement) }, Term { shift, ..carry }];
        let by = |range: Range, factor: i64| range.checked_scale(factor << shift).unwrap();
        let taken = by(own, 1).checked_add(by(Range::point(-ones), 1)).unwrap();
        let range = self.range_of(a).checked_add(taken).unwrap();
        let range = self.widened(range);
        self.add(Op::Sum(terms), range);
    }

    fn concat(&mut self) {
        let parts: Vec<NodeId> = (0..1 + self.below(4)).map(|_| self.node()).collect();
        let width: u32 = parts.iter().map(|p| self.range_of(*p).width()).sum();
        if width <= 50 {
            let range = self.widened(Range::unsigned(width));
            self.add(Op::Concat(parts), range);
        }
    }

    fn register(&mut self) {
        let (d, enable) = (self.node(), self.maybe_bit());
        let reset = self.chance(50).then(|| self.rng.random_range(-5..5));
        let range = self.range_of(d).union(Range::point(0)).union(Range::point(reset.unwrap_or(0)));
        let range = self.widened(range);
        self.add(Op::Reg { d, enable, reset }, range);
    }

    fn memory(&mut self) {
        let addr = self.address();
        let depth = self.range_of(addr).hi as usize + 1 + self.below(3);
        let module = ModuleId(self.below(self.netlist.modules.len()) as u32);
        let (word, kind) = if self.chance(60) {
            let range = self.range();
            let words: Vec<i64> = (0..depth).map(|_| self.rng.random_range(range.lo..=range.hi)).collect();
            (range, MemoryKind::Rom(words))
        } else {
            let (enable, data) = (self.bit(), self.node());
            (self.range_of(data).union(Range::point(0)), MemoryKind::Ram { enable, addr, data })
        };
        let id = MemoryId(self.netlist.memories.len() as u32);
        self.netlist.memories.push(Memory { name: format!("m{}", id.0), module, depth, word, kind });
        for _ in 0..1 + self.below(2) {
            let enable = self.maybe_bit();
            let range = self.widened(word.union(Range::point(0)));
            self.add(Op::Read { memory: id, addr, enable }, range);
        }
    }
}

/// What the members of a bus may be. Where one member depends on another without a register between, Verilator sees a
/// loop through the packed word (UNOPTFLAT); real streams have no such buses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Buses {
    OfAnything,
    OfState,
}

/// A checked netlist with feedback through registers, nested modules and buses.
pub fn random_netlist(seed: u64, buses: Buses) -> Netlist {
    let top = Module { name: format!("t{seed}"), parent: None, about: vec![] };
    let netlist = Netlist { modules: vec![top], ..Netlist::default() };
    let differences = buses == Buses::OfAnything;
    let mut g = Generator { rng: Xoshiro256PlusPlus::seed_from_u64(seed), netlist, differences };
    for i in 0..g.below(5) {
        let parent = Some(ModuleId(g.below(g.netlist.modules.len()) as u32));
        g.netlist.modules.push(Module { name: format!("t{seed}_m{i}"), parent, about: vec![] });
    }
    g.netlist.reset = Some(g.add(Op::Input, Range::BIT));
    for _ in 0..2 + g.below(6) {
        let range = g.range();
        g.add(Op::Input, range);
    }
    // Registers whose input comes later.
    let loops: Vec<NodeId> = (0..g.below(4))
        .map(|_| {
            let range = g.range().word().union(Range::point(0)).word();
            let (enable, reset) = (g.maybe_bit(), g.chance(50).then_some(range.hi));
            g.add(Op::Reg { d: NodeId(0), enable, reset }, range)
        })
        .collect();
    for _ in 0..10 + g.below(50) {
        g.step();
    }
    for register in loops {
        let from = g.node();
        let next = g.add(Op::Wrap(from), g.range_of(register));
        let Op::Reg { d, .. } = &mut g.netlist.nodes[register.index()].op else { unreachable!() };
        *d = next;
    }
    let count = g.netlist.nodes.len();
    g.netlist.outputs = (0..3 + g.below(8)).map(|_| NodeId(g.below(count) as u32)).collect();
    let mut free: Vec<NodeId> = g.netlist.ids().skip(1).collect();
    if buses == Buses::OfState {
        let is_state = |op: &Op| op.is_sequential() || *op == Op::Input;
        free.retain(|id| is_state(&g.netlist.node(*id).op));
    }
    for i in 0..g.below(5) {
        let size = (1 + g.below(5)).min(free.len());
        let nodes = (0..size).map(|_| free.swap_remove(g.below(free.len()))).collect();
        g.netlist.buses.push(Bus { name: format!("b{i}_data"), nodes, about: String::new() });
    }
    check(&g.netlist).expect("the generator keeps the guarantees");
    g.netlist
}
