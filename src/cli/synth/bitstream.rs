//! `sterna synth --bitstream`: a build on a board, placed, routed and packed.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::Args;
use crate::build::Build;
use crate::store;
use crate::ui::{Outcome, Ui, table, thousands};

/// Makes the bitstream: beside the Verilog of a build folder, or in the working folder.
pub fn run(args: &Args, build: &Build, ui: &Ui) -> Result<Outcome> {
    let Some(on) = &build.board else {
        bail!(
            "a bitstream needs a board: sterna compile --board NAME, or --board NAME here with a network file"
        );
    };
    let name = build.image_name(on);
    let flow = on.flow(&build.sources, &name, args.route.seed)?;
    // Before anything takes time.
    flow.programs()?;
    let home = if args.input.is_dir() { args.input.clone() } else { PathBuf::from(".") };
    let target = home.join(flow.bitstream());
    store::ensure_writable(&target)?;
    let folder = args.keep.clone().unwrap_or(home.join("synth")).join(&on.board.key);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot write {}", folder.display()))?;
    let bar = ui.bar("bitstream", 3, "steps");
    let made = flow.run(&folder, args.route.timeout, &|tool| {
        bar.set_message(tool.to_string());
        bar.inc(1);
    });
    bar.finish_and_clear();
    let made = made?;
    let bytes = std::fs::read(&made.path).with_context(|| format!("cannot read {}", made.path.display()))?;
    store::write(&target, &bytes)?;
    let rows = made.used.iter().map(|(what, used)| {
        let share = 100.0 * used.used as f64 / used.available as f64;
        vec![what.clone(), thousands(used.used), thousands(used.available), format!("{share:.0} %")]
    });
    ui.say(table(&["placed", "used", "of", ""], &rows.collect::<Vec<_>>()))?;
    ui.say(format!(
        "{}: {:.1} MHz of {} wanted; {} bytes in {}; logs in {}",
        on.board.name,
        made.mhz,
        on.board.clock_mhz,
        thousands(bytes.len() as u64),
        target.display(),
        folder.display()
    ))?;
    if let Some(load) = &on.board.load {
        ui.note(format!("load it: {load} {}", target.display()));
    }
    ui.object(&json!({
        "board": on.board.key, "bitstream": target, "bytes": bytes.len(), "mhz": made.mhz,
        "wanted_mhz": on.board.clock_mhz, "used": made.used, "cells": made.cells, "ran": made.ran, "folder": folder,
    }))?;
    Ok(Outcome::Done)
}
