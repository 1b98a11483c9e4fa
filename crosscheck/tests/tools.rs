//! Verilator and Yosys. A missing one is skipped loudly, and is a failure where CI is set.

use std::path::Path;
use std::process::{Command, Stdio};

/// Whether a tool can be started.
pub fn has(tool: &str) -> bool {
    let status = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if status.is_ok() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "{tool} is not installed, and CI needs it");
    eprintln!("SKIPPED: {tool} is not installed");
    false
}

/// Runs a tool in a folder; it must succeed. What it printed.
#[track_caller]
pub fn run(folder: &Path, tool: &str, args: &[&str]) -> String {
    let output = Command::new(tool).args(args).current_dir(folder).output().expect("the tool starts");
    let text = [output.stdout, output.stderr].map(|t| String::from_utf8_lossy(&t).into_owned()).concat();
    assert!(output.status.success(), "{tool} {}\n{text}", args.join(" "));
    text
}

/// Verilog of rust-hdl with this top module: Verilator and Yosys find no fault but the widths that rust-hdl leaves to the
/// language, and signals that nobody reads.
#[track_caller]
pub fn lint(top: &str, text: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("top.v"), text).expect("the folder is writable");
    if has("verilator") {
        let waived = ["-Wno-WIDTH", "-Wno-UNUSED", "-Wno-DECLFILENAME"];
        let args = [&["--lint-only", "-Wall", "--top-module", top, "top.v"][..], &waived].concat();
        run(folder.path(), "verilator", &args);
    }
    if has("yosys") {
        let script = format!("read_verilog top.v; hierarchy -check -top {top}; proc; check -assert");
        let said = run(folder.path(), "yosys", &["-p", &script]);
        assert!(!said.contains("Latch inferred"), "{said}");
    }
}
