//! Signs for carry chains that cannot invert an operand (iCE40): a subtracted signal is inverted by LUTs of its own, once for
//! all its readers, unless it is a sum that everybody subtracts. A sum may be held as its opposite for nothing, which turns
//! `a - b` into `b - a` and moves the signs of its readers, so signs are chosen to leave few and narrow signals that need
//! both forms.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use sterna_ir::Range;

use super::{Graph, Problem};

/// Moves tried per sum.
const MOVES: usize = 300;

struct Signs<'a> {
    graph: &'a Graph,
    inputs: usize,
    /// Sums that read each node.
    readers: Vec<Vec<u32>>,
    width: Vec<u32>,
    /// Sums held as their opposite.
    turned: Vec<bool>,
    /// Sums that outputs need as they are.
    fixed: Vec<bool>,
    /// How often each node is read as it is, and how often subtracted.
    uses: Vec<[u32; 2]>,
    cost: i64,
}

/// Turns sums around so that fewer bits need inverters.
pub fn choose(graph: &mut Graph, problem: &Problem) {
    let inputs = problem.inputs.len();
    let width = problem.inputs.iter().copied().chain(graph.sums.iter().map(|s| s.range));
    let width: Vec<u32> = width.map(Range::width).collect();
    let mut readers = vec![Vec::new(); width.len()];
    for (k, sum) in graph.sums.iter().enumerate() {
        sum.terms.iter().for_each(|t| readers[t.node as usize].push(k as u32));
    }
    let mut uses = vec![[0; 2]; width.len()];
    let mut fixed = vec![false; graph.sums.len()];
    for (row, output) in problem.rows.iter().zip(&graph.outputs) {
        if let Some(sum) = output.and_then(|t| (t.node as usize).checked_sub(inputs)) {
            fixed[sum] |= !row.any_sign;
            uses[inputs + sum][0] += 1;
        }
    }
    let turned = vec![false; graph.sums.len()];
    let mut signs = Signs { graph, inputs, readers, width, turned, fixed, uses, cost: 0 };
    (0..signs.graph.sums.len()).for_each(|k| signs.count(k, 1));
    signs.search();
    let turned = signs.turned;
    apply(graph, inputs, &turned);
}

impl Signs<'_> {
    fn negated(&self, sum: usize, term: usize) -> bool {
        let t = &self.graph.sums[sum].terms[term];
        let node = (t.node as usize).checked_sub(self.inputs).is_some_and(|k| self.turned[k]);
        t.negate ^ node ^ self.turned[sum]
    }

    /// LUTs that invert a node: a sum that nobody reads as it is leaves its own LUTs inverted.
    fn inverters(&self, node: usize) -> i64 {
        let [plain, subtracted] = self.uses[node];
        let both = subtracted > 0 && (plain > 0 || node < self.inputs);
        if both { i64::from(self.width[node]) } else { 0 }
    }

    /// Adds (`by` 1) or takes away (-1) what a sum costs beyond its chain.
    fn count(&mut self, sum: usize, by: i64) {
        let s = &self.graph.sums[sum];
        let mut all = true;
        for (k, t) in s.terms.iter().enumerate() {
            let node = t.node as usize;
            let negated = self.negated(sum, k);
            all &= negated;
            self.cost -= self.inverters(node);
            let uses = &mut self.uses[node][usize::from(negated)];
            *uses = uses.wrapping_add_signed(by as i32);
            self.cost += self.inverters(node);
        }
        // Two carry-ins do not fit one chain.
        let double = if all { 2 * i64::from(s.range.width()) } else { 0 };
        let range = if self.turned[sum] { Range::new(-s.range.hi, -s.range.lo) } else { s.range };
        self.cost += by * (double + i64::from(range.width()));
    }

    /// Holds a sum the other way around.
    fn turn(&mut self, sum: usize) {
        let mut around = self.readers[self.inputs + sum].clone();
        around.push(sum as u32);
        around.sort_unstable();
        around.dedup();
        around.iter().for_each(|k| self.count(*k as usize, -1));
        self.turned[sum] ^= true;
        around.iter().for_each(|k| self.count(*k as usize, 1));
    }

    /// Turns random sums, or all that subtract one signal; what costs too much is turned back. The limit falls to nothing.
    fn search(&mut self) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
        let free: Vec<usize> = (0..self.turned.len()).filter(|k| !self.fixed[*k]).collect();
        if free.is_empty() {
            return;
        }
        let moves = MOVES * free.len();
        let mut group = Vec::new();
        for n in 0..moves {
            let slack = 8.0 * (1.0 - n as f64 / moves as f64) * -(1.0 - rng.random::<f64>()).ln();
            let before = self.cost;
            group.clear();
            if rng.random_range(0..2) == 0 {
                group.push(free[rng.random_range(0..free.len())]);
            } else {
                let node = rng.random_range(0..self.readers.len());
                let subtracts = |sum: usize| {
                    let of = self.graph.sums[sum].terms.iter().position(|t| t.node as usize == node);
                    of.is_some_and(|k| self.negated(sum, k))
                };
                let readers = self.readers[node].iter().map(|k| *k as usize);
                group.extend(readers.filter(|k| !self.fixed[*k] && subtracts(*k)));
            }
            group.iter().for_each(|k| self.turn(*k));
            if self.cost > before + slack as i64 {
                group.iter().for_each(|k| self.turn(*k));
            }
        }
    }
}

fn apply(graph: &mut Graph, inputs: usize, turned: &[bool]) {
    let is_turned = |node: u32| (node as usize).checked_sub(inputs).is_some_and(|k| turned[k]);
    for (sum, own) in graph.sums.iter_mut().zip(turned) {
        for t in &mut sum.terms {
            t.negate ^= is_turned(t.node) ^ own;
        }
        // The positive operand first reads as a subtraction.
        sum.terms.sort_by_key(|t| t.negate);
        if *own {
            sum.range = Range::new(-sum.range.hi, -sum.range.lo);
        }
    }
    for t in graph.outputs.iter_mut().flatten() {
        t.negate ^= is_turned(t.node);
    }
}
