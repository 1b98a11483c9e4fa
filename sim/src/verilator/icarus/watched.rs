//! The streams that the harness looks at.

use crate::verilator::pins::{Signal, StreamPins};
use sterna_ir::design::Stream;

/// A stream as the harness looks at it.
pub(super) struct Watched<'a> {
    number: usize,
    pins: &'a StreamPins,
    /// What is packed in a beat, low bits first; nothing of the input.
    data: Vec<&'a Signal>,
    bits: u32,
    /// Bits in use in the last of `beats` beats.
    last_bits: u32,
    beats: usize,
}

impl<'a> Watched<'a> {
    pub fn new(number: usize, stream: &Stream, pins: &'a StreamPins) -> Self {
        let data: Vec<&Signal> =
            if number == 0 { vec![] } else { pins.last.iter().chain(&pins.data).collect() };
        let used = stream.order.len() - (stream.beats() - 1) * stream.data.len();
        let unused: u32 = if number == 0 { 0 } else { pins.data[used..].iter().map(|s| s.width).sum() };
        let bits: u32 = data.iter().map(|s| s.width).sum();
        Watched { number, pins, data, bits, last_bits: bits - unused, beats: stream.beats() }
    }

    fn words(&self) -> u32 {
        self.bits.div_ceil(64)
    }

    /// Its signals under names of the harness.
    pub fn declarations(&self, ports: &std::collections::BTreeSet<&str>) -> String {
        let i = self.number;
        // Shifted instead of a part taken: a single bit may be no vector.
        let whole = |s: &Signal| match ports.contains(s.name.as_str()) {
            true => format!("pin_{} >> {}", s.name, s.lsb),
            false => format!("dut.{} >> {}", s.name, s.lsb),
        };
        let mut text = format!(
            "    wire valid_{i} = {};\n    wire ready_{i} = {};\n    integer beat_{i};\n",
            whole(&self.pins.valid),
            whole(&self.pins.ready)
        );
        for (k, signal) in self.data.iter().enumerate() {
            text += &format!("    wire [{}:0] part_{i}_{k} = {};\n", signal.width - 1, whole(signal));
        }
        if !self.data.is_empty() {
            let parts: Vec<String> = (0..self.data.len()).rev().map(|k| format!("part_{i}_{k}")).collect();
            let (width, parts) = (64 * self.words() - 1, parts.join(", "));
            let mask = |bits: u32| format!("{{{bits}{{1'b1}}}}");
            let (all, end, last) = (mask(self.bits), mask(self.last_bits), self.beats - 1);
            text += &format!(
                "    wire [{width}:0] used_{i} = beat_{i} == {last} ? {end} : {all};\n    \
                 wire [{width}:0] pack_{i} = {{{parts}}};\n"
            );
        }
        text
    }

    /// Folds its beat, tells of it where cycles are dumped, and goes on to the next.
    fn observe(&self, is_output: bool) -> String {
        let i = self.number;
        let word = |w: u32| format!("pack_{i}[{} +: 64]", 64 * w);
        let tell: String = (0..self.words()).map(|w| format!("tell({}); ", word(w))).collect();
        let fold: String = (0..self.words())
            .map(|w| match w {
                // A last beat may have fewer words.
                w if 64 * w >= self.last_bits => {
                    format!("if (beat_{i} != {}) step({}); ", self.beats - 1, word(w))
                }
                w => format!("step({} & used_{i}[{} +: 64]); ", word(w), 64 * w),
            })
            .collect();
        let output = match is_output {
            true => format!(
                "\n                if (patience == 0 && report != 0) begin tell(2); tell(cycle); {tell}end\n                \
                 if (beat_{i} == 0) results = results + 1;\n                moved = cycle;"
            ),
            false => String::new(),
        };
        format!(
            "            if (dump) begin {tell}end\n            if (valid_{i}) begin {fold}end\n            \
             if (valid_{i} && ready_{i}) begin\n                \
             beat_{i} = beat_{i} == {} ? 0 : beat_{i} + 1;{output}\n            end\n",
            self.beats - 1
        )
    }

    /// Whether its handshake, and whether its data, is unknown: two bits.
    fn unknown(&self) -> String {
        let i = self.number;
        let data = match self.data.is_empty() {
            true => "1'b0".into(),
            false => format!("valid_{i} === 1'b1 && ^(pack_{i} & used_{i}) === 1'bx"),
        };
        format!("{data}, (valid_{i} ^ ready_{i}) === 1'bx")
    }
}

/// The task that looks at a settled cycle.
pub(super) fn observe(streams: &[Watched]) -> String {
    let mut text = String::from(
        "    task observe;\n        begin\n            if (dump) begin tell(3); tell(cycle); end\n",
    );
    for part in streams.chunks(32) {
        let bits: Vec<String> =
            part.iter().rev().map(|w| format!("ready_{0}, valid_{0}", w.number)).collect();
        text += &format!(
            "            word = {{{}}};\n            step(word);\n            if (dump) tell(word);\n",
            bits.join(", ")
        );
    }
    for part in streams.chunks(32) {
        let bits: Vec<String> = part.iter().rev().map(Watched::unknown).collect();
        text += &format!("            if (dump) tell({{{}}});\n", bits.join(", "));
    }
    for watched in streams {
        text += &watched.observe(watched.number + 1 == streams.len());
    }
    text + "        end\n    endtask"
}
