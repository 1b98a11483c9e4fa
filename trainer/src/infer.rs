//! Inference with the real network and its running batch-norm statistics: the accuracy during training.

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::config::{Activation, Config};
use crate::encode::Encoder;
use crate::kernel::{matrix, product};
use crate::net::Net;
use crate::quantise::Quantised;

const SAMPLES: usize = 256;

/// Classes of the rows of `x`, `[samples][features]`, at `part` of the training.
pub fn classes(net: &Net, config: &Config, encoder: &Encoder, part: f64, x: ArrayView2<'_, u8>) -> Vec<u8> {
    let judge = Judge::new(net, config, part);
    let starts: Vec<usize> = (0..x.nrows()).step_by(SAMPLES).collect();
    let shard = |&start: &usize| -> Vec<u8> {
        let rows = SAMPLES.min(x.nrows() - start);
        let mut values = vec![0f32; rows * net.dense[0].inputs];
        for (s, out) in values.chunks_exact_mut(net.dense[0].inputs).enumerate() {
            encoder.encode(&x.row(start + s).to_vec(), out);
        }
        let best =
            |row: &[f32]| (1..row.len()).fold(0, |best, c| if row[c] > row[best] { c } else { best }) as u8;
        judge.logits(values).chunks_exact(net.head.bias.value.len()).map(best).collect()
    };
    starts.par_iter().flat_map_iter(shard).collect()
}

/// A network made ready for inference.
pub struct Judge<'a> {
    net: &'a Net,
    activation: Activation,
    layers: Vec<Quantised>,
    affine: Vec<(Vec<f32>, Vec<f32>)>,
    scale: f32,
}

impl<'a> Judge<'a> {
    /// `net` with the weights that it would have at `part` of the training.
    pub fn new(net: &'a Net, config: &Config, part: f64) -> Self {
        let layers = net.judged(config, part);
        let affine = net.norm.iter().map(|n| n.affine(&n.mean, &n.var, config.norm_epsilon)).collect();
        let scale = net.head.scale(&config.weights, &layers[layers.len() - 1]);
        Judge { net, activation: config.activation, layers, affine, scale }
    }

    /// Logits, `[samples][classes]`, of encoded samples, `[samples][inputs]`; on the calling thread.
    pub fn logits(&self, mut values: Vec<f32>) -> Vec<f32> {
        let rows = values.len() / self.net.dense[0].inputs;
        for (i, (dense, quantised)) in self.net.dense.iter().zip(&self.layers).enumerate() {
            let mut sums = vec![0f32; rows * dense.outputs];
            let weights = matrix(&quantised.weights, dense.outputs, dense.inputs).transpose();
            product(&mut sums, matrix(&values, rows, dense.inputs), weights);
            values = vec![0f32; sums.len()];
            match self.affine.get(i) {
                Some((slope, offset)) => self.activation.forward(&sums, slope, offset, &mut values),
                None => values = sums,
            }
        }
        let bias = &self.net.head.bias.value;
        for row in values.chunks_exact_mut(bias.len()) {
            row.iter_mut().zip(bias).for_each(|(v, b)| *v = self.scale * *v + b);
        }
        values
    }
}
