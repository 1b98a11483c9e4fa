//! A self-checking Verilog-2005 test bench with its samples and expected results inside.
//!
//! It follows the protocol of [`sterna_ir::bench`] to the cycle, with the same stall generators, so that a waveform of it
//! can be laid beside one of any other simulator. It runs under Icarus (`iverilog -g2005`) and Verilator
//! (`--binary --timing`), prints `PASS` or `FAIL`, and ends with a non-zero status on `FAIL`.

use std::fmt::Write;

use sterna_ir::bench::{RESET_CYCLES, Stalls};
use sterna_ir::design::{Design, Stream};
use sterna_ir::netlist::NodeId;
use sterna_ir::{Error, Result};

use crate::verilog::layout::{BREAK, wrap};
use crate::verilog::names::{Names, comment};
use crate::verilog::{Direction, Emitted, SourceFile};

/// Chance of a stall on either side, in 1/256.
const STALL_LEVEL: u8 = 64;

/// Cycles without a beat after which the bench gives up, at least.
const PATIENCE: u64 = 10_000;

/// The bench `<top>_tb.v` for a printed design. `samples` and `expected` hold one vector per sample, in element order.
///
/// # Errors
/// [`Error::Sample`] when the lists are empty or differ in length, or a value does not fit its lane.
pub fn testbench(
    design: &Design,
    emitted: &Emitted,
    samples: &[Vec<i64>],
    expected: &[Vec<i64>],
) -> Result<SourceFile> {
    if samples.is_empty() || samples.len() != expected.len() {
        let (samples, expected) = (samples.len(), expected.len());
        return Err(Error::Sample(format!(
            "{samples} samples and {expected} results; give one result per sample"
        )));
    }
    for (index, (sample, result)) in samples.iter().zip(expected).enumerate() {
        fits(design, &design.input, sample, &format!("sample {index}"))?;
        fits(design, &design.output, result, &format!("result {index}"))?;
    }
    let bench = Bench { design, emitted, pin: pins(emitted) };
    let name = format!("{}_tb", emitted.top);
    let text = bench.text(&name, samples, expected);
    Ok(SourceFile { name: format!("{name}.v"), text })
}

