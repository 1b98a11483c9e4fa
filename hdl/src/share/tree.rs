//! The tree of one row: always the narrowest items first, which keeps sums narrow (Huffman 1952).

use sterna_ir::Range;

use super::state::{add, scaled};
use super::{Chain, Term};
use crate::adder::table_luts;

/// A value to be summed.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Where it is, with its shift and sign.
    pub term: Term,
    /// Range of the node.
    pub range: Range,
    /// Sums on the longest path to it.
    pub level: u32,
}

impl Item {
    fn width(&self) -> u32 {
        self.range.width() + u32::from(self.term.shift)
    }
}

/// A sum that a tree asks for.
#[derive(Clone, Copy, Debug)]
pub struct Joined<'a> {
    /// Operands; their common shift and a common sign are taken out.
    pub terms: &'a [Term],
    /// Range of the result.
    pub range: Range,
    /// Bits of its carry chain, or tables.
    pub bits: u32,
    /// Sums on the longest path, this one included.
    pub level: u32,
}

/// Sums `items` by sums of as many as a chain takes. `make` builds one sum and gives its node. With `settle` the result has
/// neither shift nor sign. `by_level` takes the earliest items first instead of the narrowest, which gives the least depth
/// (Golumbic 1976). `None` without items.
pub fn reduce(
    items: Vec<Item>,
    chain: Chain,
    settle: bool,
    by_level: bool,
    mut make: impl FnMut(Joined) -> u32,
) -> Option<Item> {
    // Descending, so that the next items are at the end.
    let order = |i: &Item| match by_level {
        true => (i.level, i.width(), i.term),
        false => (i.width(), i.level, i.term),
    };
    let mut items = items;
    items.sort_unstable_by_key(|i| std::cmp::Reverse(order(i)));
    // One short sum at the narrow end makes all others full.
    let mut take = if chain.operands == 3 && items.len().is_multiple_of(2) { 2 } else { chain.operands };
    while items.len() > 1 {
        let rest = items.len() - take.min(items.len());
        let joined = join(&items[rest..], chain, settle && rest == 0, &mut make);
        items.truncate(rest);
        let at = items.partition_point(|i| order(i) > order(&joined));
        items.insert(at, joined);
        take = chain.operands;
    }
    let root = items.pop()?;
    match settle && (root.term.negate || root.term.shift > 0) {
        true => Some(join(&[root], chain, true, &mut make)),
        false => Some(root),
    }
}

fn join(items: &[Item], chain: Chain, settle: bool, make: &mut impl FnMut(Joined) -> u32) -> Item {
    let common = if settle { 0 } else { items.iter().map(|i| i.term.shift).min().unwrap_or(0) };
    let mut terms = [Term::plus(0); 3];
    for (t, item) in terms.iter_mut().zip(items) {
        *t = Term { shift: item.term.shift - common, ..item.term };
    }
    let terms = &mut terms[..items.len()];
    let sum = |terms: &[Term]| {
        terms.iter().zip(items).map(|(t, i)| scaled(i.range, *t)).reduce(add).expect("a sum has terms")
    };
    let mut range = sum(terms);
    // Two carry-ins at most: not all operands are subtracted; else the narrower of the sum and its opposite.
    let opposite = Range::new(-range.hi, -range.lo);
    let all = terms.iter().all(|t| t.negate);
    let none = terms.iter().all(|t| !t.negate);
    let flip = !settle && (all || (!none && opposite.width() < range.width()));
    if flip {
        terms.iter_mut().for_each(|t| t.negate = !t.negate);
        range = opposite;
    }
    let widths = items.iter().map(|i| if i.range.lo == i.range.hi { 0 } else { i.range.width() });
    let bits = price(chain, widths.sum(), chain_bits(terms, range), range.width());
    // The positive operand first reads as a subtraction.
    let level = items.iter().map(|i| i.level).max().unwrap_or(0) + 1;
    let mut shown = [Term::plus(0); 3];
    let mut n = 0;
    for wanted in [false, true] {
        for t in terms.iter().filter(|t| t.negate == wanted) {
            shown[n] = *t;
            n += 1;
        }
    }
    let node = make(Joined { terms: &shown[..n], range, bits, level });
    Item { term: Term { node, shift: common, negate: flip }, range, level }
}

/// What a sum costs: `bits` of a carry chain, or tables where they are no dearer. `inputs` are the bits of all operands.
pub fn price(chain: Chain, inputs: u32, bits: u32, outputs: u32) -> u32 {
    let tables = if chain.tables { table_luts(inputs, outputs) } else { None };
    tables.map_or(bits, |luts| luts.min(bits))
}

/// Bits of a carry chain: those of the result, less the low ones that only one operand reaches and that pass as they are.
fn chain_bits(terms: &[Term], range: Range) -> u32 {
    let lowest = terms.iter().min_by_key(|t| t.shift).expect("a sum has terms");
    match terms.len() {
        1 if !lowest.negate => 0,
        1 => range.width(),
        _ if lowest.negate => range.width(),
        _ => {
            let mut shifts = [u8::MAX; 3];
            shifts.iter_mut().zip(terms).for_each(|(s, t)| *s = t.shift);
            shifts.sort_unstable();
            range.width().saturating_sub(u32::from(shifts[1])).max(1)
        }
    }
}
