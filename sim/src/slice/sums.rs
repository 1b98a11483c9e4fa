//! Sums and comparisons in planes.

use super::counts::Bits;
use super::{Slicer, ZERO};
use crate::planes::Gate;
use sterna_ir::Range;
use sterna_ir::netlist::{NodeId, Op, Term};

/// Most terms that are summed at once.
const TERMS: usize = 4;

impl Slicer<'_> {
    /// What a node is computed from.
    pub(super) fn operands(&self, id: NodeId) -> Vec<NodeId> {
        match &self.netlist.node(id).op {
            Op::Sum(_) if self.counts.is(id) => self.counts.bits(self.netlist, id).leaves,
            Op::Sum(_) => self.terms(id).iter().map(|t| t.node).collect(),
            op => op.operands(),
        }
    }

    /// The terms of a sum, added ones first. Sums that nobody else reads are part of it, as long as the terms are few.
    fn terms(&self, id: NodeId) -> Vec<Term> {
        let Op::Sum(terms) = &self.netlist.node(id).op else { unreachable!("called for sums") };
        let mut terms = terms.clone();
        let all_negated = |terms: &[Term]| usize::from(terms.iter().all(|t| t.negate));
        for at in 0.. {
            let Some(term) = terms.get(at).copied() else { break };
            let Op::Sum(inner) = &self.netlist.node(term.node).op else { continue };
            if self.uses[term.node.index()] != 1 {
                continue;
            }
            let mut longer = terms.clone();
            longer.remove(at);
            longer.extend(inner.iter().map(|t| Term {
                node: t.node,
                shift: t.shift + term.shift,
                negate: t.negate != term.negate,
            }));
            if longer.len() + all_negated(&longer) <= TERMS {
                terms = longer;
            }
        }
        terms.sort_by_key(|t| t.negate);
        terms
    }

    /// The operands of a sum, bit by bit. Carries out of the top are dropped: the result fits its width.
    fn summands(&self, id: NodeId) -> (u8, u8, Vec<u32>) {
        let width = self.netlist.node(id).range.width() as usize;
        let terms = self.terms(id);
        let minus = terms.iter().filter(|t| t.negate).count();
        let zero = usize::from(minus == terms.len());
        let bit = |t: &Term, i: usize| match i.checked_sub(usize::from(t.shift)) {
            Some(i) => self.bit(t.node, i),
            None => ZERO,
        };
        let read = (0..width).flat_map(|i| {
            std::iter::repeat_n(ZERO, zero).chain(terms.iter().map(move |t| bit(t, i))).collect::<Vec<u32>>()
        });
        ((terms.len() + zero) as u8, minus as u8, read.collect())
    }

    pub(super) fn sum(&mut self, id: NodeId) -> Vec<u32> {
        let width = self.netlist.node(id).range.width();
        if self.counts.is(id) {
            let Bits { leaves, added, constant } = self.counts.bits(self.netlist, id);
            let read = leaves.iter().map(|leaf| self.bit(*leaf, 0)).collect();
            let out = self.fresh(width, 0);
            self.step(Gate::Count, &out, read);
            self.last().table = added as u64 | (constant as u64) << 32;
            return out;
        }
        let (terms, minus, read) = self.summands(id);
        if (terms, minus) == (1, 0) {
            return read;
        }
        let out = self.fresh(width, 0);
        self.step(Gate::Sum { terms, minus }, &out, read);
        out
    }

    /// Pairs for an unsigned comparison: the signs, which count the other way, change places.
    pub(super) fn ge(&self, a: NodeId, b: NodeId) -> Vec<u32> {
        let ranges = [a, b].map(|n| self.netlist.node(n).range);
        let signed = ranges.iter().any(|r| r.is_signed());
        let width = |r: &Range| r.width() as usize + usize::from(signed && !r.is_signed());
        let wide = ranges.iter().map(width).max().expect("two operands");
        let mut pairs = vec![];
        for i in 0..wide {
            let (x, y) = (self.bit(a, i), self.bit(b, i));
            let (x, y) = if signed && i + 1 == wide { (y, x) } else { (x, y) };
            // Nothing below the lowest 1 of a constant decides.
            if y != ZERO || !pairs.is_empty() {
                pairs.extend([x, y]);
            }
        }
        pairs
    }

    /// A sum that nobody but one register reads, of the register's width, to be computed where it stays.
    pub(super) fn fused(&mut self, d: NodeId, out: &[u32]) -> Option<(Gate, Vec<u32>)> {
        let node = self.netlist.node(d);
        let alone = self.uses[d.index()] == 1 && matches!(node.op, Op::Sum(_)) && !self.counts.is(d);
        if !alone || node.range.width() as usize != out.len() {
            return None;
        }
        self.operands(d).into_iter().for_each(|o| self.need(o));
        let (terms, minus, read) = self.summands(d);
        // Bits of the register itself in other places would be read when they are already new.
        let moved = |(i, p): (usize, &u32)| out.contains(p) && out[i / usize::from(terms)] != *p;
        let wires = (terms, minus) == (1, 0);
        (!wires && !read.iter().enumerate().any(moved)).then_some((Gate::SumIf { terms, minus }, read))
    }
}
