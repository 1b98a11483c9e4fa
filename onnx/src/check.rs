//! An imported network beside the model's own execution, sample by sample.

use sterna_ir::{LayerOp, Threshold, eval};

use crate::exact::ratio;
use crate::import::{Encoder, Import};
use crate::{Error, Result};

/// A sample of which the network and the model's execution see something differently.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Number of the first output that differs; 0 for a class.
    pub element: usize,
    /// The network's class, or that output.
    pub network: i64,
    /// That of the execution; of a score the nearest integer.
    pub execution: i64,
    /// By how much the execution puts its class above the network's, or its score above the network's; `None` where it gave
    /// the class alone.
    pub margin: Option<f64>,
    /// How near a sum comes to a threshold, as a share of its size: where this is about 1e-7, sums of 32-bit floats cannot
    /// tell on which side it lies. `None` without thresholds.
    pub distance: Option<f64>,
}

impl Import {
    /// The network's integers for a sample of the model, its values as floats; `None` where one is not finite.
    pub fn encode(&self, sample: &[f32]) -> Option<Vec<i64>> {
        let Encoder { steps, stairs, lowest } = &self.encoder;
        let code = |v: &f32| {
            let value = steps.iter().fold(ratio(*v)?, |v, s| s.apply(&v, 0, 1));
            Some(lowest + stairs.edges[0].partition_point(|e| e.holds(&value)) as i64)
        };
        sample.iter().map(code).collect()
    }

    /// Compares the outputs of a sample: `sample` as the model takes it, `outcome` the scores that the model's execution
    /// gave, or, where the network ends in a class, the class alone. `None` when they are equal.
    ///
    /// Errors for samples and outcomes of another length, and for values that are not finite.
    pub fn compare(&self, sample: &[f32], outcome: &[f64]) -> Result<Option<Difference>> {
        let fail = |what: String| Error::Network(sterna_ir::Error::Sample(what));
        let codes = self.encode(sample).ok_or_else(|| fail("a value that is not finite".into()))?;
        let trace = eval::evaluate(&self.network, &codes)?;
        let output = &trace[trace.len() - 1];
        let expect = |want: &[usize]| match want.contains(&outcome.len()) {
            true => Ok(()),
            false => Err(fail(format!(
                "{} outcomes; want {} for each sample",
                outcome.len(),
                want[want.len() - 1]
            ))),
        };
        let (element, network, execution, margin) = match &self.scores {
            None => {
                expect(&[1, self.network.classes()])?;
                let class = match outcome {
                    [class] => *class as usize,
                    scores => {
                        (1..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best })
                    }
                };
                let ours = output[0] as usize;
                let margin = (outcome.len() > 1).then(|| outcome[class] - outcome[ours]);
                (0, output[0], class as i64, margin)
            }
            Some(scores) => {
                expect(&[output.len()])?;
                let integer = |e: usize| ((outcome[e] - scores.offset[e]) / scores.scale).round() as i64;
                let differs = (0..output.len()).find(|e| integer(*e) != output[*e]).unwrap_or(0);
                let ours = output[differs] as f64 * scores.scale + scores.offset[differs];
                (differs, output[differs], integer(differs), Some(outcome[differs] - ours))
            }
        };
        if network == execution {
            return Ok(None);
        }
        let before = |layer: usize| if layer == 0 { &codes } else { &trace[layer - 1] };
        let distances =
            self.edges.iter().filter_map(|(layer, edges)| match &self.network.layers[*layer].op {
                LayerOp::Threshold(t) => nearest(t, edges, before(*layer)),
                _ => None,
            });
        Ok(Some(Difference { element, network, execution, margin, distance: distances.reduce(f64::min) }))
    }
}

/// The smallest distance of a sum to an edge, as a share of its size.
fn nearest(t: &Threshold, edges: &[f64], sums: &[i64]) -> Option<f64> {
    let distance = |(element, sum): (usize, &i64)| {
        let channel = element / t.positions;
        let edges = edges[channel * t.levels..(channel + 1) * t.levels].iter().filter(|e| !e.is_nan());
        edges.map(|e| (*sum as f64 - e).abs() / (sum.unsigned_abs() as f64).max(1.0)).reduce(f64::min)
    };
    sums.iter().enumerate().filter_map(distance).reduce(f64::min)
}
