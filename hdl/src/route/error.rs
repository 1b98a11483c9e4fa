//! What can go wrong between a netlist and a placed circuit.

use std::path::PathBuf;

use crate::family::Family;
use crate::synth;

/// Why there is no placed and routed circuit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No place and route for this family is known that runs without the vendor's tools.
    #[error(
        "place and route: no open tool for {0} here; want ice40 or ecp5, or gowin with a board and --bitstream"
    )]
    Family(Family),
    /// A tool is not on the PATH.
    #[error("{tool} is not on the PATH, neither is {other}; {remedy}")]
    Missing {
        /// Program looked for.
        tool: &'static str,
        /// The other program that would do.
        other: String,
        /// Where they come from.
        remedy: &'static str,
    },
    /// No such part.
    #[error("device {text:?}: want {known}, with :PACKAGE behind it if another one than usual")]
    Device {
        /// What was asked for.
        text: String,
        /// Sizes of the family.
        known: String,
    },
    /// The circuit is larger than the part.
    #[error("{device} is too small: {need} {what} of {have}; log: {log}")]
    TooSmall {
        /// Part.
        device: String,
        /// Kind of cell, as nextpnr calls it.
        what: String,
        /// Cells needed.
        need: u64,
        /// Cells of the part.
        have: u64,
        /// The tool's log.
        log: PathBuf,
    },
    /// The circuit is slower than the clock of its board.
    #[error(
        "{device} is too slow: the circuit reaches {mhz} MHz of {wanted}; compile with a lower --levels-per-stage; log: {log}"
    )]
    TooSlow {
        /// Part.
        device: String,
        /// Clock reached.
        mhz: f64,
        /// Clock wanted.
        wanted: f64,
        /// The tool's log.
        log: PathBuf,
    },
    /// nextpnr ran and failed.
    #[error("{tool} failed on {device}: {what}; log: {log}")]
    Failed {
        /// Program.
        tool: String,
        /// Part.
        device: String,
        /// Its error, or how it ended.
        what: String,
        /// The tool's log.
        log: PathBuf,
    },
    /// nextpnr was ended for taking too long.
    #[error("{tool} was ended after {seconds} s on {device}; allow more time; log: {log}")]
    TimedOut {
        /// Program.
        tool: String,
        /// Part.
        device: String,
        /// Time allowed.
        seconds: u64,
        /// The tool's log.
        log: PathBuf,
    },
    /// Synthesis failed.
    #[error(transparent)]
    Synth(#[from] synth::Error),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
