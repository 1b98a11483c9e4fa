//! A frame of shift registers around a circuit, so that eight pins in and eight out suffice to place and route it.
//!
//! Inputs come out of one shift register, eight bits a clock; outputs fold into another by exclusive or, so that every bit of
//! the circuit can be seen and nothing of it is optimised away.

use std::collections::BTreeMap;

use crate::verilog::{Direction, Port, SourceFile};

/// Bits shifted per clock.
const STEP: u32 = 8;

/// The module around the circuit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The module's text.
    pub file: SourceFile,
    /// Its name.
    pub top: String,
    /// Flip-flops that it adds.
    pub ff: u64,
    /// Look-up tables that it adds: one for each output bit.
    pub lut: u64,
}

/// The frame of a circuit `core` with these ports. `ties` holds inputs at a constant instead: a port's name and its value.
pub fn frame(core: &str, ports: &[Port], ties: &BTreeMap<String, u64>) -> Frame {
    let top = format!("{core}_frame");
    let (mut x, mut y) = (0, 0);
    let mut pins = Vec::new();
    let mut clocked = false;
    for port in ports {
        let signal = match (port.nodes.is_empty(), port.direction, ties.get(&port.name)) {
            (true, ..) => {
                clocked = true;
                "clk".to_string()
            }
            (_, Direction::Input, Some(value)) => format!("{}'d{value}", port.width),
            (_, Direction::Input, None) => slice("x", &mut x, port.width),
            (_, Direction::Output, _) => slice("y", &mut y, port.width),
        };
        pins.push(format!("        .{}({signal})", port.name));
    }
    let (xs, ys) = (x.max(1), y.max(1));
    // Shifted under an enable, or stages of the circuit that merely delay its inputs would merge with the shift register.
    let load = format!("    always @(posedge clk) if (shift) x <= {};\n", shifted("x", xs, "d"));
    // A circuit without registers gets some at its outputs, so that the exclusive or is no part of its paths.
    let (held, held_ff) = match clocked {
        true => ("    wire [Y-1:0] h = y;\n", 0),
        false => ("    reg [Y-1:0] h;\n    always @(posedge clk) h <= y;\n", u64::from(y)),
    };
    let text = format!(
        "// {top} : shift registers around {core}, for place and route alone\n\
         `default_nettype none\n\n\
         module {top} (\n    input  wire       clk,\n    input  wire       shift,\n    input  wire [7:0] d,\n    \
         output wire [7:0] q\n);\n\n\
         \x20   localparam X = {xs};\n    localparam Y = {ys};\n\n\
         \x20   reg  [X-1:0] x;\n    reg  [Y-1:0] z;\n    wire [Y-1:0] y;\n{load}{held}\
         \x20   always @(posedge clk) z <= h ^ {fold};\n    assign q = {q};\n\n\
         \x20   {core} core (\n{pins}\n    );\n\nendmodule\n\n`default_nettype wire\n",
        // The end of one register is the start of the other, so that none of their bits is unused.
        fold = shifted("z", ys, &end("x", xs)),
        q = end("z", ys),
        pins = pins.join(",\n"),
    );
    let file = SourceFile { name: format!("{top}.v"), text };
    Frame { file, top, ff: u64::from(x) + u64::from(y) + held_ff, lut: u64::from(y) }
}

/// The next `width` bits of a bundle.
fn slice(name: &str, at: &mut u32, width: u32) -> String {
    let lo = *at;
    *at += width;
    format!("{name}[{}:{lo}]", *at - 1)
}

/// The last step's bits of a register of `width` bits.
fn end(name: &str, width: u32) -> String {
    match width {
        STEP.. => format!("{name}[{}:{}]", width - 1, width - STEP),
        _ => format!("{{{}'d0, {name}}}", STEP - width),
    }
}

/// A register of `width` bits moved up by one step, `from` below.
fn shifted(name: &str, width: u32, from: &str) -> String {
    match width.checked_sub(STEP) {
        None | Some(0) => from.to_string(),
        Some(rest) => format!("{{{name}[{}:0], {from}}}", rest - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_ir::netlist::NodeId;

    #[test]
    fn every_bit_is_shifted_but_ties() {
        let port = |name: &str, direction, width, nodes| Port {
            name: name.into(),
            direction,
            width,
            nodes,
            about: "".into(),
        };
        let some = || vec![NodeId(0)];
        let ports = [
            port("clk", Direction::Input, 1, vec![]),
            port("rst", Direction::Input, 1, some()),
            port("x", Direction::Input, 20, some()),
            port("y", Direction::Output, 3, some()),
        ];
        let frame = frame("core", &ports, &[("rst".to_string(), 0)].into());
        assert_eq!((frame.ff, frame.lut), (23, 3));
        for part in [
            ".clk(clk)",
            ".rst(1'd0)",
            ".x(x[19:0])",
            ".y(y[2:0])",
            "x <= {x[11:0], d}",
            "z <= h ^ x[19:12]",
            "{5'd0, z}",
        ] {
            assert!(frame.file.text.contains(part), "{part}\n{}", frame.file.text);
        }
    }
}
