//! External tools. A missing one is skipped loudly, and is a failure where CI is set.

use std::path::Path;
use std::process::{Command, Stdio};

use sterna_hdl::verilog::{Emitted, SourceFile};

/// Whether a tool can be started.
pub fn has(tool: &str) -> bool {
    let flag = if tool == "iverilog" || tool == "vvp" { "-V" } else { "--version" };
    let status = Command::new(tool).arg(flag).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if status.is_ok() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "{tool} is not installed, and CI needs it");
    eprintln!("SKIPPED: {tool} is not installed");
    false
}

/// Runs a tool; its exit status and everything it printed.
pub fn run(dir: &Path, tool: &str, args: &[&str]) -> (bool, String) {
    let output = Command::new(tool).args(args).current_dir(dir).output().expect("the tool starts");
    let text = [output.stdout, output.stderr].map(|t| String::from_utf8_lossy(&t).into_owned()).concat();
    (output.status.success(), text)
}

/// Writes files into a folder.
pub fn write(dir: &Path, files: &[SourceFile]) {
    for file in files {
        std::fs::write(dir.join(&file.name), &file.text).expect("the folder is writable");
    }
}

/// Every linter must be silent.
#[track_caller]
pub fn lint(emitted: &Emitted) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path();
    write(dir, &emitted.files);
    let names: Vec<&str> = emitted.files.iter().map(|f| f.name.as_str()).collect();
    let top = emitted.top.as_str();
    if has("verilator") {
        let mut args = vec!["--lint-only", "-Wall", "--language", "1364-2005", "--top-module", top];
        args.extend(&names);
        quiet(dir, "verilator", &args);
    }
    if has("iverilog") {
        let mut args = vec!["-g2005", "-Wall", "-s", top, "-o", "lint.vvp"];
        args.extend(&names);
        quiet(dir, "iverilog", &args);
    }
    if has("yosys") {
        let list = names.join(" ");
        let script = format!(
            "read_verilog -lib +/xilinx/cells_sim.v; read_verilog {list}; hierarchy -check -top {top}; proc; check -assert"
        );
        quiet(dir, "yosys", &["-q", "-p", &script]);
    }
}

#[track_caller]
fn quiet(dir: &Path, tool: &str, args: &[&str]) {
    let (ok, text) = run(dir, tool, args);
    assert!(ok && text.trim().is_empty(), "{tool} {}\n{text}", args.join(" "));
}
