//! The value of a node as Verilog text in which every width is explicit.
//!
//! The word of a node is two's complement when its range is signed, unsigned otherwise. Each operand is brought to the
//! width of the operation by a concatenation or a slice, so that no tool extends or cuts anything by its own rules.

use std::collections::HashMap;

use sterna_ir::Range;
use sterna_ir::netlist::{Netlist, NodeId, Op, Term};

use super::layout::BREAK;
use crate::complement::{Difference, as_difference, complemented};

/// What one module calls its nodes, and which of their bits it reads.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The netlist.
    pub netlist: &'a Netlist,
    /// Per node of the netlist: printed inside its only reader.
    pub inlined: &'a [bool],
    /// Names of the nodes this module knows.
    pub names: HashMap<NodeId, String>,
    /// Constants that hold the truth tables of the nodes.
    pub tables: HashMap<NodeId, String>,
    /// Bits read so far, as masks.
    pub used: HashMap<NodeId, u64>,
}

impl Scope<'_> {
    fn range(&self, id: NodeId) -> Range {
        self.netlist.node(id).range
    }

    /// The values of a node: of a constant its own, however wide its range is.
    fn exact(&self, id: NodeId) -> Range {
        let known = self.constant(id).or(self.decided(id).map(i64::from));
        known.map_or(self.range(id), Range::point)
    }

    /// What a comparison always gives, where the ranges decide it: linters reject one that is written nevertheless, and one
    /// with its result.
    fn decided(&self, id: NodeId) -> Option<bool> {
        match self.netlist.node(id).op {
            Op::Ge(a, b) => {
                let (a, b) = (self.exact(a), self.exact(b));
                (a.hi < b.lo || b.hi <= a.lo).then_some(b.hi <= a.lo)
            }
            Op::Eq(a, b) => {
                let (a, b) = (self.exact(a), self.exact(b));
                let always = a == b && a.lo == a.hi;
                (always || a.hi < b.lo || b.hi < a.lo).then_some(always)
            }
            _ => None,
        }
    }

    fn constant(&self, id: NodeId) -> Option<i64> {
        match self.netlist.node(id).op {
            Op::Const(value) => Some(value),
            _ => None,
        }
    }

    /// Name of a node, without noting a use.
    pub fn name(&self, id: NodeId) -> &str {
        &self.names[&id]
    }

    /// Whether every bit of the node's word is read.
    pub fn is_used(&self, id: NodeId) -> bool {
        self.used.get(&id).copied().unwrap_or(0) == ones(self.range(id).width())
    }

    /// Bits `lo .. lo + width` of a node's word.
    pub fn bits(&mut self, id: NodeId, lo: u32, width: u32) -> String {
        match self.netlist.node(id).op {
            Op::Const(value) => return literal((value >> lo) as u64, width),
            Op::Not(a) if self.inlined[id.index()] => return self.inverted(a),
            Op::Sum(_) if self.inlined[id.index()] => {
                let x = complemented(self.netlist, id).expect("other sums have a line of their own");
                return inverted(self.bits(x, lo, width));
            }
            Op::Slice { a, lo: below } if self.inlined[id.index()] => return self.bits(a, below + lo, width),
            _ => {}
        }
        *self.used.entry(id).or_insert(0) |= ones(width) << lo;
        let name = &self.names[&id];
        match (lo, width) {
            (0, _) if width == self.range(id).width() => name.clone(),
            (_, 1) => format!("{name}[{lo}]"),
            _ => format!("{name}[{}:{lo}]", lo + width - 1),
        }
    }

    /// A bit.
    pub fn bit(&mut self, id: NodeId) -> String {
        self.bits(id, 0, 1)
    }

    /// The inverse of a bit.
    fn inverted(&mut self, id: NodeId) -> String {
        inverted(self.bit(id))
    }

    /// `node << shift` modulo 2^width: sign- or zero-extended, or cut.
    pub fn word(&mut self, id: NodeId, shift: u32, width: u32) -> String {
        if let Some(value) = self.constant(id) {
            return literal((value as u64).checked_shl(shift).unwrap_or(0), width);
        }
        let range = self.range(id);
        let own = range.width();
        let Some(kept) = width.checked_sub(shift).filter(|room| *room > 0).map(|room| own.min(room)) else {
            return literal(0, width);
        };
        let mut parts = Vec::new();
        match width - shift - kept {
            0 => {}
            n if !range.is_signed() => parts.push(format!("{n}'b0")),
            1 => parts.push(self.bits(id, own - 1, 1)),
            n => parts.push(format!("{{{n}{{{}}}}}", self.bits(id, own - 1, 1))),
        }
        parts.push(self.bits(id, 0, kept));
        if 0 < shift {
            parts.push(format!("{shift}'b0"));
        }
        side_by_side(parts)
    }

    /// A node as a signed operand of `width` bits, for comparisons.
    fn signed(&mut self, id: NodeId, width: u32) -> String {
        match self.constant(id) {
            Some(value) if value < 0 => format!("-{width}'sd{}", value.unsigned_abs()),
            Some(value) => format!("{width}'sd{value}"),
            // Words with a sign are declared `signed`.
            None if self.range(id).is_signed() && self.range(id).width() == width => self.bits(id, 0, width),
            None => format!("$signed({})", self.word(id, 0, width)),
        }
    }

    /// The value of a combinational node, as wide as its range.
    pub fn value(&mut self, id: NodeId) -> String {
        let node = self.netlist.node(id);
        let width = node.range.width();
        // Results with a width of their own, zero-extended where the node's range is wider than need be.
        let widen = |text: String, own: u32| match width - own {
            0 => text,
            n => side_by_side(vec![format!("{n}'b0"), text]),
        };
        match &node.op {
            Op::Const(value) => literal(*value as u64, width),
            Op::Sum(terms) => match complemented(self.netlist, id) {
                Some(x) => inverted(self.word(x, 0, width)),
                None => self.sum(terms, node.range),
            },
            Op::Ge(a, b) | Op::Eq(a, b) => {
                let text = match (self.decided(id), &node.op) {
                    (Some(value), _) => literal(value.into(), 1),
                    (None, Op::Ge(..)) => self.ge(*a, *b),
                    _ => self.eq(*a, *b),
                };
                widen(text, 1)
            }
            Op::And(bits) => widen(self.join(bits, '&'), 1),
            Op::Or(bits) => widen(self.join(bits, '|'), 1),
            Op::Not(a) => widen(self.inverted(*a), 1),
            Op::Lut { inputs, .. } => {
                let bits = inputs.iter().rev().map(|b| self.bit(*b)).collect();
                let text = format!("{}[{}]", self.tables[&id], side_by_side(bits));
                widen(text, 1)
            }
            Op::Mux { sel, zero, one } => {
                let (sel, one, zero) =
                    (self.bit(*sel), self.word(*one, 0, width), self.word(*zero, 0, width));
                format!("{sel} ? {one} :{BREAK}{zero}")
            }
            Op::Wrap(a) => self.word(*a, 0, width),
            Op::Slice { a, lo } => self.bits(*a, *lo, width),
            Op::Concat(parts) => {
                let own = parts.iter().map(|p| self.range(*p).width()).sum();
                let words = parts.iter().rev().map(|p| self.bits(*p, 0, self.range(*p).width())).collect();
                widen(side_by_side(words), own)
            }
            Op::Input | Op::Reg { .. } | Op::Read { .. } => panic!("node {} is not combinational", id.0),
        }
    }

    fn join(&mut self, bits: &[NodeId], operator: char) -> String {
        let bits: Vec<String> = bits.iter().map(|b| self.bit(*b)).collect();
        bits.join(&format!(" {operator}{BREAK}"))
    }

    /// A sum modulo the width of its range, which covers the exact result.
    fn sum(&mut self, terms: &[Term], range: Range) -> String {
        let width = range.width();
        if let Some(difference) = as_difference(self.netlist, terms) {
            return self.difference(difference, width);
        }
        let mut constant = 0i64;
        let (mut plus, mut minus) = (Vec::new(), Vec::new());
        for term in terms {
            match self.constant(term.node) {
                Some(value) if term.negate => constant = constant.wrapping_sub(value << term.shift),
                Some(value) => constant = constant.wrapping_add(value << term.shift),
                None => {
                    let word = self.word(term.node, u32::from(term.shift), width);
                    if term.negate { minus.push(word) } else { plus.push(word) }
                }
            }
        }
        if constant.unsigned_abs() >> width != 0 {
            constant = constant.rem_euclid(1 << width);
        }
        let signed = range.is_signed() && constant.unsigned_abs() >> (width - 1) == 0;
        let magnitude = match constant.unsigned_abs() {
            value if signed => format!("{width}'sd{value}"),
            value => literal(value, width),
        };
        match constant {
            0 if plus.is_empty() && minus.is_empty() => plus.push(magnitude),
            0 => {}
            1.. => plus.push(magnitude),
            _ => minus.push(magnitude),
        }
        let mut text = plus.join(&format!(" +{BREAK}"));
        for term in minus {
            text += &if text.is_empty() { format!("-{term}") } else { format!(" -{BREAK}{term}") };
        }
        text
    }

    /// Written as a difference, since with three operands it would be two chains.
    fn difference(&mut self, Difference { added, complement, bits }: Difference, width: u32) -> String {
        let shift = u32::from(complement.shift);
        let room = width.saturating_sub(shift);
        let kept = room.min(bits.unwrap_or(room));
        let mut parts = Vec::new();
        if kept < room {
            parts.push(format!("{}'b0", room - kept));
        }
        if 0 < kept {
            parts.push(inverted(self.word(complement.node, 0, kept)));
        }
        if 0 < shift {
            parts.push(format!("{}'b0", width - room));
        }
        let added = self.word(added.node, u32::from(added.shift), width);
        format!("{added} -{BREAK}{}", side_by_side(parts))
    }

    /// Width at which both words can be compared, and whether as signed words.
    fn common(&self, a: NodeId, b: NodeId) -> (u32, bool) {
        let (a, b) = (self.range(a), self.range(b));
        let signed = a.is_signed() || b.is_signed();
        let width = |r: Range| r.width() + u32::from(signed && !r.is_signed());
        (width(a).max(width(b)), signed)
    }

    fn ge(&mut self, a: NodeId, b: NodeId) -> String {
        let (a, b) = match self.common(a, b) {
            (width, true) => (self.signed(a, width), self.signed(b, width)),
            (width, false) => (self.word(a, 0, width), self.word(b, 0, width)),
        };
        format!("{a} >={BREAK}{b}")
    }

    fn eq(&mut self, a: NodeId, b: NodeId) -> String {
        let (width, _) = self.common(a, b);
        let (a, b) = (self.word(a, 0, width), self.word(b, 0, width));
        format!("{a} =={BREAK}{b}")
    }
}

/// The low `width` bits of `value` as an unsigned literal.
pub fn literal(value: u64, width: u32) -> String {
    match value & ones(width) {
        bit if width == 1 => format!("1'b{bit}"),
        word => format!("{width}'d{word}"),
    }
}

/// `{high, ..., low}`, or the only part.
pub fn side_by_side(mut parts: Vec<String>) -> String {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    format!("{{{}}}", parts.join(&format!(",{BREAK}")))
}

/// The inverse of a name, a slice, a concatenation or a literal; two in a row, which no tool would read, cancel.
fn inverted(text: String) -> String {
    text.strip_prefix('~').map_or_else(|| format!("~{text}"), str::to_string)
}

/// The low `width` bits set.
fn ones(width: u32) -> u64 {
    u64::MAX >> (64 - width)
}
