//! A harness in Verilog that does for Icarus what `harness.cpp` does for Verilator: the same stimulus, the same records.

mod inputs;
mod watched;

use super::Tool;
use super::build::{Source, cached, check_sources, first_line, message, tool};
use super::model::Model;
use super::pins::{Pins, StreamPins};
use crate::{Error, Result};
use inputs::Inputs;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use sterna_ir::Design;
use sterna_ir::bench::RESET_CYCLES;
use sterna_ir::design::Stream;
use watched::{Watched, observe};

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
    for (name, width) in &inputs.ports {
        out(format!("    reg [{}:0] pin_{name};", width - 1));
    }
    let mut connections: Vec<String> = vec![format!(".{}(clk)", pins.clock)];
    connections.extend(pins.reset.iter().map(|r| format!(".{r}(rst)")));
    connections.extend(inputs.ports.iter().map(|(name, _)| format!(".{name}(pin_{name})")));
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
    reg offered, loaded, offers, accepts, faulty, dump, stuck;

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
            faulty = sample * {in_beats} + beat == fault;
            clk = 1'b0;
            drive;
            #1;
            offered = offers && ready_0 !== 1'b1;
            if (offers && !offered) begin
                loaded = 1'b0;
                beat = beat + 1;
                if (beat == {in_beats} || faulty) begin
                    left = ({in_beats} - beat) * {in_words};
                    for (i = 0; i < left; i = i + 1) next;
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
