//! A network to learn from: trained first, or read from a checkpoint.

use std::collections::HashMap;
use std::path::PathBuf;

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

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
    /// Ready to be asked.
    pub fn ready(&self) -> Lessons<'_> {
        let judge = Judge::new(&self.net, &self.config, 1.0);
        Lessons { judge, encoder: &self.encoder, places: HashMap::new(), logits: Vec::new() }
    }
}

/// Samples that a teacher remembers; an image moved by a pixel is another sample.
const REMEMBERED: usize = 1 << 20;

/// What a teacher says, remembered, because a training shows the same samples over and over.
pub struct Lessons<'a> {
    judge: Judge<'a>,
    encoder: &'a Encoder,
    /// Where the logits of a sample with this digest are.
    places: HashMap<Digest, usize>,
    logits: Vec<f32>,
}

type Digest = [u8; 32];

impl Lessons<'_> {
    /// Logits, `[batch][classes]`, of `raw` samples of `features` elements.
    pub fn logits(&mut self, raw: &[u8], features: usize) -> Vec<f32> {
        let rows: Vec<&[u8]> = raw.chunks_exact(features).collect();
        let digests: Vec<Digest> = rows.par_iter().map(|row| Sha256::digest(row).into()).collect();
        if self.places.len() + rows.len() > REMEMBERED {
            self.places.clear();
            self.logits.clear();
        }
        let known = self.places.len();
        let mut new = Vec::new();
        for (row, digest) in rows.iter().zip(&digests) {
            let next = known + new.len();
            self.places.entry(*digest).or_insert_with(|| {
                new.push(*row);
                next
            });
        }
        let width = features * self.encoder.width();
        let shard = |rows: &[&[u8]]| {
            // Always as many, so that a sample's logits do not depend on who comes with it.
            let mut values = vec![0f32; ROWS * width];
            for (row, out) in rows.iter().zip(values.chunks_exact_mut(width)) {
                self.encoder.encode(row, out);
            }
            let mut logits = self.judge.logits(values);
            logits.truncate(logits.len() / ROWS * rows.len());
            logits
        };
        let said: Vec<f32> = new.par_chunks(ROWS).flat_map_iter(shard).collect();
        self.logits.extend(said);
        let classes = self.logits.len() / self.places.len();
        let logits = |digest| &self.logits[self.places[digest] * classes..][..classes];
        digests.iter().flat_map(logits).copied().collect()
    }
}
