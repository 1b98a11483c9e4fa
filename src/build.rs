//! A compiled network: the design, its Verilog, and the build folder that holds them.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use sterna_hdl::cocotb::cocotb;
use sterna_hdl::constraints::constraints;
use sterna_hdl::estimate::{Estimate, estimate};
use sterna_hdl::family::Family;
use sterna_hdl::manifest::{self, ClockEntry, FileEntry};
use sterna_hdl::package::package;
use sterna_hdl::serial::Line;
use sterna_hdl::testbench::testbench;
use sterna_hdl::verilog::{self, Emitted, PrintOptions, SourceFile};
use sterna_hdl::{LayerInfo, Options};
use sterna_ir::netlist::NodeId;
use sterna_ir::{Design, LayerOp, Network, Task, format};

use crate::board::{self, Board};
use crate::on_board::OnBoard;
use crate::record::{self, Record};
use crate::stimuli;
use crate::store::{self, Files};

/// File that marks a build folder.
pub const MANIFEST: &str = "manifest.json";
/// The network inside a build folder.
pub const NETWORK: &str = "network.sterna";
/// Samples inside the emitted test bench.
const BENCH_SAMPLES: usize = 16;
/// Clock when neither a board nor the user names one.
const DEFAULT_MHZ: f64 = 100.0;

/// Everything about one compiled network.
#[derive(Debug)]
pub struct Build {
    /// The network.
    pub network: Network,
    /// What its numbers stand for.
    pub task: Task,
    /// How it was compiled.
    pub options: Options,
    /// The circuit.
    pub design: Design,
    /// Its Verilog as we print it, with the names of signals.
    pub emitted: Emitted,
    /// The Verilog to check and measure: as printed, or as it lies in the build folder, edited or not.
    pub sources: Vec<SourceFile>,
    /// Files in the folder that are not what the compiler prints.
    pub edited: Vec<String>,
    /// Its place on a board.
    pub board: Option<OnBoard>,
    /// How the network was trained, where that is known.
    pub training: Option<Record>,
    /// The estimate on the family that the design is mapped to, once it was asked for.
    mapped: OnceLock<Estimate>,
}

/// Figures of one dense layer or convolution in hardware.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageInfo {
    /// Name of the layer in the network.
    pub layer: String,
    /// Weights that are not zero.
    pub nonzeros: usize,
    /// All weights.
    pub weights: usize,
    /// Its schedule and windows.
    #[serde(flatten)]
    pub hardware: LayerInfo,
}

impl StageInfo {
    /// Its name, and that of its module.
    pub fn label(&self) -> String {
        label(&self.layer, &self.hardware.module)
    }

    /// Times that the matrix is used for a sample.
    pub fn uses(&self) -> usize {
        self.hardware.windows.map_or(1, |w| w.windows)
    }
}

/// The name of a module for people: of a layer of weights also that of the layer.
pub fn label_of(stages: &[StageInfo], module: &str) -> String {
    let stage = stages.iter().find(|s| s.hardware.module == module);
    stage.map_or(module.to_string(), StageInfo::label)
}

/// A layer that people know by one name and files by another.
fn label(layer: &str, module: &str) -> String {
    if layer == module { layer.to_string() } else { format!("{layer} ({module})") }
}

/// Files that a build folder holds when they are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// A cocotb test and its vectors.
    pub cocotb: bool,
    /// What FuseSoC, Vivado's IP integrator, VHDL and rust-hdl projects take a core by.
    pub package: bool,
}

/// Board and clock that constraints are written for, and what is written for other tools.
#[derive(Clone, Debug)]
pub struct Target {
    khz: u32,
    extras: Extras,
    /// The board, when one was named.
    pub board: Option<Board>,
}

impl Target {
    /// A board by name, or a bare clock in MHz.
    pub fn choose(name: Option<&str>, mhz: Option<f64>) -> Result<Self> {
        let board = name.map(board::find).transpose()?;
        let mhz = mhz.unwrap_or(board.as_ref().map_or(DEFAULT_MHZ, |board| board.clock_mhz));
        if !(0.001..=10_000.0).contains(&mhz) {
            bail!("clock of {mhz} MHz: want 0.001 to 10000 MHz");
        }
        Ok(Target { khz: (mhz * 1000.0).round() as u32, extras: Extras::default(), board })
    }

    /// The same with files that are asked for.
    pub fn with(self, extras: Extras) -> Self {
        Target { extras, ..self }
    }

    /// Frequency of the clock.
    pub fn mhz(&self) -> f64 {
        f64::from(self.khz) / 1000.0
    }
}

/// Compiles a network in memory.
pub fn compile((network, task): (Network, Task), options: Options) -> Result<Build> {
    let design = sterna_hdl::lower(&network, &options)?;
    let print = PrintOptions { version: true, visible: visible(&design), family: options.family };
    let emitted = verilog::print(&design.netlist, &print)?;
    let sources = emitted.files.clone();
    Ok(Build {
        network,
        task,
        options,
        design,
        emitted,
        sources,
        edited: Vec::new(),
        board: None,
        training: None,
        mapped: OnceLock::new(),
    })
}

