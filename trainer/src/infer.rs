//! Inference with the real network and its running batch-norm statistics: the accuracy during training.

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::config::Config;
use crate::encode::Encoder;
use crate::kernel::{matrix, product};
use crate::net::Net;
use crate::quantise::Quantised;

const SAMPLES: usize = 256;

/// Classes of the rows of `x`, `[samples][features]`, at `part` of the training.
pub fn classes(net: &Net, config: &Config, encoder: &Encoder, part: f64, x: ArrayView2<'_, u8>) -> Vec<u8> {
    let layers: Vec<Quantised> = (0..net.dense.len())
        .map(|i| {
            let mut quantised = Quantised::default();
            net.quantise(config, i, part, &mut quantised);
            quantised
        })
        .collect();
    let affine: Vec<_> = net.norm.iter().map(|n| n.affine(&n.mean, &n.var, config.norm_epsilon)).collect();
    let scale = net.head.scale(layers[layers.len() - 1].nonzeros());
    let starts: Vec<usize> = (0..x.nrows()).step_by(SAMPLES).collect();
    let shard = |&start: &usize| -> Vec<u8> {
        let rows = SAMPLES.min(x.nrows() - start);
        let mut values = vec![0f32; rows * net.dense[0].inputs];
        for (s, out) in values.chunks_exact_mut(net.dense[0].inputs).enumerate() {
            encoder.encode(&x.row(start + s).to_vec(), out);
        }
        for (i, (dense, quantised)) in net.dense.iter().zip(&layers).enumerate() {
            let mut sums = vec![0f32; rows * dense.outputs];
            let weights = matrix(&quantised.weights, dense.outputs, dense.inputs).transpose();
            product(&mut sums, matrix(&values, rows, dense.inputs), weights);
            values = vec![0f32; sums.len()];
            match affine.get(i) {
                Some((slope, offset)) => config.activation.forward(&sums, slope, offset, &mut values),
                None => values = sums,
            }
        }
        let bias = &net.head.bias.value;
        let class = |row: &[f32]| {
            let logit = |c: usize| scale * row[c] + bias[c];
            (1..row.len()).fold(0, |best, c| if logit(c) > logit(best) { c } else { best }) as u8
        };
        values.chunks_exact(bias.len()).map(class).collect()
    };
    starts.par_iter().flat_map_iter(shard).collect()
}
