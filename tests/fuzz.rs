//! Readers under hostile bytes: the kept inputs of the fuzz targets and mutations of them, the same every time.

use std::panic::catch_unwind;
use std::path::Path;

use sterna::ir::bench::Stall;

#[path = "../fuzz/targets.rs"]
mod targets;

/// Mutations of each kept input.
const ROUNDS: u64 = 300;

/// Runs `target` on the inputs kept for it, and on each `rounds` times damaged.
#[track_caller]
fn fuzz(name: &str, rounds: u64, target: fn(&[u8])) {
    fuzz_files(&format!("fuzz/corpus/{name}"), "", rounds, target);
}

/// The same over the files of a folder whose names end so.
#[track_caller]
fn fuzz_files(folder: &str, end: &str, rounds: u64, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|file| file.to_string_lossy().ends_with(end));
    files.sort();
    assert!(!files.is_empty(), "no corpus in {}", folder.display());
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        for seed in 0..rounds {
            let damaged = if seed == 0 { bytes.clone() } else { damage(&bytes, seed) };
            let shown = String::from_utf8_lossy(&damaged).into_owned();
            let outcome = catch_unwind(|| target(&damaged));
            assert!(outcome.is_ok(), "{}, damage {seed}:\n{shown}", file.display());
        }
    }
}

/// A few bytes or numbers changed, taken out, doubled, or the end cut off.
fn damage(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut dice = Stall::new(seed, 0);
    (0..4).for_each(|_| _ = dice.draw());
    let mut below = |n: usize| {
        dice.draw();
        (dice.state >> 16) as usize % n.max(1)
    };
    let mut out = bytes.to_vec();
    for _ in 0..1 + below(3) {
        let at = below(out.len());
        let end = (at + 1 + below(8)).min(out.len());
        match below(6) {
            0 => out[at] ^= 1 << below(8),
            1 => out[at] = [0, 0xff, b'-', b'9', b'"', b'\n', b',', 0x80][below(8)],
            2 => _ = out.splice(at..end, []),
            3 => _ = out.splice(at..at, bytes[at.min(bytes.len())..end.min(bytes.len())].to_vec()),
            4 => number(&mut out, &mut below),
            _ => out.truncate(at),
        }
        if out.is_empty() {
            break;
        }
    }
    out
}

/// One of the decimal numbers in a text replaced by an awkward one.
fn number(out: &mut Vec<u8>, mut below: impl FnMut(usize) -> usize) {
    let starts: Vec<usize> = (0..out.len())
        .filter(|&i| out[i].is_ascii_digit() && (i == 0 || !out[i - 1].is_ascii_digit()))
        .collect();
    let Some(&start) = starts.get(below(starts.len())) else { return };
    let end = start + out[start..].iter().take_while(|b| b.is_ascii_digit()).count();
    let awkward = [
        "0",
        "1",
        "-1",
        "65536",
        "4294967296",
        "9223372036854775807",
        "-9223372036854775808",
        "1e308",
        "99999999999999999999",
    ];
    out.splice(start..end, awkward[below(awkward.len())].bytes());
}

#[test]
fn network_files() {
    fuzz("network", 4 * ROUNDS, targets::network);
}

#[test]
fn manifests_and_models() {
    fuzz("manifest", 4 * ROUNDS, targets::manifest);
    fuzz("model", 4 * ROUNDS, targets::model);
}

#[test]
fn printed_verilog() {
    fuzz_files("hdl/tests/golden", ".v", ROUNDS, targets::verilog);
}

#[test]
fn models_in_onnx() {
    fuzz_files("onnx/tests/models", ".onnx", ROUNDS, targets::onnx);
}

#[test]
fn data_sets() {
    fuzz("idx", ROUNDS, targets::idx);
    fuzz("npy", ROUNDS, targets::npy);
    fuzz("npz", ROUNDS, targets::npz);
    fuzz("csv", ROUNDS, targets::csv);
    fuzz("matrix", ROUNDS, targets::matrix);
}
