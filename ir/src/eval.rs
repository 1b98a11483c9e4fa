//! The reference evaluator: slow, obvious, and the definition of what a network means.

use crate::{Conv2d, Dense, Error, LayerOp, Network, Result, Threshold, Window};

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
        let y = apply(&layer.op, x, &trace);
        trace.push(y);
    }
    Ok(trace)
}

/// Output vector of a layer for its input `x`; `trace` holds those of all layers before it.
pub fn apply(op: &LayerOp, x: &[i64], trace: &[Vec<i64>]) -> Vec<i64> {
    match op {
        LayerOp::Dense(dense) => eval_dense(dense, x),
        LayerOp::Conv2d(conv) => eval_conv(conv, x),
        LayerOp::MaxPool(window) => eval_pool(window, x, i64::MIN, i64::max),
        LayerOp::SumPool(window) => eval_pool(window, x, 0, |a, b| a + b),
        LayerOp::Add { from } => x.iter().zip(&trace[*from]).map(|(a, b)| a + b).collect(),
        LayerOp::Threshold(threshold) => eval_threshold(threshold, x),
        LayerOp::ArgMax => vec![arg_max(x) as i64],
    }
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
    match sample.iter().zip(input.of_elements()).enumerate().find(|(_, (v, range))| !range.contains(**v)) {
        Some((i, (v, range))) => Err(Error::Sample(format!("element {i} is {v}, outside {range}"))),
        None => Ok(()),
    }
}

fn eval_dense(dense: &Dense, x: &[i64]) -> Vec<i64> {
    let dot = |o: usize| dense.row(o).iter().zip(x).map(|(&w, &v)| i64::from(w) * v).sum::<i64>();
    (0..dense.outputs).map(|o| dense.bias(o) + dot(o)).collect()
}

/// Products of zero weights are left out: of a sparse layer little remains.
fn eval_conv(conv: &Conv2d, x: &[i64]) -> Vec<i64> {
    let positions = conv.window.positions();
    let mut y: Vec<i64> = (0..conv.outputs).flat_map(|o| vec![conv.bias(o); positions]).collect();
    for (o, y) in y.chunks_exact_mut(positions).enumerate() {
        conv.each(o, |window, element, weight| y[window] += i64::from(weight) * x[element]);
    }
    y
}

fn eval_pool(window: &Window, x: &[i64], start: i64, join: impl Fn(i64, i64) -> i64) -> Vec<i64> {
    let mut y = vec![start; window.input[0] * window.positions()];
    window.each_of_all(|output, element| y[output] = join(y[output], x[element]));
    y
}

fn eval_threshold(threshold: &Threshold, x: &[i64]) -> Vec<i64> {
    let mut y = Vec::with_capacity(threshold.outputs());
    for (c, x) in x.chunks_exact(threshold.positions).enumerate() {
        let falling = threshold.is_falling(c);
        let bit = |v: i64, t: i64| i64::from(if falling { v <= t } else { v >= t });
        let levels = threshold.of(c);
        if threshold.thermometer {
            levels.iter().for_each(|&t| y.extend(x.iter().map(|&v| bit(v, t))));
        } else {
            y.extend(x.iter().map(|&v| levels.iter().map(|&t| bit(v, t)).sum::<i64>()));
        }
    }
    y
}

/// Index of the largest element, the lowest on a tie.
pub fn arg_max(x: &[i64]) -> usize {
    (1..x.len()).fold(0, |best, i| if x[i] > x[best] { i } else { best })
}
