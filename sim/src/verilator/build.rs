//! Building a model with Verilator, and the cache of built models.

use super::Tool;
use super::model::Model;
use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A Verilog file: its name and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// File name, letters, digits, `_`, `-`, `.` only.
    pub name: String,
    /// Contents.
    pub text: String,
}

/// What goes into a model besides Verilog.
pub(super) struct Harness<'a> {
    /// The C++ program that drives the model.
    pub program: &'a str,
    pub header: &'a str,
    pub visible: &'a str,
    /// Flags of the C++ compiler for the code that runs.
    pub optimise: &'a str,
    /// Macros of the Verilog, with their values.
    pub defines: &'a [(&'a str, String)],
}

/// Lines of a tool's message that are shown.
const LINES: usize = 12;

/// `verilator --version`, first line.
///
/// # Errors
/// [`Error::Missing`] when it is not installed.
pub fn version() -> Result<String> {
    first_line(Command::new("verilator").arg("--version"))
}

/// First line that a tool says of its version.
pub(super) fn first_line(command: &mut Command) -> Result<String> {
    let output = tool(command)?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_string())
}

pub(super) fn tool(command: &mut Command) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.output().map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::Missing { tool: name },
        _ => Error::Io { what: name, source },
    })
}

/// Refuses names that a command line or a file system could misread.
pub(super) fn check_sources(sources: &[Source]) -> Result<()> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    for (i, source) in sources.iter().enumerate() {
        let name = &source.name;
        let reserved =
            ["harness.cpp", "model.h", "visible.vlt", "obj", "sterna_harness.v"].contains(&name.as_str());
        if !name.chars().all(good) || name.is_empty() || name.starts_with(['-', '.']) || reserved {
            return Err(Error::Request(format!(
                "{name:?} is no file name for Verilog: letters, digits, _ - . only"
            )));
        }
        if sources[..i].iter().any(|other| other.name == *name) {
            return Err(Error::Request(format!("two Verilog files are named {name:?}")));
        }
    }
    match sources {
        [] => Err(Error::Request("no Verilog files".into())),
        _ => Ok(()),
    }
}

pub(super) fn write_sources(folder: &Path, sources: &[Source]) -> Result<()> {
    for source in sources {
        let path = folder.join(&source.name);
        std::fs::write(&path, &source.text).map_err(Error::io(path.display().to_string()))?;
    }
    Ok(())
}

/// Reported file names without the temporary folder, first lines only.
pub(super) fn message(output: &Output, folder: &Path) -> String {
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let text = text.replace(&format!("{}/", folder.display()), "");
    let errors: Vec<&str> = text.lines().filter(|l| l.contains("%Error") || l.contains(": error")).collect();
    let all: Vec<&str> = text.lines().collect();
    let chosen = if errors.is_empty() { all } else { errors };
    chosen.into_iter().take(LINES).collect::<Vec<_>>().join("\n")
}

fn temporary(inside: &Path) -> Result<tempfile::TempDir> {
    std::fs::create_dir_all(inside).map_err(Error::io(inside.display().to_string()))?;
    tempfile::Builder::new()
        .prefix("part-")
        .tempdir_in(inside)
        .map_err(Error::io(inside.display().to_string()))
}

/// Verilator's lint of Verilog-2005, every warning an error.
///
/// # Errors
/// [`Error::Lint`] with the first messages; [`Error::Missing`].
pub fn lint(sources: &[Source], top: &str) -> Result<()> {
    check_sources(sources)?;
    if !super::pins::plain(top) {
        return Err(Error::Request(format!("{top:?} is no plain Verilog name")));
    }
    let folder = tempfile::tempdir().map_err(Error::io("temporary folder"))?;
    write_sources(folder.path(), sources)?;
    let mut command = Command::new("verilator");
    command.current_dir(folder.path()).args([
        "--lint-only",
        "-Wall",
        "--language",
        "1364-2005",
        "--top-module",
        top,
    ]);
    let output = tool(command.args(sources.iter().map(|s| &s.name)))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().filter(|l| l.starts_with('%')).take(LINES).collect();
    Err(Error::Lint { top: top.into(), message: lines.join("\n") })
}

