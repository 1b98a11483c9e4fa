//! The same input, seed and version give the same bytes: across threads, across runs, and across a kill.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::util::{Folder, command, small_network};

const TRAIN: [&str; 8] = ["train", "digits:1500,100", "--hidden", "48,32", "--epochs", "8", "--batch", "50"];

fn bytes(folder: &Folder, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap()
}

#[test]
fn threads_and_runs() {
    let folder = Folder::new();
    let short = [&TRAIN[..4], &["--epochs", "2"]].concat();
    for (threads, name) in [("1", "a"), ("2", "b"), ("2", "c")] {
        folder.ok(&[&short[..], &["--threads", threads, "-o", name]].concat());
        folder.ok(&["compile", name, "--pes", "7", "--threads", threads, "-o", &format!("{name}-out")]);
    }
    for other in ["b", "c"] {
        assert_eq!(bytes(&folder, "a"), bytes(&folder, other));
        for entry in std::fs::read_dir(folder.join("a-out")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let path = |run: &str| format!("{run}-out/{name}");
            assert_eq!(bytes(&folder, &path("a")), bytes(&folder, &path(other)), "{name}");
        }
    }
}

/// Killed without warning after the first checkpoint, then run again on another number of threads: the same network.
fn killed_and_resumed(flags: &[&str]) {
    let folder = Folder::new();
    folder.ok(&[&TRAIN[..], flags, &["--threads", "1", "-o", "whole"]].concat());
    let resumed = [&TRAIN[..], flags, &["-o", "resumed", "--checkpoint", "run.ckpt"]].concat();
    let mut child =
        command(folder.path(), &resumed).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while !folder.join("run.ckpt").exists() {
        assert!(start.elapsed() < Duration::from_secs(120), "no checkpoint was written");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.join("resumed").exists(), "it had finished before it could be killed");
    folder.ok(&resumed);
    assert_eq!(bytes(&folder, "whole"), bytes(&folder, "resumed"));
}

#[test]
fn kill_and_resume() {
    killed_and_resumed(&[]);
}

#[test]
fn kill_and_resume_within_a_budget() {
    killed_and_resumed(&["--budget", "2000", "--target", "ecp5"]);
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    let folder = Folder::new();
    let train =
        ["train", "digits:300,50", "--hidden", "8", "--epochs", "1", "--checkpoint", "c.ckpt", "-o", "n"];
    folder.ok(&train);
    let mut checkpoint = bytes(&folder, "c.ckpt");
    let middle = checkpoint.len() / 2;
    checkpoint[middle] ^= 1;
    folder.put("c.ckpt", checkpoint);
    let output = folder.sterna(&train);
    assert_eq!(output.status.code(), Some(2));
    assert!(crate::util::text(&output.stderr).contains("c.ckpt"));
}

/// A build folder brought up to date holds no file of the build before, and all files of others.
#[test]
fn compiling_again_replaces_the_build() {
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    folder.ok(&["compile", "net.sterna", "--pes", "9", "-o", "out"]);
    folder.put("out/mine.txt", "keep me");
    folder.ok(&["compile", "net.sterna", "--unrolled", "-o", "out"]);
    folder.ok(&["compile", "net.sterna", "--unrolled", "-o", "fresh"]);
    let list = |name: &str| {
        let mut names: Vec<_> =
            std::fs::read_dir(folder.join(name)).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let without_mine: Vec<_> = list("out").into_iter().filter(|n| n != "mine.txt").collect();
    assert_eq!(without_mine, list("fresh"));
    assert!(folder.join("out/mine.txt").exists());
}
