//! Fan-ins that count: those of neurons whose value changes and reaches the classes.

use super::CostTable;
use crate::{LayerOp, Network};

/// A weight matrix among those of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// Weights of an output.
    pub inputs: usize,
    /// Neurons, or output channels.
    pub outputs: usize,
    /// Whether its outputs are read by a residual sum, or join one: none of them is then without value or use.
    pub summed: bool,
}

/// Fan-ins of a chain of layers, counting what can reach the last layer and is not constant: a neuron without live inputs
/// is a constant, and one that no live neuron reads is not built.
/// `source(layer, input)` is the output of the layer before that an input comes from, and
/// `nonzero(layer, output * inputs + input)` says which weights there are.
pub fn live_fan_ins(
    chain: &[Matrix],
    source: impl Fn(usize, usize) -> usize,
    nonzero: impl Fn(usize, usize) -> bool,
) -> Vec<Vec<u32>> {
    let mut fan_ins: Vec<Vec<u32>> = Vec::with_capacity(chain.len());
    for (layer, &Matrix { inputs, outputs, .. }) in chain.iter().enumerate() {
        let live =
            |i: usize| layer == 0 || chain[layer - 1].summed || fan_ins[layer - 1][source(layer, i)] > 0;
        let live: Vec<bool> = (0..inputs).map(live).collect();
        let count =
            |o: usize| (0..inputs).filter(|&i| nonzero(layer, o * inputs + i) && live[i]).count() as u32;
        fan_ins.push((0..outputs).map(count).collect());
    }
    for layer in (1..chain.len()).rev().filter(|&layer| !chain[layer - 1].summed) {
        let Matrix { inputs, outputs, .. } = chain[layer];
        let mut read = vec![false; chain[layer - 1].outputs];
        for o in (0..outputs).filter(|&o| fan_ins[layer][o] > 0) {
            (0..inputs).for_each(|i| read[source(layer, i)] |= nonzero(layer, o * inputs + i));
        }
        fan_ins[layer - 1].iter_mut().zip(read).filter(|(_, r)| !r).for_each(|(k, _)| *k = 0);
    }
    fan_ins
}

impl CostTable {
    /// Cost in thousandths of `network`, whose layers of weights must be those of the table.
    pub fn of_network(&self, network: &Network) -> Result<u64, String> {
        let mut chain: Vec<Matrix> = Vec::new();
        let mut weights: Vec<&[i16]> = Vec::new();
        // The matrix that each layer's values come from.
        let mut owners: Vec<Option<usize>> = Vec::new();
        for layer in &network.layers {
            match &layer.op {
                LayerOp::Dense(d) => {
                    chain.push(Matrix { inputs: d.inputs, outputs: d.outputs, summed: false });
                    weights.push(&d.weights);
                }
                LayerOp::Conv2d(c) if c.groups == 1 => {
                    let inputs = c.weights.len() / c.outputs;
                    chain.push(Matrix { inputs, outputs: c.outputs, summed: false });
                    weights.push(&c.weights);
                }
                LayerOp::Conv2d(_) => {
                    return Err(format!("layer {} has groups; costs are known for one group", layer.name));
                }
                LayerOp::Add { from } => {
                    for owner in [owners[*from], chain.len().checked_sub(1)].into_iter().flatten() {
                        chain[owner].summed = true;
                    }
                }
                LayerOp::MaxPool(_) | LayerOp::SumPool(_) | LayerOp::Threshold(_) | LayerOp::ArgMax => {}
            }
            owners.push(chain.len().checked_sub(1));
        }
        self.check(chain.len())?;
        // All elements of a channel lie together.
        let each = |layer: usize| (chain[layer].inputs / chain[layer - 1].outputs).max(1);
        let source = |layer: usize, input: usize| input / each(layer);
        let fan_ins = live_fan_ins(&chain, source, |layer, i| weights[layer][i] != 0);
        let costs = self.layers.iter().zip(&chain).zip(&fan_ins).map(|((c, m), k)| c.of(m.inputs, k));
        Ok(self.sum(&costs.collect::<Vec<_>>()))
    }
}
