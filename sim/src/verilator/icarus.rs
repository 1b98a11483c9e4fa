//! A harness in Verilog that does for Icarus what `harness.cpp` does for Verilator: the same stimulus, the same records.

use super::Tool;
use super::build::{Source, cached, check_sources, first_line, message, tool};
use super::model::Model;
use super::pins::{Pins, Signal, StreamPins};
use crate::{Error, Result};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use sterna_ir::Design;
use sterna_ir::bench::RESET_CYCLES;
use sterna_ir::design::Stream;

/// Name of the harness's module and of its file.
const HARNESS: &str = "sterna_harness";

/// First line of `iverilog -V`.
pub(super) fn version() -> Result<String> {
    first_line(Command::new("iverilog").arg("-V"))
}

/// The model of `sources` under `harness`, built unless the cache has it.
pub(super) fn build(cache: &Path, sources: &[Source], top: &str, harness: &str) -> Result<Model> {
    check_sources(sources)?;
    let version = version()?;
    let build = |folder: &Path| compile(folder, sources, top, harness);
    let (program, cached) = cached(cache, sources, ["icarus", &version, harness].into_iter(), &build)?;
    Ok(Model { tool: Tool::Icarus, program, version, cached, top: top.into() })
}

fn compile(folder: &Path, sources: &[Source], top: &str, harness: &str) -> Result<PathBuf> {
    let name = format!("{HARNESS}.v");
    std::fs::write(folder.join(&name), harness).map_err(Error::io(&name))?;
    let mut command = Command::new("iverilog");
    command.current_dir(folder).args(["-g2005", "-s", HARNESS, "-o", "model"]);
    let output = tool(command.args(sources.iter().map(|s| &s.name)).arg(&name))?;
    if !output.status.success() {
        return Err(Error::Build { tool: "Icarus", top: top.into(), message: message(&output, folder) });
    }
    Ok(folder.join("model"))
}

