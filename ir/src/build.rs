//! Building a netlist: one method per kind of node, each deriving the range of its result.

use crate::Range;
use crate::netlist::{Bus, Memory, MemoryId, MemoryKind, Module, ModuleId, Netlist, Node, NodeId, Op, Term};

/// A netlist under construction and the module that new nodes go to.
#[derive(Clone, Debug)]
pub struct Builder {
    netlist: Netlist,
    module: ModuleId,
}

impl Builder {
    /// A netlist whose top module is `name`.
    pub fn new(name: impl Into<String>, about: Vec<String>) -> Self {
        let top = Module { name: name.into(), parent: None, about };
        Builder { netlist: Netlist { modules: vec![top], ..Netlist::default() }, module: ModuleId::TOP }
    }

    /// The finished netlist, to be [checked](crate::check::check) by the caller.
    pub fn finish(self) -> Netlist {
        self.netlist
    }

    /// What has been built so far.
    pub fn netlist(&self) -> &Netlist {
        &self.netlist
    }

    /// Opens a module inside the current one; new nodes go there until [`Builder::leave`].
    pub fn enter(&mut self, name: impl Into<String>, about: Vec<String>) -> ModuleId {
        let id = ModuleId(self.netlist.modules.len() as u32);
        self.netlist.modules.push(Module { name: name.into(), parent: Some(self.module), about });
        self.module = id;
        id
    }

    /// Returns to the enclosing module.
    pub fn leave(&mut self) {
        self.module = self.netlist.module(self.module).parent.expect("the top module is never left");
    }

    /// Goes back into a module opened before inside the current one, until [`Builder::leave`]. Handshakes need it: `ready`
    /// runs against the data, so control nodes of a later module come first in the arena.
    pub fn resume(&mut self, module: ModuleId) {
        assert_eq!(self.netlist.module(module).parent, Some(self.module), "resumed from its parent");
        self.module = module;
    }

    /// The module that new nodes go to.
    pub fn module(&self) -> &Module {
        self.netlist.module(self.module)
    }

    /// The range of a node.
    pub fn range(&self, id: NodeId) -> Range {
        self.netlist.node(id).range
    }

    /// Gives a node another name.
    pub fn rename(&mut self, id: NodeId, name: impl Into<String>) {
        self.netlist.nodes[id.index()].name = name.into();
    }

    fn add(&mut self, op: Op, range: Range, name: impl Into<String>) -> NodeId {
        let id = NodeId(self.netlist.nodes.len() as u32);
        self.netlist.nodes.push(Node { op, range, name: name.into(), module: self.module });
        id
    }

    /// A port driven from outside; only in the top module.
    pub fn input(&mut self, name: impl Into<String>, range: Range) -> NodeId {
        assert_eq!(self.module, ModuleId::TOP, "inputs belong to the top module");
        self.add(Op::Input, range, name)
    }

    /// The synchronous reset input.
    pub fn reset(&mut self, name: impl Into<String>) -> NodeId {
        let id = self.input(name, Range::BIT);
        self.netlist.reset = Some(id);
        id
    }

    /// Makes a node a port of the top module.
    pub fn output(&mut self, node: NodeId) {
        self.netlist.outputs.push(node);
    }

    /// Packs nodes into one port wherever they cross a border.
    pub fn bus(&mut self, name: impl Into<String>, nodes: Vec<NodeId>, about: impl Into<String>) {
        self.netlist.buses.push(Bus { name: name.into(), nodes, about: about.into() });
    }

    /// A constant.
    pub fn constant(&mut self, value: i64) -> NodeId {
        self.add(Op::Const(value), Range::point(value), format!("c{}", value.unsigned_abs()))
    }

    /// Exact sum of one to three terms.
    pub fn sum(&mut self, terms: &[Term], name: impl Into<String>) -> NodeId {
        assert!((1..=3).contains(&terms.len()), "a sum has one to three terms, not {}", terms.len());
        let range = sum_range(&self.netlist, terms).expect("sums stay within 60 bits");
        self.add(Op::Sum(terms.to_vec()), range, name)
    }

    /// `a >= b`.
    pub fn ge(&mut self, a: NodeId, b: NodeId, name: impl Into<String>) -> NodeId {
        self.add(Op::Ge(a, b), Range::BIT, name)
    }

    /// `a >= value`.
    pub fn ge_const(&mut self, a: NodeId, value: i64, name: impl Into<String>) -> NodeId {
        let b = self.constant(value);
        self.ge(a, b, name)
    }

    /// `a == b`.
    pub fn eq(&mut self, a: NodeId, b: NodeId, name: impl Into<String>) -> NodeId {
        self.add(Op::Eq(a, b), Range::BIT, name)
    }

    /// `a == value`.
    pub fn eq_const(&mut self, a: NodeId, value: i64, name: impl Into<String>) -> NodeId {
        let b = self.constant(value);
        self.eq(a, b, name)
    }

    /// All bits set.
    pub fn and(&mut self, bits: &[NodeId], name: impl Into<String>) -> NodeId {
        self.add(Op::And(bits.to_vec()), Range::BIT, name)
    }

    /// Any bit set.
    pub fn or(&mut self, bits: &[NodeId], name: impl Into<String>) -> NodeId {
        self.add(Op::Or(bits.to_vec()), Range::BIT, name)
    }

    /// The bit inverted.
    pub fn not(&mut self, bit: NodeId, name: impl Into<String>) -> NodeId {
        self.add(Op::Not(bit), Range::BIT, name)
    }