/// The streams between layers, which must be seen from outside.
fn visible(design: &Design) -> Vec<NodeId> {
    let streams = design.probes.iter().map(|p| &p.stream);
    streams.flat_map(|s| [s.valid, s.ready].into_iter().chain(s.data.iter().copied())).collect()
}

/// Reads a build folder: compiles its network again as the manifest says, and takes the Verilog as it lies there.
pub fn open(folder: &Path) -> Result<Build> {
    let path = folder.join(MANIFEST);
    let place = || path.display().to_string();
    if !path.is_file() {
        bail!("{} is no build folder: it has no {MANIFEST}; sterna compile makes one", folder.display());
    }
    let manifest = manifest::read(&store::read_text(&path)?).with_context(place)?;
    let inside = folder.join(NETWORK);
    let text = store::read_text(&inside)?;
    if manifest::sha256(&text) != manifest.network.sha256 {
        bail!("{} was changed since it was compiled; compile it again", inside.display());
    }
    let network = format::read(&text).with_context(|| inside.display().to_string())?;
    let options =
        serde_json::from_value(manifest.options).with_context(|| format!("{}: options", path.display()))?;
    let mut build = compile(network, options)?;
    build.training = record::of(&inside, &text);
    if manifest.top != build.emitted.top {
        let (old, new) = (&manifest.top, &build.emitted.top);
        bail!(
            "{}: top module {old:?}, but the network compiles to {new:?}; compile it again",
            path.display()
        );
    }
    if let Some(name) = &manifest.board {
        build.mount(&board::find(name).with_context(place)?)?;
    }
    let around = build.board.iter_mut().flat_map(|b| b.verilog.iter_mut().chain(&mut b.constraints));
    for file in build.sources.iter_mut().chain(around) {
        let text = store::read_text(&folder.join(&file.name))?;
        if text != file.text {
            build.edited.push(file.name.clone());
            file.text = text;
        }
    }
    Ok(build)
}

/// Names of the files in a build folder.
pub fn files(folder: &Path) -> Result<Vec<String>> {
    let path = folder.join(MANIFEST);
    let manifest = manifest::read(&store::read_text(&path)?).with_context(|| path.display().to_string())?;
    let names = manifest.files.into_iter().map(|f| f.name);
    Ok(names.chain([MANIFEST.to_string()]).collect())
}

/// Writes a build folder and returns the names of its files. Refuses to lose files that were edited since they were
/// compiled, unless `force`.
pub fn write(build: &Build, target: &Target, folder: &Path, force: bool) -> Result<Vec<String>> {
    let text = format::write(&build.network, &build.task);
    let (samples, results) = stimuli::varied(&build.network, BENCH_SAMPLES, 1)?;
    let mut files = build.emitted.files.clone();
    files.push(testbench(&build.design, &build.emitted, &samples, &results)?);
    if target.extras.cocotb {
        files.extend(cocotb(&build.emitted, &samples, &results));
    }
    if target.extras.package {
        files.extend(package(&build.emitted, build.board.is_none()));
    }
    match &build.board {
        Some(on) => {
            files.extend(on.verilog.iter().chain(&on.constraints).cloned());
            files.extend(on.scripts(&build.emitted.files, &build.image_name(on))?);
        }
        None => files.extend(constraints(&build.emitted, target.khz)),
    }
    files.push(SourceFile { name: NETWORK.into(), text: text.clone() });
    if let Some(training) = &build.training {
        let name = record::beside(Path::new(NETWORK)).display().to_string();
        files.push(SourceFile { name, text: training.to_text() });
    }
    let stages = build.stages()?.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
    let options = serde_json::to_value(&build.options)?;
    let clock = ClockEntry {
        constrained_khz: target.khz,
        planned_khz: build.options.clock_khz,
        estimated_khz: build.estimated_mhz().map(|mhz| (mhz * 1000.0).round() as u32),
    };
    let mut manifest = manifest::manifest(
        &build.design,
        &build.emitted,
        &files,
        (&build.network.name, &text),
        options,
        (stages, Some(clock)),
    );
    manifest.board = build.board.as_ref().map(|on| on.board.key.clone());
    let mut bytes: Files = files.into_iter().map(|f| (f.name, f.text.into_bytes())).collect();
    bytes.push((MANIFEST.into(), manifest.to_text().into_bytes()));
    let marker = folder.join(MANIFEST);
    let old = match marker.is_file() {
        true => Some(manifest::read(&store::read_text(&marker)?).with_context(|| {
            format!("{}: damaged, or of another version; choose another folder with -o", marker.display())
        })?),
        false => None,
    };
    let edited = |file: &&FileEntry| {
        std::fs::read(folder.join(&file.name)).is_ok_and(|bytes| manifest::sha256(&bytes) != file.sha256)
    };
    if let Some(file) = old.iter().flat_map(|m| &m.files).find(edited).filter(|_| !force) {
        let file = folder.join(&file.name);
        bail!("{} was edited since it was compiled; --force overwrites it", file.display());
    }
    let owned: Vec<String> = old.map_or(Vec::new(), |m| m.files.into_iter().map(|f| f.name).collect());
    store::write_folder(folder, MANIFEST, &owned, &bytes)?;
    Ok(bytes.into_iter().map(|(name, _)| name).collect())
}

