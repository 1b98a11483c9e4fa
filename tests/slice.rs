//! A circuit compared with its Verilog by a slice: what is broken inside is found, what is outside is not looked at, and how
//! much that is is said.

use std::path::Path;

use sterna::ir::{Dense, Input, Layer, LayerOp, Network, Range, Task, Threshold, format};

use crate::util::{Folder, has, text};

/// Four neurons over eight bytes, each with a threshold inside its range.
fn network() -> Network {
    let weights = (0..32).map(|i| [1, 1, -1, 0, 1, -1, 0][i * i % 7]).collect();
    let dense = Dense { inputs: 8, outputs: 4, weights, bias: vec![] };
    let threshold = Threshold {
        channels: 4,
        positions: 1,
        levels: 1,
        thresholds: vec![101, 203, 305, 407],
        falling: vec![],
        thermometer: false,
    };
    let layer = |name: &str, op| Layer { name: name.into(), op };
    Network {
        name: "wide".into(),
        input: Input { shape: vec![8], ranges: Range::new(0, 255).into() },
        layers: vec![layer("fc", LayerOp::Dense(dense)), layer("act", LayerOp::Threshold(threshold))],
    }
}

/// Moves the threshold of one comparison by one.
fn break_comparison(file: &Path, good: &str, number: usize) {
    let at = good.match_indices(" >= ").nth(number).unwrap().0;
    let digits = at + good[at..].find('d').unwrap() + 1;
    let end = digits + good[digits..].find(|c: char| !c.is_ascii_digit()).unwrap();
    let value: u64 = good[digits..end].parse().unwrap();
    std::fs::write(file, format!("{}{}{}", &good[..digits], value ^ 1, &good[end..])).unwrap();
}

#[test]
fn what_is_broken_is_found_inside_alone() {
    if !has("verilator", "--version") || !has("yosys", "-V") {
        return;
    }
    let folder = Folder::new();
    folder.put("wide.sterna", format::write(&network(), &Task::default()));
    folder.ok(&["compile", "wide.sterna", "--unrolled", "-o", "out"]);
    let module = folder.join("out/wide_layer0.v");
    let good = std::fs::read_to_string(&module).unwrap();
    let mut found = 0;
    for neuron in 0..4 {
        break_comparison(&module, &good, neuron);
        let output = folder.sterna(&["verify", "out", "--samples", "200", "--slice", "2", "--json"]);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let slice = &report["slice"];
        assert_eq!((&slice["outputs"], &slice["all_outputs"]), (&2.into(), &4.into()), "{report:#}");
        assert!(slice["nodes"].as_u64() < slice["all_nodes"].as_u64(), "{report:#}");
        if output.status.code() == Some(1) {
            assert_eq!(report["mismatch"]["element"], neuron, "{report:#}");
            found += 1;
        } else {
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        }
    }
    assert_eq!(found, 2);
}
