//! The ports that the harness drives.

use crate::verilator::pins::{Pins, Signal};
use std::fmt::Write;

/// Ports that are driven, and their widths.
pub(super) struct Inputs {
    pub ports: Vec<(String, u32)>,
}

impl Inputs {
    pub fn new(pins: &Pins) -> Self {
        let signals = [&pins.input.valid].into_iter().chain(&pins.input.last).chain(&pins.input.data);
        Inputs { ports: widths(signals.chain([&pins.output.ready])) }
    }

    /// The other ports.
    pub fn outputs(&self, pins: &Pins) -> Vec<(String, u32)> {
        let signals = [&pins.output.valid].into_iter().chain(&pins.output.last).chain(&pins.output.data);
        widths(signals.chain([&pins.input.ready]))
    }

    /// The task that puts the offered beat, or nothing, on the pins.
    pub fn drive(&self, pins: &Pins, beats: usize) -> String {
        let mut lines = String::new();
        let mut put = |signal: &Signal, value: String| {
            let Signal { name, lsb, width } = signal;
            writeln!(lines, "            pin_{name}[{lsb} +: {width}] = {value};")
                .expect("writing to a string");
        };
        put(&pins.input.valid, "offers".into());
        put(&pins.output.ready, "accepts".into());
        if let Some(last) = &pins.input.last {
            put(last, format!("offers && (beat == {}) != faulty", beats - 1));
        }
        let mut at = 0;
        for signal in &pins.input.data {
            put(signal, format!("offers ? beat_words[{at} +: {}] : 0", signal.width));
            at += signal.width;
        }
        format!("    task drive;\n        begin\n{lines}        end\n    endtask")
    }
}

/// Names with their widths, as far as signals tell.
fn widths<'a>(signals: impl Iterator<Item = &'a Signal>) -> Vec<(String, u32)> {
    let mut all: Vec<(String, u32)> = Vec::new();
    for signal in signals {
        let end = signal.lsb + signal.width;
        match all.iter_mut().find(|(name, _)| *name == signal.name) {
            Some((_, width)) => *width = end.max(*width),
            None => all.push((signal.name.clone(), end)),
        }
    }
    all
}
