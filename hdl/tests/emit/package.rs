//! What other tools take a core by, and the vectors of the cocotb test, of a small design.

use std::path::PathBuf;

use sterna_hdl::cocotb::cocotb;
use sterna_hdl::constraints::constraints;
use sterna_hdl::package::package;
use sterna_hdl::verilog::SourceFile;
use sterna_hdl::{Folding, Options, lower};
use sterna_ir::{Dense, Input, Layer, LayerOp, Network, Range};

use crate::golden::emit;
use crate::testbench::design;
use crate::tools::{has, run, write};

#[track_caller]
fn golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("the golden file is writable");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == golden, "{} differs; UPDATE_GOLDEN=1 rewrites it\n{text}", path.display());
}

#[test]
fn packages_are_golden_and_the_file_list_is_complete() {
    let emitted = emit(&design().netlist);
    let mut files = emitted.files.clone();
    files.push(SourceFile { name: "sums_tb.v".into(), text: "module sums_tb;\nendmodule\n".into() });
    files.extend(constraints(&emitted, 100_000));
    let made = package(&emitted, true);
    let texts = made.iter().filter(|f| !f.name.ends_with(".rs"));
    let text: String = texts.map(|f| format!("==> {} <==\n{}", f.name, f.text)).collect();
    golden("package.txt", &text);

    let folder = tempfile::tempdir().expect("a folder");
    files.extend(made);
    write(folder.path(), &files);
    if has("verilator") {
        let (good, said) = run(
            folder.path(),
            "verilator",
            &["--lint-only", "-Wall", "-f", "sums.f", "--top-module", "sums"],
        );
        assert!(good, "{said}");
    }
    if has("iverilog") {
        let (good, said) =
            run(folder.path(), "iverilog", &["-g2005", "-s", "sums", "-o", "sums.vvp", "-f", "sums.f"]);
        assert!(good, "{said}");
    }
}

/// What `crosscheck` puts into a design of rust-hdl: three sums of four elements, folded.
#[test]
fn the_block_for_rust_hdl_is_golden() {
    let weights = vec![1, 0, -1, 0, 0, 1, 1, 0, -1, 0, 0, 1];
    let dense = Dense { inputs: 4, outputs: 3, weights, bias: vec![] };
    let layers = vec![Layer { name: "dense".into(), op: LayerOp::Dense(dense) }];
    let network = Network { name: "rows".into(), input: Input::new(vec![4], Range::signed(8)), layers };
    let options = Options { folding: Folding::Pes(1), ..Options::default() };
    let emitted = emit(&lower(&network, &options).expect("the network compiles").netlist);
    let block = package(&emitted, true).into_iter().filter(|file| file.name.ends_with(".rs"));
    for file in emitted.files.iter().cloned().chain(block) {
        golden(&format!("rust_hdl/{}", file.name), &file.text);
    }
}

/// Without constraints none are named.
#[test]
fn a_core_without_constraints_names_none() {
    let emitted = emit(&design().netlist);
    let [_, core, script, ..] = package(&emitted, false);
    assert!(
        !core.text.contains("constraints") && !script.text.contains("constrs"),
        "{}{}",
        core.text,
        script.text
    );
}

#[test]
fn vectors_are_json_and_the_test_names_itself() {
    let (samples, results) = (vec![vec![1, -2, 3], vec![0, 0, 0]], vec![vec![-7], vec![8]]);
    let [test, vectors] = cocotb(&emit(&design().netlist), &samples, &results);
    assert_eq!((test.name.as_str(), vectors.name.as_str()), ("sums_cocotb.py", "sums_vectors.json"));
    assert!(test.text.contains("python sums_cocotb.py verilator"), "{}", test.text);
    let read: serde_json::Value = serde_json::from_str(&vectors.text).expect("JSON");
    assert_eq!(read, serde_json::json!({ "sources": ["sums.v"], "samples": samples, "results": results }));
}
