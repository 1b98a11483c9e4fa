//! Formal proof that Verilog computes what the netlist says: Yosys reads a module as it lies in the build folder, with its
//! own models of the vendor's cells, and the same module in plain operators, printed from the proved netlist; every signal
//! and register of the same name is shown equal by SAT, given that those before it are (`equiv_make`, `equiv_simple`).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rayon::prelude::*;
use serde::Serialize;

use crate::synth::{self, Error, legal};
use crate::verilog::{Emitted, SourceFile};

/// Most signals of a module that is tried: SAT on more takes hours.
const MOST_SIGNALS: usize = 1500;

/// Signals named of a module that differs.
const SHOWN: usize = 8;

/// What was found about one module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// The text is, to the byte, the plain operators that the netlist prints.
    Plain,
    /// Every one of so many signal bits is equal.
    Proved {
        /// Bits of signals, registers and ports that were compared.
        bits: u64,
    },
    /// Some are not, or cannot be shown to be.
    Unproven {
        /// Bits that were compared.
        bits: u64,
        /// Names of the first that are open.
        signals: Vec<String>,
    },
    /// Not tried.
    TooLarge {
        /// Signals of the module.
        signals: usize,
    },
}

/// A module and what was found about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Module {
    /// Its name.
    pub module: String,
    /// What was found.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Proves each module of `plain` equal to the file of the same name in `sources`, inside `folder`, which keeps scripts and
/// logs; several at once. Modules inside a module are black boxes there. `done` is called after each.
pub fn prove(
    plain: &Emitted,
    sources: &[SourceFile],
    folder: &Path,
    done: &(dyn Fn(&Module) + Sync),
) -> Result<Vec<Module>, Error> {
    synth::version()?;
    let put = |name: String, text: &str| {
        legal(&name)?;
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|source| Error::Io { path, source })
    };
    for file in sources {
        put(file.name.clone(), &file.text)?;
    }
    for file in &plain.files {
        put(format!("plain_{}", file.name), &file.text)?;
    }
    let prove = |file: &SourceFile| {
        let verdict = module(plain, sources, file, folder)?;
        let found = Module { module: stem(file).to_string(), verdict };
        done(&found);
        Ok(found)
    };
    plain.files.par_iter().map(prove).collect()
}

fn stem(file: &SourceFile) -> &str {
    file.name.trim_end_matches(".v")
}

fn module(
    plain: &Emitted,
    sources: &[SourceFile],
    file: &SourceFile,
    folder: &Path,
) -> Result<Verdict, Error> {
    let name = stem(file);
    let failed = |what: &str| Error::Unreadable { module: name.to_string(), what: what.to_string() };
    let found = sources.iter().find(|s| s.name == file.name).ok_or_else(|| failed("the file is missing"))?;
    if found.text == file.text {
        return Ok(Verdict::Plain);
    }
    let declares =
        |line: &&str| ["wire ", "reg ", "assign "].iter().any(|w| line.trim_start().starts_with(w));
    let signals = file.text.lines().filter(declares).count();
    if signals > MOST_SIGNALS {
        return Ok(Verdict::TooLarge { signals });
    }
    let script = script(plain, sources, name);
    let path = folder.join(format!("{name}.ys"));
    std::fs::write(&path, script).map_err(|source| Error::Io { path, source })?;
    let output = Command::new("yosys")
        .args(["-q", "-l", &format!("{name}.log"), "-s", &format!("{name}.ys")])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::Io { path: PathBuf::from("yosys"), source })?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let said = text.lines().find_map(|l| l.split_once("ERROR: ")).map_or("no message", |(_, what)| what);
        return Err(failed(said));
    }
    let path = folder.join(format!("{name}.status"));
    let status = std::fs::read_to_string(&path).map_err(|source| Error::Io { path, source })?;
    parse(&status).ok_or_else(|| failed("no verdict in the output of `equiv_status`"))
}

/// Both readings of module `name`, and the proof.
fn script(plain: &Emitted, sources: &[SourceFile], name: &str) -> String {
    let others = plain.files.iter().filter(|f| stem(f) != name);
    let boxes: String = others.map(|f| format!("read_verilog -lib plain_{}\n", f.name)).collect();
    // What the build has besides the netlist's modules: blocks of ours, and models of cells, which are empty for synthesis.
    let blocks = sources.iter().filter(|s| plain.files.iter().all(|p| p.name != s.name));
    let blocks: String = blocks
        .map(|f| match stem(f) {
            block if block.starts_with("sterna_") => format!("read_verilog {}\n", f.name),
            _ => String::new(),
        })
        .collect();
    let read = |cells: &str, file: &str, label: &str| {
        format!(
            "{cells}{boxes}read_verilog {file}\nhierarchy -top {name}\nproc\nflatten\nmemory_collect\n\
             rename {name} {label}\nsplitnets -ports\ndesign -stash {label}\n"
        )
    };
    // Registers become ports: what enters them must be equal, given that what leaves them is.
    format!(
        "{}{}design -copy-from plain -as plain plain\ndesign -copy-from built -as built built\n\
         expose -evert-dff -shared plain built\nequiv_make plain built proof\ncd proof\nopt_expr\nopt_clean\n\
         equiv_struct\nequiv_simple -short\nequiv_simple\n\
         tee -q -o {name}.status equiv_status\n",
        read("", &format!("plain_{name}.v"), "plain"),
        read(&format!("read_verilog +/xilinx/cells_sim.v\n{blocks}"), &format!("{name}.v"), "built"),
    )
}

fn parse(status: &str) -> Option<Verdict> {
    let number = |text: &str| text.split_whitespace().next()?.parse::<u64>().ok();
    let bits = status.lines().find_map(|l| number(l.trim().strip_prefix("Found ")?))?;
    let line = status.lines().find(|l| l.contains("are proven"))?;
    let open = number(line.split_once(" and ")?.1)?;
    // `Unproven $equiv $auto$...: \\sum[3]_gold \\sum[3]_gate`
    let name = |line: &str| {
        let pair = line.trim().strip_prefix("Unproven $equiv ")?.rsplit(": ").next()?;
        Some(pair.split_whitespace().next()?.trim_start_matches('\\').trim_end_matches("_gold").to_string())
    };
    let signals: Vec<String> = status.lines().filter_map(name).take(SHOWN).collect();
    Some(if open == 0 { Verdict::Proved { bits } } else { Verdict::Unproven { bits, signals } })
}
