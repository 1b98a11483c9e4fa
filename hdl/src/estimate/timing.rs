//! When gates of a cover are there and have to be.
//!
//! ABC first makes everything as early as it can, then takes tables back wherever that makes nothing later than the last.
//! In tables of a ROM it takes hardly any back: it has restructured them before.

use super::cut::{Cut, MOST};
use super::gates::Gate;
use super::map::Mapper;

impl Mapper<'_> {
    /// What a cut costs and when it is there, by the first cuts of its leaves.
    pub fn judge(&self, cut: &mut Cut) {
        cut.flow = self.weight(cut) + cut.leaves().iter().map(|l| self.flow[*l as usize]).sum::<f32>();
        let (leaves, len) = self.latest_first(cut);
        let delays = self.tables.delays[len - 1];
        let through = |(leaf, delay): (&u32, &f32)| self.arrival[*leaf as usize] + delay;
        cut.arrival = leaves[..len].iter().zip(delays).map(through).fold(0.0, f32::max);
    }

    /// When a source is there: what comes from a chain of carries, after what the chain reads.
    pub fn arrive(&mut self, gate: usize) {
        if let (Some(inputs), Some(delay)) = (self.gates.before_chain(gate), self.tables.chain) {
            let last = inputs.iter().map(|lit| self.arrival[lit.gate()]).fold(0.0, f32::max);
            self.arrival[gate] = last + delay;
        }
    }

    /// Leaves, the latest first: it takes the fastest input.
    fn latest_first(&self, cut: &Cut) -> ([u32; MOST], usize) {
        let (mut leaves, len) = ([0; MOST], cut.len());
        leaves[..len].copy_from_slice(cut.leaves());
        leaves[..len]
            .sort_by(|a, b| self.arrival[*b as usize].total_cmp(&self.arrival[*a as usize]).then(a.cmp(b)));
        (leaves, len)
    }

    /// When each gate of the cover has to be there, so that the last sink is as early as it can be.
    pub fn require(&mut self) {
        self.required.fill(f32::INFINITY);
        let last = self.gates.sinks.iter().map(|s| self.arrival[s.gate()]).fold(0.0, f32::max);
        self.gates.sinks.iter().for_each(|s| self.required[s.gate()] = last);
        if self.earliest.is_empty() {
            self.earliest = self.gates.roms.iter().map(|s| self.arrival[s.gate()]).collect();
        }
        for (rom, earliest) in self.gates.roms.iter().zip(&self.earliest) {
            self.required[rom.gate()] = *earliest;
        }
        for gate in (1..self.gates.all.len()).rev() {
            if let (Some(inputs), Some(delay)) = (self.gates.before_chain(gate), self.tables.chain) {
                for input in inputs {
                    let input = input.gate();
                    self.required[input] = self.required[input].min(self.required[gate] - delay);
                }
            }
            if self.readers[gate] == 0 || self.gates.all[gate] == Gate::Source {
                continue;
            }
            let cut = self.cuts[gate][0];
            let (leaves, len) = self.latest_first(&cut);
            for (leaf, delay) in leaves[..len].iter().zip(self.tables.delays[len - 1]) {
                let leaf = *leaf as usize;
                self.required[leaf] = self.required[leaf].min(self.required[gate] - delay);
            }
        }
    }
}
