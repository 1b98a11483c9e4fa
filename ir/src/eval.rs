//! The reference evaluator: slow, obvious, and the definition of what a network means.

use crate::{Dense, Error, LayerOp, Network, Result, Threshold};

/// Output vector of every layer for one sample: `trace[layer][element]`.
pub type Trace = Vec<Vec<i64>>;

/// Evaluates `network` on one sample of `network.input.elements()` values, each within the input range.
///
/// The network must have been [checked](Network::check).
pub fn evaluate(network: &Network, sample: &[i64]) -> Result<Trace> {
    check_sample(network, sample)?;
    let mut trace: Trace = Vec::with_capacity(network.layers.len());
    for layer in &network.layers {
        let x = trace.last().map_or(sample, Vec::as_slice);
        let y = match &layer.op {
            LayerOp::Dense(dense) => eval_dense(dense, x),
            LayerOp::Threshold(threshold) => eval_threshold(threshold, x),
            LayerOp::ArgMax => vec![arg_max(x) as i64],
        };
        trace.push(y);
    }
    Ok(trace)
}

/// Refuses a sample of the wrong length or with a value outside the input range.
pub fn check_sample(network: &Network, sample: &[i64]) -> Result<()> {
    let input = &network.input;
    if sample.len() != input.elements() {
        return Err(Error::Sample(format!(
            "{} values given, the network takes {}",
            sample.len(),
            input.elements()
        )));
    }
    match sample.iter().position(|v| !input.range.contains(*v)) {
        Some(i) => Err(Error::Sample(format!("element {i} is {}, outside {}", sample[i], input.range))),
        None => Ok(()),
    }
}

fn eval_dense(dense: &Dense, x: &[i64]) -> Vec<i64> {
    let dot = |o: usize| dense.row(o).iter().zip(x).map(|(&w, &v)| i64::from(w) * v).sum::<i64>();
    (0..dense.outputs).map(|o| dense.bias(o) + dot(o)).collect()
}

fn eval_threshold(threshold: &Threshold, x: &[i64]) -> Vec<i64> {
    let mut y = Vec::with_capacity(threshold.outputs());
    for (c, &value) in x.iter().enumerate() {
        let falling = threshold.is_falling(c);
        let bits = threshold.of(c).iter().map(|&t| i64::from(if falling { value <= t } else { value >= t }));
        if threshold.thermometer {
            y.extend(bits);
        } else {
            y.push(bits.sum());
        }
    }
    y
}

/// Index of the largest element, the lowest on a tie.
pub fn arg_max(x: &[i64]) -> usize {
    (1..x.len()).fold(0, |best, i| if x[i] > x[best] { i } else { best })
}
