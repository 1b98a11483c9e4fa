//! Residual sums: which streams fork, and the rows that add them.

use sterna_ir::{LayerOp, Network, Range, Threshold};

use super::images::in_memory;
use super::{Planner, Unit, clean};
use crate::lower::maps::regroup;
use crate::lower::queue::Join;
use crate::lower::rows::{Levels, Row};
use crate::{Error, Result};

/// A stream that is read twice.
pub struct Fork {
    /// Layer whose output it is.
    layer: usize,
    range: Range,
}

/// Whether the output of `layer` is added to that of a later one than the next.
pub fn is_forked(network: &Network, layer: usize) -> bool {
    let reads = |(index, op): (usize, &LayerOp)| matches!(op, LayerOp::Add { from } if *from == layer && layer + 1 < index);
    network.layers.iter().map(|l| &l.op).enumerate().any(reads)
}

/// Pixels that can wait until it is known how many have to.
pub fn enough(positions: usize) -> usize {
    2 * positions + 64
}

impl Planner<'_> {
    /// At the end of the stage of `layer`: whole pixels, where another stream is to be joined with them.
    pub fn fork(&mut self, layer: usize) {
        if is_forked(self.network, layer) {
            self.gather();
            self.forks.push(Fork { layer, range: self.flow.range });
        }
    }

    /// The sum of the stream and that of layer `from`.
    pub fn residual(&mut self, index: usize, from: usize, threshold: Option<&Threshold>) -> Result<()> {
        self.gather();
        let regrouped = threshold.map(|t| regroup(t, self.flow.positions));
        let channels = self.exact(index).len() / self.flow.positions;
        let twice = from + 1 == index;
        let row = |&c: &u32| Row {
            element: c,
            terms: if twice { vec![(c, 2)] } else { vec![(c, 1), (c + channels as u32, 1)] },
            bias: 0,
            levels: regrouped.as_ref().map(|t| Levels::of(t, c as usize, 0)),
        };
        let rows: Vec<Row> = self.flow.order.iter().map(row).collect();
        let mut x = self.channels_of_nodes(index);
        if !twice {
            x.extend(self.channels_of_nodes(from + 1));
            let fork = self.forks.iter().find(|f| f.layer == from).expect("its stage has ended");
            self.flow.range = self.flow.range.union(fork.range).union(Range::point(0)).word();
            let depth = enough(self.flow.positions);
            self.units.push(Unit::Join(Join { from, channels, depth }));
        }
        self.about.push(format!("Adds the output of network layer {from}."));
        let name = &self.network.layers[index].name;
        self.flow.range =
            self.bound(&rows).ok_or_else(|| Error::TooWide { layer: index, name: clean(name) })?;
        self.unrolled(rows, threshold, x);
        Ok(())
    }

    /// By channel in front of layer `index`, what its nodes can hold or more.
    fn channels_of_nodes(&self, index: usize) -> Vec<Range> {
        let channel = |x: &[Range]| x.iter().copied().reduce(Range::union).expect("a channel has elements");
        self.of_nodes(index, false)
            .chunks_exact(self.small.positions[index])
            .map(channel)
            .map(in_memory)
            .collect()
    }
}