/// The model of `sources`, built unless the cache has it.
///
/// Power-up values are random (`--x-initial unique` with a seed at run time), so that a missing reset shows. A build
/// happens in a folder of its own and is renamed into place when complete: an interrupted build is never used, and two
/// builds of the same model do not meet.
pub(super) fn build(cache: &Path, sources: &[Source], top: &str, harness: &Harness) -> Result<Model> {
    check_sources(sources)?;
    let version = version()?;
    // Verilator's makefile puts these behind -CFLAGS, where an -O of ours would be overruled.
    let makeflags = format!("OPT_FAST='{0}' OPT_SLOW=-O0 OPT_GLOBAL='{0}'", harness.optimise);
    let flags = [
        "--cc",
        "--exe",
        "--build",
        "-O3",
        "--x-assign",
        "unique",
        "--x-initial",
        "unique",
        "--noassert",
        "--threads",
        "1",
        "--language",
        "1364-2005",
        "-Wno-fatal",
        "-Wno-lint",
        "-Wno-style",
        "--prefix",
        "Vmodel",
        "--Mdir",
        "obj",
        "-o",
        "model",
        "--top-module",
        top,
        "-MAKEFLAGS",
        &makeflags,
    ];
    let defines: Vec<String> =
        harness.defines.iter().map(|(name, value)| format!("-D{name}={value}")).collect();
    let flags: Vec<&str> = flags.into_iter().chain(defines.iter().map(String::as_str)).collect();
    let parts = [version.as_str(), harness.program, harness.header, harness.visible];
    let build = |folder: &Path| compile(folder, sources, top, &flags, harness);
    let (program, cached) = cached(cache, sources, flags.iter().copied().chain(parts), &build)?;
    Ok(Model { tool: Tool::Verilator, program, version, cached, top: top.into() })
}

/// The model in the cache that belongs to `sources` and `parts`, or what `build` makes of the sources in a folder that holds
/// them; whether it was there.
pub(super) fn cached<'a>(
    cache: &Path,
    sources: &'a [Source],
    parts: impl Iterator<Item = &'a str>,
    build: &dyn Fn(&Path) -> Result<PathBuf>,
) -> Result<(PathBuf, bool)> {
    let mut hash = Sha256::new();
    for text in parts.chain(sources.iter().flat_map(|s| [s.name.as_str(), s.text.as_str()])) {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    let key: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let place = cache.join(key);
    let program = place.join("model");
    if program.is_file() {
        return Ok((program, true));
    }
    let folder = tempfile::tempdir().map_err(Error::io("temporary folder"))?;
    write_sources(folder.path(), sources)?;
    let built = build(folder.path())?;
    let ready = temporary(cache)?;
    // A child copies: what this process has open for writing is open too in every tool that another thread starts at that
    // moment, and could not be run until that tool is ("text file busy").
    let copied = tool(Command::new("cp").arg(&built).arg(ready.path().join("model")))?;
    if !copied.status.success() {
        let source = std::io::Error::other(String::from_utf8_lossy(&copied.stderr).trim().to_string());
        return Err(Error::Io { what: format!("copy of the built model to {}", cache.display()), source });
    }
    // Whoever comes second finds the same model in place already.
    if std::fs::rename(ready.path(), &place).is_err() && !program.is_file() {
        return Err(Error::Request(format!("cannot put the built model at {}", place.display())));
    }
    Ok((program, false))
}

fn compile(
    folder: &Path,
    sources: &[Source],
    top: &str,
    flags: &[&str],
    harness: &Harness,
) -> Result<PathBuf> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    for (name, text) in
        [("harness.cpp", harness.program), ("model.h", harness.header), ("visible.vlt", harness.visible)]
    {
        std::fs::write(folder.join(name), text).map_err(Error::io(name))?;
    }
    let mut command = Command::new("verilator");
    // The model is compiled in `obj`; the harness and its header lie above.
    command.current_dir(folder).args(flags).args(["-j", &jobs, "-CFLAGS", "-I.."]);
    command.arg("visible.vlt").args(sources.iter().map(|s| &s.name)).arg("harness.cpp");
    let output = tool(&mut command)?;
    let built = folder.join("obj").join("model");
    if !output.status.success() || !built.is_file() {
        return Err(Error::Build { tool: "Verilator", top: top.into(), message: message(&output, folder) });
    }
    Ok(built)
}
