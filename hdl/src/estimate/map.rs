//! Covers a graph of gates with look-up tables, for their number.
//!
//! Each gate keeps a few of its cuts, sets of signals that determine it and fit a table. The first passes choose by area
//! flow, the cost of a cut shared out among its readers; the last choose by the tables that a cut really adds to the cover
//! (Mishchenko, Chatterjee, Brayton: Improvements to technology mapping for LUT-based FPGAs, 2007).

use super::gates::{Gate, Gates, Lit};

/// Most inputs of a table, those with multiplexers behind included.
const MOST: usize = 8;
/// Cuts kept per gate.
const KEPT: usize = 8;

/// The tables of a family.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    /// What a table of so many inputs weighs when cuts are chosen, from one input on.
    pub weights: &'static [f32],
    /// And how many look-up tables are counted for it.
    pub counts: &'static [f32],
    /// Whether an inverter of its own counts as a look-up table.
    pub inverters: bool,
}

#[derive(Clone, Copy, Debug)]
struct Cut {
    leaves: [u32; MOST],
    len: u8,
    flow: f32,
}

impl Cut {
    fn of(gate: usize) -> Self {
        let mut leaves = [0; MOST];
        leaves[0] = gate as u32;
        Cut { leaves, len: 1, flow: 0.0 }
    }

    fn leaves(&self) -> &[u32] {
        &self.leaves[..self.len as usize]
    }

    /// The union, where it has `most` leaves at most; leaves are in order.
    fn join(&self, other: &Cut, most: usize) -> Option<Cut> {
        let (a, b) = (self.leaves(), other.leaves());
        let mut cut = Cut { leaves: [0; MOST], len: 0, flow: 0.0 };
        let (mut i, mut k) = (0, 0);
        while i < a.len() || k < b.len() {
            let next = match (a.get(i), b.get(k)) {
                (Some(x), Some(y)) => *x.min(y),
                (Some(x), None) | (None, Some(x)) => *x,
                (None, None) => unreachable!("one of them has a leaf left"),
            };
            i += usize::from(a.get(i) == Some(&next));
            k += usize::from(b.get(k) == Some(&next));
            if cut.len as usize == most {
                return None;
            }
            cut.leaves[cut.len as usize] = next;
            cut.len += 1;
        }
        Some(cut)
    }

    /// Whether every leaf of this one is one of `other`.
    fn is_within(&self, other: &Cut) -> bool {
        self.len <= other.len && self.leaves().iter().all(|leaf| other.leaves().contains(leaf))
    }
}

/// A cover.
#[derive(Debug)]
pub struct Cover {
    /// Per gate, the signals its table reads; empty where it has no table.
    reads: Vec<Vec<u32>>,
    /// Look-up tables per gate, inverters included.
    pub luts: Vec<f32>,
}

impl Cover {
    /// Signals that the table of `gate` reads; none if it has no table.
    pub fn reads(&self, gate: usize) -> &[u32] {
        &self.reads[gate]
    }
}

struct Mapper<'a> {
    gates: &'a Gates,
    tables: Tables,
    cuts: Vec<Vec<Cut>>,
    /// Readers in the current cover, sinks included.
    readers: Vec<u32>,
    /// The same, smoothed over passes.
    expected: Vec<f32>,
    flow: Vec<f32>,
}

/// Covers everything that sinks depend on.
pub fn cover(gates: &Gates, tables: Tables) -> Cover {
    let size = gates.all.len();
    let mut fanout = vec![0f32; size];
    for gate in &gates.all {
        if let Gate::And(a, b) = gate {
            fanout[a.gate()] += 1.0;
            fanout[b.gate()] += 1.0;
        }
    }
    gates.sinks.iter().for_each(|s| fanout[s.gate()] += 1.0);
    let (cuts, readers, flow) = (vec![Vec::new(); size], vec![0; size], vec![0.0; size]);
    let mut mapper = Mapper { gates, tables, cuts, readers, expected: fanout, flow };
    for _ in 0..3 {
        mapper.choose();
        mapper.derive();
    }
    for _ in 0..2 {
        mapper.recover();
    }
    mapper.finish()
}

