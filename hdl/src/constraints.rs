//! Timing constraints that travel with the emitted top module.

use crate::verilog::{Direction, Emitted, SourceFile};

/// `<top>.sdc` and `<top>.xdc` for a clock of `khz`, which must not be zero; empty when nothing is clocked.
pub fn constraints(emitted: &Emitted, khz: u32) -> Vec<SourceFile> {
    let Some(clock) = emitted.clock() else { return Vec::new() };
    let ps = 1_000_000_000 / u64::from(khz);
    let delays: String = emitted
        .ports
        .iter()
        .filter(|port| !port.nodes.is_empty())
        .map(|port| {
            let verb =
                if port.direction == Direction::Input { "set_input_delay " } else { "set_output_delay" };
            let bits = if port.width == 1 { "" } else { "[*]" };
            format!("{verb} -clock {clock} 0.000 [get_ports {{{}{bits}}}]\n", port.name)
        })
        .collect();
    let text = format!(
        "# {top} : {mhz}.{fraction:03} MHz\n\
         create_clock -name {clock} -period {ns}.{rest:03} [get_ports {clock}]\n\n\
         # Ports are taken to be registered next to the core in the same clock domain: paths from and to them\n\
         # have the whole period.  Replace by the board's delays where they are pins.\n{delays}",
        top = emitted.top,
        mhz = khz / 1000,
        fraction = khz % 1000,
        ns = ps / 1000,
        rest = ps % 1000,
    );
    ["sdc", "xdc"]
        .map(|kind| SourceFile { name: format!("{}.{kind}", emitted.top), text: text.clone() })
        .into()
}
