//! The registers of a pipeline: chains that delay a value, copies near their readers, complements.

use sterna_ir::build::Builder;
use sterna_ir::netlist::{NodeId, Op};

use super::{Pipe, Timed, is_constant};
use crate::complement;

impl Pipe {
    /// The value `time` clock edges after the input beat; one chain of registers serves all users.
    pub fn at(&mut self, b: &mut Builder, t: Timed, time: u32) -> NodeId {
        if is_constant(b, t.node) {
            return t.node;
        }
        let wait = (time - self.time(t)) as usize;
        let chain = self.delays.entry(t.node).or_default();
        while chain.len() < wait {
            let before = chain.last().copied().unwrap_or(t.node);
            let name = format!("{}_d{}", b.netlist().node(t.node).name, chain.len() + 1);
            chain.push(b.reg(before, Some(self.ce), name));
        }
        if wait == 0 { t.node } else { chain[wait - 1] }
    }

    /// As [`Pipe::at`], for one reader: where a register does nothing but delay another one, and has a reader already, this
    /// reader has a copy. Readers lie far apart, and a copy can lie anywhere between what it delays and its reader, while
    /// a word that several readers wait for in the same cycle has to be near all of them.
    pub(super) fn near(&mut self, b: &mut Builder, t: Timed, time: u32) -> NodeId {
        let node = self.at(b, t, time);
        // The tables that read a bit lie together.
        if !self.copies || node == t.node || b.range(node).width() == 1 {
            return node;
        }
        let readers = self.readers.entry(node).or_insert(0);
        *readers += 1;
        let copy = *readers - 1;
        if copy == 0 {
            return node;
        }
        let Op::Reg { d, .. } = b.netlist().node(node).op else { return node };
        let before = &b.netlist().node(d).op;
        if !before.is_sequential() && *before != Op::Input {
            return node;
        }
        let name = format!("{}_c{copy}", b.netlist().node(node).name);
        let copy = b.reg(d, Some(self.ce), name);
        b.keep_apart(node);
        b.keep_apart(copy);
        copy
    }

    /// The complement of `value` as `node`, one of its registers, delays it, in a register of its own; `None` for other
    /// nodes.
    pub fn complement(&mut self, b: &mut Builder, value: NodeId, node: NodeId) -> Option<NodeId> {
        if let Some(known) = self.complements.get(&node) {
            return Some(*known);
        }
        let chain = &self.delays.get(&value)?;
        let place = chain.iter().position(|register| *register == node)?;
        let before = if place == 0 { value } else { chain[place - 1] };
        // As late as possible where the value is registered anyway.
        let early = place > 0 && self.only_subtracted.contains(&value);
        let known =
            if early { self.complement(b, value, before) } else { self.complements.get(&before).copied() };
        let name = format!("{}_n", b.netlist().node(node).name);
        let d = known.unwrap_or_else(|| complement::complement(b, before, format!("{name}_d")));
        let register = b.reg(d, Some(self.ce), name);
        self.complements.insert(node, register);
        Some(register)
    }
}
