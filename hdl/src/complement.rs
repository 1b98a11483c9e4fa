//! Operands held as their complement, for carry chains that cannot invert one (iCE40): `a - x` is `a + ~x + 1`, where a
//! register has `~x`, so that no table stands between it and the chain.
//!
//! In the netlist all of this is sums: the complement of a signed word is `-1 - x`, that of an unsigned one of `w` bits is
//! `2^w - 1 - x`, and what is missing to the difference is a constant third term, the carry into the chain.

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::{Netlist, NodeId, Op, Term};

use crate::family::Family;

/// Whether the family's carry chains take operands as they are.
pub fn pays(family: Family) -> bool {
    family == Family::Ice40
}

/// All ones of a word of this range, as a number.
fn ones(range: Range) -> i64 {
    if range.is_signed() { -1 } else { (1 << range.width()) - 1 }
}

/// The complement of every bit of `x`.
pub fn complement(b: &mut Builder, x: NodeId, name: String) -> NodeId {
    let ones = b.constant(ones(b.range(x)));
    b.sum(&[Term::plus(ones), Term::minus(x)], name)
}

/// The terms of `added - taken`, given the complement of what is taken. `added` is one term at most.
pub fn difference(b: &mut Builder, added: &[Term], taken: Term, complement: NodeId) -> Vec<Term> {
    let carry = -ones(b.range(taken.node));
    let complement = Term { node: complement, negate: false, ..taken };
    let known = |t: &Term| constant(b.netlist(), t).map(|value| value << t.shift);
    match (added, added.first().and_then(known)) {
        ([_], Some(value)) => vec![complement, Term::plus(b.constant(value + (carry << taken.shift)))],
        _ => {
            let carry = Term { node: b.constant(carry), ..complement };
            added.iter().copied().chain([complement, carry]).collect()
        }
    }
}

fn constant(netlist: &Netlist, term: &Term) -> Option<i64> {
    match netlist.node(term.node).op {
        Op::Const(value) if !term.negate => Some(value),
        _ => None,
    }
}

/// `x` where node `id` is its complement, bit by bit.
pub fn complemented(netlist: &Netlist, id: NodeId) -> Option<NodeId> {
    let Op::Sum(terms) = &netlist.node(id).op else { return None };
    let [all, x] = terms[..] else { return None };
    let (own, range) = (netlist.node(id).range, netlist.node(x.node).range);
    let fits =
        constant(netlist, &all) == Some(ones(range)) && (range.is_signed() || own.width() <= range.width());
    (fits && all.shift == 0 && x.negate && x.shift == 0).then_some(x.node)
}

/// A difference of which one operand is held as its complement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Added as it is.
    pub added: Term,
    /// The complement of what is subtracted, under its shift.
    pub complement: Term,
    /// Bits of what is subtracted, when that is unsigned.
    pub bits: Option<u32>,
}

/// The difference that the terms of a sum are, if its constant is the carry that completes a complement.
pub fn as_difference(netlist: &Netlist, terms: &[Term]) -> Option<Difference> {
    let &[added, complement, carry] = terms else { return None };
    let operands = !added.negate && !complement.negate && carry.shift == complement.shift;
    let bits = match constant(netlist, &carry).filter(|_| operands)? {
        1 => None,
        minus => {
            let word = 1 - minus;
            let range = netlist.node(complement.node).range;
            Some(
                (word > 0 && word.count_ones() == 1 && 0 <= range.lo && range.hi < word)
                    .then(|| word.trailing_zeros())?,
            )
        }
    };
    Some(Difference { added, complement, bits })
}
