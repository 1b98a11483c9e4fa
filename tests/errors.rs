//! Bad input: one clear line with value, place and fix, status 2, nothing left behind.

use crate::road::matrix;
use crate::util::{Folder, has, small_network, text};

/// Runs a command that must refuse: status 2, no panic, the message holds every part of `expected`, and the folder holds
/// what it held before.
#[track_caller]
fn refuses(folder: &Folder, args: &[&str], expected: &[&str]) {
    let before = folder.names();
    let output = folder.sterna(args);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "sterna {args:?}\n{out}\n{err}");
    assert!(!err.contains("panicked"), "{err}");
    for part in expected {
        assert!(err.contains(part), "sterna {args:?} says {err:?} without {part:?}");
    }
    let from_usage = err.starts_with("error:");
    assert!(err.trim_end().lines().count() == 1 || from_usage, "more than a line: {err}");
    assert_eq!(folder.names(), before, "sterna {args:?} left something behind");
}

#[test]
fn network_files() {
    let folder = Folder::new();
    let good = small_network();
    let case = |text: &str, expected: &[&str]| {
        folder.put("bad.sterna", text);
        refuses(&folder, &["info", "bad.sterna"], expected);
        refuses(&folder, &["compile", "bad.sterna", "-o", "out"], expected);
    };
    case("", &["bad.sterna", "not a network file"]);
    case("{}", &["bad.sterna", "format"]);
    case(&good[..good.len() / 2], &["bad.sterna"]);
    case(&good.replacen("\"version\": 1", "\"version\": 9", 1), &["version 9"]);
    case(&good.replacen("\"type\": \"dense\"", "\"type\": \"attention\"", 1), &["attention"]);
    case(&good.replacen("\"inputs\": 784", "\"inputs\": 1000000000", 1), &["layers[0].weights"]);
    case(&good.replacen("\"outputs\": 16", "\"outputs\": 17", 1), &["layers[0].weights"]);
    case(&good.replacen("\"hi\": 255", "\"hi\": -1", 1), &["input.range"]);
    case(&good.replacen("\"levels\": 3", "\"levels\": 4", 1), &["thresholds"]);
    refuses(&folder, &["info", "absent.sterna"], &["absent.sterna"]);
    folder.put("binary.sterna", [0xff, 0xfe, 0x00]);
    refuses(&folder, &["info", "binary.sterna"], &["binary.sterna", "no network file"]);
}

#[test]
fn models() {
    let folder = Folder::new();
    folder.put("bad.onnx", b"certainly no model");
    refuses(&folder, &["import", "bad.onnx", "-o", "out.sterna"], &["bad.onnx", "not an ONNX model"]);
    refuses(&folder, &["import", "absent.onnx", "-o", "out.sterna"], &["cannot read absent.onnx"]);
    refuses(&folder, &["import", ".", "-o", "out.sterna"], &["is no file"]);
    folder.put("good.onnx", include_bytes!("../onnx/tests/models/matrices.onnx"));
    let scale = ["import", "good.onnx", "-o", "out.sterna", "--input", "u8", "--scale", "1/0"];
    refuses(&folder, &scale, &["--scale 1/0", "1/255"]);
    let wide = ["import", "good.onnx", "-o", "out.sterna", "--input", "u32"];
    refuses(&folder, &wide, &["input range", "at most 16 bits"]);
    folder.put("good.sterna", small_network());
    refuses(&folder, &["verify", "good.sterna", "--mutants", "0"], &["--mutants 0"]);
    refuses(&folder, &["export", "good.sterna"], &["--qonnx"]);
    refuses(&folder, &["export", "good.sterna", "--qonnx", "out.onnx", "--batch", "0"], &["--batch 0"]);
    refuses(&folder, &["export", "absent.sterna", "--npz", "out.npz"], &["absent.sterna"]);
}

