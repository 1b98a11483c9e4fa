//! A block of rust-hdl that stands for the core in designs written with it.

use crate::verilog::{Direction, Emitted, Port};

/// The block, whose `hdl()` names the core and brings its Verilog along, so that what rust-hdl generates is whole. Each file
/// is there once, however many cores need it.
pub fn block(emitted: &Emitted) -> String {
    let top = &emitted.top;
    let signal = |port: &Port| {
        let direction = if port.direction == Direction::Input { "In" } else { "Out" };
        let (kind, about) = match port.width {
            _ if port.nodes.is_empty() => ("Clock".into(), "Rising edge"),
            1 if port.name == "rst" => ("Bit".into(), "Synchronous, active high"),
            1 => ("Bit".into(), port.about.as_str()),
            width => (format!("Bits<{width}>"), port.about.as_str()),
        };
        let about = if about.is_empty() { handshake(&port.name) } else { about };
        format!("    /// {about}.\n    pub {}: Signal<{direction}, {kind}>,\n", port.name)
    };
    let drives = |port: &&Port| port.direction == Direction::Output;
    let wire = |port: &Port| match (port.direction, &port.name) {
        (Direction::Input, name) => format!("//!         self.core.{name}.next = self.{name}.val();\n"),
        (Direction::Output, name) => format!("//!         self.{name}.next = self.core.{name}.val();\n"),
    };
    let file = |name: &str| {
        let guard = format!("sterna_{}", name.replace('.', "_"));
        format!(
            "                \"`ifndef {guard}\\n`define {guard}\\n\",\n                include_str!({name:?}),\n                \"`endif\\n\",\n"
        )
    };
    format!(
        "//! The Verilog module `{top}` as a block of rust-hdl 0.46, for designs written with it:
//!
//! ```ignore
//! #[path = \"{top}_rust_hdl.rs\"] // this file, from where the design stands
//! mod {top};
//!
//! #[derive(LogicBlock, Default)]
//! struct Design {{
//!     core: {top}::Core,
//!     // signals of one's own: here of the same names and types as the core's
//! }}
//!
//! impl Logic for Design {{
//!     #[hdl_gen]
//!     fn update(&mut self) {{
{wires}//!     }}
//! }}
//! ```
//!
//! A beat moves in a cycle in which valid and ready are both 1; the header of the Verilog says what the data hold.
//!
//! What `generate_verilog` gives then holds the Verilog beside this file; it calls the design itself `top`, which no core may
//! be called then. rust-hdl's own simulation does not see inside: there the outputs stay 0.

use rust_hdl::prelude::*;

/// The module `{top}`.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct Core {{
{signals}}}

impl Logic for Core {{
    fn update(&mut self) {{}}

    fn connect(&mut self) {{
{outputs}    }}

    fn hdl(&self) -> Verilog {{
        Verilog::Blackbox(BlackBox {{
            name: \"{top}\".into(),
            code: concat!(
{files}            )
            .into(),
        }})
    }}
}}
",
        wires = emitted.ports.iter().map(wire).collect::<String>(),
        signals = emitted.ports.iter().map(signal).collect::<String>(),
        outputs = (emitted.ports.iter().filter(drives))
            .map(|port| format!("        self.{}.connect();\n", port.name))
            .collect::<String>(),
        files = emitted.files.iter().map(|f| file(&f.name)).collect::<String>(),
    )
}

/// What a bit of a stream at the border of a core says.
fn handshake(port: &str) -> &'static str {
    match port {
        "s_axis_tvalid" => "A beat of a sample is there",
        "s_axis_tready" => "The core takes the beat",
        "s_axis_tlast" => "It is the last of its sample",
        "m_axis_tvalid" => "A beat of a result is there",
        "m_axis_tready" => "The beat is taken",
        "m_axis_tlast" => "It is the last of its result",
        "frame_error" => "A sample had the wrong number of beats; 1 until reset",
        _ => "See the header of the Verilog",
    }
}
