//! Balanced trees of two-operand sums, and comparisons of their roots.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::{NodeId, Term};

use crate::complement::difference;
use crate::lower::pipe::{Pipe, Timed};

/// One summand: `±(node << shift)`.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// The value and its place in the pipeline.
    pub at: Timed,
    /// Left shift.
    pub shift: u8,
    /// Subtract.
    pub negate: bool,
}

impl Item {
    /// The value itself.
    pub fn plus(at: Timed) -> Self {
        Item { at, shift: 0, negate: false }
    }

    fn is_plain(&self) -> bool {
        self.shift == 0 && !self.negate
    }

    fn term(&self, node: NodeId, common: u8, flip: bool) -> Term {
        Term { node, shift: self.shift - common, negate: self.negate != flip }
    }
}

/// Sums `items`: always the two that are earliest and narrowest, which gives the least depth (Golumbic 1976) and small
/// widths. Signs and common shifts travel to the root for free; with `settle` the root has neither. `None` without items.
pub fn sum(b: &mut Builder, pipe: &mut Pipe, items: &[Item], name: &str, settle: bool) -> Option<Item> {
    let mut all = items.to_vec();
    let key = |b: &Builder, all: &[Item], i: usize| {
        let item: &Item = &all[i];
        let width = b.range(item.at.node).width() + u32::from(item.shift);
        Reverse((item.at.time, item.at.level, width, i))
    };
    let mut heap: BinaryHeap<_> = (0..all.len()).map(|i| key(b, &all, i)).collect();
    let mut made = 0;
    loop {
        let Reverse((.., first)) = heap.pop()?;
        let Some(Reverse((.., second))) = heap.pop() else {
            let root = all[first];
            if root.is_plain() || !settle {
                return Some(root);
            }
            return Some(join(b, pipe, &[root], format!("{name}_acc"), true));
        };
        let (one, two) = (all[first], all[second]);
        let root = heap.is_empty();
        let label = if root { format!("{name}_acc") } else { format!("{name}_s{made}") };
        made += 1;
        all.push(join(b, pipe, &[one, two], label, root && settle));
        heap.push(key(b, &all, all.len() - 1));
    }
}

/// One sum node over up to three items; two where all are subtracted and the result must settle, since no carry chain
/// computes `-a - b` in one go: a register can stand between them.
pub fn join(b: &mut Builder, pipe: &mut Pipe, items: &[Item], name: String, settle: bool) -> Item {
    if settle && items.len() > 1 && items.iter().all(|i| i.negate) {
        let sum = join(b, pipe, items, format!("{name}_neg"), false);
        return join(b, pipe, &[sum], name, true);
    }
    let places: Vec<Timed> = items.iter().map(|i| i.at).collect();
    let (nodes, time, level) = pipe.meet(b, &places);
    let common = if settle { 0 } else { items.iter().map(|i| i.shift).min().unwrap_or(0) };
    let flip = !settle && items.iter().all(|i| i.negate);
    let mut terms: Vec<Term> = items.iter().zip(nodes).map(|(i, node)| i.term(node, common, flip)).collect();
    // The positive operand first reads as a subtraction.
    terms.sort_by_key(|t| t.negate);
    if let Some((taken, added)) = terms.split_last()
        && (pipe.complements_pay && taken.negate && added.iter().all(|t| !t.negate))
        && let Some(complement) = items.iter().find_map(|i| pipe.complement(b, i.at.node, taken.node))
    {
        terms = difference(b, added, *taken, complement);
    }
    let node = b.sum(&terms, name);
    Item { at: Timed { node, time, level }, shift: common, negate: flip }
}

/// A comparison, or the constant it always is.
#[derive(Clone, Copy, Debug)]
pub enum Bit {
    /// Known from the ranges.
    Known(bool),
    /// A node.
    Node(Timed),
}

/// `item >= t`, or `item <= t` when `falling`, as the least value of the item's node for which it is true, or, with `true`
/// beside, for which it is not; an error where it always is the same. `range` holds every value of the item: that of its
/// node may be wider, as interval arithmetic over shared sums does not see what cancels.
pub fn bound((item, range): (Item, Range), t: i64, falling: bool) -> Result<(i64, bool), bool> {
    let (always, never) = match falling {
        false => (range.lo >= t, range.hi < t),
        true => (range.hi <= t, range.lo > t),
    };
    if always || never {
        return Err(always);
    }
    // The shift leaves a comparison of the node with the rounded constant; a sign turns the comparison around.
    let scale = 1i64 << item.shift;
    let (bound, at_most) = match (falling, item.negate) {
        (false, false) => (-((-t).div_euclid(scale)), false),
        (true, false) => (t.div_euclid(scale), true),
        (false, true) => ((-t).div_euclid(scale), true),
        (true, true) => (-(t.div_euclid(scale)), false),
    };
    Ok((if at_most { bound + 1 } else { bound }, at_most))
}

/// A comparison of an item with its [`bound`].
pub fn compare(
    b: &mut Builder,
    pipe: &mut Pipe,
    item: (Item, Range),
    t: i64,
    falling: bool,
    name: &str,
) -> Bit {
    let (least, at_most) = match bound(item, t, falling) {
        Err(known) => return Bit::Known(known),
        Ok(bound) => bound,
    };
    let (nodes, time, level) = pipe.meet(b, &[item.0.at]);
    let ge = b.ge_const(nodes[0], least, format!("{name}_ge"));
    let node = if at_most { b.not(ge, format!("{name}_le")) } else { ge };
    Bit::Node(Timed { node, time, level })
}

/// The outputs of a row with these comparisons: the bits themselves, or how many of them are 1.
pub fn code(b: &mut Builder, pipe: &mut Pipe, bits: &[Bit], thermometer: bool, name: &str) -> Vec<Timed> {
    if !thermometer {
        return vec![count(b, pipe, bits, name)];
    }
    let known = |b: &mut Builder, bit: &Bit| match bit {
        Bit::Node(at) => *at,
        Bit::Known(value) => Pipe::input(b.constant(i64::from(*value))),
    };
    bits.iter().map(|bit| known(b, bit)).collect()
}

/// Number of bits that are 1.
pub fn count(b: &mut Builder, pipe: &mut Pipe, bits: &[Bit], name: &str) -> Timed {
    let known = bits.iter().filter(|bit| matches!(bit, Bit::Known(true))).count() as i64;
    let mut items: Vec<Item> = bits
        .iter()
        .filter_map(|bit| match bit {
            Bit::Node(at) => Some(Item::plus(*at)),
            Bit::Known(_) => None,
        })
        .collect();
    if known > 0 || items.is_empty() {
        items.push(Item::plus(Pipe::input(b.constant(known))));
    }
    let name = format!("{name}_code");
    match items.len() {
        1 => items[0].at,
        2 | 3 => join(b, pipe, &items, name, true).at,
        _ => sum(b, pipe, &items, &name, true).expect("there are items").at,
    }
}
