//! Covers a graph of gates with look-up tables, for their number.
//!
//! Each gate keeps a few of its cuts, sets of signals that determine it and fit a table. The first pass chooses the earliest;
//! the next choose by area flow, the cost of a cut shared out among its readers, and the last by the tables that a cut really
//! adds to the cover, both among the cuts that are early enough (Mishchenko, Chatterjee, Brayton: Improvements to technology
//! mapping for LUT-based FPGAs, 2007).

use super::cut::Cut;
use super::gates::{Gate, Gates, Lit};
use super::tables::Tables;

/// Cuts kept per gate.
const KEPT: usize = 8;
/// Rounding of sums of delays.
const SLACK: f32 = 0.01;

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

/// A cover in the making.
pub(super) struct Mapper<'a> {
    pub gates: &'a Gates,
    pub tables: Tables,
    /// Per gate, the best first; the last is the gate by itself.
    pub cuts: Vec<Vec<Cut>>,
    /// Readers in the current cover, sinks included.
    pub readers: Vec<u32>,
    /// The same, smoothed over passes.
    expected: Vec<f32>,
    pub flow: Vec<f32>,
    /// When each gate is there by its first cut.
    pub arrival: Vec<f32>,
    /// And when it has to be.
    pub required: Vec<f32>,
    /// When the bits of ROMs can be there.
    pub earliest: Vec<f32>,
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
    let (arrival, required) = (vec![0.0; size], vec![f32::INFINITY; size]);
    let mut mapper = Mapper {
        gates,
        tables,
        cuts,
        readers,
        expected: fanout,
        flow,
        arrival,
        required,
        earliest: Vec::new(),
    };
    for pass in 0..3 {
        mapper.choose(pass == 0);
        mapper.derive();
    }
    for _ in 0..2 {
        mapper.recover();
        mapper.require();
    }
    mapper.finish()
}

impl Mapper<'_> {
    fn most(&self) -> usize {
        self.tables.weights.len()
    }

    pub fn weight(&self, cut: &Cut) -> f32 {
        self.tables.weights[cut.len() - 1]
    }

    /// Cuts of every gate, the best first: the earliest, or that of the least flow of those that are early enough.
    fn choose(&mut self, early: bool) {
        for gate in 1..self.gates.all.len() {
            let Gate::And(a, b) = self.gates.all[gate] else {
                self.cuts[gate] = vec![Cut::of(gate)];
                self.arrive(gate);
                continue;
            };
            let mut found: Vec<Cut> = Vec::new();
            if let Some(mut before) = self.cuts[gate].first().copied() {
                self.judge(&mut before);
                found.push(before);
            }
            for x in &self.cuts[a.gate()] {
                for y in &self.cuts[b.gate()] {
                    let Some(mut cut) = x.join(y, self.most()) else { continue };
                    if found.iter().any(|other| other.is_within(&cut)) {
                        continue;
                    }
                    found.retain(|other| !cut.is_within(other));
                    self.judge(&mut cut);
                    found.push(cut);
                }
            }
            let late = |cut: &Cut| cut.arrival > self.required[gate] + SLACK;
            found.sort_by(|x, y| {
                let by_flow = x.flow.total_cmp(&y.flow).then(x.len().cmp(&y.len()));
                let by_arrival = x.arrival.total_cmp(&y.arrival);
                match early {
                    true => by_arrival.then(by_flow),
                    false => late(x).cmp(&late(y)).then(by_flow).then(by_arrival),
                }
            });
            found.truncate(KEPT - 1);
            self.flow[gate] = found[0].flow / self.expected[gate].max(1.0);
            self.arrival[gate] = found[0].arrival;
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
        self.require();
    }

    /// Takes for each gate of the cover the cut that adds the fewest tables.
    fn recover(&mut self) {
        for gate in 1..self.gates.all.len() {
            if self.gates.all[gate] == Gate::Source {
                self.arrive(gate);
                continue;
            }
            if self.readers[gate] == 0 {
                continue;
            }
            let first = self.cuts[gate][0];
            self.release(&first);
            let mut judged = std::mem::take(&mut self.cuts[gate]);
            let candidates = judged.len() - 1;
            judged[..candidates].iter_mut().for_each(|cut| self.judge(cut));
            self.cuts[gate] = judged;
            let cost = |mapper: &mut Self, k: usize| {
                let cut = mapper.cuts[gate][k];
                let cost = mapper.take(&cut);
                mapper.release(&cut);
                cost
            };
            let mut best = (cost(self, 0), 0);
            for k in 1..candidates {
                if self.cuts[gate][k].arrival > self.required[gate] + SLACK {
                    continue;
                }
                let cost = cost(self, k);
                if cost < best.0 {
                    best = (cost, k);
                }
            }
            self.cuts[gate].swap(0, best.1);
            let chosen = self.cuts[gate][0];
            self.arrival[gate] = chosen.arrival;
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
                luts[gate] += self.tables.counts[cut.len() - 1];
                reads[gate] = cut.leaves().to_vec();
            }
        }
        Cover { reads, luts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LUT4: Tables = Tables {
        weights: &[1.0; 4],
        counts: &[1.0; 4],
        delays: &[[1.0; 4].as_slice(); 4],
        chain: None,
        inverters: true,
    };

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
    fn tables_are_wide_where_time_is_short() {
        const WIDE: Tables = Tables {
            weights: &[1.0, 1.0, 1.0, 1.0, 2.0, 4.0],
            counts: &[1.0, 1.0, 1.0, 1.0, 2.0, 4.0],
            delays: &[[1.0; 6].as_slice(); 6],
            ..LUT4
        };
        // Beside a parity of so many bits, six inputs that all count, in front of it or not, of a ROM or not.
        let of_six = |others: usize, before_chain: bool, rom: bool| {
            let mut gates = Gates::new();
            let inputs: Vec<Lit> = (0..6).map(|_| gates.source()).collect();
            let all = gates.all_of(&inputs);
            gates.sink(all);
            if rom {
                gates.roms.push(all);
            }
            let mut others: Vec<Lit> = (0..others).map(|_| gates.source()).collect();
            if before_chain {
                others.extend(gates.chain(vec![all], 1));
            }
            if let Some(parity) = others.into_iter().reduce(|a, b| gates.xor(a, b)) {
                gates.sink(parity);
            }
            let cover = cover(&gates, Tables { chain: Some(0.5), ..WIDE });
            cover.luts[all.gate()] + inputs.len() as f32 - cover.reads(all.gate()).len() as f32
        };
        let (wide, narrow) = (4.0, of_six(7, false, false));
        assert!(narrow < wide, "two tables of four inputs, where there is time");
        assert_eq!(of_six(0, false, false), wide);
        assert_eq!(of_six(7, true, false), wide, "a chain waits for it");
        assert_eq!(of_six(7, false, true), wide);
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
