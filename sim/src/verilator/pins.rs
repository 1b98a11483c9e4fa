//! Where the streams of a design are in its Verilog.

use std::collections::BTreeSet;

/// Whether `name` is a Verilog identifier that every tool takes as it is.
pub(super) fn plain(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty()
        && name.len() <= 200
        && name.chars().all(good)
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Consecutive bits of a port or wire of the top module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Name in the top module.
    pub name: String,
    /// Lowest bit.
    pub lsb: u32,
    /// Bits.
    pub width: u32,
}

impl Signal {
    /// Bits `lsb ..` of `name`.
    pub fn new(name: impl Into<String>, lsb: u32, width: u32) -> Self {
        Signal { name: name.into(), lsb, width }
    }

    /// One bit.
    pub fn bit(name: impl Into<String>) -> Self {
        Signal::new(name, 0, 1)
    }
}

/// The signals of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPins {
    /// `valid`.
    pub valid: Signal,
    /// `ready`.
    pub ready: Signal,
    /// `last`, where it exists and shall be compared; always for an input stream that has it.
    pub last: Option<Signal>,
    /// One signal per lane, in lane order, as wide as the lane's node.
    pub data: Vec<Signal>,
}

impl StreamPins {
    pub(super) fn signals(&self) -> impl Iterator<Item = &Signal> {
        [&self.valid, &self.ready].into_iter().chain(&self.last).chain(&self.data)
    }
}

/// The ports of the top module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    /// The clock.
    pub clock: String,
    /// The reset, if there is one.
    pub reset: Option<String>,
    /// The sample stream.
    pub input: StreamPins,
    /// The result stream.
    pub output: StreamPins,
}

impl Pins {
    pub(super) fn names(&self) -> BTreeSet<&str> {
        let signals = self.input.signals().chain(self.output.signals()).map(|s| s.name.as_str());
        signals.chain([self.clock.as_str()]).chain(self.reset.as_deref()).collect()
    }
}
