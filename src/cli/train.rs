//! `sterna train`: a data set to a network file.

mod method;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use indicatif::ProgressBar;
use serde_json::json;
use sterna_ir::size::Size;
use sterna_trainer::config::{Activation, Architecture, Config, Input, Optimiser, Schedule};
use sterna_trainer::data::Dataset;
use sterna_trainer::train::EpochRecord;
use sterna_trainer::{Checkpoints, Control, Observer, Outcome as Trained, Progress, check_export, train};

use self::method::{LeverArgs, MethodArgs};
use super::data::{DataArgs, SPEC_HELP, load};
use super::report::{Report, ReportArgs};
use crate::ui::{Outcome, Ui, percent, table, thousands};
use crate::{record, store};

/// Flags of `sterna train`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna train mnist -o digits.sterna                          784-256-256-10, TWN, 2-bit activations
  sterna train mnist --activation 1 -o digits.sterna           one-bit activations
  sterna train mnist --weights top-k --zeros 0.95,0.95,0.9     exact zeros per layer
  sterna train mnist --weights tga -o digits.sterna            a threshold trained through the scale
  sterna train mnist --weights sca --zeros 0.9 -o d.sterna     a regulariser steered to 90 % zeros
  sterna train mnist --weights fan-in --fan-in 6,6,32 --activation 1 --input 1
  sterna train mnist --hidden 800,400,150 --fan-in 6 --votes --activation 1 --input 1
  sterna train mnist --budget 8000 --target xcup               the most accurate network of 8,000 LUT6
  sterna train mnist --cycles 1000 --pes 16                    at most 1,000 cycles on 16 elements a layer
  sterna train mnist --teacher 1024,1024 --shift 1 --rotate 10 --average 0.999
  sterna train mnist --model lenet5 --epochs 10                convolutions
  sterna train table.csv --hidden 64,32 --epochs 100 --checkpoint run.ckpt
  sterna train a.csv --test b.csv")]
pub struct Args {
    /// Data set.
    #[arg(long_help = SPEC_HELP)]
    data: String,
    /// File with the test samples, for a table of one's own [default: a fifth of each class is held out].
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// Network file to write.
    #[arg(short, long, default_value = "network.sterna", value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    recipe: Recipe,
    #[command(flatten)]
    method: MethodArgs,
    /// Checkpoint file: written while training, and continued from when it exists.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    source: DataArgs,
}

/// The training flags, the weight method aside; what is not given keeps the default recipe.
#[derive(Clone, Debug, clap::Args)]
pub struct Recipe {
    /// JSON file with the whole recipe, as `--json` prints it under `config`; the flags below change it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Layers: `mlp`, `lenet5`, `vgg7`, `resnet20`, the last two also with a factor of their outputs as `vgg7:0.25`, or
    /// a JSON file such as {"layers": [{"conv": {"outputs": 32, "kernel": 5, "pool": 2}}, {"dense": {"outputs": 128}}]},
    /// where "skip": N adds what entered N blocks before, and "average" takes that of a whole image [default: mlp].
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
            Some(path) => {
                serde_json::from_str(&store::read_text(path)?).with_context(|| path.display().to_string())?
            }
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

/// Longest silence while nobody watches a bar.
const QUIET: Duration = Duration::from_secs(20);

/// Steps below which a training is likely cut short.
const FEW_STEPS: usize = 500;

/// Draws the progress of a training.
struct Watch<'a> {
    bar: ProgressBar,
    ui: &'a Ui,
    /// When the last line was written, where there is no terminal to draw on.
    said: std::time::Instant,
    /// Steps taken in this run.
    steps: usize,
}

impl Observer for Watch<'_> {
    fn step(&mut self, p: &Progress<'_>) -> Control {
        if self.steps == 0 {
            // Steps of an earlier run do not count for the rate.
            self.bar.set_length(p.total_steps as u64);
            self.bar.set_position(p.step as u64);
            self.bar.reset_eta();
        }
        self.steps += 1;
        self.bar.set_position(p.step as u64);
        if p.step.is_multiple_of(16) {
            let validation = p.history.last().and_then(|r| r.validation_accuracy);
            let validation = validation.map_or(String::new(), |v| format!(" val {}", percent(v)));
            self.bar.set_message(format!(
                "epoch {}/{} loss {:.4} acc {}{validation} zeros {}",
                p.epoch,
                p.epochs,
                p.loss,
                percent(p.accuracy),
                percent(p.zeros)
            ));
        }
        Control::Continue
    }

    fn epoch(&mut self, record: &EpochRecord, _: Duration) -> Control {
        if self.bar.is_hidden() && self.said.elapsed() > QUIET {
            self.said = std::time::Instant::now();
            self.ui.note(format!("epoch {}: loss {:.4}", record.epoch, record.loss));
        }
        Control::Continue
    }
}