fn fits(design: &Design, stream: &Stream, vector: &[i64], what: &str) -> Result<()> {
    for (position, element) in stream.order.iter().enumerate() {
        let lane = stream.data[position % stream.data.len()];
        let range = design.netlist.node(lane).range;
        match vector.get(*element as usize) {
            None => {
                return Err(Error::Sample(format!(
                    "{what} has {} elements, no element {element}",
                    vector.len()
                )));
            }
            Some(value) if !range.contains(*value) => {
                return Err(Error::Sample(format!("{what}, element {element}: {value} is outside {range}")));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Signals of the bench, named like the ports but clear of the bench's own names.
fn pins(emitted: &Emitted) -> Vec<String> {
    let mut names = Names::default();
    for own in OWN_NAMES.split_ascii_whitespace() {
        names.claim(own);
    }
    emitted.ports.iter().map(|port| names.claim(&port.name)).collect()
}

const OWN_NAMES: &str =
    "stimulus want element word lanes got dut sample beat place result position lane errors quiet
    offer held accept stall_in stall_out";

struct Bench<'a> {
    design: &'a Design,
    emitted: &'a Emitted,
    pin: Vec<String>,
}

impl Bench<'_> {
    fn width(&self, node: NodeId) -> u32 {
        self.design.netlist.node(node).range.width()
    }

    /// The bench's signal for a node at a port.
    fn at(&self, node: NodeId) -> String {
        let signal = self.emitted.top_signal(node).expect("the pins of a design are ports");
        let port = self.emitted.ports.iter().position(|p| p.name == signal.name).expect("it is a port");
        match signal.width {
            all if all == self.emitted.ports[port].width => self.pin[port].clone(),
            1 => format!("{}[{}]", self.pin[port], signal.lsb),
            width => format!("{}[{}:{}]", self.pin[port], signal.lsb + width - 1, signal.lsb),
        }
    }

    /// Width at which results are compared: every lane as a signed word.
    fn lane_width(&self) -> u32 {
        let range = |n: &NodeId| self.design.netlist.node(*n).range;
        let width = |n: &NodeId| range(n).width() + u32::from(!range(n).is_signed());
        self.design.output.data.iter().map(width).max().expect("a stream has lanes")
    }

    fn text(&self, name: &str, samples: &[Vec<i64>], expected: &[Vec<i64>]) -> String {
        let mut out = format!(
            "// {title}\n//\n\
             // Follows the same stall generators as the simulators of sterna.  Prints PASS or FAIL; the exit\n\
             // status tells too.  Run it with every .v file of this folder:\n\
             //   with Icarus     iverilog -g2005 -s {name} -o {name}.vvp *.v && vvp -N {name}.vvp\n\
             //   with Verilator  verilator --binary --timing --top-module {name} *.v && obj_dir/V{name}\n\
             `default_nettype none\n\nmodule {name};\n",
            title = comment(&format!(
                "{name} : plays {} samples with stalls and compares results",
                samples.len()
            ))
        );
        self.declarations(&mut out, samples.len());
        self.instance(&mut out);
        self.contents(&mut out, samples, expected);
        self.process(&mut out, samples.len());
        out + "endmodule\n\n`default_nettype wire\n"
    }

    fn declarations(&self, out: &mut String, samples: usize) {
        let (input, output) = (&self.design.input, &self.design.output);
        let word: u32 = input.data.iter().map(|n| self.width(*n)).sum();
        let lane = self.lane_width();
        *out += "    // Pins\n";
        for (port, pin) in self.emitted.ports.iter().zip(&self.pin) {
            let kind = if port.direction == Direction::Input { "reg " } else { "wire" };
            let _ = writeln!(out, "    {kind} [{}:0] {pin};", port.width - 1);
        }
        let lanes: Vec<String> = output.data.iter().rev().map(|n| self.extended(*n, lane)).collect();
        let lanes = lanes.join(&format!(",{BREAK}"));
        let _ = write!(
            out,
            "\n    // Beats to play; results in order of their beats, and which element each is\n    \
             reg [{}:0] stimulus [0:{}];\n    reg signed [{}:0] want [0:{}];\n    integer element [0:{}];\n\n    \
             // One beat of input, and one of output with every lane as a signed word\n    \
             reg [{}:0] word;\n    reg [{}:0] lanes;\n    reg signed [{}:0] got;\n    wire [{}:0] all_lanes = ",
            word - 1,
            samples * input.beats() - 1,
            lane - 1,
            samples * output.order.len() - 1,
            output.order.len() - 1,
            word - 1,
            lane * output.data.len() as u32 - 1,
            lane - 1,
            lane * output.data.len() as u32 - 1,
        );
        *out += &wrap("", &format!("{{{lanes}}};\n"), 8);
        *out += "\n    integer sample, beat, place, result, position, lane, errors, quiet;\n    \
                 reg offer, held, accept;\n    reg [63:0] stall_in, stall_out;\n";
    }

    /// A lane as a signed word of `width` bits.
    fn extended(&self, node: NodeId, width: u32) -> String {
        let range = self.design.netlist.node(node).range;
        let text = self.at(node);
        match width - range.width() {
            0 => text,
            n if range.is_signed() => {
                // A pin is a vector even if it is one bit wide, so that its top bit can be named.
                let signal = self.emitted.top_signal(node).expect("the pins of a design are ports");
                let pin = text.split('[').next().expect("split gives one part at least");
                format!("{{{n}{{{pin}[{}]}}}}, {text}", signal.lsb + signal.width - 1)
            }
            n => format!("{n}'b0, {text}"),
        }
    }

    fn instance(&self, out: &mut String) {
        let _ = writeln!(out, "\n    {} dut (", self.emitted.top);
        for (i, (port, pin)) in self.emitted.ports.iter().zip(&self.pin).enumerate() {
            let comma = if i + 1 == self.pin.len() { "" } else { "," };
            let _ = writeln!(out, "        .{} ({pin}){comma}", port.name);
        }
        *out += "    );\n";
    }

    fn contents(&self, out: &mut String, samples: &[Vec<i64>], expected: &[Vec<i64>]) {
        let (input, output) = (&self.design.input, &self.design.output);
        let lanes = input.data.len();
        let mut words = Vec::new();
        for (at, (sample, beat)) in
            samples.iter().flat_map(|s| (0..input.beats()).map(move |beat| (s, beat))).enumerate()
        {
            let mut bits = Vec::new();
            for (lane, node) in input.data.iter().enumerate() {
                let value = input.order.get(beat * lanes + lane).map_or(0, |e| sample[*e as usize]);
                bits.extend((0..self.width(*node)).map(|bit| value >> bit & 1 == 1));
            }
            words.push(format!("stimulus[{at}] = {};", hex(&bits)));
        }
        let _ = write!(out, "\n    initial begin\n{}\n    end\n", lines(&words));
        let width = self.lane_width();
        let values = expected.iter().flat_map(|v| output.order.iter().map(|e| v[*e as usize]));
        let words: Vec<String> =
            values.enumerate().map(|(i, v)| format!("want[{i}] = {};", decimal(v, width))).collect();
        let _ = write!(out, "\n    initial begin\n{}\n    end\n", lines(&words));
        let words: Vec<String> =
            output.order.iter().enumerate().map(|(i, e)| format!("element[{i}] = {e};")).collect();
        let _ = write!(out, "\n    initial begin\n{}\n    end\n", lines(&words));
    }

    /// Puts the lanes of `word` on the pins.
    fn drive(&self) -> String {
        let mut lo = 0;
        let mut out = String::new();
        let total: u32 = self.design.input.data.iter().map(|n| self.width(*n)).sum();
        for node in &self.design.input.data {
            let width = self.width(*node);
            let bits =
                if width == total { "word".to_string() } else { format!("word[{}:{lo}]", lo + width - 1) };
            let _ = writeln!(out, "            {} = {bits};", self.at(*node));
            lo += width;
        }
        if let Some(last) = self.design.input.last {
            let _ = writeln!(
                out,
                "            {} = offer && beat == {};",
                self.at(last),
                self.design.input.beats() - 1
            );
        }
        out
    }

    fn process(&self, out: &mut String, samples: usize) {
        let (input, output) = (&self.design.input, &self.design.output);
        let stalls = Stalls::random(1, STALL_LEVEL);
        let clock = self.emitted.ports.iter().position(|p| p.nodes.is_empty());
        let tick = clock.map_or("#9".to_string(), |at| {
            format!("#4 {pin} = 1'b1;\n#5 {pin} = 1'b0;\n#1", pin = self.pin[at])
        });
        let tick = |indent: &str| {
            tick.lines().map(|l| format!("{indent}{l}\n")).collect::<String>().trim_end().to_string() + ";\n"
        };
        let inputs =
            self.emitted.ports.iter().zip(&self.pin).filter(|(p, _)| p.direction == Direction::Input);
        let zero: String = inputs.map(|(_, pin)| format!("        {pin} = 0;\n")).collect();
        let reset = self.design.netlist.reset.map(|r| self.at(r));
        let set =
            |value: u8| reset.as_ref().map_or(String::new(), |r| format!("        {r} = 1'b{value};\n"));
        let draw = |name: &str| {
            format!(
                "            {name} = {name} ^ ({name} << 13);\n            {name} = {name} ^ ({name} >> 7);\n            \
                 {name} = {name} ^ ({name} << 17);\n"
            )
        };
        let timing = self.design.timing;
        let patience = PATIENCE.max(16 * (timing.latency + timing.interval));
        let word: u32 = input.data.iter().map(|n| self.width(*n)).sum();
        *out += &format!(
            "
    initial begin
        stall_in  = 64'h{stall_in:016x};
        stall_out = 64'h{stall_out:016x};
        sample = 0; beat = 0; place = 0; result = 0; position = 0; errors = 0; quiet = 0;
        held = 1'b0;
{zero}{reset_on}        repeat ({RESET_CYCLES}) begin
{tick_deep}        end
{reset_off}        while (result < {samples} && quiet <= {patience}) begin
            // Both stall generators draw in every cycle: xorshift64, a stall when the top byte is low
{draw_in}{draw_out}            offer  = sample < {samples} && (held || stall_in[63:56] >= 8'd{STALL_LEVEL});
            accept = stall_out[63:56] >= 8'd{STALL_LEVEL};
            word   = offer ? stimulus[place] : {word}'d0;
            {valid} = offer;
            {out_ready} = accept;
{drive}            #1;
            held  = offer && {ready} !== 1'b1;
            quiet = quiet + 1;
            if (offer && !held) begin
                quiet = 0;
                place = place + 1;
                beat  = beat + 1;
                if (beat == {beats}) begin
                    beat   = 0;
                    sample = sample + 1;
                end
            end
            if (accept && {out_valid} === 1'b1) begin
                quiet = 0;
                lanes = all_lanes;
                for (lane = 0; lane < {lanes} && position < {elements}; lane = lane + 1) begin
                    got   = lanes[{top}:0];
                    lanes = lanes >> {shift};
                    if (got !== want[result * {elements} + position]) begin
                        errors = errors + 1;
                        if (errors <= 10)
                            $display(\"FAIL sample %0d element %0d: got %0d, want %0d\", result,
                                element[position], got, want[result * {elements} + position]);
                    end
                    position = position + 1;
                end
                if (position == {elements}) begin
                    position = 0;
                    result   = result + 1;
                end
            end
{tick_loop}        end
        if (result < {samples}) begin
            $display(\"FAIL nothing moved for %0d cycles after %0d of {samples} results\", quiet, result);
            $stop;
        end else if (errors != 0) begin
            $display(\"FAIL %0d wrong values in {samples} results\", errors);
            $stop;
        end else begin
            $display(\"PASS {samples} results\");
        end
        $finish;
    end

",
            stall_in = stalls.input.state,
            stall_out = stalls.output.state,
            reset_on = set(1),
            reset_off = set(0),
            tick_deep = tick("            "),
            tick_loop = tick("            "),
            draw_in = draw("stall_in"),
            draw_out = draw("stall_out"),
            valid = self.at(input.valid),
            out_ready = self.at(output.ready),
            drive = self.drive(),
            ready = self.at(input.ready),
            beats = input.beats(),
            out_valid = self.at(output.valid),
            lanes = output.data.len(),
            elements = output.order.len(),
            top = self.lane_width() - 1,
            shift = self.lane_width(),
        );
    }
}

/// Statements, several per line.
fn lines(statements: &[String]) -> String {
    wrap("        ", &statements.join(&BREAK.to_string()), 8)
}

/// Bits, lowest first, as a literal.
fn hex(bits: &[bool]) -> String {
    let digit = |four: &[bool]| four.iter().enumerate().map(|(i, bit)| u32::from(*bit) << i).sum::<u32>();
    let digits: String = bits.chunks(4).rev().map(|four| format!("{:x}", digit(four))).collect();
    format!("{}'h{digits}", bits.len())
}

fn decimal(value: i64, width: u32) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{width}'sd{}", value.unsigned_abs())
}