impl Mapper<'_> {
    fn most(&self) -> usize {
        self.tables.weights.len()
    }

    fn weight(&self, cut: &Cut) -> f32 {
        self.tables.weights[cut.len as usize - 1]
    }

    /// Cuts of every gate, the one with the least flow first.
    fn choose(&mut self) {
        for gate in 1..self.gates.all.len() {
            let Gate::And(a, b) = self.gates.all[gate] else {
                self.cuts[gate] = vec![Cut::of(gate)];
                continue;
            };
            let mut found: Vec<Cut> = Vec::new();
            for x in &self.cuts[a.gate()] {
                for y in &self.cuts[b.gate()] {
                    let Some(mut cut) = x.join(y, self.most()) else { continue };
                    if found.iter().any(|other| other.is_within(&cut)) {
                        continue;
                    }
                    found.retain(|other| !cut.is_within(other));
                    cut.flow =
                        self.weight(&cut) + cut.leaves().iter().map(|l| self.flow[*l as usize]).sum::<f32>();
                    found.push(cut);
                }
            }
            found.sort_by(|x, y| x.flow.total_cmp(&y.flow).then(x.len.cmp(&y.len)));
            found.truncate(KEPT - 1);
            self.flow[gate] = found[0].flow / self.expected[gate].max(1.0);
            // The gate by itself, for its readers.
            found.push(Cut::of(gate));
            self.cuts[gate] = found;
        }
    }

    /// Counts readers in the cover by the first cuts.
    fn derive(&mut self) {
        self.readers.fill(0);
        self.gates.sinks.iter().for_each(|s| self.readers[s.gate()] += 1);
        for gate in (1..self.gates.all.len()).rev() {
            if self.readers[gate] > 0 && self.gates.all[gate] != Gate::Source {
                let best = self.cuts[gate][0];
                best.leaves().iter().for_each(|l| self.readers[*l as usize] += 1);
            }
        }
        for (expected, readers) in self.expected.iter_mut().zip(&self.readers) {
            *expected = (*expected + 2.0 * *readers as f32) / 3.0;
        }
    }

    /// Takes for each gate of the cover the cut that adds the fewest tables.
    fn recover(&mut self) {
        for gate in 1..self.gates.all.len() {
            if self.readers[gate] == 0 || self.gates.all[gate] == Gate::Source {
                continue;
            }
            let first = self.cuts[gate][0];
            self.release(&first);
            let candidates = self.cuts[gate].len() - 1;
            let cost = |mapper: &mut Self, k: usize| {
                let cut = mapper.cuts[gate][k];
                let cost = mapper.take(&cut);
                mapper.release(&cut);
                cost
            };
            let mut best = (cost(self, 0), 0);
            for k in 1..candidates {
                let cost = cost(self, k);
                if cost < best.0 {
                    best = (cost, k);
                }
            }
            self.cuts[gate].swap(0, best.1);
            let chosen = self.cuts[gate][0];
            self.take(&chosen);
        }
    }

    /// Adds a reader to each leaf; the weight of all tables that become part of the cover.
    fn take(&mut self, cut: &Cut) -> f32 {
        let mut cost = self.weight(cut);
        for leaf in cut.leaves().iter().map(|l| *l as usize) {
            self.readers[leaf] += 1;
            if self.readers[leaf] == 1 && self.gates.all[leaf] != Gate::Source {
                let below = self.cuts[leaf][0];
                cost += self.take(&below);
            }
        }
        cost
    }

    fn release(&mut self, cut: &Cut) {
        for leaf in cut.leaves().iter().map(|l| *l as usize) {
            self.readers[leaf] -= 1;
            if self.readers[leaf] == 0 && self.gates.all[leaf] != Gate::Source {
                let below = self.cuts[leaf][0];
                self.release(&below);
            }
        }
    }

    fn finish(self) -> Cover {
        let size = self.gates.all.len();
        // A table has one polarity; what is read in the other takes an inverter.
        let mut polarities = vec![[false; 2]; size];
        let mark = |s: &Lit| polarities[s.gate()][usize::from(s.is_inverted())] = true;
        self.gates.sinks.iter().for_each(mark);
        let (mut reads, mut luts) = (vec![Vec::new(); size], vec![0.0; size]);
        for gate in 1..size {
            let [plain, inverted] = polarities[gate];
            let is_source = self.gates.all[gate] == Gate::Source;
            let inverter = inverted && (plain || is_source) && self.tables.inverters;
            luts[gate] = f32::from(u8::from(inverter));
            if self.readers[gate] > 0 && !is_source {
                let cut = &self.cuts[gate][0];
                luts[gate] += self.tables.counts[cut.len as usize - 1];
                reads[gate] = cut.leaves().to_vec();
            }
        }
        Cover { reads, luts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LUT4: Tables = Tables { weights: &[1.0; 4], counts: &[1.0; 4], inverters: true };

    fn luts(gates: &Gates) -> f32 {
        cover(gates, LUT4).luts.iter().sum()
    }

    #[test]
    fn a_parity_takes_as_few_tables_as_there_can_be() {
        let mut gates = Gates::new();
        let inputs: Vec<Lit> = (0..10).map(|_| gates.source()).collect();
        let parity = inputs.iter().copied().reduce(|a, b| gates.xor(a, b)).unwrap();
        gates.sink(parity);
        assert_eq!(luts(&gates), 3.0);
    }

    #[test]
    fn a_shared_signal_is_computed_once() {
        let mut gates = Gates::new();
        let inputs: Vec<Lit> = (0..6).map(|_| gates.source()).collect();
        let shared = gates.all_of(&inputs[..4]);
        for input in &inputs[4..] {
            let both = gates.and(shared, *input);
            gates.sink(both);
        }
        assert_eq!(luts(&gates), 3.0);
    }

    #[test]
    fn both_polarities_take_an_inverter() {
        let mut gates = Gates::new();
        let (a, b) = (gates.source(), gates.source());
        let both = gates.and(a, b);
        gates.sink(!both);
        assert_eq!(luts(&gates), 1.0);
        gates.sink(both);
        gates.sink(!a);
        assert_eq!(luts(&gates), 3.0);
    }
}
