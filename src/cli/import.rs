//! `sterna import`: a model of ONNX or QONNX becomes a network file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::json;
use sterna_ir::{Range, Task, format};
use sterna_onnx::{Import, InputCodes, Options};

use super::compile::parse_range;
use crate::store;
use crate::ui::{Outcome, Ui, counted};

/// Flags of `sterna import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna import model.onnx -o net.sterna                       samples are the codes of the model's input quantiser
  sterna import model.onnx --input u8 --scale 1/255 -o net.sterna   samples are pixels, the model takes pixel / 255

What an integer network cannot hold is refused, all nodes at once. Thresholds are exact over the model's numbers; a
runtime that computes in floats can differ from them where a sum lies within its rounding of a threshold.")]
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
}

/// Runs `sterna import`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    store::ensure_network(&args.output)?;
    let Import { network, notes, .. } = read(args)?;
    store::write(&args.output, format::write(&network, &Task::default()).as_bytes())?;
    super::info::layers(&network, ui)?;
    notes.iter().try_for_each(|note| ui.say(note))?;
    ui.say(format!("{}: {}", args.output.display(), counted(network.layers.len() as u64, "layer")))?;
    ui.object(&json!({
        "network": network.name, "layers": network.layers.len(), "input": network.input, "notes": notes,
    }))?;
    Ok(Outcome::Done)
}

fn read(args: &Args) -> Result<Import> {
    let path = &args.model;
    let place = || path.display().to_string();
    if path.is_dir() {
        bail!("{} is a folder; give a model file", place());
    }
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", place()))?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let model = sterna_onnx::parse_in(&bytes, folder).with_context(place)?;
    let input = match args.input_range {
        None => None,
        Some(range) => {
            let codes = InputCodes::new(range, &args.scale, &args.offset);
            let numbers = || {
                format!("--scale {} --offset {}: want numbers such as 0.5 or 1/255", args.scale, args.offset)
            };
            Some(codes.with_context(numbers)?)
        }
    };
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = Some(args.name.clone().unwrap_or(stem));
    sterna_onnx::import(&model, &Options { name, input, scores: args.scores }).with_context(place)
}
