//! Samples of one's own: in as integers, out as integers, and beside a model's own execution.

use sterna_trainer::data::{npy, read_samples};

use crate::road::matrix;
use crate::util::{Folder, small_network, text};

/// Values of a `.npy`.
fn values(folder: &Folder, name: &str) -> (usize, usize, Vec<i64>) {
    let (samples, each, values) = read_samples(&folder.join(name)).unwrap();
    (samples, each, values.into_iter().map(|v| v as i64).collect())
}

#[test]
fn a_matrix_multiplies_integers_of_ones_own() {
    let folder = Folder::new();
    folder.put("w.npy", matrix(12, 9));
    let rows: Vec<Vec<i64>> =
        (0..7).map(|s| (0..12).map(|i| (s * 31 + i * 17) % 256 - 128).collect()).collect();
    folder.put("x.npy", npy(&rows));
    let (_, _, w) = values(&folder, "w.npy");
    let wanted: Vec<i64> = rows
        .iter()
        .flat_map(|row| {
            (0..9).map(|o| row.iter().zip(w.chunks(9)).map(|(x, w)| x * w[o]).sum()).collect::<Vec<_>>()
        })
        .collect();
    for design in [&["--unrolled"][..], &["--pes", "3"]] {
        let call = ["simulate", "w.npy", "--input", "s8", "--data", "x.npy", "--outputs", "y.npy"];
        folder.ok(&[&call, design].concat());
        assert_eq!(values(&folder, "y.npy"), (7, 9, wanted.clone()));
    }
    let refused = |rows: &[Vec<i64>], words: &[&str]| {
        folder.put("odd.npy", npy(rows));
        let run = folder.sterna(&[
            "simulate",
            "w.npy",
            "--input",
            "s8",
            "--data",
            "odd.npy",
            "--outputs",
            "no.npy",
        ]);
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert!(!folder.join("no.npy").exists());
    };
    refused(&[vec![128; 12]], &["odd.npy", "128 in sample 0, element 0", "-128..=127"]);
    refused(&[vec![1; 11]], &["odd.npy", "11 values a sample; want 12"]);
}

#[test]
fn an_import_is_compared_with_the_execution_before_it_is_written() {
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    folder.ok(&["export", "net.sterna", "--qonnx", "net.onnx"]);
    folder.ok(&["import", "net.onnx", "-o", "same.sterna"]);
    let inputs = folder.json(0, &["info", "net.sterna"]);
    let elements =
        inputs["input"]["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).product::<u64>();
    let rows: Vec<Vec<i64>> =
        (0..20).map(|s| (0..elements as i64).map(|i| (s * 37 + i * 11) % 256).collect()).collect();
    folder.put("x.npy", npy(&rows));
    folder.ok(&["simulate", "net.sterna", "--data", "x.npy", "--outputs", "y.npy"]);
    let call = ["import", "net.onnx", "-o", "checked.sterna", "--check", "x.npy", "y.npy"];
    let report = folder.json(0, &call);
    assert_eq!(report["check"]["differences"], 0, "{report:#}");
    // Other classes than the network's.
    let (_, _, classes) = values(&folder, "y.npy");
    let other: Vec<Vec<i64>> = classes.iter().map(|class| vec![i64::from(*class == 0)]).collect();
    folder.put("y.npy", npy(&other));
    let report = folder.json(1, &call);
    assert_eq!(report["check"]["differences"], 20, "{report:#}");
    // What cannot be compared leaves nothing behind.
    folder.put("x.npy", npy(&vec![vec![0; elements as usize + 1]; 20]));
    let run = folder.sterna(&["import", "net.onnx", "-o", "none.sterna", "--check", "x.npy", "y.npy"]);
    assert_eq!(run.status.code(), Some(2));
    assert!(text(&run.stderr).contains("x.npy"), "{}", text(&run.stderr));
    assert!(!folder.join("none.sterna").exists());
}
