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
        let about = if about.is_empty() { "See the header of the Verilog" } else { about };
        format!("    /// {about}.\n    pub {}: Signal<{direction}, {kind}>,\n", port.name)
    };
    let drives = |port: &&Port| port.direction == Direction::Output;
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
//! #[path = \"build/{top}_rust_hdl.rs\"]
//! mod {top};
//!
//! #[derive(LogicBlock, Default)]
//! struct Design {{
//!     core: {top}::Core,
//!     // ...
//! }}
//! ```
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
        signals = emitted.ports.iter().map(signal).collect::<String>(),
        outputs = (emitted.ports.iter().filter(drives))
            .map(|port| format!("        self.{}.connect();\n", port.name))
            .collect::<String>(),
        files = emitted.files.iter().map(|f| file(&f.name)).collect::<String>(),
    )
}
