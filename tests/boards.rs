//! Circuits on boards: the serial line in Verilator and over a pseudo-terminal, and bitstreams.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serialport::{SerialPort, TTYPort};
use sterna::build::Build;
use sterna::hdl::serial::Line;
use sterna::ir::eval;

use crate::util::{Folder, command, has, small_network, text};

const DATA: &[&str] = &["--data", "digits:600,200"];

/// `sterna host --simulate` on a build in `folder`.
fn simulated(folder: &Folder, samples: &str, status: i32) -> serde_json::Value {
    let args = ["host", "out", "--simulate", "--samples", samples, "--cache-dir", "cache"];
    folder.json(status, &[&args, DATA].concat())
}

#[test]
fn boards_answer_what_the_network_says() {
    if !has("verilator", "--version") {
        return;
    }
    let folder = Folder::new();
    // Trained long enough that its answers depend on the image.
    let train =
        ["train", DATA[1], "--hidden", "16,16", "--epochs", "10", "--batch", "20", "-o", "net.sterna"];
    folder.ok(&train);
    let accuracy =
        folder.json(0, &[&["simulate", "net.sterna", "--samples", "12"], DATA].concat())["accuracy"].clone();
    // A differential clock, and a button that is 0 while pressed; beats of one byte and of three.
    for (board, style) in
        [("zcu104", &["--pes", "4"][..]), ("icebreaker", &["--pes", "5", "--input-lanes", "3"])]
    {
        folder.ok(&[&["compile", "net.sterna", "--board", board, "-o", "out", "--force"], style].concat());
        let report = simulated(&folder, "12", 0);
        assert_eq!((&report["equal"], &report["accuracy"]), (&true.into(), &accuracy), "{board}: {report:#}");
    }
    // A receiver that turns bits round: no answer is understood.
    let shell = folder.join("out/sterna_uart_rx.v");
    let good = std::fs::read_to_string(&shell).unwrap();
    std::fs::write(&shell, good.replace("{seen[1], data[7:1]}", "{~seen[1], data[7:1]}")).unwrap();
    let args = [&["host", "out", "--simulate", "--cache-dir", "cache"], DATA].concat();
    let output = folder.sterna(&args);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no Sterna circuit answers"), "{}", text(&output.stderr));
    // A receiver that drops the top bit: answers, but not these.
    std::fs::write(&shell, good.replace("{seen[1], data[7:1]}", "{seen[1] && left != 4'd2, data[7:1]}"))
        .unwrap();
    let report = simulated(&folder, "60", 1);
    assert_eq!(report["equal"], false);
}

/// What a sender does wrong is forgotten: half a sample, a sample that the circuit is not ready for, noise.
#[test]
fn a_board_recovers() {
    if !has("verilator", "--version") {
        return;
    }
    let folder = Folder::new();
    // So many weights for one element that the quick line of the simulation is faster than the circuit.
    folder.ok(&["train", "digits:100,20", "--hidden", "100", "--epochs", "1", "-o", "net.sterna"]);
    folder.ok(&["compile", "net.sterna", "--pes", "2", "--board", "ice40-hx8k", "-o", "out"]);
    let build = sterna::build::open(&folder.join("out")).unwrap();
    let line = build.line().unwrap();
    let mut board = sterna::host::simulated(&build, &folder.join("cache")).unwrap();
    let mut say = |bytes: &[u8], wanted: usize| board.exchange(bytes, wanted, 70_000).unwrap();
    let known = [b"i".as_slice(), &line.id().to_le_bytes()].concat();
    let sample: Vec<i64> = (0..784).map(|i| i % 256).collect();
    let packed = [b"s".to_vec(), line.input.pack(&sample)].concat();
    let result = eval::evaluate(&build.network, &sample).unwrap().pop().unwrap();
    let answer = [b"r".to_vec(), line.output.pack(&result)].concat();
    assert_eq!(say(b"nothing?", 5), known);
    assert_eq!(say(&packed, 2), answer);
    assert_eq!(say(&packed[..300], 2), b"e", "half a sample");
    assert_eq!(say(&packed, 2), answer);
    // More samples on end than there are buffers.
    let flood = say(&packed.repeat(6), 12);
    assert!(flood.contains(&b'e'), "{flood:?}");
    say(&[], 100);
    assert_eq!(say(b"?", 5), known);
    assert_eq!(say(&[packed.clone(), packed].concat(), 4), answer.repeat(2));
}

