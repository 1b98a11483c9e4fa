//! Emitted Verilog is clean under Verilator's and Yosys's checks.

use std::path::Path;
use std::process::Command;

use crate::util::{Folder, has, small_network, text};

/// Verilog files of a build folder (test bench aside) and its top module.
pub fn sources(folder: &Path) -> (Vec<String>, String) {
    let manifest: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
    let top = manifest["top"].as_str().unwrap().to_string();
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = entries.filter(|n| n.ends_with(".v") && !n.ends_with("_tb.v")).collect();
    files.sort();
    (files, top)
}

/// `verilator --lint-only -Wall` on a build folder.
#[track_caller]
pub fn lint(folder: &Path) {
    let (files, top) = sources(folder);
    let output = Command::new("verilator")
        .args(["--lint-only", "-Wall", "--language", "1364-2005", "--top-module", &top])
        .args(&files)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn every_style_is_clean() {
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    for style in [
        &["--unrolled"][..],
        &["--pes", "6"],
        &["--style", "unrolled,3,unrolled"],
        &["--pes", "5", "--input-lanes", "8"],
    ] {
        folder.ok(&[&["compile", "net.sterna", "-o", "out"], style].concat());
        if has("verilator", "--version") {
            lint(&folder.join("out"));
        }
        if has("yosys", "-V") {
            let (files, top) = sources(&folder.join("out"));
            let script =
                format!("read_verilog {}; hierarchy -check -top {top}; proc; check -assert", files.join(" "));
            let output = Command::new("yosys")
                .args(["-q", "-p", &script])
                .current_dir(folder.join("out"))
                .output()
                .unwrap();
            assert!(output.status.success(), "{style:?}: {}", text(&output.stderr));
        }
    }
}

#[test]
fn the_test_bench_passes_and_can_fail() {
    if !has("iverilog", "-V") {
        return;
    }
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    folder.ok(&["compile", "net.sterna", "--pes", "6", "-o", "out"]);
    let out = folder.join("out");
    let bench = std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let bench = bench.into_iter().find(|n| n.ends_with("_tb.v")).expect("a test bench");
    let run = || {
        let (files, _) = sources(&out);
        let build = Command::new("iverilog")
            .args(["-g2005", "-o", "tb.vvp"])
            .args(&files)
            .arg(&bench)
            .current_dir(&out)
            .output();
        assert!(build.as_ref().unwrap().status.success(), "{}", text(&build.unwrap().stderr));
        text(&Command::new("vvp").arg("tb.vvp").current_dir(&out).output().unwrap().stdout)
    };
    let said = run();
    assert!(said.contains("PASS") && !said.contains("FAIL"), "{said}");
    let argmax = out.join(sources(&out).0.iter().find(|f| f.contains("argmax")).expect("an arg max"));
    let text = std::fs::read_to_string(&argmax).unwrap();
    std::fs::write(&argmax, text.replacen(" > ", " < ", 1).replacen(" >= ", " < ", 1)).unwrap();
    let said = run();
    assert!(said.contains("FAIL") && !said.contains("PASS"), "{said}");
}