impl Build {
    /// Name of the bitstream, without the family's ending.
    pub fn image_name(&self, on: &OnBoard) -> String {
        format!("{}-{}", self.emitted.top, on.board.key)
    }

    /// The circuit as it is seen over a serial line.
    pub fn line(&self) -> Result<Line> {
        Line::new(&self.design, &self.emitted, &format::write(&self.network, &self.task))
            .context("the streams of the design are not at its ports")
    }

    /// Puts the circuit on a board, behind its serial port.
    pub fn mount(&mut self, board: &Board) -> Result<()> {
        self.board = Some(OnBoard::new(board, &self.line()?, &self.design, &self.emitted)?);
        Ok(())
    }

    /// Nodes that the Verilog shows at its top.
    pub fn visible(&self) -> Vec<NodeId> {
        visible(&self.design)
    }

    /// Figures of each dense layer and convolution.
    pub fn stages(&self) -> Result<Vec<StageInfo>> {
        let figures = sterna_hdl::layers(&self.network, &self.options)?;
        let stage = |((layer, rows), hardware): ((&str, Vec<&[i16]>), LayerInfo)| StageInfo {
            layer: layer.to_string(),
            nonzeros: rows.iter().copied().flatten().filter(|w| **w != 0).count(),
            weights: rows.iter().map(|row| row.len()).sum(),
            hardware,
        };
        Ok(weights(&self.network).zip(figures).map(stage).collect())
    }

    /// The cost model's cells on `family`.
    pub fn estimate(&self, family: Family) -> Estimate {
        let made = || estimate(&self.design.netlist, family, self.options.family);
        if self.options.family == Some(family) { self.mapped.get_or_init(made).clone() } else { made() }
    }

    /// What a sample waits for, where it waits for anything: the layers of weights that take as many cycles as lie between
    /// samples, or the input.
    pub fn pace(&self, stages: &[StageInfo]) -> Option<String> {
        let interval = self.design.timing.interval;
        let slowest = stages.iter().filter(|s| s.hardware.least_cycles == interval);
        let names: Vec<String> = slowest.map(StageInfo::label).collect();
        let is_input = (self.design.input.beats() as u64) == interval;
        match (interval, is_input, &names[..]) {
            (..=1, ..) => None,
            (_, true, _) => Some("the input".into()),
            (_, false, []) => None,
            (_, false, names) => Some(names.join(" and ")),
        }
    }

    /// The delay model's clock after place and route, in MHz, where it knows the family that the design is mapped to.
    pub fn estimated_mhz(&self) -> Option<f64> {
        self.estimate(self.options.family?).mhz
    }

    /// The families to look at: the one asked for, else the one that the design is mapped to, else all.
    ///
    /// # Errors
    /// Another family than the design is mapped to.
    pub fn families(&self, asked: Option<Family>) -> Result<Vec<Family>> {
        match (asked, self.options.family) {
            (Some(asked), Some(mapped)) if asked != mapped => {
                bail!("--family {asked}: the design is mapped to {mapped}; compile it with --target {asked}")
            }
            (Some(family), _) | (None, Some(family)) => Ok(vec![family]),
            (None, None) => Ok(Family::ALL.to_vec()),
        }
    }

    /// Two-operand additions of the unrolled design: what the network costs as adders, however it is folded here.
    pub fn adders(&self) -> u64 {
        additions(&self.network)
    }
}

/// Two-operand additions of a sample without sharing: signed digits of all weights, less one for each row.
pub fn additions(network: &Network) -> u64 {
    let row = |row: &[i16]| {
        let digits: usize = row.iter().map(|w| sterna_hdl::digits::digits(i64::from(*w)).count()).sum();
        digits.saturating_sub(1) as u64
    };
    weights(network).flat_map(|(_, rows)| rows).map(row).sum()
}

/// Name and rows of each dense layer and convolution.
pub fn weights(network: &Network) -> impl Iterator<Item = (&str, Vec<&[i16]>)> {
    network.layers.iter().filter_map(|layer| {
        let rows = match &layer.op {
            LayerOp::Dense(d) => (0..d.outputs).map(|o| d.row(o)).collect(),
            LayerOp::Conv2d(c) => (0..c.outputs).map(|o| c.row(o)).collect(),
            _ => return None,
        };
        Some((layer.name.as_str(), rows))
    })
}
