//! Measured cell counts: Yosys as a process, one script per family.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;

use crate::family::Family;
use crate::verilog::SourceFile;

/// Why there are no measured counts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Yosys is not on the PATH.
    #[error("yosys is not on the PATH; scripts/setup.sh installs it")]
    Missing,
    /// Yosys ran and failed.
    #[error("yosys failed on {top} for {family}: {what}; synth --keep DIR keeps its log")]
    Failed {
        /// Top module.
        top: String,
        /// Family asked for.
        family: Family,
        /// Its last error line.
        what: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Yosys could not read a module, or prove anything about it.
    #[error("yosys failed on module {module}: {what}")]
    Unreadable {
        /// The module.
        module: String,
        /// Its last error line.
        what: String,
    },
    /// A name that cannot be given to Yosys.
    #[error("file name {0:?} holds something other than letters, digits, '_', '-' and '.'")]
    Name(String),
}

/// Cells that Yosys counted, grouped as the family's convention says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cells {
    /// Look-up tables, by [`Family::lut_convention`].
    pub lut: u64,
    /// Flip-flops.
    pub ff: u64,
    /// Carry cells.
    pub carry: u64,
    /// Block RAMs: SB_RAM40_4K, DP16KD, or RAMB18 (a RAMB36 counts as two).
    pub bram: u64,
    /// Multipliers; ought to be 0.
    pub dsp: u64,
    /// Every cell type with its count.
    pub by_type: BTreeMap<String, u64>,
}

/// The maps that the scripts read: one keeps adders apart, one makes comparisons of them.
const MAPS: [(&str, &str); 2] = [
    ("add2alu.techmap", include_str!("synth/add2alu.techmap")),
    ("ge2alu.techmap", include_str!("synth/ge2alu.techmap")),
];

/// The version text of the Yosys on the PATH.
pub fn version() -> Result<String, Error> {
    let output = Command::new("yosys").arg("-V").stdin(Stdio::null()).output().map_err(|_| Error::Missing)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// Synthesises `files` (name, text) for `family` inside `folder`, which keeps the script, the log and the mapped circuit as
/// `FAMILY.json`.
pub fn synthesise(files: &[(&str, &str)], top: &str, family: Family, folder: &Path) -> Result<Cells, Error> {
    version()?;
    for (name, text) in files {
        put(folder, name, text)?;
    }
    legal(top)?;
    MAPS.iter().try_for_each(|(name, text)| put(folder, name, text))?;
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let failed = |what: String| Error::Failed { top: top.to_string(), family, what };
    run(folder, family.name(), &script(&names, top, family))?.map_err(failed)?;
    let path = folder.join(format!("{family}.stat"));
    let stat = std::fs::read_to_string(&path).map_err(|source| Error::Io { path, source })?;
    parse(&stat, family).ok_or_else(|| failed("no cell counts in the output of `stat`".into()))
}

/// Writes a file with a name that Yosys can be given.
pub(crate) fn put(folder: &Path, name: &str, text: &str) -> Result<(), Error> {
    legal(name)?;
    let path = folder.join(name);
    std::fs::write(&path, text).map_err(|source| Error::Io { path, source })
}

/// Runs a script as `NAME.ys` inside `folder`, with its log in `NAME.log`; inside, the error line of Yosys.
pub(crate) fn run(folder: &Path, name: &str, script: &str) -> Result<Result<(), String>, Error> {
    put(folder, &format!("{name}.ys"), script)?;
    let output = Command::new("yosys")
        .args(["-q", "-l", &format!("{name}.log"), "-s", &format!("{name}.ys")])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::Io { path: folder.to_path_buf(), source })?;
    if output.status.success() {
        return Ok(Ok(()));
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let said = text.lines().find_map(|l| l.split_once("ERROR: ")).map_or("no message", |(_, what)| what);
    Ok(Err(said.to_string()))
}

fn legal(name: &str) -> Result<(), Error> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    match !name.is_empty() && !name.starts_with(['-', '.']) && name.chars().all(fine) {
        true => Ok(()),
        false => Err(Error::Name(name.to_string())),
    }
}

/// Yosys's script `FAMILY.ys` for these files, which writes the mapped circuit and its counts, and the maps that it reads.
pub(crate) fn scripts(files: &[SourceFile], top: &str, family: Family) -> Vec<SourceFile> {
    let names: Vec<&str> = files.iter().map(|f| f.name.as_str()).collect();
    let script = SourceFile { name: format!("{family}.ys"), text: script(&names, top, family) };
    let maps = MAPS.map(|(name, text)| SourceFile { name: name.into(), text: text.into() });
    std::iter::once(script).chain(maps).collect()
}

/// Memories are gathered at once: left as one cell per ROM word, every pass would walk them (three times slower on large
/// ROMs). Adders go through `add2alu.techmap` before the family's flow: left alone, Yosys merges adder trees into `$macc` cells, which
/// costs 22 to 41 % more LUTs on sparse ternary matrices.
fn script(files: &[&str], top: &str, family: Family) -> String {
    let flow = match family {
        Family::Ice40 => format!("synth_ice40 -top {top}"),
        Family::Ecp5 => format!("synth_ecp5 -nodsp -abc9 -top {top}"),
        Family::Gowin => format!("synth_gowin -top {top}"),
        Family::Xcup => {
            format!("synth_xilinx -family xcup -flatten -abc9 -noiopad -noclkbuf -nodsp -nosrl -top {top}")
        }
    };
    let comparisons = match few(family) {
        Some(bits) => format!("techmap -map ge2alu.techmap -D FEW={bits}\n"),
        None => String::new(),
    };
    // Instances of primitives need their ports.
    let cells = if family == Family::Xcup { "read_verilog -lib +/xilinx/cells_sim.v\n" } else { "" };
    format!(
        "{cells}read_verilog {files}\n\
         hierarchy -check -top {top}\n\
         proc\n\
         memory_collect\n\
         flatten\n\
         opt_expr\n\
         wreduce\n\
         opt_clean\n\
         techmap -map add2alu.techmap\n\
         {comparisons}{flow}\n\
         check -assert\n\
         write_json {family}.json\n\
         tee -q -o {family}.stat stat\n",
        files = files.join(" ")
    )
}

