//! `compare`: one table of all methods, and work that is finished is done once.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::util::{Folder, command, has, text};

const SMALL: [&str; 11] =
    ["compare", "digits:300,60", "--hidden", "6", "--epochs", "2", "--batch", "30", "--pes", "3", "--unroll"];

fn names(folder: &Folder, part: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join(part)).unwrap();
    let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
    // A killed process may leave temporaries behind.
    let mut names: Vec<String> = names.filter(|n| !n.starts_with('.')).collect();
    names.sort();
    names
}

#[test]
fn all_methods_stand_in_one_table() {
    let folder = Folder::new();
    let args =
        [&SMALL[..], &["500", "--seeds", "2", "--zeros", "0.9", "-o", "all", "--csv", "all.csv"]].concat();
    let report = folder.json(0, &args);
    let rows = report["rows"].as_array().unwrap();
    let methods: Vec<&str> = rows.iter().map(|r| r["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["float", "binary", "twn", "tga", "sca", "three-stage", "top-k", "cost"]);
    let weights = (784 * 6 + 6 * 10) as u64;
    for row in rows {
        let method = row["method"].as_str().unwrap();
        assert_eq!((row["accuracy"]["count"].as_u64(), row["weights"].as_u64()), (Some(2), Some(weights)));
        let bits = match method {
            "float" => 8,
            "binary" => 1,
            _ => 2,
        };
        assert_eq!(row["plain_bits"].as_u64(), Some(bits * weights), "{method}");
        assert_eq!(row["coded_bits"].is_null(), bits != 2, "{method}");
        assert_eq!(row["circuits"][0]["design"], "3 PEs");
        let lut = row["circuits"][0]["estimate"]["lut"].as_f64().unwrap();
        assert!(lut > 50.0 && row["circuits"][0]["measured"].is_null(), "{row:#}");
    }
    let zeros = rows[6]["zeros"][0].as_f64().unwrap();
    assert!((zeros - 0.9).abs() < 0.01, "top-k has the zeros asked for: {zeros}");
    let csv = std::fs::read_to_string(folder.join("all.csv")).unwrap();
    let circuits: usize = rows.iter().map(|r| r["circuits"].as_array().unwrap().len()).sum();
    assert_eq!(csv.lines().count(), 1 + circuits);
    assert!(circuits > rows.len(), "sparse networks are unrolled, too");

    // A second time nothing is trained, and the table is the same; other settings have runs of their own.
    let kept = (names(&folder, "all/runs"), names(&folder, "all/circuits"));
    assert_eq!(folder.json(0, &args), report);
    assert_eq!((names(&folder, "all/runs"), names(&folder, "all/circuits")), kept);
    folder.ok(&[&SMALL[..], &["0", "--methods", "twn", "--rate", "0.02", "-o", "all"]].concat());
    assert_eq!(names(&folder, "all/runs").len(), kept.0.len() + 2);
}

#[test]
fn a_kill_loses_at_most_the_run_in_progress() {
    let folder = Folder::new();
    let args = |out: &'static str| [&SMALL[..], &["0", "--methods", "twn,binary,top-k", "-o", out]].concat();
    let whole = folder.json(0, &args("whole"));
    let mut child =
        command(folder.path(), &args("cut")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    let finished = || {
        let entries = std::fs::read_dir(folder.join("cut/runs")).into_iter().flatten().flatten();
        entries.filter(|e| e.file_name().to_string_lossy().ends_with(".training.json")).count()
    };
    while finished() == 0 {
        assert!(start.elapsed() < Duration::from_secs(120), "no run was finished");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let first = names(&folder, "cut/runs").into_iter().find(|n| n.ends_with(".training.json")).unwrap();
    let path = folder.join("cut/runs").join(first);
    let written = std::fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(folder.json(0, &args("cut")), whole);
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), written, "it was trained again");
    assert_eq!(names(&folder, "cut/runs"), names(&folder, "whole/runs"), "no checkpoint stays behind");
}

#[test]
fn yosys_counts_on_request() {
    if !has("yosys", "-V") {
        return;
    }
    let folder = Folder::new();
    let args = [&SMALL[..], &["0", "--methods", "top-k", "-o", "all"]].concat();
    assert!(folder.json(0, &args)["tool"].is_null());
    let counted = folder.json(0, &[&args[..], &["--synth"]].concat());
    let lut = counted["rows"][0]["circuits"][0]["measured"]["lut"].as_f64().unwrap();
    assert!(lut > 50.0 && counted["tool"].as_str().unwrap().contains("Yosys"), "{counted:#}");
}

#[test]
fn bad_wishes_are_refused_before_anything_is_trained() {
    let folder = Folder::new();
    let refused = |more: &[&str], words: &str| {
        let output = folder.sterna(&[&SMALL[..], &["0", "-o", "all"], more].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{more:?}: {said}");
        assert!(said.contains(words), "{more:?}: {said}");
        assert!(!folder.join("all").exists(), "{more:?}");
    };
    refused(&["--seeds", "0"], "--seeds 0");
    refused(&["--methods", "twn,magic"], "magic");
    refused(&["--methods", "twn,twn"], "names twn twice");
    refused(&["--zeros", "1.5"], "1.5");
    refused(&["--zeros", "0.9,0.9,0.9"], "weights.zeros");
}
