//! A network to learn from: trained first, or read from a checkpoint.

use std::path::PathBuf;

use rayon::prelude::*;

use crate::checkpoint::{self, Checkpoints};
use crate::config::{Activation, Architecture, Config, Input, TeacherSource, Weights};
use crate::data::Dataset;
use crate::encode::Encoder;
use crate::infer::Judge;
use crate::kernel::ROWS;
use crate::net::Net;
use crate::train::{self, Observer};
use crate::{Error, Result};

/// A trained network that is no longer trained.
#[derive(Clone, Debug)]
pub struct Teacher {
    net: Net,
    config: Config,
    encoder: Encoder,
}

/// The teacher that `config` asks for. One that must be trained has its own checkpoint beside that of `checkpoints`, with
/// `.teacher` added to the name.
pub(crate) fn obtain(
    dataset: &Dataset,
    config: &Config,
    checkpoints: Option<&Checkpoints>,
    observer: &mut dyn Observer,
) -> Result<Option<Teacher>> {
    let Some(wanted) = &config.teacher else { return Ok(None) };
    let (config, net) = match &wanted.source {
        TeacherSource::Train { hidden, epochs } => {
            let config = Config {
                model: Architecture::Mlp,
                hidden: hidden.clone(),
                weights: Weights::Float { bits: 8 },
                freeze: None,
                votes: false,
                activation: Activation::Relu { bits: 8 },
                input: Input::Raw,
                epochs: *epochs,
                warmup: config.warmup.min(*epochs as f64),
                teacher: None,
                ..config.clone()
            };
            let beside = checkpoints.map(|c| {
                let mut name = c.path.clone().into_os_string();
                name.push(".teacher");
                Checkpoints { path: PathBuf::from(name), ..c.clone() }
            });
            let net = train::best(dataset, &config, beside.as_ref(), observer)?;
            (config, net)
        }
        TeacherSource::Saved { path } => checkpoint::load(path)?,
    };
    let encoder = Encoder::of(&config, &dataset.shape, dataset.range);
    let inputs = dataset.train.x.ncols() * encoder.width();
    let (takes, gives) = (net.dense[0].elements(), net.head.bias.value.len());
    if takes != inputs || gives != dataset.classes {
        let what = format!(
            "a network of {takes} inputs and {gives} classes; the data has {inputs} and {}; train one on this data",
            dataset.classes
        );
        return Err(Error::config("teacher", what));
    }
    Ok(Some(Teacher { net, config, encoder }))
}

impl Teacher {
    /// Logits, `[samples][classes]`, of `raw` samples of `features` elements.
    pub fn logits(&self, raw: &[u8], features: usize) -> Vec<f32> {
        let judge = Judge::new(&self.net, &self.config, 1.0);
        let width = features * self.encoder.width();
        let shard = |raw: &[u8]| {
            let mut values = vec![0f32; raw.len() / features * width];
            for (row, out) in raw.chunks_exact(features).zip(values.chunks_exact_mut(width)) {
                self.encoder.encode(row, out);
            }
            judge.logits(values)
        };
        raw.par_chunks(ROWS * features).flat_map_iter(shard).collect()
    }
}
