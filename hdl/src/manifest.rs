//! The manifest: what was emitted, in JSON, for programs that use the circuit.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sterna_ir::design::{Design, Stream};
use sterna_ir::netlist::NodeId;
use sterna_ir::{Error, Result};

use crate::verilog::{Direction, Emitted, SourceFile, TopSignal};

/// Value of [`Manifest::format`].
pub const FORMAT: &str = "sterna-manifest";

/// The only version that [`read`] accepts.
pub const VERSION: u64 = 1;

/// Everything a user of the emitted files needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u64,
    /// Version of the program that wrote it.
    pub sterna: String,
    /// Name of the top module.
    pub top: String,
    /// The network it was compiled from.
    pub network: NetworkEntry,
    /// Every file beside the manifest.
    pub files: Vec<FileEntry>,
    /// Ports of the top module, in printed order.
    pub ports: Vec<PortEntry>,
    /// Clock port, rising edge.
    pub clock: Option<String>,
    /// Reset port, synchronous, active high.
    pub reset: Option<String>,
    /// The samples.
    pub input: StreamEntry,
    /// The results.
    pub output: StreamEntry,
    /// The board whose top level and constraints are among the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// Timing without stalls.
    pub timing: TimingEntry,
    /// How the network was compiled: what compiling it again needs.
    pub options: serde_json::Value,
    /// One entry per stage, as the compiler describes it.
    pub stages: Vec<serde_json::Value>,
}

/// The source of a circuit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkEntry {
    /// Name given by the user, unchanged.
    pub name: String,
    /// SHA-256 of the network file's text.
    pub sha256: String,
}

/// An emitted file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// File name without folder.
    pub name: String,
    /// SHA-256 of its contents.
    pub sha256: String,
}

/// A port of the top module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortEntry {
    /// Name in the Verilog.
    pub name: String,
    /// `input` or `output`.
    pub direction: String,
    /// Bits.
    pub width: u32,
    /// Packing and order, or empty.
    pub about: String,
}

/// How vectors are packed into beats: beat `b`, lane `l` carries element `order[b * lanes + l]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamEntry {
    /// The beat is there.
    pub valid: String,
    /// The beat is taken.
    pub ready: String,
    /// 1 on the last beat of a vector.
    pub last: Option<String>,
    /// Beats per vector.
    pub beats: usize,
    /// Where each lane is.
    pub lanes: Vec<LaneEntry>,
    /// Element at each position.
    pub order: Vec<u32>,
}

/// One lane of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaneEntry {
    /// Port.
    pub port: String,
    /// Lowest bit in it.
    pub lsb: u32,
    /// Bits.
    pub width: u32,
    /// Two's complement, else unsigned.
    pub signed: bool,
}

/// Timing in clock cycles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimingEntry {
    /// From the first beat of a sample to the last beat of its result.
    pub latency: u64,
    /// Between samples in steady state.
    pub interval: u64,
    /// Frequencies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockEntry>,
}

/// Frequencies in kHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockEntry {
    /// In the timing constraints.
    pub constrained_khz: u32,
    /// That the registers are placed for; `None` where they stand every `levels_per_stage` of the options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_khz: Option<u32>,
    /// After place and route by the delay model of the family in the options, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_khz: Option<u32>,
}

/// Describes an emitted design. `files` are all files beside the manifest, `network` the name and file text of the network.
pub fn manifest(
    design: &Design,
    emitted: &Emitted,
    files: &[SourceFile],
    network: (&str, &str),
    options: serde_json::Value,
    (stages, clock): (Vec<serde_json::Value>, Option<ClockEntry>),
) -> Manifest {
    let direction = |d: Direction| if d == Direction::Input { "input" } else { "output" };
    let ports = emitted.ports.iter().map(|port| PortEntry {
        name: port.name.clone(),
        direction: direction(port.direction).into(),
        width: port.width,
        about: port.about.clone(),
    });
    let files = files.iter().map(|file| FileEntry { name: file.name.clone(), sha256: sha256(&file.text) });
    Manifest {
        format: FORMAT.into(),
        version: VERSION,
        sterna: env!("CARGO_PKG_VERSION").into(),
        top: emitted.top.clone(),
        network: NetworkEntry { name: network.0.into(), sha256: sha256(network.1) },
        files: files.collect(),
        ports: ports.collect(),
        clock: emitted.clock().map(String::from),
        reset: design.netlist.reset.map(|reset| pin(emitted, reset).name),
        input: stream(design, emitted, &design.input),
        output: stream(design, emitted, &design.output),
        board: None,
        timing: TimingEntry { latency: design.timing.latency, interval: design.timing.interval, clock },
        options,
        stages,
    }
}

fn pin(emitted: &Emitted, node: NodeId) -> TopSignal {
    emitted.top_signal(node).expect("the pins of a design are ports")
}

fn stream(design: &Design, emitted: &Emitted, stream: &Stream) -> StreamEntry {
    let lane = |node: &NodeId| {
        let TopSignal { name, lsb, width } = pin(emitted, *node);
        LaneEntry { port: name, lsb, width, signed: design.netlist.node(*node).range.is_signed() }
    };
    StreamEntry {
        valid: pin(emitted, stream.valid).name,
        ready: pin(emitted, stream.ready).name,
        last: stream.last.map(|last| pin(emitted, last).name),
        beats: stream.beats(),
        lanes: stream.data.iter().map(lane).collect(),
        order: stream.order.clone(),
    }
}

/// SHA-256 of a text, in hexadecimal.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Manifest {
    /// The manifest as JSON text; the same manifest gives the same bytes.
    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).expect("a manifest holds nothing that JSON cannot") + "\n"
    }
}

/// Reads a manifest.
///
/// # Errors
/// [`Error::Format`] when the text is no manifest of a version that this program reads.
pub fn read(text: &str) -> Result<Manifest> {
    let fault = |place: &str, what: String| Error::Format { place: place.into(), what };
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|e| fault("manifest", e.to_string()))?;
    if value["format"] != FORMAT {
        return Err(fault("format", format!("{}; a manifest says \"{FORMAT}\"", value["format"])));
    }
    if value["version"] != VERSION {
        let found = &value["version"];
        return Err(fault(
            "version",
            format!("{found}; this program reads version {VERSION}, compile again"),
        ));
    }
    serde_json::from_value(value).map_err(|e| fault("manifest", e.to_string()))
}