/// A board as a program at the other end of a pseudo-terminal. It answers the `wrong`th sample wrongly.
fn play(mut port: TTYPort, build: &Build, line: &Line, wrong: usize) {
    let mut byte = [0];
    let mut served = 0;
    port.set_timeout(Duration::from_secs(20)).unwrap();
    // The line ends when the host has closed its end, or said nothing for long.
    while port.read(&mut byte).is_ok_and(|n| n == 1) {
        match &byte {
            b"?" => port.write_all(&[b"i".as_slice(), &line.id().to_le_bytes()].concat()).unwrap(),
            b"s" => {
                let mut bytes = vec![0; line.input.beats() * line.input.bytes];
                port.read_exact(&mut bytes).unwrap();
                let mut result =
                    eval::evaluate(&build.network, &line.input.unpack(&bytes)).unwrap().pop().unwrap();
                result[0] ^= i64::from(served == wrong);
                port.write_all(&[b"r".to_vec(), line.output.pack(&result)].concat()).unwrap();
                served += 1;
            }
            _ => {}
        }
    }
}

#[test]
fn answers_over_a_serial_port_are_compared() {
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    folder.ok(&["compile", "net.sterna", "--pes", "4", "--board", "icebreaker", "-o", "out"]);
    let host = |wrong: usize, input: &[&str]| {
        let build = sterna::build::open(&folder.join("out")).unwrap();
        let (board, mut port) = TTYPort::pair().unwrap();
        port.set_exclusive(false).unwrap();
        let name = port.name().unwrap();
        // Open without the lock by which a program keeps others off.
        let _open = std::fs::File::open(&name).unwrap();
        drop(port);
        let line = build.line().unwrap();
        std::thread::spawn(move || play(board, &build, &line, wrong));
        folder.sterna(&[&["host"], input, &["--port", &name, "--samples", "30", "--json"], DATA].concat())
    };
    let good = host(usize::MAX, &["out"]);
    let report: serde_json::Value = serde_json::from_slice(&good.stdout).unwrap();
    assert_eq!((good.status.code(), &report["equal"]), (Some(0), &true.into()), "{report:#}");
    // The network file will do where it is compiled to the same streams.
    assert_eq!(host(usize::MAX, &["net.sterna", "--pes", "9"]).status.code(), Some(0));
    let bad = host(17, &["out"]);
    let report: serde_json::Value = serde_json::from_slice(&bad.stdout).unwrap();
    assert_eq!((bad.status.code(), &report["different"]), (Some(1), &serde_json::json!([17])), "{report:#}");
    let other = host(0, &["net.sterna", "--pes", "4", "--input-lanes", "2"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(text(&other.stdout).contains("holds another circuit"), "{}", text(&other.stdout));
    let absent = folder.sterna(&["host", "out", "--port", "/dev/absent"]);
    assert_eq!(absent.status.code(), Some(2));
    assert!(text(&absent.stderr).contains("/dev/absent"), "{}", text(&absent.stderr));
}

/// A network of two inputs, small enough to be placed in seconds.
fn tiny(folder: &Folder) {
    let rows = (0..60).map(|i| format!("{},{},{}\n", i % 8, i / 8, u8::from(i % 8 > i / 8)));
    folder.put("tiny.csv", format!("a,b,label\n{}", rows.collect::<String>()));
    folder.ok(&["train", "tiny.csv", "--hidden", "3", "--epochs", "2", "-o", "tiny.sterna"]);
}

#[test]
fn a_bitstream_is_made_once() {
    if !has("yosys", "-V") || !has("nextpnr-ice40", "--version") {
        return;
    }
    let folder = Folder::new();
    tiny(&folder);
    folder.ok(&["compile", "tiny.sterna", "--pes", "2", "--board", "ice40-hx8k", "-o", "out"]);
    let made = folder.json(0, &["synth", "out", "--bitstream"]);
    assert!(made["mhz"].as_f64().unwrap() > 12.0, "{made:#}");
    assert_eq!(made["ran"], serde_json::json!(["yosys", "nextpnr-ice40", "icepack"]));
    let bytes = std::fs::read(folder.join(made["bitstream"].as_str().unwrap())).unwrap();
    // The preamble of an iCE40 bitstream.
    assert!(bytes.windows(4).any(|w| w == [0x7e, 0xaa, 0x99, 0x7e]));
    assert_eq!(folder.json(0, &["synth", "out", "--bitstream"])["ran"], serde_json::json!([]));
    // The Makefile makes the same bytes.
    let make = std::process::Command::new("make").current_dir(folder.join("out")).output().unwrap();
    assert!(make.status.success(), "{}", text(&make.stderr));
    assert_eq!(std::fs::read(folder.join(made["bitstream"].as_str().unwrap())).unwrap(), bytes);
    // Another weight is another circuit.
    let other =
        folder.json(0, &["synth", "tiny.sterna", "--pes", "3", "--board", "ice40-hx8k", "--bitstream"]);
    assert_eq!(other["ran"].as_array().map(Vec::len), Some(3));
}

/// Tools that behave as told, in place of the real ones.
#[test]
fn what_tools_do_wrong_is_told() {
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    folder.ok(&["compile", "net.sterna", "--pes", "4", "--board", "icebreaker", "-o", "out"]);
    let tool = |name: &str, script: &str| {
        let path = folder.put(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let synth = |more: &[&str]| {
        let args = [&["synth", "out", "--bitstream"], more].concat();
        let output = command(folder.path(), &args).env("PATH", folder.join("bin")).output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    let log = |lines: &str| format!("printf '{lines}' > ice40-board.log; : > ice40.asc");
    let refused = |more: &[&str], words: &[&str]| {
        let (code, said) = synth(more);
        assert_eq!(code, Some(2), "{said}");
        assert!(words.iter().all(|w| said.contains(w)) && said.trim_end().lines().count() == 1, "{said}");
        assert!(!folder.names().iter().any(|n| n.ends_with(".bin")), "something was left behind");
        assert!(!std::fs::exists(folder.join("out/digits-icebreaker.bin")).unwrap());
    };
    refused(&[], &["yosys is not on the PATH", "scripts/setup.sh"]);
    tool("yosys", "printf ' Number of cells: 1\\n SB_LUT4 1\\n' > ice40.stat; : > ice40.json");
    refused(&[], &["nextpnr-ice40 is not on the PATH"]);
    tool("nextpnr-ice40", &log("Info: ICESTORM_RAM: 40/ 30 133%%\\n"));
    refused(&[], &["icepack is not on the PATH", "fpga-icestorm"]);
    tool("icepack", "echo no such file >&2; exit 3");
    refused(&[], &["is too small: 40 ICESTORM_RAM of 30", "ice40-board.log"]);
    tool("nextpnr-ice40", "kill -SEGV $$");
    refused(&[], &["nextpnr-ice40 failed", "signal: 11", "ice40-board.log"]);
    tool("nextpnr-ice40", "while :; do :; done");
    refused(&["--timeout", "1"], &["nextpnr-ice40 was ended after 1 s", "ice40-board.log"]);
    let clock = |mhz: &str| log(&format!("Max frequency for clock a: {mhz} MHz\\n"));
    tool("nextpnr-ice40", &clock("11.50"));
    refused(&[], &["too slow", "11.5 MHz of 12"]);
    tool("nextpnr-ice40", &clock("12.50"));
    refused(&[], &["icepack failed", "no such file", "ice40-pack.log"]);
    tool("icepack", "printf bits > $2");
    assert_eq!(synth(&[]).0, Some(0));
    assert_eq!(std::fs::read(folder.join("out/digits-icebreaker.bin")).unwrap(), b"bits");

    let none = folder.sterna(&["synth", "net.sterna", "--bitstream"]);
    assert!(text(&none.stderr).contains("needs a board"), "{}", text(&none.stderr));
    let vendor = folder.sterna(&["synth", "net.sterna", "--bitstream", "--board", "arty-a7-35t"]);
    assert!(text(&vendor.stderr).contains("vivado.tcl"), "{}", text(&vendor.stderr));
}