/// Widest words that are compared with each other without a carry chain, as `ge2alu.techmap` says.
pub(crate) const FEW_OF_TWO: u32 = 2;

/// Widest word that is compared with a constant without a carry chain. Xilinx compares by a flow of its own, in tables that
/// look at several bits.
pub(crate) fn few(family: Family) -> Option<u32> {
    match family {
        Family::Ice40 | Family::Gowin => Some(4),
        Family::Ecp5 => Some(7),
        Family::Xcup => None,
    }
}

/// Reads the cell table of the last `stat`.
pub(crate) fn parse(stat: &str, family: Family) -> Option<Cells> {
    let mut by_type = BTreeMap::new();
    let mut lines =
        stat.lines().skip_while(|l| !l.contains("Number of cells") && !l.trim_end().ends_with(" cells"));
    lines.next()?;
    for line in lines {
        // Old versions print `type count`, newer ones `count type`.
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [name, count] if count.parse::<u64>().is_ok() => {
                by_type.insert(name.to_string(), count.parse().ok()?)
            }
            [count, name] if count.parse::<u64>().is_ok() => {
                by_type.insert(name.to_string(), count.parse().ok()?)
            }
            _ => continue,
        };
    }
    let sum = |wanted: &dyn Fn(&str) -> u64| by_type.iter().map(|(name, n)| wanted(name) * n).sum::<u64>();
    let (lut, ff, carry, bram, dsp) = match family {
        Family::Ice40 => (
            sum(&|n| u64::from(n == "SB_LUT4")),
            sum(&|n| u64::from(n.starts_with("SB_DFF"))),
            sum(&|n| u64::from(n == "SB_CARRY")),
            sum(&|n| u64::from(n.starts_with("SB_RAM40"))),
            sum(&|n| u64::from(n.starts_with("SB_MAC"))),
        ),
        Family::Ecp5 => (
            // A TRELLIS_DPR16X4 takes two LUT4 pairs for storage and write decoding: four LUT4.
            sum(&|n| match n {
                "LUT4" => 1,
                "CCU2C" => 2,
                "TRELLIS_DPR16X4" => 4,
                _ => 0,
            }),
            sum(&|n| u64::from(n.starts_with("TRELLIS_FF"))),
            sum(&|n| u64::from(n == "CCU2C")),
            sum(&|n| u64::from(n.starts_with("DP16KD") || n.starts_with("PDPW16KD"))),
            sum(&|n| u64::from(n.starts_with("MULT"))),
        ),
        Family::Gowin => (
            // A RAM16SDP4 takes four LUT4 of storage.
            sum(&|n| match n {
                "LUT1" | "LUT2" | "LUT3" | "LUT4" | "ALU" => 1,
                "RAM16SDP4" => 4,
                _ => 0,
            }),
            sum(&|n| u64::from(n.starts_with("DFF"))),
            sum(&|n| u64::from(n == "ALU")),
            sum(&|n| {
                u64::from(matches!(
                    n.trim_end_matches("X9"),
                    "SP" | "SDP" | "DP" | "pROM" | "SDPB" | "DPB" | "SDPX9B" | "DPX9B"
                ))
            }),
            sum(&|n| u64::from(n.starts_with("MULT"))),
        ),
        Family::Xcup => (
            sum(&lut6),
            sum(&|n| u64::from(matches!(n, "FDRE" | "FDSE" | "FDCE" | "FDPE"))),
            sum(&|n| u64::from(n.starts_with("CARRY"))),
            sum(&|n| match n {
                _ if n.starts_with("RAMB36") => 2,
                _ if n.starts_with("RAMB18") => 1,
                _ => 0,
            }),
            sum(&|n| u64::from(n.starts_with("DSP"))),
        ),
    };
    Some(Cells { lut, ff, carry, bram, dsp, by_type })
}

/// LUT6 taken by one Xilinx cell; LUT RAM by the size of the primitive.
fn lut6(name: &str) -> u64 {
    match name {
        "LUT6_2" => 1,
        "RAM32X1D" | "RAM64X1D" => 2,
        "RAM128X1D" => 4,
        "RAM256X1D" => 8,
        "RAM32M" | "RAM64M" => 4,
        "RAM32M16" | "RAM64M8" => 8,
        _ => u64::from(matches!(name, "LUT1" | "LUT2" | "LUT3" | "LUT4" | "LUT5" | "LUT6")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_of_stat_are_read() {
        let old = "   Number of cells:               9\n     SB_CARRY                        2\n     SB_DFFE                         3\n     SB_LUT4                         4\n";
        let new = "        9 cells\n        2   SB_CARRY\n        3   SB_DFFE\n        4   SB_LUT4\n";
        for text in [old, new] {
            let cells = parse(text, Family::Ice40).unwrap();
            assert_eq!((cells.lut, cells.ff, cells.carry, cells.bram), (4, 3, 2, 0));
        }
        assert!(parse("nothing", Family::Ecp5).is_none());
    }

    #[test]
    fn names_that_yosys_could_read_as_commands_are_refused() {
        for name in ["a b.v", "-o", "x;y", "\"", ".hidden", ""] {
            assert!(matches!(legal(name), Err(Error::Name(_))), "{name}");
        }
    }
}
