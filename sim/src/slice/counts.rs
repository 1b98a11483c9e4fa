//! Sums of bits.
//!
//! A graph of shared sums has few adders, but each of several bits. Where the bits at its leaves are fewer than the bits that
//! its adders have, every sum that somebody other than a sum reads is counted from its leaves.

use crate::planes::{MOST, WIDEST};
use sterna_ir::Range;
use sterna_ir::netlist::{Netlist, Node, NodeId, Op, Term};

/// Which sums are counted.
pub(super) struct Counts {
    /// Bits at the leaves of every sum that has no others, each as often as its weight; 1 for a leaf.
    bits: Vec<Option<usize>>,
    worthwhile: bool,
}

/// What a sum is.
pub(super) struct Bits {
    /// Those that are added, then those that are subtracted, which is to add their inverse and subtract 1.
    pub leaves: Vec<NodeId>,
    /// How many are added.
    pub added: usize,
    /// To be added to the counts, modulo 2^32.
    pub constant: u32,
}

fn is_bit(node: &Node) -> bool {
    node.range == Range::BIT && !matches!(node.op, Op::Const(_))
}

impl Counts {
    /// What can be counted of the `live` nodes, if that is less work.
    pub fn new(netlist: &Netlist, live: &[bool]) -> Self {
        let mut bits: Vec<Option<usize>> = vec![None; netlist.nodes.len()];
        let (mut shared, mut counted) = (0, 0);
        for id in netlist.ids() {
            let node = netlist.node(id);
            bits[id.index()] = match &node.op {
                Op::Const(_) => Some(0),
                _ if is_bit(node) => Some(1),
                Op::Sum(terms) if node.range.width() as usize <= WIDEST => {
                    let of = |t: &Term| {
                        bits[t.node.index()]
                            .and_then(|n| n.checked_shl(u32::from(t.shift)))
                            .filter(|n| *n <= MOST)
                    };
                    let sum =
                        terms.iter().map(of).try_fold(0, |all, n| Some(all + n?)).filter(|n| *n <= MOST);
                    if live[id.index()] && sum.is_some() {
                        shared += node.range.width() as usize * (terms.len() - 1);
                    }
                    sum
                }
                _ => None,
            };
        }
        let mut read = vec![false; netlist.nodes.len()];
        for id in netlist.ids().filter(|id| live[id.index()]) {
            let node = netlist.node(id);
            if !matches!(node.op, Op::Sum(_)) || bits[id.index()].is_none() {
                node.op.each_operand(|o| read[o.index()] = true);
            }
        }
        for id in netlist.ids().filter(|id| read[id.index()] && matches!(netlist.node(*id).op, Op::Sum(_))) {
            counted += bits[id.index()].unwrap_or(0);
        }
        Counts { bits, worthwhile: counted < shared }
    }

    /// Whether a sum is counted.
    pub fn is(&self, id: NodeId) -> bool {
        self.worthwhile && self.bits[id.index()].is_some_and(|n| n > 1)
    }

    /// The leaves of a sum that is counted.
    pub fn bits(&self, netlist: &Netlist, id: NodeId) -> Bits {
        let (mut plus, mut minus, mut constant) = (vec![], vec![], 0i64);
        let mut open = vec![(id, 1i64)];
        while let Some((at, factor)) = open.pop() {
            let node = netlist.node(at);
            match &node.op {
                Op::Const(value) => constant += factor * value,
                Op::Sum(terms) if at == id || !is_bit(node) => {
                    let part = |t: &Term| (t.node, if t.negate { -factor } else { factor } << t.shift);
                    open.extend(terms.iter().map(part));
                }
                _ if factor > 0 => plus.extend(std::iter::repeat_n(at, factor as usize)),
                _ => minus.extend(std::iter::repeat_n(at, factor.unsigned_abs() as usize)),
            }
        }
        constant -= minus.len() as i64;
        let added = plus.len();
        Bits { leaves: [plus, minus].concat(), added, constant: constant as u32 }
    }
}

#[cfg(test)]
mod tests {
    use crate::Bitwise;
    use crate::planes::Gate;
    use crate::program::Watch;
    use crate::slice::slice;
    use sterna_ir::Range;
    use sterna_ir::bench::Stall;
    use sterna_ir::build::Builder;
    use sterna_ir::interpret::{Circuit, Interpreter};
    use sterna_ir::netlist::{NodeId, Term};

    /// Sums of up to 24 bits with signs, weights and constants, many of them shared, and one of words.
    #[test]
    fn shared_sums_of_bits_are_counted_from_their_leaves() {
        let mut b = Builder::new("t", vec![]);
        let mut dice = Stall::new(5, 0);
        let mut below = |n: usize| {
            dice.draw();
            (dice.state >> 20) as usize % n
        };
        let bits: Vec<NodeId> = (0..24).map(|i| b.input(format!("x{i}"), Range::BIT)).collect();
        let word = b.input("word", Range::signed(5));
        let mut sums = bits.clone();
        sums.push(b.constant(-3));
        for i in 0..60 {
            let (x, y) = (sums[below(sums.len())], sums[below(sums.len())]);
            let term = |node, k: usize| Term { node, shift: (k == 0).into(), negate: k > 4 };
            let width = b.range(x).width().max(b.range(y).width());
            if width < 5 {
                sums.push(b.sum(&[term(x, below(8)), term(y, below(8))], format!("s{i}")));
            }
        }
        for (i, sum) in sums.clone().into_iter().enumerate().skip(25).step_by(7) {
            let large = b.ge_const(sum, 1, format!("large{i}"));
            b.output(large);
            b.output(sum);
        }
        let mixed = b.sum(&[Term::plus(word), Term::minus(sums[30])], "mixed");
        b.output(mixed);
        let netlist = b.finish();
        let planes = slice(&netlist, Watch::Nodes(&[]));
        assert!(planes.runs.iter().filter(|run| run.gate == Gate::Count).count() > 5);
        let (mut slow, mut fast) = (Interpreter::new(&netlist), Bitwise::new(&netlist, Watch::Nodes(&[])));
        for round in 0..300 {
            let mut set = |input: NodeId, value: i64| {
                slow.set(input, value);
                fast.set(input, value);
            };
            bits.iter().for_each(|bit| set(*bit, [below(2), 0, 1][round.min(3) % 3] as i64));
            set(word, below(32) as i64 - 16);
            slow.settle();
            fast.settle();
            for id in &netlist.outputs {
                assert_eq!(fast.get(*id), slow.get(*id), "{} in round {round}", netlist.node(*id).name);
            }
        }
    }
}
