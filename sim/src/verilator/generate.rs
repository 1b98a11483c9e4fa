//! The part of the harness that depends on the design: `model.h`, and the file that makes inner signals visible.

use super::pins::{Pins, Signal, StreamPins, plain};
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::fmt::Write;
use sterna_ir::Design;
use sterna_ir::bench::RESET_CYCLES;
use sterna_ir::design::Stream;

/// Consecutive bits of one signal and their place in the packed beat.
struct Piece {
    signal: Signal,
    at: u32,
}

/// Joins signals that continue each other.
fn pieces(signals: &[Signal]) -> (Vec<Piece>, u32) {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut at = 0;
    for signal in signals {
        match pieces.last_mut() {
            Some(p) if p.signal.name == signal.name && p.signal.lsb + p.signal.width == signal.lsb => {
                p.signal.width += signal.width;
            }
            _ => pieces.push(Piece { signal: signal.clone(), at }),
        }
        at += signal.width;
    }
    (pieces, at)
}

/// Verilator's spelling of a name: two underscores are reserved for its own use.
fn encode(name: &str) -> String {
    name.replace("__", "___05F")
}

fn access(name: &str, top: &str, ports: &BTreeSet<&str>) -> String {
    if ports.contains(name) {
        format!("m.{}", encode(name))
    } else {
        format!("m.rootp->{}__DOT__{}", encode(top), encode(name))
    }
}

/// `model.h`: how pins are driven and streams observed, in the order input, probes, output.
pub(super) fn header(design: &Design, top: &str, pins: &Pins, probes: &[StreamPins]) -> Result<String> {
    let ports = pins.names();
    let mut text =
        String::from("#include \"Vmodel.h\"\n#include \"Vmodel___024root.h\"\ntypedef Vmodel Model;\n");
    let mut out = |line: String| writeln!(text, "{line}").expect("writing to a string");
    let get = |s: &Signal| format!("get({}, {}, {})", access(&s.name, top, &ports), s.lsb, s.width);
    out("struct Stream { unsigned beats, bits, last_bits; uint64_t (*valid)(const Model&); uint64_t (*ready)(const \
         Model&); void (*pack)(const Model&, uint64_t*); };"
        .into());
    let streams: Vec<(&Stream, &StreamPins)> = [(&design.input, &pins.input)]
        .into_iter()
        .chain(design.probes.iter().map(|p| &p.stream).zip(probes))
        .chain([(&design.output, &pins.output)])
        .collect();
    let (mut table, mut most) = (String::new(), 1);
    for (i, (stream, pins)) in streams.iter().enumerate() {
        let signals: Vec<Signal> = match i {
            0 => vec![],
            _ => pins.last.iter().chain(&pins.data).cloned().collect(),
        };
        let (list, bits) = pieces(&signals);
        let used = stream.order.len() - (stream.beats() - 1) * stream.data.len();
        let unused: u32 = if i == 0 { 0 } else { pins.data[used..].iter().map(|s| s.width).sum() };
        out(format!("static uint64_t valid_{i}(const Model& m) {{ return {}; }}", get(&pins.valid)));
        out(format!("static uint64_t ready_{i}(const Model& m) {{ return {}; }}", get(&pins.ready)));
        out(format!("static void pack_{i}(const Model& m, uint64_t* words) {{"));
        for piece in &list {
            let name = access(&piece.signal.name, top, &ports);
            for from in (0..piece.signal.width).step_by(64) {
                let width = (piece.signal.width - from).min(64);
                let (lsb, at) = (piece.signal.lsb + from, piece.at + from);
                out(format!("    join(words, {at}, {width}, get({name}, {lsb}, {width}));"));
            }
        }
        out("}".into());
        most = most.max(bits.div_ceil(64));
        write!(table, "{{{}, {bits}, {}, valid_{i}, ready_{i}, pack_{i}}}, ", stream.beats(), bits - unused)
            .expect("writing to a string");
    }
    let (list, bits) = pieces(&pins.input.data);
    out(format!("static const Stream STREAM[] = {{{table}}};"));
    out(format!("static const unsigned STREAMS = {}, MOST_WORDS = {most};", streams.len()));
    out(format!("static const unsigned IN_BITS = {bits}, IN_BEATS = {};", design.input.beats()));
    out(format!("static const unsigned RESET_CYCLES = {RESET_CYCLES};"));
    let put = |s: &Signal, value: &str| {
        format!("put({}, {}, {}, {value});", access(&s.name, top, &ports), s.lsb, s.width)
    };
    out("static void drive(Model& m, const uint64_t* words, bool valid, bool last) {".into());
    out(format!("    {}", put(&pins.input.valid, "valid")));
    out(pins.input.last.as_ref().map_or("    (void)last;".into(), |s| format!("    {}", put(s, "last"))));
    for piece in &list {
        for from in (0..piece.signal.width).step_by(32) {
            let width = (piece.signal.width - from).min(32);
            let signal = Signal { lsb: piece.signal.lsb + from, width, ..piece.signal.clone() };
            out(format!("    {}", put(&signal, &format!("part(words, {}, {width})", piece.at + from))));
        }
    }
    out("}".into());
    let pin = |name: &str, value: &str| format!("m.{} = {value};", encode(name));
    out(format!("static void set_ready(Model& m, bool ready) {{ {} }}", put(&pins.output.ready, "ready")));
    out(format!("static void set_clock(Model& m, bool clock) {{ {} }}", pin(&pins.clock, "clock")));
    let reset = pins.reset.as_ref().map_or("(void)m; (void)reset;".into(), |r| pin(r, "reset"));
    out(format!("static void set_reset(Model& m, bool reset) {{ {reset} }}"));
    Ok(text)
}

