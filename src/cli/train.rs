//! `sterna train`: a data set to a network file.

mod method;
mod recipe;
mod watch;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::json;
use sterna_ir::size::Size;
use sterna_trainer::config::Config;
use sterna_trainer::data::Dataset;
use sterna_trainer::{Checkpoints, Outcome as Trained, check_export, train};

use self::method::MethodArgs;
pub use self::recipe::Recipe;
use self::watch::Watch;
use super::data::{DataArgs, SPEC_HELP, load};
use super::report::{Report, ReportArgs};
use crate::cost::Goal;
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
  sterna train mnist --hidden 800,400,150 --fan-in 6 --votes --activation 1 --input 1 --anneal 0.75
  sterna train mnist --budget 8000 --target xcup               the most accurate network of 8,000 LUT6
  sterna train mnist --cycles 1000 --pes 64                    at most 1,000 cycles on 64 elements
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

/// Steps below which a training is likely cut short.
const FEW_STEPS: usize = 500;

/// Trains with a progress bar, then checks the export on every test sample (or training sample, when there are none).
pub fn train_and_check(
    dataset: &Dataset,
    config: &Config,
    checkpoints: Option<&Checkpoints>,
    what: &str,
    ui: &Ui,
) -> Result<Trained> {
    let mut watch = Watch::new(what, Goal::of(config)?, ui);
    let trained = train(dataset, config, checkpoints, &mut watch);
    let steps = watch.finish();
    let trained = trained?;
    if let (0, Some(done)) = (steps, checkpoints) {
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

    if let (Some(integers), Some(before)) = (trained.test_accuracy, trained.float_accuracy)
        && integers - before > 0.05
    {
        ui.note("the integers have means and variances measured on training samples; before export they are running averages, which are late in so short a training");
    }
    let optional = |v: Option<f64>| v.map_or("-".to_string(), percent);
    let zeros: Vec<String> = trained.zeros.iter().map(|z| percent(*z)).collect();
    let size = Size::of_network(&trained.network);
    let bits = |size: &Size| {
        format!(
            "{} coded, {} at 2 bits",
            thousands(size.coded.div_ceil(8)),
            thousands(size.two_bit.div_ceil(8))
        )
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
    if let Some(goal) = Goal::of(&config)? {
        ui.say(format!("the cost is that of sterna compile {} {goal}", args.output.display()))?;
    }
    let (network, training) = (Some(&trained.network), Some(&record));
    let title = trained.network.name.clone();
    args.report.write(&Report { title, network, training, ..Report::default() }, ui)?;
    let mut object = serde_json::to_value(&record)?;
    object["network"] = json!(args.output);
    object["task"] = json!(dataset.task);
    ui.object(&object)?;
    Ok(Outcome::Done)
}
