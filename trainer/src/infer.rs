//! Inference with the real network and its running batch-norm statistics: the accuracy during training.

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::config::{Activation, Config};
use crate::conv;
use crate::encode::Encoder;
use crate::geometry::totals;
use crate::kernel::{IMAGES, ROWS, matrix, product};
use crate::net::{Dense, Net};
use crate::pool;
use crate::quantise::Quantised;
use crate::residual::Kept;
use crate::sparse::{Sparse, turn};

/// Samples that one task classifies, and those of a network on images.
const SAMPLES: usize = 256;

/// Classes of the rows of `x`, `[samples][features]`, at `part` of the training.
pub fn classes(net: &Net, config: &Config, encoder: &Encoder, part: f64, x: ArrayView2<'_, u8>) -> Vec<u8> {
    let judge = Judge::new(net, config, part);
    let each = if encoder.image.is_some() { IMAGES } else { SAMPLES };
    let starts: Vec<usize> = (0..x.nrows()).step_by(each).collect();
    let shard = |&start: &usize| -> Vec<u8> {
        let rows = each.min(x.nrows() - start);
        let elements = net.dense[0].elements();
        let mut values = vec![0f32; rows * elements];
        for (s, out) in values.chunks_exact_mut(elements).enumerate() {
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
    /// Those of dense layers that are not zero, where they are few.
    nonzeros: Vec<Option<Sparse>>,
    affine: Vec<(Vec<f32>, Vec<f32>)>,
    scale: f32,
}

impl<'a> Judge<'a> {
    /// `net` with the weights that it would have at `part` of the training.
    pub fn new(net: &'a Net, config: &Config, part: f64) -> Self {
        let layers = net.judged(config, part);
        let affine = net.norm.iter().map(|n| n.affine(&n.mean, &n.var, config.norm_epsilon)).collect();
        let scale = net.head.scale(&config.weights, &layers[layers.len() - 1]);
        let few = |(dense, q): (&Dense, &Quantised)| match dense.geometry.conv {
            Some(_) => None,
            None => Sparse::of(&q.weights, dense.inputs),
        };
        let nonzeros = net.dense.iter().zip(&layers).map(few).collect();
        Judge { net, activation: config.activation, layers, nonzeros, affine, scale }
    }

    /// Logits, `[samples][classes]`, of encoded samples, `[samples][inputs]`; on the calling thread.
    pub fn logits(&self, mut values: Vec<f32>) -> Vec<f32> {
        let rows = values.len() / self.net.dense[0].elements();
        let mut kept = Kept::new(self.net.dense.iter().map(|d| &d.geometry));
        let mut turned = Vec::new();
        for (i, (dense, quantised)) in self.net.dense.iter().zip(&self.layers).enumerate() {
            let mut sums = vec![0f32; rows * dense.sums()];
            match &dense.geometry.conv {
                Some(w) => {
                    let mut tile = vec![0f32; conv::tile(w)];
                    let images =
                        values.chunks_exact(dense.elements()).zip(sums.chunks_exact_mut(dense.sums()));
                    images.for_each(|(x, sums)| {
                        conv::forward(w, dense.geometry.depthwise, &quantised.weights, x, sums, &mut tile)
                    });
                }
                None => {
                    if let Some(w) = &dense.geometry.average {
                        values = totals(w, &values);
                    }
                    match &self.nonzeros[i] {
                        Some(nonzeros) => {
                            turn(&values, dense.inputs, &mut turned);
                            let shards = sums.chunks_mut(ROWS * dense.outputs);
                            shards
                                .zip(turned.chunks_exact(dense.inputs))
                                .for_each(|(sums, x)| nonzeros.product(x, sums));
                        }
                        None => {
                            let weights = matrix(&quantised.weights, dense.outputs, dense.inputs).transpose();
                            product(&mut sums, matrix(&values, rows, dense.inputs), weights);
                        }
                    }
                }
            }
            let Some((slope, offset)) = self.affine.get(i) else {
                values = sums;
                break;
            };
            values = vec![0f32; rows * dense.codes()];
            if let Some(w) = &dense.geometry.pool {
                let (mut peaks, mut winners) = (vec![0f32; values.len()], vec![0u8; dense.codes()]);
                let images = sums.chunks_exact(dense.sums()).zip(peaks.chunks_exact_mut(dense.codes()));
                images.for_each(|(sums, peaks)| pool::peaks(w, sums, slope, peaks, &mut winners));
                sums = peaks;
            }
            self.activation.forward(&sums, slope, offset, &mut values);
            kept.leave(i, &mut values);
        }
        let bias = &self.net.head.bias.value;
        for row in values.chunks_exact_mut(bias.len()) {
            row.iter_mut().zip(bias).for_each(|(v, b)| *v = self.scale * *v + b);
        }
        values
    }
}