#[test]
fn data_sets() {
    let folder = Folder::new();
    let train = |data: &str, expected: &[&str]| {
        refuses(&folder, &["train", data, "--epochs", "1", "--offline", "--data-dir", "data"], expected);
    };
    let idx = |magic: u32, dims: &[u32], body: &[u8]| {
        let header: Vec<u8> = std::iter::once(&magic).chain(dims).flat_map(|v| v.to_be_bytes()).collect();
        [&header, body].concat()
    };
    let images = "data/mnist/train-images-idx3-ubyte";
    let labels = "data/mnist/train-labels-idx1-ubyte";
    folder.put("data/mnist/t10k-images-idx3-ubyte", idx(0x803, &[2, 28, 28], &[0; 2 * 784]));
    folder.put("data/mnist/t10k-labels-idx1-ubyte", idx(0x801, &[2], &[0, 1]));
    folder.put(labels, idx(0x801, &[2], &[0, 1]));
    folder.put(images, idx(0x803, &[2, 28, 28], &[0; 100]));
    train("mnist", &["train-images", "100"]);
    folder.put(images, idx(0x999, &[2, 28, 28], &[0; 2 * 784]));
    train("mnist", &["train-images"]);
    folder.put(images, idx(0x803, &[1_000_000_000, 28, 28], &[0; 10]));
    train("mnist", &["train-images"]);
    folder.put(images, idx(0x803, &[2, 28, 28], &[0; 2 * 784]));
    folder.put(labels, idx(0x801, &[3], &[0, 1, 2]));
    train("mnist", &["3", "2"]);
    folder.put(labels, idx(0x801, &[2], &[0, 77]));
    train("mnist", &["77"]);

    folder.put("nan.csv", "a,b,label\n1.5,2,0\nNaN,3,1\n2.5,1,0\n");
    train("nan.csv", &["nan.csv", "NaN"]);
    folder.put("empty.csv", "a,b,label\n");
    train("empty.csv", &["empty.csv"]);
    folder.put("ragged.csv", "a,b,label\n1,2,0\n1,2\n");
    train("ragged.csv", &["ragged.csv"]);
    folder.put("one.csv", "a,label\n1,0\n2,0\n3,0\n4,0\n5,0\n");
    train("one.csv", &["class"]);
    folder.put("bad.npz", b"PK\x03\x04 not a zip");
    train("bad.npz", &["bad.npz"]);
    folder.put("bad.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': broken");
    train("bad.npy", &["bad.npy"]);
    train("absent.csv", &["absent.csv"]);
    train("imagenet", &["imagenet"]);
    train("fashion-mnist", &["fashion-mnist", "--data-dir"]);
    train("digits:0,10", &["digits"]);
}

