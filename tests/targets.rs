//! Circuits mapped to each family, in all simulators.

use sterna_hdl::family::Family;

use crate::util::{Folder, has, small_network};

#[test]
fn mapped_circuits_are_equal_in_all_simulators() {
    if !has("verilator", "--version") || !has("iverilog", "-V") {
        return;
    }
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    folder.put("w.npy", crate::road::matrix(9, 7));
    let mixed = ["w.npy", "--input", "s8,u1,u1,u1,u1,-5:3,u4,2:9,s2"];
    let mapped = Family::ALL.map(|family| vec!["--target", family.name()]);
    // Plain operators too.
    for target in mapped.iter().chain([&Vec::new()]) {
        for input in [&["net.sterna", "--unrolled"][..], &["w.npy", "--input", "s8"], &mixed] {
            let verify = ["verify", "--icarus", "--samples", "60"];
            let report = folder.json(0, &[&verify, input, target].concat());
            assert_eq!(report["equal"], true, "{target:?}, {input:?}: {report:#}");
            assert!(report["values"].as_u64().unwrap() >= 60 * 7, "{report:#}");
            assert!(report["icarus"].as_str().unwrap().starts_with("Icarus"), "{report:#}");
        }
    }
}
