//! What changes at the clock edge, in planes.

use super::{CHUNK, ONE, Slicer};
use crate::live::actions;
use crate::order::{Action, memory, reads, schedule};
use crate::planes::{Gate, Memory};
use crate::program::Bank;
use sterna_ir::netlist::{self as ir, MemoryId, MemoryKind, Netlist, NodeId, Op};

impl Slicer<'_> {
    /// The registers that an action reads, through all that is still to be computed.
    ///
    /// `seen` has a number for every node, that of the last action whose cone it is in; `action` has one of its own.
    fn roots(&self, action: Action, seen: &mut [u32], number: u32) -> Vec<NodeId> {
        let mut open = reads(self.netlist, action);
        let mut roots = vec![];
        while let Some(id) = open.pop() {
            let op = &self.netlist.node(id).op;
            // Wires to registers are no planes of their own, so they are followed even where they are there.
            if std::mem::replace(&mut seen[id.index()], number) == number {
                continue;
            } else if op.is_sequential() {
                roots.push(id);
            } else {
                op.each_operand(|o| open.push(o));
            }
        }
        roots.sort_unstable();
        roots
    }

    pub(super) fn registers(&mut self, live: &[bool]) {
        let (mut seen, mut number) = (vec![0; self.netlist.nodes.len()], 0);
        let plan = schedule(
            &actions(self.netlist, live),
            |action| {
                number += 1;
                self.roots(action, &mut seen, number)
            },
            |action| memory(self.netlist, action),
        );
        self.copy_of = (0..self.planes.start.len() as u32).collect();
        for id in &plan.copied {
            let wires = self.planes.wires[id.index()].clone();
            let out = self.fresh(wires.len() as u32, 0);
            self.step(Gate::Copy, &out, wires.clone());
            wires.iter().zip(out).for_each(|(from, to)| self.copy_of[*from as usize] = to);
        }
        for wave in plan.waves {
            self.break_if(1);
            for action in wave {
                self.update(action);
                self.break_if(CHUNK);
            }
        }
    }

    fn update(&mut self, action: Action) {
        match action {
            Action::Write(id) => self.write(id),
            Action::Update(id) => match &self.netlist.node(id).op {
                Op::Reg { d, enable, reset } => self.register(id, *d, *enable, *reset),
                Op::Read { memory, addr, enable } => self.read(id, *memory, *addr, *enable),
                _ => unreachable!("only state changes at the clock edge"),
            },
        }
    }

    /// The plane of a bit, computed if need be; always 1 where there is none.
    fn enable(&mut self, bit: Option<NodeId>) -> u32 {
        bit.map_or(ONE, |bit| self.all(bit)[0])
    }

    /// The planes of a node, computed if need be.
    fn all(&mut self, id: NodeId) -> Vec<u32> {
        self.need(id);
        self.planes.wires[id.index()].clone()
    }

    /// The next value of a register, and the register.
    fn register(&mut self, id: NodeId, d: NodeId, enable: Option<NodeId>, reset: Option<i64>) {
        let out = self.planes.wires[id.index()].clone();
        let enabled = self.enable(enable);
        if let Some((gate, read)) = self.fused(d, &out) {
            self.step(gate, &out, [enabled].into_iter().chain(read).collect());
        } else {
            self.need(d);
            let mut next = self.bits(d, 0, out.len());
            // A register that takes bits of its own in other places would read what it has just written.
            if next.iter().zip(&out).any(|(from, to)| from != to && out.contains(from)) {
                let aside = self.fresh(self.netlist.node(id).range.width(), 0);
                self.step(Gate::Copy, &aside, next);
                next = aside;
            }
            let gate = if enable.is_some() { Gate::TakeIf } else { Gate::Take };
            self.step(gate, &out, enable.map(|_| enabled).into_iter().chain(next).collect());
        }
        if let Some(value) = reset {
            self.planes.resets.extend(out.iter().enumerate().map(|(i, p)| (*p, value >> i & 1 == 1)));
        }
    }

    /// A read port. Its address may come from itself: what is written belongs to circuits whose address was taken before.
    fn read(&mut self, id: NodeId, memory: MemoryId, addr: NodeId, enable: Option<NodeId>) {
        let out = self.planes.wires[id.index()].clone();
        let read = [vec![self.enable(enable)], self.all(addr)].concat();
        self.access(Gate::Read, memory, &out, read);
    }

    fn write(&mut self, id: MemoryId) {
        let MemoryKind::Ram { enable, addr, data } = self.netlist.memory(id).kind else {
            unreachable!("nobody writes a ROM")
        };
        self.need(data);
        let word = self.bits(data, 0, self.planes.memories[id.index()].width);
        let read = [self.all(enable), self.all(addr), word].concat();
        self.access(Gate::Write, id, &[], read);
    }

    fn access(&mut self, gate: Gate, memory: MemoryId, out: &[u32], read: Vec<u32>) {
        self.step(gate, out, read);
        self.last().table = u64::from(memory.0);
    }
}

/// The memories, those that nobody reads without contents.
pub(super) fn memories(netlist: &Netlist, live: &[bool]) -> Vec<Memory> {
    let mut used = vec![false; netlist.memories.len()];
    for id in netlist.ids().filter(|id| live[id.index()]) {
        if let Op::Read { memory, .. } = netlist.node(id).op {
            used[memory.index()] = true;
        }
    }
    let memory =
        |(m, used): (&ir::Memory, bool)| Memory { bank: Bank::of(m, used), width: m.word.width() as usize };
    netlist.memories.iter().zip(used).map(memory).collect()
}
