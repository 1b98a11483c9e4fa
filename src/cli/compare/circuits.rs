//! Circuits of the trained networks and their figures, each a file when it is known.

use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sterna_hdl::family::Family;
use sterna_hdl::manifest::sha256;
use sterna_hdl::synth;
use sterna_hdl::{Folding, Options, Style, layers};
use sterna_ir::{Network, Task};

use crate::build::{self, Build};
use crate::cli::synth::measure;
use crate::store;

/// Figures of a circuit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circuit {
    /// How it is folded, for people.
    pub design: String,
    /// Cells by the cost model.
    pub estimate: Area,
    /// Cells counted by Yosys, where that was asked for.
    pub measured: Option<Area>,
    /// Additions of a sample: signed digits of all weights, without sharing, less one per row.
    pub additions: u64,
    /// Adders built, sharing and folding included.
    pub adders: u64,
    /// Cycles from the first beat of a sample to the last of its result.
    pub latency: u64,
    /// Cycles between samples.
    pub interval: u64,
    /// Clock after place and route by the delay model, in MHz, where it knows the family.
    pub mhz: Option<f64>,
    /// Bits of weight ROM that a sample reads.
    pub rom_reads: u64,
}

/// Cells of a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// Look-up tables, by the convention of the family.
    pub lut: f64,
    /// Flip-flops.
    pub ff: f64,
    /// Block RAMs.
    pub bram: f64,
}

impl Circuit {
    /// Samples per second at the estimated clock.
    pub fn rate(&self) -> Option<f64> {
        Some(self.mhz? * 1e6 / self.interval as f64)
    }

    /// Energy proxy of a sample: cells times cycles, as if every table and flip-flop switched alike in every cycle, and the
    /// bits read from weight ROMs. A number to compare circuits of one family by, not joules.
    pub fn energy(&self) -> f64 {
        let area = self.measured.unwrap_or(self.estimate);
        (area.lut + area.ff) * self.interval as f64 + self.rom_reads as f64
    }
}

/// Ways to fold a network.
pub fn name(folding: &Folding) -> String {
    match folding {
        Folding::Unrolled => "unrolled".into(),
        Folding::Pes(pes) => format!("{pes} PEs"),
        Folding::PerLayer(styles) => styles.iter().map(Style::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// The elements of [`Folding::Pes`], but XNOR elements in the layers that they can build: those of binary weights over bits.
/// `None` where there are none.
pub fn with_xnor(network: &Network, pes: usize) -> Option<Folding> {
    let infos = |folding| layers(network, &Options { folding, ..Options::default() });
    let shared = infos(Folding::Pes(pes)).ok()?;
    let folded = shared.iter().map(|layer| Some(Style::Folded { pes: layer.schedule?.pes }));
    let mut styles: Vec<Style> = folded.collect::<Option<_>>()?;
    for layer in 0..styles.len() {
        let mut tried = styles.clone();
        tried[layer] = Style::Xnor { pes: styles[layer].pes()? };
        if infos(Folding::PerLayer(tried.clone())).is_ok() {
            styles = tried;
        }
    }
    styles.iter().any(|style| matches!(style, Style::Xnor { .. })).then_some(Folding::PerLayer(styles))
}

/// A circuit to be made.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// The network and what its numbers stand for.
    pub network: &'a (Network, Task),
    /// SHA-256 of its file.
    pub sha256: &'a str,
    /// How to fold it.
    pub folding: Folding,
    /// Family that it is mapped to.
    pub family: Family,
}

impl Job<'_> {
    /// Compiles the network.
    pub fn build(&self) -> Result<Build> {
        let options =
            Options { folding: self.folding.clone(), family: Some(self.family), ..Options::default() };
        build::compile(self.network.clone(), options)
    }

    /// The figures: read from `folder`, or found and written there. With `tool`, the version of Yosys, cells are counted too.
    pub fn figures(&self, folder: &Path, tool: Option<&str>) -> Result<Circuit> {
        let identity = json!({
            "version": env!("CARGO_PKG_VERSION"), "network": self.sha256, "folding": self.folding,
            "family": self.family, "tool": tool,
        });
        let path = folder.join(format!("circuit-{}.json", &sha256(identity.to_string())[..16]));
        if let Ok(text) = store::read_text(&path)
            && let Ok(circuit) = serde_json::from_str(&text)
        {
            return Ok(circuit);
        }
        let build = self.build()?;
        let measured = match tool {
            Some(_) => Some(measured(&build, self.family)?),
            None => None,
        };
        let estimate = build.estimate(self.family);
        let read = |s: &build::StageInfo| {
            s.hardware.schedule.as_ref().map_or(0, |schedule| (schedule.rom_bits * s.uses()) as u64)
        };
        let circuit = Circuit {
            design: name(&self.folding),
            estimate: Area { lut: estimate.total.lut, ff: estimate.total.ff, bram: estimate.total.bram },
            measured,
            additions: build.adders(),
            adders: estimate.total.adders,
            latency: build.design.timing.latency,
            interval: build.design.timing.interval,
            mhz: estimate.mhz,
            rom_reads: build.stages()?.iter().map(read).sum(),
        };
        store::write(&path, (serde_json::to_string_pretty(&circuit)? + "\n").as_bytes())?;
        Ok(circuit)
    }
}

fn measured(build: &Build, family: Family) -> Result<Area> {
    let synth::Cells { lut, ff, bram, .. } = measure(build, family, tempfile::tempdir()?.path())?;
    Ok(Area { lut: lut as f64, ff: ff as f64, bram: bram as f64 })
}
