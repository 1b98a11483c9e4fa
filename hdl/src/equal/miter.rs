//! The Verilog around two versions of a circuit that compares their ports.

use std::fmt::Write;

use sterna_ir::Design;

use super::SIDES;
use crate::verilog::{Direction, Emitted, Port};

/// The module `miter`: every input of the circuit, and `differs`.
pub fn text(design: &Design, emitted: &Emitted) -> String {
    let clock = emitted.clock().unwrap_or("clk");
    let (mut inputs, mut body, mut compared) = (String::new(), String::new(), Vec::new());
    let mut pins = [String::new(), String::new()];
    for (index, port) in emitted.ports.iter().enumerate() {
        let (name, width) = (&port.name, port.width);
        if name == clock {
            pins.iter_mut().for_each(|pins| *pins += &format!(".{name}(clk), "));
        } else if port.direction == Direction::Input {
            let _ = writeln!(inputs, "    input wire [{}:0] {},", width - 1, raw(index));
            let value = driven(design, port, index);
            let _ = writeln!(body, "    wire [{}:0] in{index} = {value};", width - 1);
            pins.iter_mut().for_each(|pins| *pins += &format!(".{name}(in{index}), "));
        } else {
            for (pins, side) in pins.iter_mut().zip(SIDES) {
                let _ = writeln!(body, "    wire [{}:0] {side}{index};", width - 1);
                *pins += &format!(".{name}({side}{index}), ");
            }
            let unequal = format!("{}{index} != {}{index}", SIDES[0], SIDES[1]);
            let output = &design.output;
            let when_valid = |n| output.data.contains(n) || output.last == Some(*n);
            compared.push(match port.nodes.iter().any(when_valid) {
                true => format!("({unequal}) & {}", valid(design, emitted)),
                false => format!("({unequal})"),
            });
        }
    }
    let reset = design.netlist.reset.and_then(|r| emitted.ports.iter().position(|p| p.nodes == [r]));
    let runs = reset.map_or("started".to_string(), |index| format!("started & ~in{index}"));
    for (side, pins) in SIDES.iter().zip(pins) {
        let _ = writeln!(body, "    {side} {side} ({});", pins.trim_end_matches(", "));
    }
    format!(
        "module miter (\n    input wire clk,\n{inputs}    output wire differs\n);\n    reg started = 1'b0;\n    \
         always @(posedge clk) started <= 1'b1;\n{body}    assign differs = {runs} & ({});\nendmodule\n",
        compared.join(" | ")
    )
}

/// The name of what enters port `index`, before it is kept in its range.
pub fn raw(index: usize) -> String {
    format!("raw{index}")
}

/// What enters a port: the reset is 1 in the first cycle, data stay inside their ranges.
fn driven(design: &Design, port: &Port, index: usize) -> String {
    if design.netlist.reset.is_some_and(|reset| port.nodes == [reset]) {
        return format!("{} | ~started", raw(index));
    }
    let (mut parts, mut at) = (Vec::new(), 0);
    for node in &port.nodes {
        let range = design.netlist.node(*node).range;
        let width = range.width();
        let part = format!("{}[{}:{at}]", raw(index), at + width - 1);
        at += width;
        parts.push(match range == range.word() {
            true => part,
            false => {
                let word = |value: i64| format!("{width}'d{}", value as u64 & (u64::MAX >> (64 - width)));
                let signed = |text: String| if range.is_signed() { format!("$signed({text})") } else { text };
                let (x, lo, hi) = (signed(part.clone()), signed(word(range.lo)), signed(word(range.hi)));
                format!("({x} >= {lo} && {x} <= {hi} ? {part} : {})", word(range.lo))
            }
        });
    }
    parts.reverse();
    format!("{{{}}}", parts.join(", "))
}

/// The `valid` of the output.
fn valid(design: &Design, emitted: &Emitted) -> String {
    let seen = emitted.top_signal(design.output.valid).expect("streams are at ports");
    let index = emitted.ports.iter().position(|p| p.name == seen.name).expect("it is a port");
    format!("{}{index}[{}]", SIDES[0], seen.lsb)
}