    /// Bit `i` of `table`, where `inputs[k]` is bit `k` of `i`; one to six bits.
    pub fn lut(&mut self, inputs: &[NodeId], table: u64, name: impl Into<String>) -> NodeId {
        self.add(Op::Lut { inputs: inputs.to_vec(), table }, Range::BIT, name)
    }

    /// `if sel { one } else { zero }`.
    pub fn mux(&mut self, sel: NodeId, zero: NodeId, one: NodeId, name: impl Into<String>) -> NodeId {
        let range = self.range(zero).union(self.range(one));
        self.add(Op::Mux { sel, zero, one }, range, name)
    }

    /// The low bits of `a`, read as a word of `range` (made a whole word).
    pub fn wrap(&mut self, a: NodeId, range: Range, name: impl Into<String>) -> NodeId {
        self.add(Op::Wrap(a), range.word(), name)
    }

    /// Bits `lo .. lo + width` of `a`, unsigned.
    pub fn slice(&mut self, a: NodeId, lo: u32, width: u32, name: impl Into<String>) -> NodeId {
        self.add(Op::Slice { a, lo }, Range::unsigned(width), name)
    }

    /// Words side by side, the first in the low bits.
    pub fn concat(&mut self, parts: &[NodeId], name: impl Into<String>) -> NodeId {
        let width = parts.iter().map(|p| self.range(*p).width()).sum();
        self.add(Op::Concat(parts.to_vec()), Range::unsigned(width), name)
    }

    /// A data register: no reset.
    pub fn reg(&mut self, d: NodeId, enable: Option<NodeId>, name: impl Into<String>) -> NodeId {
        let range = self.range(d);
        self.add(Op::Reg { d, enable, reset: None }, range, name)
    }

    /// Says that a register is one of several with the same input, which synthesis must not merge.
    pub fn keep_apart(&mut self, register: NodeId) {
        self.netlist.copies.insert(register);
    }

    /// A register whose input is given later by [`Builder::drive`]; `range` is made to cover the reset value.
    pub fn loop_reg(
        &mut self,
        range: Range,
        enable: Option<NodeId>,
        reset: Option<i64>,
        name: impl Into<String>,
    ) -> NodeId {
        let range = reset.map_or(range, |value| range.union(Range::point(value)));
        let id = NodeId(self.netlist.nodes.len() as u32);
        self.add(Op::Reg { d: id, enable, reset }, range, name)
    }

    /// Closes a [`Builder::loop_reg`]. `d` must stay within the register's range.
    pub fn drive(&mut self, register: NodeId, next: NodeId) {
        match &mut self.netlist.nodes[register.index()].op {
            Op::Reg { d, .. } => *d = next,
            other => panic!("{other:?} is not a register"),
        }
    }

    /// Gives a [`Builder::loop_reg`] its enable, when the enable is only known later.
    pub fn gate(&mut self, register: NodeId, bit: NodeId) {
        match &mut self.netlist.nodes[register.index()].op {
            Op::Reg { enable, .. } => *enable = Some(bit),
            other => panic!("{other:?} is not a register"),
        }
    }

    /// A control register: reset to `reset`.
    pub fn control(
        &mut self,
        d: NodeId,
        enable: Option<NodeId>,
        reset: i64,
        name: impl Into<String>,
    ) -> NodeId {
        let range = self.range(d).union(Range::point(reset));
        self.add(Op::Reg { d, enable, reset: Some(reset) }, range, name)
    }

    /// A memory of constant words.
    pub fn rom(&mut self, words: Vec<i64>, name: impl Into<String>) -> MemoryId {
        let word = words.iter().map(|w| Range::point(*w)).reduce(Range::union).expect("a ROM has words");
        self.memory(Memory {
            name: name.into(),
            module: self.module,
            depth: words.len(),
            word,
            kind: MemoryKind::Rom(words),
        })
    }

    /// A memory with one write port.
    pub fn ram(
        &mut self,
        depth: usize,
        enable: NodeId,
        addr: NodeId,
        data: NodeId,
        name: impl Into<String>,
    ) -> MemoryId {
        let kind = MemoryKind::Ram { enable, addr, data };
        self.memory(Memory { name: name.into(), module: self.module, depth, word: self.range(data), kind })
    }

    fn memory(&mut self, memory: Memory) -> MemoryId {
        self.netlist.memories.push(memory);
        MemoryId(self.netlist.memories.len() as u32 - 1)
    }

    /// A registered read port.
    pub fn read(
        &mut self,
        memory: MemoryId,
        addr: NodeId,
        enable: Option<NodeId>,
        name: impl Into<String>,
    ) -> NodeId {
        let word = self.netlist.memory(memory).word.union(Range::point(0));
        self.add(Op::Read { memory, addr, enable }, word, name)
    }
}

/// Exact range of a sum, `None` past 60 bits.
pub(crate) fn sum_range(netlist: &Netlist, terms: &[Term]) -> Option<Range> {
    let term = |t: &Term| {
        let factor = 1i64.checked_shl(u32::from(t.shift)).filter(|f| *f > 0)?;
        netlist.node(t.node).range.checked_scale(if t.negate { -factor } else { factor })
    };
    let sum = terms.iter().try_fold(Range::point(0), |sum, t| sum.checked_add(term(t)?))?;
    (sum.width() <= crate::range::MAX_WIDTH).then_some(sum)
}