/// The text of the harness. What it reads and writes is in `model.rs`; unknown bits are written as zeros, and make a hash
/// zero for good.
pub(super) fn harness(design: &Design, top: &str, pins: &Pins, probes: &[StreamPins]) -> Result<String> {
    let streams: Vec<(&Stream, &StreamPins)> = [(&design.input, &pins.input)]
        .into_iter()
        .chain(design.probes.iter().map(|p| &p.stream).zip(probes))
        .chain([(&design.output, &pins.output)])
        .collect();
    let in_bits: u32 = pins.input.data.iter().map(|s| s.width).sum();
    let in_words = in_bits.div_ceil(64);
    let in_beats = design.input.beats();
    let inputs = Inputs::new(pins);
    let mut text = format!("`timescale 1ns / 1ns\n`default_nettype none\n\nmodule {HARNESS};\n");
    let mut out = |line: String| writeln!(text, "{line}").expect("writing to a string");
    out("    reg clk, rst;".into());
    for (name, width) in &inputs.0 {
        out(format!("    reg [{}:0] pin_{name};", width - 1));
    }
    let mut connections: Vec<String> = vec![format!(".{}(clk)", pins.clock)];
    connections.extend(pins.reset.iter().map(|r| format!(".{r}(rst)")));
    connections.extend(inputs.0.iter().map(|(name, _)| format!(".{name}(pin_{name})")));
    let watched: Vec<Watched> = streams.iter().enumerate().map(|(i, s)| Watched::new(i, s.0, s.1)).collect();
    connections.extend(inputs.outputs(pins).iter().map(|(name, width)| {
        out(format!("    wire [{}:0] pin_{name};", width - 1));
        format!(".{name}(pin_{name})")
    }));
    out(format!("    {top} dut ({});", connections.join(", ")));
    let ports = pins.names();
    watched.iter().for_each(|w| out(w.declarations(&ports)));
    out(format!(
        "    integer from_file, to_file, got, left, beat, result_beat, i;
    reg [8191:0] name;
    reg [63:0] raw, word, hash, patience, from, to, segments, in_state, in_level, out_state, out_level;
    reg [63:0] samples, cycles, report, before, fault, cycle, sample, results, moved;
    reg [{all}:0] beat_words;
    reg offered, loaded, offers, accepts, dump, stuck;

    task next;
        begin
            got = $fread(raw, from_file);
            if (got != 8) begin
                $display(\"the stimulus ends too early\");
                $finish_and_return(3);
            end
            word = {{raw[7:0], raw[15:8], raw[23:16], raw[31:24], raw[39:32], raw[47:40], raw[55:48], raw[63:56]}};
        end
    endtask

    task tell(input [63:0] value);
        $fwrite(to_file, \"%u\", value);
    endtask

    task step(input [63:0] value);
        hash = ({{hash[58:0], hash[63:59]}} ^ value) * 64'h9e3779b97f4a7c15;
    endtask

    task draw;
        begin
            in_state = in_state ^ (in_state << 13);
            in_state = in_state ^ (in_state >> 7);
            in_state = in_state ^ (in_state << 17);
            out_state = out_state ^ (out_state << 13);
            out_state = out_state ^ (out_state >> 7);
            out_state = out_state ^ (out_state << 17);
        end
    endtask",
        all = 64 * in_words - 1
    ));
    out(inputs.drive(pins, in_beats));
    out(format!(
        "    // Draws, offers and accepts; values are settled at the end.
    task begin_cycle;
        begin
            draw;
            offers = sample < samples && (offered || in_state[63:56] >= in_level);
            accepts = out_state[63:56] >= out_level;
            if (offers && !loaded) begin
                for (i = 0; i < {in_words}; i = i + 1) begin
                    next;
                    beat_words[64 * i +: 64] = word;
                end
                loaded = 1'b1;
            end
            clk = 1'b0;
            drive;
            #1;
            offered = offers && ready_0 !== 1'b1;
            if (offers && !offered) begin
                loaded = 1'b0;
                beat = beat + 1;
                if (beat == {in_beats}) begin
                    beat = 0;
                    sample = sample + 1;
                end
                moved = cycle;
            end
        end
    endtask

    task end_cycle;
        begin
            clk = 1'b1;
            #1;
            cycle = cycle + 1;
        end
    endtask

    task restart;
        begin
            sample = 0; beat = 0; cycle = 0; moved = 0;
            offered = 1'b0; loaded = 1'b0;
        end
    endtask"
    ));
    out(observe(&watched));
    out(format!(
        "    task segment;
        integer start;
        reg [63:0] in_first, out_first;
        begin
            next; in_first = word;
            next; in_level = word;
            next; out_first = word;
            next; out_level = word;
            next; samples = word;
            next; cycles = word;
            next; report = word;
            next; before = word;
            next; fault = word;
            start = $ftell(from_file);
            in_state = in_first;
            out_state = out_first;
            restart;
            while (cycle < before) begin
                begin_cycle;
                end_cycle;
            end
            got = $fseek(from_file, start, 0);
            in_state = in_first;
            out_state = out_first;
            restart;
            offers = 1'b0;
            accepts = 1'b0;
            rst = 1'b1;
            repeat (before != 0 ? 1 : {RESET_CYCLES}) begin
                clk = 1'b0;
                drive;
                #1;
                clk = 1'b1;
                #1;
            end
            rst = 1'b0;
            hash = 0; results = 0; stuck = 1'b0;
            {zero}
            while ((cycle < cycles || (patience != 0 && results < samples)) && !stuck) begin
                begin_cycle;
                dump = cycle >= from && cycle < to;
                observe;
                end_cycle;
                if (patience == 0 && (cycle % 1024 == 0 || cycle == cycles)) begin
                    tell(1);
                    tell(hash);
                end
                stuck = patience != 0 && cycle - moved > patience;
            end
            left = (samples * {in_beats} - (sample * {in_beats} + beat + loaded)) * {in_words};
            for (i = 0; i < left; i = i + 1) next;
            tell(4);
            tell(results);
            tell(stuck);
            $fflush(to_file);
        end
    endtask

    initial begin
        got = $value$plusargs(\"stimulus=%s\", name);
        got = $value$plusargs(\"patience=%d\", patience);
        got = $value$plusargs(\"from=%d\", from);
        got = $value$plusargs(\"to=%d\", to);
        from_file = $fopen(name, \"rb\");
        to_file = $fopen(\"/dev/stdout\", \"wb\");
        rst = 1'b0;
        next;
        segments = word;
        while (segments != 0) begin
            segment;
            segments = segments - 1;
        end
        // Nobody asks how long it took.
        tell(5);
        tell(0);
        $fflush(to_file);
        $finish(0);
    end
endmodule

`default_nettype wire",
        zero = (0..streams.len()).map(|i| format!("beat_{i} = 0; ")).collect::<String>()
    ));
    Ok(text)
}

/// Ports that are driven, and their widths.
struct Inputs(Vec<(String, u32)>);

impl Inputs {
    fn new(pins: &Pins) -> Self {
        let signals = [&pins.input.valid].into_iter().chain(&pins.input.last).chain(&pins.input.data);
        Inputs(widths(signals.chain([&pins.output.ready])))
    }

    /// The other ports.
    fn outputs(&self, pins: &Pins) -> Vec<(String, u32)> {
        let signals = [&pins.output.valid].into_iter().chain(&pins.output.last).chain(&pins.output.data);
        widths(signals.chain([&pins.input.ready]))
    }

    /// The task that puts the offered beat, or nothing, on the pins.
    fn drive(&self, pins: &Pins, beats: usize) -> String {
        let mut lines = String::new();
        let mut put = |signal: &Signal, value: String| {
            let Signal { name, lsb, width } = signal;
            writeln!(lines, "            pin_{name}[{lsb} +: {width}] = {value};")
                .expect("writing to a string");
        };
        put(&pins.input.valid, "offers".into());
        put(&pins.output.ready, "accepts".into());
        if let Some(last) = &pins.input.last {
            put(last, format!("offers && (beat == {}) != (sample * {beats} + beat == fault)", beats - 1));
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

/// A stream as the harness looks at it.
struct Watched<'a> {
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
    fn new(number: usize, stream: &Stream, pins: &'a StreamPins) -> Self {
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
    fn declarations(&self, ports: &std::collections::BTreeSet<&str>) -> String {
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
fn observe(streams: &[Watched]) -> String {
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
