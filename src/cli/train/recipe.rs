//! The flags of a recipe: model, activations, optimiser and the like.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use sterna_trainer::config::{Activation, Architecture, Config, Input, Optimiser, Schedule};

use super::method::LeverArgs;
use crate::{record, store};

/// The training flags, the weight method aside; what is not given keeps the default recipe.
#[derive(Clone, Debug, clap::Args)]
pub struct Recipe {
    /// JSON file with the whole recipe, as `--json` prints it under `config`, or the `.training.json` beside a network; the
    /// flags below change it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Layers: `mlp`, `lenet5`, `vgg7`, `resnet20`, the last two also with a factor of their outputs as `vgg7:0.25`, or a
    /// JSON file such as {"layers": [{"conv": {"outputs": 32, "kernel": 5, "pool": 2}}, {"dense": {"outputs": 128}}]}, where
    /// "skip": N adds what entered N blocks before, "depthwise": true gives each channel a kernel, and "average" takes that
    /// of a whole image [default: mlp].
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Outputs of the hidden layers of `mlp`, separated by commas [default: 256,256].
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    hidden: Option<Vec<usize>>,
    /// The last hidden layer votes, its neuron j for class j modulo the number of classes: no trained last layer.
    /// Cheapest with one-bit activations.
    #[arg(long)]
    votes: bool,
    #[command(flatten)]
    levers: LeverArgs,
    /// Activation: bits per code (1 to 8), or `relu` [default: 2].
    #[arg(long, value_name = "BITS", value_parser = parse_activation)]
    activation: Option<Activation>,
    /// Input coding: `raw`, bits per feature (1 to 8), or thermometer thresholds such as `t3` [default: raw].
    #[arg(long, value_name = "CODING", value_parser = parse_input)]
    input: Option<Input>,
    /// Passes over the training set [default: 40].
    #[arg(long, value_name = "N")]
    pub epochs: Option<usize>,
    /// Samples per step [default: 128].
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Highest learning rate [default: 0.01]; with SGD about 0.1.
    #[arg(long, value_name = "RATE")]
    rate: Option<f64>,
    /// Update rule [default: adam].
    #[arg(long, value_enum)]
    optimiser: Option<Rule>,
    /// Learning rate over the training [default: cosine]; `step` divides by 10 at one half and three quarters.
    #[arg(long, value_enum)]
    schedule: Option<Shape>,
    /// Probability spread over all classes in the target [default: 0].
    #[arg(long, value_name = "FRACTION")]
    label_smoothing: Option<f64>,
    /// Pull of the weights towards zero [default: 0.05]; with SGD about 0.0001.
    #[arg(long, value_name = "RATE")]
    weight_decay: Option<f64>,
    /// Share of the training set that chooses the best epoch; 0 keeps the last [default: 0.05].
    #[arg(long, value_name = "FRACTION")]
    validation: Option<f64>,
    /// Seed of everything random [default: 1].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Rule {
    Adam,
    Sgd,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shape {
    Constant,
    Step,
    Cosine,
}

fn parse_activation(text: &str) -> Result<Activation, String> {
    match text.parse::<u32>() {
        _ if text == "relu" => Ok(Activation::Relu { bits: 8 }),
        Ok(1) => Ok(Activation::sign()),
        Ok(bits @ 2..=8) => Ok(Activation::codes(bits)),
        _ => Err(format!("{text:?}; want 1 to 8 bits, or relu")),
    }
}

fn parse_input(text: &str) -> Result<Input, String> {
    let levels = text.strip_prefix('t').and_then(|n| n.parse::<u32>().ok());
    match (text.parse::<u32>(), levels) {
        _ if text == "raw" => Ok(Input::Raw),
        (Ok(bits @ 1..=8), _) => Ok(Input::Bits { bits }),
        (_, Some(levels @ 1..=255)) => Ok(Input::Thermometer { levels }),
        _ => Err(format!("{text:?}; want raw, 1 to 8 bits, or t1 to t255")),
    }
}

/// A model by name, or from a file.
fn read_model(text: &str) -> Result<Architecture> {
    let (name, width) = text.split_once(':').unwrap_or((text, "1"));
    match (name, width.parse::<f64>()) {
        _ if text == "mlp" => Ok(Architecture::Mlp),
        _ if text == "lenet5" => Ok(Architecture::Lenet5),
        ("vgg7", Ok(width)) => Ok(Architecture::Vgg7 { width }),
        ("resnet20", Ok(width)) => Ok(Architecture::Resnet20 { width }),
        _ if text.ends_with(".json") => {
            let content = store::read_text(std::path::Path::new(text))?;
            serde_json::from_str(&content).with_context(|| text.to_string())
        }
        _ => bail!(
            "--model {text:?}; want mlp, lenet5, vgg7, resnet20, vgg7:WIDTH, resnet20:WIDTH or a .json file"
        ),
    }
}

impl Recipe {
    /// The trainer's configuration.
    pub fn config(&self) -> Result<Config> {
        let mut c = match &self.config {
            Some(path) => record::recipe(path)?,
            None => Config::default(),
        };
        set(&mut c.model, &self.model.as_deref().map(read_model).transpose()?);
        set(&mut c.hidden, &self.hidden);
        if self.hidden.is_some() && c.model != Architecture::Mlp {
            bail!("--hidden goes with --model mlp only; leave out one of them");
        }
        c.votes |= self.votes;
        set(&mut c.activation, &self.activation);
        set(&mut c.input, &self.input);
        set(&mut c.epochs, &self.epochs);
        set(&mut c.batch, &self.batch);
        set(&mut c.rate, &self.rate);
        set(&mut c.label_smoothing, &self.label_smoothing);
        set(&mut c.weight_decay, &self.weight_decay);
        set(&mut c.validation, &self.validation);
        set(&mut c.seed, &self.seed);
        self.levers.apply(&mut c);
        match self.optimiser {
            Some(Rule::Sgd) => c.optimiser = Optimiser::Sgd { momentum: 0.9 },
            Some(Rule::Adam) => c.optimiser = Config::default().optimiser,
            None => {}
        }
        match self.schedule {
            Some(Shape::Constant) => c.schedule = Schedule::Constant,
            Some(Shape::Step) => c.schedule = Schedule::Step { at: vec![0.5, 0.75], factor: 0.1 },
            Some(Shape::Cosine) => c.schedule = Schedule::Cosine,
            None => {}
        }
        Ok(c)
    }
}

fn set<T: Clone>(field: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        *field = value.clone();
    }
}
