//! What a comparison with a Verilog simulator says.

use super::Reproduction;
use std::path::PathBuf;

/// What was found.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct VerifyReport {
    /// Samples streamed.
    pub samples: usize,
    /// Cycles simulated by both, resets excluded.
    pub cycles: u64,
    /// Resets in mid-stream, with data under way.
    pub resets: usize,
    /// Streams compared, input and output included.
    pub streams: usize,
    /// Elements compared: of every sample on every watched stream.
    pub values: u64,
    /// First line of what the Verilog simulator says of its version.
    pub tool: String,
    /// Whether the model was built before.
    pub cached: bool,
    /// Time for the fast simulation, s.
    pub simulate_seconds: f64,
    /// Time for building the model, s.
    pub build_seconds: f64,
    /// Time for running it, s.
    pub run_seconds: f64,
    /// The first difference; none when all is equal.
    pub mismatch: Option<Mismatch>,
    /// A small stimulus that shows a difference, where one was asked for and the difference does not need what ran before.
    pub reproduction: Option<Reproduction>,
}

/// The kind of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A beat carries another value.
    Value,
    /// `valid` or `ready` differs.
    Handshake,
    /// The Verilog stops moving.
    Stuck,
}

/// Where a difference was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The input stream.
    Input,
    /// A stream between layers.
    Probe {
        /// Index of the probe.
        probe: usize,
        /// The layer whose output it carries.
        layer: usize,
    },
    /// The output stream.
    Output,
}

/// The first difference between the design and its Verilog.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Mismatch {
    /// Its kind.
    pub kind: Kind,
    /// Segment of the run.
    pub segment: usize,
    /// Sample, counted over all segments.
    pub sample: usize,
    /// The stream.
    pub place: Place,
    /// `valid`, `ready`, `last` or `data`.
    pub signal: String,
    /// Lane of the stream, for data.
    pub lane: Option<usize>,
    /// Element of the vector, for data.
    pub element: Option<usize>,
    /// Cycle of the segment, counted from the end of reset.
    pub cycle: u64,
    /// The design's value.
    pub expected: i64,
    /// The Verilog's value; none where it is unknown.
    pub found: Option<i64>,
    /// The waveform written.
    pub waveform: Option<PathBuf>,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.place {
            Place::Input => write!(f, "input stream")?,
            Place::Probe { layer, .. } => write!(f, "output of layer {layer}")?,
            Place::Output => write!(f, "output stream")?,
        }
        write!(f, ", {}", self.signal)?;
        if let Some(element) = self.element {
            write!(f, " of element {element}")?;
        }
        let Mismatch { sample, segment, cycle, expected, .. } = self;
        let found = self.found.map_or("an unknown value".into(), |value| value.to_string());
        write!(f, ", sample {sample}, cycle {cycle} of run {segment}: {expected} expected, {found} found")?;
        if self.kind == Kind::Stuck { write!(f, "; then the Verilog stops moving") } else { Ok(()) }
    }
}