/// Trains with a progress bar, then checks the export on every test sample (or training sample, when there are none).
pub fn train_and_check(
    dataset: &Dataset,
    config: &Config,
    checkpoints: Option<&Checkpoints>,
    what: &str,
    ui: &Ui,
) -> Result<Trained> {
    let mut watch = Watch { bar: ui.bar(what, 0, "steps"), ui, said: std::time::Instant::now(), steps: 0 };
    let trained = train(dataset, config, checkpoints, &mut watch);
    watch.bar.finish_and_clear();
    let trained = trained?;
    if let (0, Some(done)) = (watch.steps, checkpoints) {
        ui.note(format!("{} holds a finished training; delete it to train again", done.path.display()));
    }
    let split = if dataset.test.is_empty() { &dataset.train } else { &dataset.test };
    check_export(&trained.model, &trained.network, split)
        .context("the exported network differs from the trainer's own")?;
    Ok(trained)
}

/// Runs `sterna train`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    let mut config = args.recipe.config()?;
    args.method.apply(&mut config)?;
    store::ensure_network(&args.output)?;
    let beside = record::beside(&args.output);
    record::ensure_writable(&beside)?;
    args.report.check()?;
    if args.checkpoint.as_ref() == Some(&args.output) {
        bail!("--checkpoint and -o are both {}; give two files", args.output.display());
    }
    let dataset = load(&args.data, args.test.as_deref(), &args.source, ui)?;
    args.method.budget(&mut config, &dataset)?;
    config.validate()?;
    let checkpoints = args.checkpoint.clone().map(|path| Checkpoints { path, every: 1, resume: true });
    let steps = config.epochs * dataset.train.len().div_ceil(config.batch.max(1));
    if steps < FEW_STEPS {
        ui.note(format!("only {steps} training steps in all; more --epochs or a smaller --batch learn more"));
    }
    let trained = train_and_check(&dataset, &config, checkpoints.as_ref(), "train", ui)?;
    let record = record::save(&trained, &config, &dataset, &args.output)?;

    let optional = |v: Option<f64>| v.map_or("-".to_string(), percent);
    let zeros: Vec<String> = trained.zeros.iter().map(|z| percent(*z)).collect();
    let size = Size::of_network(&trained.network);
    let bits = |size: &Size| {
        format!("{} coded, {} at 2 bits", thousands(size.coded / 8), thousands(size.two_bit / 8))
    };
    let rows = [
        ("test accuracy (integers)", optional(trained.test_accuracy)),
        ("test accuracy (before export)", optional(trained.float_accuracy)),
        ("validation accuracy", optional(trained.validation_accuracy)),
        ("zeros per layer", zeros.join(", ")),
        (
            "training, test samples",
            format!("{}, {}", thousands(dataset.train.len() as u64), thousands(dataset.test.len() as u64)),
        ),
        ("nonzero weights", thousands(trained.nonzeros as u64)),
        ("bytes of weights", size.as_ref().map_or("-".to_string(), bits)),
        ("cost, budget", method::cost_and_budget(&config, trained.cost)),
        ("kept epoch", format!("{} of {}", trained.best_epoch, config.epochs)),
    ];
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(a, b)| vec![a.to_string(), b]).collect();
    ui.say(table(&[&dataset.name, ""], &rows))?;
    ui.say(format!(
        "every hidden code and class of {} equals the trainer's frozen model on every test sample",
        args.output.display()
    ))?;
    let (network, training) = (Some(&trained.network), Some(&record));
    let title = trained.network.name.clone();
    args.report.write(&Report { title, network, training, ..Report::default() }, ui)?;
    let mut object = serde_json::to_value(&record)?;
    object["network"] = json!(args.output);
    object["task"] = json!(dataset.task);
    ui.object(&object)?;
    Ok(Outcome::Done)
}
