//! The loss and its gradient by the sums of the last layer.
//!
//! Softmax cross-entropy with smoothed labels; with a teacher, its softened classes take a share of the target (Hinton,
//! Vinyals and Dean, arXiv 1503.02531): `(1 - s) CE(label, p) + s T^2 KL(q_T || p_T)`, `T` the temperature of both.

use rayon::prelude::*;

use crate::config::Config;
use crate::kernel::ROWS;
use crate::net::Net;
use crate::step::{BatchResult, Workspace};

/// One shard's loss, correct samples, gradient of the gain, and of the biases.
type Shard = (f64, usize, f32, Vec<f32>);

pub(crate) fn loss(net: &Net, config: &Config, space: &mut Workspace) -> BatchResult {
    let classes = net.head.bias.value.len();
    let layer = space.layers.last_mut().expect("a last layer");
    let scale = net.head.scale(&config.weights, &layer.quantised);
    let even = (config.label_smoothing / classes as f64) as f32;
    let peak = 1.0 - config.label_smoothing as f32;
    let weight = 1.0 / space.batch as f32;
    let (share, temperature) = match &config.teacher {
        Some(t) if !space.teacher.is_empty() => (t.share as f32, t.temperature as f32),
        _ => (0.0, 1.0),
    };
    let taught = |shard: usize| match share > 0.0 {
        true => &space.teacher[shard * ROWS * classes..],
        false => &[][..],
    };
    let shards = layer
        .grad
        .par_chunks_mut(ROWS * classes)
        .zip(layer.sums.par_chunks(ROWS * classes))
        .zip(space.labels.par_chunks(ROWS))
        .enumerate();
    let shards: Vec<Shard> = shards
        .map(|(shard, ((grad, sums), labels))| {
            let (mut loss, mut correct, mut gain, mut bias) = (0.0, 0, 0f32, vec![0f32; classes]);
            let rows = grad.chunks_exact_mut(classes).zip(sums.chunks_exact(classes)).zip(labels);
            for (row, ((grad, sums), &label)) in rows.enumerate() {
                let logits = |(s, b): (&f32, &f32)| scale * s + b;
                let logits: Vec<f32> = sums.iter().zip(&net.head.bias.value).map(logits).collect();
                let best = (1..classes).fold(0, |best, c| if logits[c] > logits[best] { c } else { best });
                correct += usize::from(best == usize::from(label));
                let target = |c: usize| even + if c == usize::from(label) { peak } else { 0.0 };
                let log_p = log_softmax(&logits, 1.0);
                for c in 0..classes {
                    loss -= f64::from((1.0 - share) * target(c) * log_p[c]);
                    grad[c] = (1.0 - share) * (log_p[c].exp() - target(c));
                }
                if share > 0.0 {
                    let taught = &taught(shard)[row * classes..(row + 1) * classes];
                    let (log_q, log_p) =
                        (log_softmax(taught, temperature), log_softmax(&logits, temperature));
                    for c in 0..classes {
                        let q = log_q[c].exp();
                        loss += f64::from(share * temperature * temperature * q * (log_q[c] - log_p[c]));
                        grad[c] += share * temperature * (log_p[c].exp() - q);
                    }
                }
                for (c, g) in grad.iter_mut().enumerate() {
                    *g *= weight;
                    bias[c] += *g;
                    gain += *g * scale * sums[c];
                    *g *= scale;
                }
            }
            (loss, correct, gain, bias)
        })
        .collect();
    space.gain_grad = shards.iter().map(|s| s.2).sum();
    space.bias_grad = (0..classes).map(|c| shards.iter().map(|s| s.3[c]).sum()).collect();
    BatchResult {
        loss: shards.iter().map(|s| s.0).sum::<f64>() / space.batch as f64,
        correct: shards.iter().map(|s| s.1).sum(),
    }
}

/// Logarithms of the softmax of `logits / temperature`.
fn log_softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shifted: Vec<f32> = logits.iter().map(|l| (l - top) / temperature).collect();
    let log_total = shifted.iter().map(|l| l.exp()).sum::<f32>().ln();
    shifted.iter().map(|l| l - log_total).collect()
}
