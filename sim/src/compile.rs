//! Compiling a netlist: slots in the order of evaluation, then one instruction per node.

use crate::order::{Action, Schedule, reads};
use crate::program::{Args, Bank, DEAD, Kind, Part, Program, Run, start_value};
use crate::word::WordSize;
use sterna_ir::netlist::{Netlist, Node, NodeId, Op};

/// Gathers the parts of a program.
pub(crate) struct Compiler {
    slots: Vec<u32>,
    copies: Vec<u32>,
    start: Vec<i64>,
    size: WordSize,
    args: Vec<Args>,
    parts: Vec<Part>,
    /// Combinational nodes by level and kind.
    levels: Vec<(u32, Kind, NodeId)>,
}

impl Compiler {
    /// Gives every live node its slot.
    pub fn new(netlist: &Netlist, live: &[bool], plan: &Schedule) -> Self {
        let none = vec![DEAD; netlist.nodes.len()];
        let mut c = Compiler {
            slots: none.clone(),
            copies: none,
            start: vec![],
            size: WordSize::W16,
            args: vec![],
            parts: vec![],
            levels: vec![],
        };
        let alive = || netlist.ids().filter(|id| live[id.index()]);
        let is = |id: &NodeId, input: bool| match netlist.node(*id).op {
            Op::Input => input,
            Op::Const(_) => !input,
            _ => false,
        };
        let state = plan.waves.iter().flat_map(|wave| sorted(netlist, wave)).filter_map(|(_, a)| match a {
            Action::Update(id) => Some(id),
            Action::Write(_) => None,
        });
        for id in alive().filter(|id| is(id, true)).chain(alive().filter(|id| is(id, false))).chain(state) {
            c.slots[id.index()] = c.new_slot(netlist, id);
        }
        for id in &plan.copied {
            c.copies[id.index()] = c.new_slot(netlist, *id);
        }
        let mut level = vec![0u32; netlist.nodes.len()];
        for id in alive().filter(|id| c.slots[id.index()] == DEAD) {
            let node = netlist.node(id);
            level[id.index()] = 1 + node.op.operands().iter().map(|o| level[o.index()]).max().unwrap_or(0);
            c.levels.push((level[id.index()], kind(node), id));
        }
        c.levels.sort_unstable();
        for i in 0..c.levels.len() {
            let id = c.levels[i].2;
            c.slots[id.index()] = c.new_slot(netlist, id);
        }
        c
    }

    fn new_slot(&mut self, netlist: &Netlist, id: NodeId) -> u32 {
        let node = netlist.node(id);
        self.size = self.size.max(WordSize::of(node.range));
        if let Op::Sum(terms) = &node.op {
            for term in terms.iter().filter(|t| t.shift > 0) {
                let range = netlist.node(term.node).range.checked_scale(1i64 << term.shift);
                self.size = self.size.max(range.map_or(WordSize::W64, WordSize::of));
            }
        }
        self.start.push(if let Op::Const(value) = node.op { value } else { start_value(node.range) });
        self.start.len() as u32 - 1
    }

    /// Writes the instructions.
    pub fn finish(mut self, netlist: &Netlist, plan: &Schedule) -> Program {
        // A run must not read what it writes, so none reaches over a level.
        let (mut blocks, mut settle) = (vec![], vec![]);
        for id in &plan.copied {
            let args = Args { at: [self.slots[id.index()], 0, 0], ..Args::default() };
            let kind = Kind::Sum { terms: 1, minus: 0, shifted: false };
            self.push(&mut settle, kind, self.copies[id.index()] as usize, args);
        }
        let mut last = 0;
        for (level, kind, id) in std::mem::take(&mut self.levels) {
            if level != last {
                blocks.push(std::mem::take(&mut settle));
                last = level;
            }
            let args = self.combinational(netlist, netlist.node(id));
            self.push(&mut settle, kind, self.slots[id.index()] as usize, args);
        }
        blocks.push(settle);
        let (mut clock, mut resets, mut used) = (vec![], vec![], vec![false; netlist.memories.len()]);
        for (kind, action) in plan.waves.iter().flat_map(|wave| sorted(netlist, wave)) {
            let first = match action {
                Action::Update(id) => self.slots[id.index()] as usize,
                Action::Write(memory) => memory.index(),
            };
            let mut args = Args::default();
            for (at, id) in args.at.iter_mut().zip(reads(netlist, action)) {
                let copy = self.copies[id.index()];
                *at = if copy == DEAD { self.slots[id.index()] } else { copy };
            }
            if let Action::Update(id) = action {
                match netlist.node(id).op {
                    Op::Read { memory, .. } => {
                        args.at[2] = memory.0;
                        used[memory.index()] = true;
                    }
                    Op::Reg { reset: Some(value), .. } => resets.push((first as u32, value)),
                    _ => {}
                }
            }
            self.push(&mut clock, kind, first, args);
        }
        let banks = netlist.memories.iter().zip(used).map(|(m, used)| {
            self.size = if used { self.size.max(WordSize::of(m.word)) } else { self.size };
            Bank::of(m, used)
        });
        let banks = banks.collect();
        Program {
            settle: blocks.concat(),
            clock,
            args: self.args,
            parts: self.parts,
            start: self.start,
            banks,
            reset: netlist.reset.map(|id| self.slots[id.index()]),
            resets,
            slots: self.slots,
            size: self.size,
        }
    }

