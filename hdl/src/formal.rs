//! Formal proof that Verilog computes what the netlist says: Yosys reads a module as it lies in the build folder, with its
//! own models of the vendor's cells, and the same module in plain operators, printed from the proved netlist; every signal
//! and register of the same name is shown equal by SAT, given that those before it are (`equiv_make`, `equiv_simple`); so is
//! what enters a memory or an instance of another module. What memories hold must be equal as it stands.

use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

use crate::synth::{self, Error, put};
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
    for file in sources {
        put(folder, &file.name, &file.text)?;
    }
    for file in &plain.files {
        put(folder, &format!("plain_{}", file.name), &file.text)?;
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
    let ended = synth::run(folder, name, &script(plain, sources, name))?;
    let read = |what: &str| {
        let path = folder.join(format!("{name}.{what}"));
        std::fs::read_to_string(&path).map_err(|source| Error::Io { path, source })
    };
    // First of all: memories that differ are what Yosys fails on.
    if let (Ok(meant), Ok(found)) = (read("plain"), read("built"))
        && let Some(memory) = first_difference(&memories(&meant), &memories(&found))
    {
        return Ok(Verdict::Unproven { bits: 0, signals: vec![memory] });
    }
    ended.map_err(|what| failed(&what))?;
    parse(&read("status")?).ok_or_else(|| failed("no verdict in the output of `equiv_status`"))
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
            "{cells}{boxes}read_verilog {file}\nhierarchy -top {name}\nproc\nflatten\ncheck -assert\n\
             memory_collect\nrename {name} {label}\nsplitnets -ports\ndesign -stash {label}\n"
        )
    };
    // Registers, memories and instances become ports: what enters them must be equal, given that what leaves them is. Black
    // boxes tell which is which. What memories hold is compared as text.
    format!(
        "{}{}{boxes}design -copy-from plain -as plain plain\ndesign -copy-from built -as built built\n\
         dump -o {name}.plain plain/t:$mem_v2\ndump -o {name}.built built/t:$mem_v2\n\
         expose -evert -evert-dff -shared plain built\nequiv_make plain built proof\ncd proof\nopt_expr\nopt_clean\n\
         equiv_struct\nequiv_simple -short\nequiv_simple\n\
         tee -q -o {name}.status equiv_status\n",
        read("", &format!("plain_{name}.v"), "plain"),
        read(&format!("read_verilog +/xilinx/cells_sim.v\n{blocks}"), &format!("{name}.v"), "built"),
    )
}

/// Name and parameters (contents, size, kinds of ports) of every memory in the text of `dump`, in its order, that of names.
fn memories(dump: &str) -> Vec<(&str, Vec<&str>)> {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in dump.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("cell $mem_v2 ") {
            all.push((name.trim_start_matches('\\'), Vec::new()));
        } else if line.starts_with("parameter ")
            && let Some((_, parameters)) = all.last_mut()
        {
            parameters.push(line);
        }
    }
    all
}

fn first_difference(meant: &[(&str, Vec<&str>)], found: &[(&str, Vec<&str>)]) -> Option<String> {
    let at = (0..meant.len().max(found.len())).find(|&i| meant.get(i) != found.get(i))?;
    meant.get(at).or(found.get(at)).map(|(name, _)| name.to_string())
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
