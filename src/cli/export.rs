//! `sterna export`: a network as a model in QONNX, or its integers as arrays.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sterna_onnx::arrays;

use crate::store;
use crate::ui::{Outcome, Ui};

/// Flags of `sterna export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna export digits.sterna --qonnx digits.onnx
  sterna export digits.sterna --npz digits.npz --safetensors digits.safetensors

The model computes the network's integers as floats, exactly; `sterna import` gives the same network back, with --scores if
it does not end in a class. Arrays are named by the number and name of their layer: 0.fc1.weight, 0.fc1.bias,
1.act1.thresholds, 1.act1.falling.")]
pub struct Args {
    /// Network file.
    network: PathBuf,
    /// Write a model in QONNX.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["npz", "safetensors"])]
    qonnx: Option<PathBuf>,
    /// Samples that the model takes at once.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "qonnx")]
    batch: usize,
    /// Write weights, biases and thresholds for NumPy.
    #[arg(long, value_name = "FILE")]
    npz: Option<PathBuf>,
    /// Write weights, biases and thresholds as safetensors.
    #[arg(long, value_name = "FILE")]
    safetensors: Option<PathBuf>,
}

/// Runs `sterna export`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    const MOST_SAMPLES: usize = 1 << 20;
    let (network, task) = store::read_network(&args.network)?;
    ensure!((1..=MOST_SAMPLES).contains(&args.batch), "--batch {}: want 1 to {MOST_SAMPLES}", args.batch);
    let qonnx = || -> Result<Vec<u8>> {
        let task = serde_json::to_string(&task)?;
        Ok(sterna_onnx::export(&network, args.batch, &[(store::TASK, &task)])?)
    };
    let mut written = Vec::new();
    for (path, bytes) in [
        (&args.qonnx, &qonnx as &dyn Fn() -> Result<Vec<u8>>),
        (&args.npz, &|| Ok(arrays::npz(&network))),
        (&args.safetensors, &|| Ok(arrays::safetensors(&network))),
    ] {
        let Some(path) = path else { continue };
        store::ensure_writable(path)?;
        let bytes = bytes().with_context(|| args.network.display().to_string())?;
        store::replace(path, &bytes)?;
        ui.say(format!("{}: {} bytes", path.display(), bytes.len()))?;
        written.push(json!({ "file": path, "bytes": bytes.len() }));
    }
    ui.object(&json!({ "network": network.name, "written": written }))?;
    Ok(Outcome::Done)
}