    fn push(&mut self, runs: &mut Vec<Run>, kind: Kind, first: usize, args: Args) {
        self.args.push(args);
        let end = self.args.len();
        match runs.last_mut() {
            Some(run) if run.kind == kind && kind != Kind::Write && run.first + run.args.len() == first => {
                run.args.end = end;
            }
            _ => runs.push(Run { kind, first, args: end - 1..end }),
        }
    }

    fn combinational(&mut self, netlist: &Netlist, node: &Node) -> Args {
        let slot = |id: &NodeId| self.slots[id.index()];
        let mut args = Args::default();
        match &node.op {
            Op::Sum(terms) => {
                let ordered =
                    terms.iter().filter(|t| !t.negate).chain(terms.iter().filter(|t| t.negate)).enumerate();
                for (i, term) in ordered {
                    args.at[i] = slot(&term.node);
                    // A longer shift than the word has bits is left only to a term that is always zero.
                    args.small[i] =
                        if u32::from(term.shift) < 16 { term.shift } else { self.long(term.shift) };
                }
            }
            Op::And(list) | Op::Or(list) | Op::Concat(list)
                if !matches!(kind(node), Kind::And2 | Kind::Or2) =>
            {
                let mut shift = 0;
                let begin = self.parts.len();
                for id in list {
                    let width = netlist.node(*id).range.width();
                    let part = Part { slot: self.slots[id.index()], width: width as u8, shift: shift as u8 };
                    self.parts.push(part);
                    shift += width;
                }
                args.at = [begin as u32, self.parts.len() as u32, 0];
            }
            Op::Lut { inputs, table } => {
                let begin = self.parts.len() as u32;
                self.parts.extend(inputs.iter().enumerate().map(|(k, id)| Part {
                    slot: self.slots[id.index()],
                    width: 1,
                    shift: k as u8,
                }));
                args.at = [begin, *table as u32, (table >> 32) as u32];
                args.small[0] = inputs.len() as u8;
            }
            op => {
                for (at, id) in args.at.iter_mut().zip(op.operands()) {
                    *at = slot(&id);
                }
                match op {
                    Op::Wrap(_) => args.small[0] = node.range.width() as u8,
                    Op::Slice { lo, .. } => args.small = [*lo as u8, node.range.width() as u8, 0],
                    _ => {}
                }
            }
        }
        args
    }

    fn long(&self, shift: u8) -> u8 {
        let bits = match self.size {
            WordSize::W16 => 16,
            WordSize::W32 => 32,
            WordSize::W64 => 64,
        };
        if shift < bits { shift } else { 0 }
    }
}

/// The actions of a wave with their kinds, by kind.
fn sorted(netlist: &Netlist, wave: &[Action]) -> Vec<(Kind, Action)> {
    let kind = |action: &Action| match action {
        Action::Update(id) => kind(netlist.node(*id)),
        Action::Write(_) => Kind::Write,
    };
    let mut list: Vec<(Kind, Action)> = wave.iter().map(|a| (kind(a), *a)).collect();
    list.sort_unstable();
    list
}

fn kind(node: &Node) -> Kind {
    match &node.op {
        Op::Sum(terms) => Kind::Sum {
            terms: terms.len() as u8,
            minus: terms.iter().filter(|t| t.negate).count() as u8,
            shifted: terms.iter().any(|t| t.shift != 0),
        },
        Op::Ge(..) => Kind::Ge,
        Op::Eq(..) => Kind::Eq,
        Op::And(bits) if bits.len() == 2 => Kind::And2,
        Op::Or(bits) if bits.len() == 2 => Kind::Or2,
        Op::And(_) => Kind::And,
        Op::Or(_) => Kind::Or,
        Op::Not(_) => Kind::Not,
        Op::Lut { .. } => Kind::Lut,
        Op::Mux { .. } => Kind::Mux,
        Op::Wrap(_) if node.range.is_signed() => Kind::WrapSigned,
        Op::Wrap(_) => Kind::WrapUnsigned,
        Op::Slice { .. } => Kind::Slice,
        Op::Concat(_) => Kind::Concat,
        Op::Reg { enable: None, .. } => Kind::Reg,
        Op::Reg { .. } => Kind::RegEnable,
        Op::Read { enable: None, .. } => Kind::Read,
        Op::Read { .. } => Kind::ReadEnable,
        Op::Input | Op::Const(_) => unreachable!("inputs and constants are preloaded"),
    }
}
