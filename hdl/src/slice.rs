//! A part of a circuit that is small enough for a Verilog simulator: chosen bits of the signals of its top module with all
//! that they depend on, cut by Yosys out of the text as it lies in the build folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use crate::synth::{self, Error, put};
use crate::verilog::{Direction, Emitted, SourceFile};

/// Bits that stay, by signal of the top module. Inputs stay as they are.
pub type Kept = BTreeMap<String, BTreeSet<u32>>;

/// Cuts a part out of the files of `emitted`, as they are in `files`, inside `folder`: a file whose top module has the same
/// name, ports and signals, with zeros for the bits that do not stay.
///
/// # Errors
/// Yosys missing, or Verilog that it cannot read.
pub fn slice(
    files: &[SourceFile],
    emitted: &Emitted,
    kept: &Kept,
    folder: &Path,
) -> Result<SourceFile, Error> {
    synth::version()?;
    let top = &emitted.top;
    let names = synth::circuit(files, "", folder)?;
    put(folder, "frame.v", &frame(emitted, kept))?;
    let is_port = |name: &str| emitted.ports.iter().any(|p| p.name == name);
    let inner = kept.keys().filter(|name| !is_port(name));
    let exposed: String = inner.map(|name| format!("expose {CORE}/w:{name}\n")).collect();
    let script = format!(
        "{names}hierarchy -top {top}\nproc\nflatten\nrename {top} {CORE}\n{exposed}read_verilog frame.v\n\
         hierarchy -top {top}\nflatten\nopt_expr\nopt_clean\nmemory_collect\nopt_clean\nwrite_verilog -noattr slice.out\n"
    );
    let failed = |what| Error::Unreadable { module: top.clone(), what };
    synth::run(folder, "slice", &script)?.map_err(failed)?;
    let path = folder.join("slice.out");
    let text = std::fs::read_to_string(&path).map_err(|source| Error::Io { path, source })?;
    Ok(SourceFile { name: format!("{top}.v"), text })
}

/// The module that the circuit becomes, with the name of no circuit's.
const CORE: &str = "sterna_core";

/// The top module around the circuit.
fn frame(emitted: &Emitted, kept: &Kept) -> String {
    let (mut ports, mut pins, mut body) = (Vec::new(), Vec::new(), String::new());
    let none = BTreeSet::new();
    for (index, port) in emitted.ports.iter().enumerate() {
        let (name, width) = (&port.name, port.width);
        let (word, pin) = match port.direction {
            Direction::Input => ("input", name.clone()),
            Direction::Output => {
                let whole = format!("sterna_whole{index}");
                let bits = kept.get(name).unwrap_or(&none);
                let _ = writeln!(body, "    wire [{}:0] {whole};", width - 1);
                let _ = writeln!(body, "    assign {name} = {};", masked(&whole, width, bits));
                ("output", whole)
            }
        };
        ports.push(format!("    {word} wire [{}:0] {name}", width - 1));
        pins.push(format!(".{name}({pin})"));
    }
    for (index, (name, bits)) in kept.iter().enumerate() {
        let Some(last) = bits.last().filter(|_| emitted.ports.iter().all(|p| p.name != *name)) else {
            continue;
        };
        let whole = format!("sterna_inner{index}");
        let _ = writeln!(body, "    wire [{last}:0] {whole};");
        let _ = writeln!(body, "    (* keep *) wire [{last}:0] {name} = {};", masked(&whole, last + 1, bits));
        pins.push(format!(".{name}({whole})"));
    }
    format!(
        "module {top} (\n{}\n);\n{body}    {CORE} core ({});\nendmodule\n",
        ports.join(",\n"),
        pins.join(", "),
        top = emitted.top
    )
}

/// The word `whole` with zeros for the bits that do not stay.
fn masked(whole: &str, width: u32, kept: &BTreeSet<u32>) -> String {
    let bit = |at: u32| if kept.contains(&at) { format!("{whole}[{at}]") } else { "1'b0".into() };
    let bits: Vec<String> = (0..width).rev().map(bit).collect();
    format!("{{{}}}", bits.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_that_do_not_stay_are_zeros() {
        assert_eq!(masked("w", 3, &BTreeSet::from([0, 2])), "{w[2], 1'b0, w[0]}");
    }
}
