//! `sterna import`: a model of ONNX or QONNX becomes a network file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use serde_json::{Value, json};
use sterna_ir::{Range, format};
use sterna_onnx::{Difference, Import, Ternarise};
use sterna_trainer::data::read_samples;

use super::data::{DataArgs, SPEC_HELP, load, samples};
use super::ranges::parse_range;
use crate::ui::{Outcome, Ui, counted, thousands};
use crate::{choices, store};

/// Differences that are shown one by one.
const LISTED: usize = 20;

/// Flags of `sterna import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna import model.onnx -o net.sterna                       samples are the codes of the model's input quantiser
  sterna import model.onnx --input u8 --scale 1/255 -o net.sterna   samples are pixels, the model takes pixel / 255
  sterna import model.onnx -o net.sterna --check x.npy y.npy   beside what the model's own execution gave
  sterna import float.onnx --input u8 --scale 1/255 --ternarise twn --calibrate mnist -o net.sterna

What an integer network cannot hold is refused, all nodes at once. Thresholds are exact over the model's numbers; a
runtime that computes in floats can differ from them where a sum lies within its rounding of a threshold: --check lists
samples whose outcome differs, with their margin and the distance of the nearest sum from a threshold, and ends with status 1.")]
pub struct Args {
    /// Model, in ONNX with the quantisers of ONNX or QONNX.
    model: PathBuf,
    /// Network file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Integers that samples consist of, where they are not the codes of the model's own quantiser: u8 or s8, any width,
    /// or LO:HI.
    #[arg(long = "input", value_name = "RANGE", value_parser = parse_range, allow_hyphen_values = true)]
    input_range: Option<Range>,
    /// The model's value for integer 1 less that for 0, as a decimal or a fraction such as 1/255.
    #[arg(long, value_name = "NUMBER", default_value = "1", requires = "input_range")]
    scale: String,
    /// The model's value for integer 0.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "0",
        requires = "input_range",
        allow_hyphen_values = true
    )]
    offset: String,
    /// Name of the network [default: that of the file].
    #[arg(long)]
    name: Option<String>,
    /// End with the scores instead of the class.
    #[arg(long)]
    scores: bool,
    /// Compare with the model's own execution before the network is written: samples as the model takes them, and what it
    /// gave for them, scores or classes; two .npy, along the first axis of each a sample.
    #[arg(long, num_args = 2, value_names = ["SAMPLES", "OUTCOMES"])]
    check: Vec<PathBuf>,
    /// Make weights of floats ternary, by twn (below 0.7 of the mean magnitude is 0) or tga (below a twentieth of the
    /// largest), and quantise activations that are not; without training, which costs accuracy.
    #[arg(long, value_name = "METHOD", requires = "calibrate")]
    ternarise: Option<String>,
    /// Data set of which the first 200 training samples say how large values become.
    #[arg(long, value_name = "SET", requires = "ternarise", long_help = SPEC_HELP)]
    calibrate: Option<String>,
    /// Bits of the activations that are quantised.
    #[arg(long, value_name = "N", default_value_t = 4, requires = "ternarise", value_parser = clap::value_parser!(u32).range(1..=8))]
    bits: u32,
    #[command(flatten)]
    source: DataArgs,
}

impl Args {
    fn ternarise(&self, ui: &Ui) -> Result<Option<Ternarise>> {
        const SAMPLES: usize = 200;
        let (Some(method), Some(spec)) = (&self.ternarise, &self.calibrate) else { return Ok(None) };
        let weights = choices::ternary(method).map_err(|what| anyhow::anyhow!("--ternarise {what}"))?;
        let (samples, _) = samples(&load(spec, None, &self.source, ui)?.train, SAMPLES);
        Ok(Some(Ternarise { weights, bits: self.bits, samples }))
    }
}

/// Runs `sterna import`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    store::ensure_network(&args.output)?;
    let input = args.input_range.map(|range| (range, args.scale.as_str(), args.offset.as_str()));
    let ternarise = args.ternarise(ui)?;
    let (import, task) = store::read_model(&args.model, input, args.name.as_deref(), args.scores, ternarise)?;
    let Import { network, notes, .. } = &import;
    let compared = match args.check.as_slice() {
        [samples, outcomes] => Some(compare(&import, samples, outcomes, ui)?),
        _ => None,
    };
    store::write(&args.output, format::write(network, &task).as_bytes())?;
    super::info::layers(network, ui)?;
    notes.iter().try_for_each(|note| ui.say(note))?;
    ui.say(format!("{}: {}", args.output.display(), counted(network.layers.len() as u64, "layer")))?;
    if let Some(scores) = &import.scores {
        ui.say(format!("a score is {} times the output, plus {:?}", scores.scale, scores.offset))?;
    }
    let checked = compared.as_deref().map(|differences| tell(differences, ui)).transpose()?;
    ui.object(&json!({
        "network": network.name, "layers": network.layers.len(), "input": network.input, "notes": notes, "check": checked,
        "scores": import.scores.as_ref().map(|s| json!({ "scale": s.scale, "offset": s.offset })),
    }))?;
    let differs = compared.iter().flatten().any(Option::is_some);
    Ok(if differs { Outcome::CheckFailed } else { Outcome::Done })
}

/// Samples of which the model's execution sees something else.
fn compare(import: &Import, samples: &Path, outcomes: &Path, ui: &Ui) -> Result<Vec<Option<Difference>>> {
    let (count, elements, x) = read_samples(samples)?;
    let (outcome_count, scores, y) = read_samples(outcomes)?;
    if count != outcome_count {
        let (samples, outcomes) = (samples.display(), outcomes.display());
        bail!("{count} samples in {samples} but {outcome_count} outcomes in {outcomes}; want as many");
    }
    let bar = ui.bar("check", count as u64, "samples");
    let differences = (x.par_chunks(elements).zip(y.par_chunks(scores)))
        .map(|(x, y)| {
            bar.inc(1);
            import.compare(&x.iter().map(|v| *v as f32).collect::<Vec<_>>(), y)
        })
        .collect::<Result<_, _>>()
        .with_context(|| format!("{}, {}", samples.display(), outcomes.display()))?;
    bar.finish_and_clear();
    Ok(differences)
}

/// Shows the differences.
fn tell(differences: &[Option<Difference>], ui: &Ui) -> Result<Value> {
    let count = differences.iter().flatten().count();
    ui.say(format!(
        "{} samples, {} with another outcome in the model's execution",
        thousands(differences.len() as u64),
        thousands(count as u64)
    ))?;
    let listed: Vec<Value> = (differences.iter().enumerate())
        .filter_map(|(sample, d)| d.as_ref().map(|d| (sample, d)))
        .take(LISTED)
        .map(|(sample, d)| {
            let margin = d.margin.map_or(String::new(), |m| format!(", {m:.3e} above"));
            let distance = d.distance.map_or(String::new(), |d| format!("; a sum is within {d:.1e} of its size of a threshold"));
            let line = format!("  sample {sample}: network {}, execution {}{margin}{distance}", d.network, d.execution);
            ui.say(line)?;
            Ok(json!({
                "sample": sample, "element": d.element, "network": d.network, "execution": d.execution, "margin": d.margin, "distance": d.distance,
            }))
        })
        .collect::<Result<_>>()?;
    Ok(json!({ "samples": differences.len(), "differences": count, "first": listed }))
}