#[test]
fn settings() {
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    let train = |flags: &[&str], expected: &[&str]| {
        refuses(&folder, &[&["train", "digits:100,50"], flags].concat(), expected);
    };
    train(&["--hidden", "0"], &["hidden"]);
    train(&["--epochs", "0"], &["epochs"]);
    train(&["--anneal", "0.5", "--weights", "twn"], &["--anneal", "top-k"]);
    train(&["--anneal", "2", "--fan-in", "6"], &["weights.anneal", "2"]);
    train(&["--rate", "nan"], &["rate"]);
    train(&["--activation", "9"], &["9", "1 to 8"]);
    train(&["--weights", "top-k", "--zeros", "1.5"], &["1.5"]);
    train(&["--zeros", "0.9", "--weights", "twn"], &["top-k"]);
    train(&["--weights", "magic"], &["magic", "twn"]);
    folder.put("m.json", r#"{"layers": [{"conv": {"outputs": 4, "kernel": 3, "skip": 1}}]}"#);
    train(&["--model", "m.json"], &["model.layers[0].skip"]);
    train(&["--model", "m.json", "--budget", "900"], &["model.layers[0].skip"]);
    folder.put("m.json", r#"{"layers": [{"conv": {"outputs": 4, "kernel": 3, "stride": 0}}]}"#);
    train(&["--model", "m.json", "--cycles", "900", "--pes", "4"], &["model.layers[0].stride"]);
    refuses(&folder, &["compile", "net.sterna", "--pes", "0"], &["0"]);
    refuses(&folder, &["compile", "net.sterna", "--style", "unrolled"], &["3"]);
    refuses(&folder, &["compile", "net.sterna", "--style", "unrolled,x,4"], &["\"x\""]);
    refuses(&folder, &["compile", "net.sterna", "--input-lanes", "785"], &["785"]);
    folder.put("w.npy", matrix(12, 9));
    folder.put("ranges", "s8 u4\n1,x");
    let input = |ranges: &str, expected: &[&str]| {
        refuses(&folder, &["compile", "w.npy", "--input", ranges], expected);
    };
    input("s8,u4", &["input.range", "2 given", "12 channels"]);
    input("s8,x", &["\"x\"", "LO:HI"]);
    input("@none", &["none"]);
    input("@ranges", &["ranges, range 2", "\"1\"", "LO:HI"]);
    refuses(&folder, &["compile", "net.sterna", "--board", "nosuch"], &["nosuch", "icebreaker"]);
    let foreign = ["compile", "net.sterna", "--board", "icebreaker", "--target", "xcup"];
    refuses(&folder, &foreign, &["--target xcup", "iCEBreaker is of ice40"]);
    refuses(&folder, &["compile", "net.sterna", "--clock", "-3"], &["-3"]);
    refuses(&folder, &["compile", "net.sterna", "--clock", "150mh"], &["\"150mh\"", "150MHz"]);
    refuses(&folder, &["compile", "net.sterna", "--clock", "20GHz"], &["\"20GHz\"", "10000 MHz"]);
    let both = ["--clock", "90", "--levels-per-stage", "1", "--target", "ice40"];
    refuses(&folder, &[&["compile", "net.sterna"], &both[..]].concat(), &["--clock and --levels-per-stage"]);
    refuses(&folder, &["compile", "net.sterna", "--clock", "0.2", "--target", "ecp5"], &["0.2 MHz", "1000"]);
    refuses(&folder, &["estimate", "net.sterna", "--family", "stratix"], &["stratix", "ecp5"]);
    refuses(&folder, &["--threads", "0", "info", "net.sterna"], &["threads"]);
    refuses(&folder, &["frobnicate"], &["frobnicate"]);
}

#[test]
fn places() {
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    folder.put("mine/notes.txt", "keep me");
    refuses(&folder, &["compile", "net.sterna", "-o", "mine"], &["mine", "no build folder"]);
    refuses(&folder, &["compile", "net.sterna", "-o", "net.sterna/x"], &["net.sterna"]);
    refuses(&folder, &["train", "digits:100,50", "-o", "net.sterna/n"], &["net.sterna/n"]);
    refuses(&folder, &["train", "digits:100,50", "-o", "mine"], &["mine", "folder"]);
    refuses(&folder, &["verify", "mine"], &["manifest.json"]);
    folder.put("notours/manifest.json", "{\"version\": 7}");
    refuses(&folder, &["verify", "notours"], &["manifest.json"]);
    refuses(&folder, &["info", "mine"], &["manifest.json"]);
    assert_eq!(std::fs::read_to_string(folder.join("mine/notes.txt")).unwrap(), "keep me");
}

#[test]
fn missing_tools() {
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    folder.ok(&["compile", "net.sterna", "--pes", "4", "-o", "out"]);
    for (command, tool) in
        [(vec!["verify", "out", "--samples", "2"], "verilator"), (vec!["synth", "out"], "yosys")]
    {
        let output = crate::util::command(folder.path(), &command).env("PATH", "").output().unwrap();
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.contains(tool) && err.contains("scripts/setup.sh"), "{err}");
    }
}

#[test]
fn samples_that_do_not_fit_the_network() {
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    folder.put("small.csv", "a,b,label\n1,2,0\n3,4,1\n5,6,0\n7,8,1\n1,3,0\n2,2,1\n");
    refuses(&folder, &["simulate", "net.sterna", "--data", "small.csv"], &["2", "784"]);
}

/// Names from files reach neither Verilog nor a tool's command line unescaped.
#[test]
fn hostile_names() {
    let folder = Folder::new();
    let long = "x".repeat(10_000);
    let names = [
        "; rm -rf /",
        "-o out",
        "a b\\\"c",
        "module",
        "\n\nendmodule",
        "ünï",
        "",
        "$(id)",
        "__",
        "1st",
        "*/",
        &long,
    ];
    for name in names {
        let mut net: serde_json::Value = serde_json::from_str(small_network()).unwrap();
        net["name"] = name.into();
        for layer in net["layers"].as_array_mut().unwrap() {
            layer["name"] = name.into();
        }
        folder.put("net.sterna", net.to_string());
        folder.ok(&["compile", "net.sterna", "--style", "4,unrolled,2", "-o", "out"]);
        if has("verilator", "--version") {
            crate::lint::lint(&folder.join("out"));
        }
    }
}

#[test]
fn edited_verilog_is_not_lost() {
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    folder.ok(&["compile", "net.sterna", "-o", "b"]);
    let manifest = std::fs::read(folder.join("b/manifest.json")).unwrap();
    folder.put("b/digits.v", "// mine\n");
    let output = folder.sterna(&["compile", "net.sterna", "-o", "b", "--pes", "4"]);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(message.contains("digits.v was edited") && message.contains("--force"), "{message}");
    assert_eq!(std::fs::read(folder.join("b/manifest.json")).unwrap(), manifest);
    assert_eq!(std::fs::read_to_string(folder.join("b/digits.v")).unwrap(), "// mine\n");
    folder.ok(&["compile", "net.sterna", "-o", "b", "--force"]);
    assert_eq!(std::fs::read(folder.join("b/manifest.json")).unwrap(), manifest);
}

#[test]
fn budgets() {
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    let compile = |flags: &[&str], expected: &[&str]| {
        refuses(&folder, &[&["compile", "net.sterna", "-o", "out"], flags].concat(), expected);
    };
    compile(&["--max-luts", "500"], &["--target ice40, ecp5, gowin, xcup or xc7"]);
    compile(&["--max-luts", "500", "--pes", "4"], &["--pes"]);
    compile(&["--rate", "1000", "--target", "ecp5"], &["--clock"]);
    compile(&["--rate", "0", "--clock", "10", "--target", "ecp5"], &["--rate"]);
    compile(&["--rate", "2e7", "--clock", "10", "--target", "ecp5"], &["--rate 20000000", "10000000"]);
    compile(&["--cycles", "0", "--target", "ecp5"], &["--cycles", "0"]);
    compile(&["--synth", "--target", "ecp5"], &["--max-luts"]);
    refuses(&folder, &["explore", "net.sterna"], &["--target ice40, ecp5, gowin, xcup or xc7"]);
    refuses(&folder, &["explore", "net.sterna", "--target", "ecp5", "--pes", "3"], &["--pes"]);
}

#[test]
fn files_of_others_are_not_replaced() {
    let folder = Folder::new();
    let table = "a,b,label\n1,2,x\n2,1,y\n";
    folder.put("table.csv", table);
    refuses(&folder, &["train", "table.csv", "-o", "table.csv"], &["table.csv", "no network file", "-o"]);
    refuses(
        &folder,
        &["train", "digits:100,50", "-o", "n", "--checkpoint", "n"],
        &["--checkpoint", "two files"],
    );
    refuses(&folder, &["train", "digits:100,50", "-o", "-"], &["standard output"]);
    assert_eq!(std::fs::read_to_string(folder.join("table.csv")).unwrap(), table);
    folder.put("net.sterna", small_network());
    let elsewhere = ["table.csv exists and holds something else"];
    refuses(&folder, &["report", "net.sterna", "-o", "table.csv"], &elsewhere);
    refuses(&folder, &["train", "digits:100,50", "--report", "table.csv"], &elsewhere);
    refuses(&folder, &["explore", "net.sterna", "--target", "ecp5", "--csv", "table.csv"], &elsewhere);
    refuses(&folder, &["simulate", "net.sterna", "--samples", "1", "--wave", "table.csv"], &elsewhere);
    for format in ["--npz", "--qonnx", "--safetensors"] {
        refuses(&folder, &["export", "net.sterna", format, "net.sterna"], &["holds something else"]);
        folder.ok(&["export", "net.sterna", format, "exported"]);
        folder.ok(&["export", "net.sterna", format, "exported"]);
        std::fs::remove_file(folder.join("exported")).unwrap();
    }
    folder.ok(&["report", "net.sterna", "-o", "page.html"]);
    folder.put("net.sterna", small_network().replacen("\"name\": \"digits\"", "\"name\": \"other\"", 1));
    folder.ok(&["report", "net.sterna", "-o", "page.html"]);
    folder.put("net.sterna", small_network());
    assert_eq!(std::fs::read_to_string(folder.join("table.csv")).unwrap(), table);
    refuses(
        &folder,
        &["simulate", "net.sterna", "--samples", "99999999999"],
        &["--samples 99999999999", "want 1 to"],
    );
    refuses(&folder, &["--threads", "100000", "info", "net.sterna"], &["threads 100000", "256"]);
    folder.ok(&["compile", "net.sterna", "--pes", "4", "-o", "b"]);
    folder.put("b/network.sterna", small_network().replacen("\"name\": \"digits\"", "\"name\": \"d\"", 1));
    refuses(&folder, &["info", "b"], &["network.sterna was changed", "compile it again"]);
}
