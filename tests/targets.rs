//! Circuits mapped to each family, in all simulators.

use crate::util::{Folder, has, small_network};

/// Every family, and plain operators.
const TARGETS: [&[&str]; 5] =
    [&[], &["--target", "ice40"], &["--target", "ecp5"], &["--target", "gowin"], &["--target", "xcup"]];

#[test]
fn mapped_circuits_are_equal_in_all_simulators() {
    if !has("verilator", "--version") || !has("iverilog", "-V") {
        return;
    }
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    folder.put("w.npy", crate::road::matrix(9, 7));
    for target in TARGETS {
        for input in [&["net.sterna", "--unrolled"][..], &["w.npy", "--input", "s8"]] {
            let verify = ["verify", "--icarus", "--samples", "60"];
            let report = folder.json(0, &[&verify, input, target].concat());
            assert_eq!(report["equal"], true, "{target:?}, {input:?}: {report:#}");
            assert!(report["values"].as_u64().unwrap() >= 60 * 7, "{report:#}");
            assert!(report["icarus"].as_str().unwrap().starts_with("Icarus"), "{report:#}");
        }
    }
}
