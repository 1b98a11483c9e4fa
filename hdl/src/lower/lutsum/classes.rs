//! How to compute a symmetric function of bits with the fewest look-up tables.
//!
//! Bits are gathered in groups, and groups in larger groups. All that the rest needs to know about a group is the class of
//! its count: two counts are alike when the function cannot tell them apart whatever the other bits are. (This is the
//! column multiplicity of Ashenhurst 1957 and Roth and Karp 1962, which depends here on the size of the group alone.)
//! A threshold saturates, so that a group has often fewer classes than counts. Dynamic programming over sizes finds the
//! cheapest tree of groups.

use crate::family::Family;

/// A function of `n` bits that depends on how many of them are 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symmetric {
    /// The word of outputs for each count `0 ..= n`.
    pub values: Vec<u64>,
    /// Bits of the word.
    pub outputs: u32,
}

/// Tables that compute several functions of the same `inputs`.
pub fn tables(family: Family, inputs: u32, outputs: u32) -> Option<u32> {
    match (family, inputs) {
        (_, 0 | 1) => Some(0),
        // One LUT6 holds two functions of five inputs.
        (Family::Xcup, 2..=5) => Some(outputs.div_ceil(2)),
        // Beyond six, multiplexers behind the tables select.
        (Family::Xcup, 6..=8) => Some(outputs << (inputs - 6)),
        (Family::Ecp5 | Family::Gowin | Family::Ice40, 2..=4) => Some(outputs),
        (Family::Ecp5 | Family::Gowin, 5 | 6) => Some(outputs << (inputs - 4)),
        (Family::Ice40, 5) => Some(outputs * 3),
        (Family::Ice40, 6) => Some(outputs * 6),
        _ => None,
    }
}

/// Most inputs of a node of the tree.
const MOST_INPUTS: usize = 8;

/// The cheapest tree of groups.
#[derive(Clone, Debug)]
pub struct Plan {
    /// By size of a group: sizes of its parts, 1 being a bit itself. The last entry is the whole function.
    pub parts: Vec<Vec<usize>>,
    /// By size of a group: the class of every count.
    pub classes: Vec<Vec<u32>>,
}

/// Cost, then depth.
type Price = (u32, u32);

impl Symmetric {
    /// Number of bits.
    pub fn inputs(&self) -> usize {
        self.values.len() - 1
    }

    /// The class of each count of `size` of the bits, numbered in the order of the counts.
    pub fn classes(&self, size: usize) -> Vec<u32> {
        let rest = self.inputs() - size;
        let seen = |count: usize| &self.values[count..=count + rest];
        let mut classes: Vec<u32> = Vec::with_capacity(size + 1);
        let mut fresh = 0;
        for count in 0..=size {
            let alike = (0..count).find(|c| seen(*c) == seen(count)).map(|c| classes[c]);
            classes.push(alike.unwrap_or(fresh));
            fresh += u32::from(alike.is_none());
        }
        classes
    }

    /// The cheapest tree for `family`, and its look-up tables.
    pub fn plan(&self, family: Family) -> (Plan, u32) {
        let n = self.inputs();
        let classes: Vec<Vec<u32>> = (0..=n).map(|size| self.classes(size)).collect();
        let bits: Vec<usize> = classes.iter().map(|c| code_bits(c) as usize).collect();
        // By total size and total bits of some groups: their price, and the group added last.
        let mut some: Vec<[Option<(Price, usize)>; MOST_INPUTS + 1]> = vec![[None; MOST_INPUTS + 1]; n + 1];
        some[0][0] = Some(((0, 0), 0));
        let mut price: Vec<Price> = vec![(0, 0); n + 1];
        let mut parts: Vec<Vec<usize>> = vec![vec![]; n + 1];
        for size in 1..=n {
            for part in 1..size {
                add(&mut some, size, part, bits[part], price[part]);
            }
            if size > 1 {
                let outputs = if size == n { self.outputs } else { bits[size] as u32 };
                let candidates = (0..=MOST_INPUTS).filter_map(|inputs| {
                    let (below, _) = some[size][inputs]?;
                    let tables = tables(family, inputs as u32, outputs)?;
                    Some(((below.0 + tables, below.1 + 1), inputs))
                });
                let (best, inputs) = candidates.min().expect("two groups of fewer bits always fit");
                price[size] = best;
                parts[size] = trace(&some, &bits, size, inputs);
            }
            add(&mut some, size, size, bits[size], price[size]);
        }
        if n == 1 {
            parts[1] = vec![1];
        }
        (Plan { parts, classes }, price[n].0)
    }
}

fn add(
    some: &mut [[Option<(Price, usize)>; MOST_INPUTS + 1]],
    size: usize,
    part: usize,
    bits: usize,
    price: Price,
) {
    for inputs in bits..=MOST_INPUTS {
        let Some((rest, _)) = some[size - part][inputs - bits] else { continue };
        let all = (rest.0 + price.0, rest.1.max(price.1));
        if some[size][inputs].is_none_or(|(old, _)| all < old) {
            some[size][inputs] = Some((all, part));
        }
    }
}

fn trace(
    some: &[[Option<(Price, usize)>; MOST_INPUTS + 1]],
    bits: &[usize],
    mut size: usize,
    mut inputs: usize,
) -> Vec<usize> {
    let mut parts = Vec::new();
    while size > 0 {
        let (_, part) = some[size][inputs].expect("it was reached");
        parts.push(part);
        size -= part;
        inputs -= bits[part];
    }
    parts.sort_unstable_by(|a, b| b.cmp(a));
    parts
}

/// Bits that number the classes.
pub fn code_bits(classes: &[u32]) -> u32 {
    let most = classes.iter().copied().max().unwrap_or(0);
    u32::BITS - most.leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threshold(n: usize, t: usize) -> Symmetric {
        Symmetric { values: (0..=n).map(|count| u64::from(count >= t)).collect(), outputs: 1 }
    }

    #[test]
    fn a_threshold_saturates() {
        // Four of seven: a group of six with one bit left over is below, undecided or there.
        assert_eq!(threshold(7, 4).classes(6), [0, 0, 0, 1, 2, 2, 2]);
        // Parity knows two classes only.
        let parity = Symmetric { values: (0..=9).map(|c| c % 2).collect(), outputs: 1 };
        assert_eq!(parity.classes(4), [0, 1, 0, 1, 0]);
        assert_eq!(parity.plan(Family::Xcup).1, 2);
    }

    #[test]
    fn neurons_cost_what_the_staircase_says() {
        let cost = |n: usize| threshold(n, n / 2 + 1).plan(Family::Xcup).1;
        let costs: Vec<u32> = (2..=16).map(cost).collect();
        assert_eq!(costs, [1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    }
}
