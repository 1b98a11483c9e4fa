//! What other tools take a core by: a file list, FuseSoC's core file, a script that packages IP-XACT with Vivado, a VHDL
//! component and a block of rust-hdl.

mod rust_hdl;

use crate::verilog::{Direction, Emitted, Port, SourceFile};

/// `<top>.f`, `<top>.core`, `<top>_ip.tcl`, `<top>_component.vhd` and `<top>_rust_hdl.rs` for a printed design with its test
/// bench; with the timing constraints `<top>.xdc` and `<top>.sdc` where the folder holds them.
pub fn package(emitted: &Emitted, constrained: bool) -> [SourceFile; 5] {
    let top = &emitted.top;
    let sources: Vec<&str> = emitted.files.iter().map(|f| f.name.as_str()).collect();
    [
        SourceFile { name: format!("{top}.f"), text: sources.join("\n") + "\n" },
        SourceFile { name: format!("{top}.core"), text: core(top, &sources, constrained) },
        SourceFile { name: format!("{top}_ip.tcl"), text: vivado(emitted, &sources, constrained) },
        SourceFile { name: format!("{top}_component.vhd"), text: component(emitted) },
        SourceFile { name: format!("{top}_rust_hdl.rs"), text: rust_hdl::block(emitted) },
    ]
}

/// FuseSoC's description (CAPI2): linted with Verilator, simulated with Icarus.
fn core(top: &str, sources: &[&str], constrained: bool) -> String {
    let list = |files: &[&str]| files.iter().map(|f| format!("      - {f}\n")).collect::<String>();
    let (constraints, with) = match constrained {
        false => (String::new(), ""),
        true => (
            format!(
                "  constraints:\n    files:\n      - {top}.xdc: {{file_type: xdc}}\n      - {top}.sdc: {{file_type: SDC}}\n"
            ),
            ", constraints",
        ),
    };
    format!(
        "CAPI=2:
name: sterna::{top}
description: AXI-Stream core made by sterna

filesets:
  rtl:
    files:
{rtl}    file_type: verilogSource-2005
  bench:
    files:
      - {top}_tb.v
    file_type: verilogSource-2005
{constraints}
targets:
  default:
    filesets: [rtl{with}]
    toplevel: {top}
  lint:
    filesets: [rtl]
    toplevel: {top}
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: [-Wall]
  sim:
    filesets: [rtl, bench]
    toplevel: {top}_tb
    flow: sim
    flow_options:
      tool: icarus
      iverilog_options: [-g2005]
",
        rtl = list(sources)
    )
}

/// Vivado finds the AXI-Stream interfaces by the names of their ports; the clock and the polarity of the reset it is told.
fn vivado(emitted: &Emitted, sources: &[&str], constrained: bool) -> String {
    let top = &emitted.top;
    let list = |files: &[&str]| files.iter().map(|f| format!("    {f} \\\n")).collect::<String>();
    let constraints = match constrained {
        false => String::new(),
        true => format!(
            "add_files -norecurse -fileset constrs_1 [file join $here {top}.xdc]\n\
             set_property used_in {{synthesis implementation out_of_context}} [get_files {top}.xdc]\n"
        ),
    };
    let clock = emitted.clock().map_or(String::new(), |clock| {
        let associate =
            |bus: &str| format!("ipx::associate_bus_interfaces -busif {bus} -clock {clock} $core\n");
        associate("s_axis") + &associate("m_axis")
    });
    let reset = if emitted.ports.iter().any(|port| port.name == "rst") {
        "set polarity [ipx::add_bus_parameter POLARITY [ipx::get_bus_interfaces rst -of_objects $core]]\n\
         set_property value ACTIVE_HIGH $polarity\n"
    } else {
        ""
    };
    format!(
        "# Packages {top} as IP-XACT for the IP integrator, into the folder ip beside this script:
#   vivado -mode batch -source {top}_ip.tcl
# then add that folder to the IP repositories of a project.
set here [file dirname [file normalize [info script]]]
set sources [list \\
{sources}]
create_project -in_memory {top}_ip
foreach source $sources {{
    add_files -norecurse [file join $here $source]
}}
{constraints}set_property top {top} [current_fileset]
update_compile_order -fileset sources_1
ipx::package_project -root_dir [file join $here ip] -vendor sterna -library user -taxonomy /UserIP \\
    -import_files -force
set core [ipx::current_core]
set_property name {top} $core
set_property display_name {top} $core
set_property description {{AXI-Stream core made by sterna}} $core
{clock}{reset}ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::check_integrity $core
ipx::save_core $core
close_project
",
        sources = list(sources)
    )
}

/// A package with the component, and how to instantiate it, for designs in VHDL.
fn component(emitted: &Emitted) -> String {
    let top = vhdl_name(&emitted.top);
    let package = vhdl_name(&format!("{}_component", emitted.top));
    let widest = emitted.ports.iter().map(|port| vhdl_name(&port.name).len()).max().unwrap_or(0);
    let last = emitted.ports.len().saturating_sub(1);
    let declare = |(index, port): (usize, &Port)| {
        let (name, end) = (vhdl_name(&port.name), if index == last { "" } else { ";" });
        let direction = if port.direction == Direction::Input { "in " } else { "out" };
        let kind = match port.width {
            1 => "std_logic".into(),
            width => format!("std_logic_vector({} downto 0)", width - 1),
        };
        format!("      {name:widest$} : {direction} {kind}{end}\n")
    };
    let connect = |(index, port): (usize, &Port)| {
        let (name, end) = (vhdl_name(&port.name), if index == last { "" } else { "," });
        format!("--     {name:widest$} => {name}{end}\n")
    };
    let ports: String = emitted.ports.iter().enumerate().map(declare).collect();
    let map: String = emitted.ports.iter().enumerate().map(connect).collect();
    format!(
        "-- The Verilog module {verilog} as a VHDL component.
--
--   use work.{package}.all;
--   ...
--   core : {top} port map (
{map}--   );
library ieee;
use ieee.std_logic_1164.all;

package {package} is
  component {top} is
    port (
{ports}    );
  end component;
end package;
",
        verilog = emitted.top
    )
}

/// A name as VHDL takes it: as it is where it can be, else as an extended identifier.
fn vhdl_name(name: &str) -> String {
    let is_basic = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.ends_with('_')
        && !name.contains("__")
        && !VHDL_WORDS.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case(name));
    if is_basic { name.into() } else { format!("\\{}\\", name.replace('\\', "\\\\")) }
}

/// Reserved words of VHDL-2008 (IEEE 1076-2008, 15.10).
const VHDL_WORDS: &str = "
    abs access after alias all and architecture array assert assume assume_guarantee attribute begin block
    body buffer bus case component configuration constant context cover default disconnect downto else elsif
    end entity exit fairness file for force function generate generic group guarded if impure in inertial
    inout is label library linkage literal loop map mod nand new next nor not null of on open or others out
    package parameter port postponed procedure process property protected pure range record register reject
    release rem report restrict restrict_guarantee return rol ror select sequence severity shared signal sla
    sll sra srl strong subtype then to transport type unaffected units until use variable vmode vprop vunit
    wait when while with xnor xor";

#[cfg(test)]
mod tests {
    use super::vhdl_name;

    #[test]
    fn names_that_vhdl_would_misread_are_extended() {
        for name in ["digits", "s_axis_tdata", "Layer2"] {
            assert_eq!(vhdl_name(name), name);
        }
        for name in ["signal", "Entity", "_top", "top_", "a__b", "2nd", "m\u{fc}"] {
            assert_eq!(vhdl_name(name), format!("\\{name}\\"));
        }
    }
}
