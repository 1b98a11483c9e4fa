//! Least cuts of flow networks, by blocking flows (Dinitz 1970).
//!
//! A design of 50,000 adders asks for a handful of cuts of 100,000 nodes; the one in `petgraph` begins every augmenting path
//! anew and takes a minute for them.

use std::collections::VecDeque;

const NONE: u32 = u32::MAX;

/// A network of arcs with capacities. Arcs lie in pairs, `2 k` and `2 k + 1`, each the other's way back.
#[derive(Debug)]
pub struct Network {
    /// Per node, its first arc.
    first: Vec<u32>,
    /// Per arc, the next one that leaves the same node.
    next: Vec<u32>,
    to: Vec<u32>,
    /// Per arc, the capacity that is left.
    left: Vec<u64>,
}

impl Network {
    /// A network of so many nodes.
    pub fn new(nodes: usize) -> Self {
        Network { first: vec![NONE; nodes], next: Vec::new(), to: Vec::new(), left: Vec::new() }
    }

    /// A new node.
    pub fn node(&mut self) -> usize {
        self.first.push(NONE);
        self.first.len() - 1
    }

    /// An arc of this capacity.
    pub fn arc(&mut self, from: usize, to: usize, capacity: u64) {
        for (from, to, left) in [(from, to, capacity), (to, from, 0)] {
            self.next.push(self.first[from]);
            self.first[from] = self.to.len() as u32;
            self.to.push(to as u32);
            self.left.push(left);
        }
    }

    /// Per node, whether it lies on the side of `source` in the least cut with the fewest nodes there.
    pub fn least_cut(mut self, source: usize, sink: usize) -> Vec<bool> {
        loop {
            let level = self.distances(sink);
            if level[source] == NONE {
                break;
            }
            self.block(&level, source, sink);
        }
        let mut inside = vec![false; self.first.len()];
        let mut stack = vec![source];
        while let Some(node) = stack.pop() {
            if !std::mem::replace(&mut inside[node], true) {
                stack.extend(self.arcs(node).filter(|a| self.left[*a] > 0).map(|a| self.to[a] as usize));
            }
        }
        inside
    }

    fn arcs(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        let arc = |a: u32| (a != NONE).then_some(a as usize);
        std::iter::successors(arc(self.first[node]), move |a| arc(self.next[*a]))
    }

    /// Per node, the fewest arcs with anything left from there to the sink.
    fn distances(&self, sink: usize) -> Vec<u32> {
        let mut level = vec![NONE; self.first.len()];
        level[sink] = 0;
        let mut queue = VecDeque::from([sink]);
        while let Some(node) = queue.pop_front() {
            for a in self.arcs(node).filter(|a| self.left[a ^ 1] > 0) {
                let from = self.to[a] as usize;
                if level[from] == NONE {
                    level[from] = level[node] + 1;
                    queue.push_back(from);
                }
            }
        }
        level
    }

    /// Fills shortest paths until none has anything left.
    fn block(&mut self, level: &[u32], source: usize, sink: usize) {
        // What is before a node's arc here leads nowhere any more.
        let mut current = self.first.clone();
        let mut path: Vec<usize> = Vec::new();
        let mut node = source;
        loop {
            if node == sink {
                let least = path.iter().map(|a| self.left[*a]).min().expect("source and sink differ");
                for a in &path {
                    self.left[*a] -= least;
                    self.left[*a ^ 1] += least;
                }
                let full = path.iter().position(|a| self.left[*a] == 0).expect("the least is full");
                node = self.to[path[full] ^ 1] as usize;
                path.truncate(full);
            }
            let mut arc = current[node];
            while arc != NONE {
                let (a, below) = (arc as usize, level[self.to[arc as usize] as usize]);
                if self.left[a] > 0 && below != NONE && below + 1 == level[node] {
                    break;
                }
                arc = self.next[a];
            }
            current[node] = arc;
            if arc != NONE {
                path.push(arc as usize);
                node = self.to[arc as usize] as usize;
            } else if let Some(a) = path.pop() {
                node = self.to[a ^ 1] as usize;
                current[node] = self.next[a];
            } else {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    /// The least sum of capacities over all cuts, and the fewest nodes beside the source with it.
    fn try_all(nodes: usize, arcs: &[(usize, usize, u64)]) -> (u64, u32) {
        let cuts = (0..1u32 << nodes).filter(|side| side & 1 == 1 && side >> 1 & 1 == 0);
        let price = |side: u32| -> u64 {
            let cut = arcs.iter().filter(|(a, b, _)| side >> a & 1 == 1 && side >> b & 1 == 0);
            cut.map(|arc| arc.2).sum()
        };
        cuts.map(|side| (price(side), side.count_ones())).min().unwrap()
    }

    #[test]
    fn cuts_are_the_least_of_all() {
        for seed in 0..300 {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let nodes = rng.random_range(2..9);
            let arcs: Vec<(usize, usize, u64)> = (0..rng.random_range(1..24))
                .map(|_| (rng.random_range(0..nodes), rng.random_range(0..nodes), rng.random_range(0..6)))
                .collect();
            let mut network = Network::new(nodes);
            arcs.iter().for_each(|(from, to, capacity)| network.arc(*from, *to, *capacity));
            let inside = network.least_cut(0, 1);
            let price: u64 = arcs.iter().filter(|(a, b, _)| inside[*a] && !inside[*b]).map(|a| a.2).sum();
            let count = inside.iter().filter(|i| **i).count() as u32;
            assert!(inside[0] && !inside[1]);
            assert_eq!((price, count), try_all(nodes, &arcs), "seed {seed}");
        }
    }
}