/// The configuration file that keeps the watched signals of the top module readable.
pub(super) fn visible(top: &str, pins: &Pins, probes: &[StreamPins]) -> String {
    let ports = pins.names();
    let names: BTreeSet<&str> =
        probes.iter().flat_map(StreamPins::signals).map(|s| s.name.as_str()).collect();
    let mut text = String::from("`verilator_config\n");
    for name in names.difference(&ports) {
        writeln!(text, "public_flat_rd -module \"{top}\" -var \"{name}\"").expect("writing to a string");
    }
    text
}

/// Refuses names that are no plain identifiers and signals that do not fit the design.
pub(super) fn check(design: &Design, top: &str, pins: &Pins, probes: &[StreamPins]) -> Result<()> {
    let request = |what: String| Err(Error::Request(what));
    if probes.len() != design.probes.len() {
        return request(format!("{} watched streams for {} probes", probes.len(), design.probes.len()));
    }
    let streams = design.probes.iter().map(|p| &p.stream).zip(probes);
    let all = [(&design.input, &pins.input), (&design.output, &pins.output)].into_iter().chain(streams);
    for (stream, pins) in all {
        let nodes = [stream.valid, stream.ready].into_iter().chain(stream.data.iter().copied());
        let signals = [&pins.valid, &pins.ready].into_iter().chain(&pins.data);
        if stream.data.len() != pins.data.len() || (pins.last.is_some() && stream.last.is_none()) {
            return request(format!("{} signals for {} lanes", pins.data.len(), stream.data.len()));
        }
        for (node, signal) in nodes.zip(signals) {
            let width = design.netlist.node(node).range.width();
            if signal.width != width {
                return request(format!(
                    "signal {} has {} bits, the design {width}",
                    signal.name, signal.width
                ));
            }
        }
    }
    let names = probes.iter().flat_map(StreamPins::signals).map(|s| s.name.as_str());
    match names.chain(pins.names()).chain([top]).find(|name| !plain(name)) {
        Some(name) => request(format!("{name:?} is no plain Verilog name")),
        None => Ok(()),
    }
}
