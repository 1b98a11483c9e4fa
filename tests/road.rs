//! The whole road through the command: data set, network, circuit, equality, estimate, synthesis.

use serde_json::json;

use crate::util::{Folder, has, small_network, text};

const DATA: &str = "digits:600,200";

#[test]
fn trained_network_and_simulated_circuit_agree_on_every_test_image() {
    let folder = Folder::new();
    let trained = folder.json(0, &["train", DATA, "--hidden", "16,16", "--epochs", "3", "-o", "net.sterna"]);
    assert_eq!(std::fs::read_to_string(folder.join("net.sterna")).unwrap(), small_network());
    for style in [&["--unrolled"][..], &["--pes", "6"], &["--style", "5,unrolled,2"]] {
        let args = [&["simulate", "net.sterna", "--data", DATA, "--samples", "200"], style].concat();
        let simulated = folder.json(0, &args);
        assert_eq!(simulated["equal"], true);
        assert_eq!(simulated["samples"], 200);
        assert_eq!(simulated["accuracy"], trained["test_accuracy"], "{style:?}");
    }
}

#[test]
fn verilator_agrees_in_every_cycle() {
    if !has("verilator", "--version") {
        return;
    }
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    for (style, stalls) in
        [(&["--unrolled"][..], "40"), (&["--pes", "6"], "40"), (&["--style", "unrolled,3,unrolled"], "0")]
    {
        folder.ok(&[&["compile", "net.sterna", "-o", "out"], style].concat());
        let report =
            folder.json(0, &["verify", "out", "--data", DATA, "--samples", "200", "--stalls", stalls]);
        assert_eq!(report["equal"], true, "{report:#}");
        assert_eq!(report["edited"].as_array().map(Vec::len), Some(0));
        assert!(report["values"].as_u64().unwrap() >= 200 * 33, "{report:#}");
        let noise = folder.json(0, &["verify", "out", "--samples", "64", "--stalls", stalls]);
        assert_eq!(noise["cached"], true, "the model was built a moment ago: {noise:#}");
        if has("iverilog", "-V") {
            let icarus = folder.json(0, &["verify", "out", "--samples", "8", "--icarus"]);
            assert!(icarus["icarus"].as_str().unwrap().starts_with("Icarus"), "{icarus:#}");
        }
    }
}

/// Other weights, activations and input codings go the same way.
#[test]
fn every_kind_of_network_reaches_a_circuit() {
    let folder = Folder::new();
    let kinds: [&[&str]; 6] = [
        &["--weights", "float", "--activation", "relu"],
        &["--weights", "binary-connect", "--activation", "1"],
        &["--weights", "bwn", "--activation", "4"],
        &["--weights", "top-k", "--zeros", "0.9", "--input", "1"],
        &["--weights", "twn", "--input", "t3"],
        &["--weights", "twn", "--threshold-factor", "1.2", "--optimiser", "sgd", "--rate", "0.1"],
    ];
    for flags in kinds {
        let train = ["train", "digits:300,60", "--hidden", "10", "--epochs", "2", "-o", "net.sterna"];
        let trained = folder.json(0, &[&train, flags].concat());
        for style in ["--unrolled", "--pes=3"] {
            let report = folder
                .json(0, &["simulate", "net.sterna", style, "--data", "digits:300,60", "--samples", "60"]);
            assert_eq!(
                (&report["equal"], &report["accuracy"]),
                (&true.into(), &trained["test_accuracy"]),
                "{flags:?}"
            );
        }
    }
}

/// Windows with stride and padding, a pool, then matrices: every style in the simulator, a mixed one in Verilator.
#[test]
fn convolutions_reach_a_circuit() {
    let folder = Folder::new();
    let conv = |outputs: usize, kernel: usize, stride: usize, padding: usize, pool: usize| json!({ "conv": { "outputs": outputs, "kernel": kernel, "stride": stride, "padding": padding, "pool": pool } });
    let blocks = json!([conv(3, 5, 2, 2, 1), conv(4, 3, 1, 1, 2), { "dense": { "outputs": 12 } }]);
    folder.put("model.json", json!({ "layers": blocks }).to_string());
    let data = "digits:300,60";
    let flags = ["--model", "model.json", "--weights", "top-k", "--zeros", "0.7", "--epochs", "2"];
    let trained = folder.json(0, &[&["train", data, "-o", "net.sterna"], &flags[..]].concat());
    for style in ["--unrolled", "--pes=7", "--style=unrolled,2,3,unrolled"] {
        let report = folder.json(0, &["simulate", "net.sterna", style, "--data", data, "--samples", "60"]);
        assert_eq!(
            (&report["equal"], &report["accuracy"]),
            (&json!(true), &trained["test_accuracy"]),
            "{style}"
        );
    }
    let build = folder.json(0, &["compile", "net.sterna", "--style=unrolled,3,2,unrolled", "-o", "out"]);
    let first = &build["stages"][0];
    let figures =
        [&first["kernel"], &first["stride"], &first["padding"], &first["windows"], &first["line_bits"]];
    // Four rows of 28 pixels and 2 of padding, and the 5 pixels of a window's last row, of 8 bits.
    assert_eq!(
        figures,
        [&json!([5, 5]), &json!([2, 2]), &json!([2, 2]), &json!(196), &json!((4 * 30 + 5) * 8)]
    );
    if has("verilator", "--version") {
        let report = folder.json(0, &["verify", "out", "--data", data, "--samples", "12", "--stalls", "40"]);
        // One of them the flag of frame errors.
        assert_eq!((&report["equal"], &report["streams"]), (&json!(true), &json!(8)), "{report:#}");
    }
}

#[test]
fn models_of_others_reach_a_circuit_and_come_back() {
    let folder = Folder::new();
    for name in ["residual", "bipolar", "branches"] {
        let path = format!("{}/onnx/tests/models/{name}.onnx", env!("CARGO_MANIFEST_DIR"));
        folder.ok(&["import", &path, "-o", "net.sterna"]);
        let run = folder.json(0, &["simulate", "net.sterna", "--unrolled", "--samples", "60"]);
        assert_eq!(run["equal"], true, "{name}: {run}");
    }
    // The last of them, whose branches wait for each other.
    let run = folder.json(0, &["simulate", "net.sterna", "--pes", "32", "--samples", "60"]);
    assert_eq!(run["equal"], true, "{run}");
    if has("verilator", "--version") {
        let report = folder.json(0, &["verify", "net.sterna", "--unrolled", "--samples", "20"]);
        assert_eq!(report["equal"], true, "{report:#}");
    }
    folder.put("small.sterna", small_network());
    folder.ok(&[
        "export",
        "small.sterna",
        "--qonnx",
        "a.onnx",
        "--npz",
        "a.npz",
        "--safetensors",
        "a.safetensors",
    ]);
    folder.ok(&["import", "a.onnx", "-o", "again.sterna"]);
    assert_eq!(std::fs::read_to_string(folder.join("again.sterna")).unwrap(), small_network());
}

/// So sparse that a class has no weights at all: its sum is a constant that no wire carries.
#[test]
fn a_class_without_weights_is_verified_too() {
    if !has("verilator", "--version") {
        return;
    }
    let folder = Folder::new();
    let mut net: serde_json::Value = serde_json::from_str(small_network()).unwrap();
    let layers = net["layers"].as_array_mut().unwrap();
    let last = layers.iter_mut().rfind(|l| l["type"] == "dense").unwrap();
    // 10 rows of 16 trits, five to a byte: a row of zeros is the digit 1 repeated, 121 = 11111 in base 3.
    use base64::{Engine, prelude::BASE64_STANDARD};
    let mut bytes = BASE64_STANDARD.decode(last["weights"]["data"].as_str().unwrap()).unwrap();
    bytes[..7].fill(121);
    last["weights"]["data"] = BASE64_STANDARD.encode(bytes).into();
    folder.put("net.sterna", net.to_string());
    let report = folder.json(0, &["verify", "net.sterna", "--unrolled", "--samples", "50"]);
    assert_eq!(report["equal"], true, "{report:#}");
}

#[test]
fn ones_own_table() {
    let folder = Folder::new();
    let mut rows = String::from("length;width;kind\n");
    for i in 0..240 {
        let (a, b) = (f64::from(i % 16) / 4.0, f64::from(i / 16) / 3.0);
        rows += &format!("{a};{b};{}\n", if a > b { "long" } else { "wide" });
    }
    folder.put("leaves.csv", rows);
    let trained = folder
        .json(0, &["train", "leaves.csv", "--hidden", "12", "--epochs", "60", "--batch", "16", "-o", "n"]);
    assert!(trained["test_accuracy"].as_f64().unwrap() > 0.9, "{trained:#}");
    let task = &trained["task"];
    assert!(task["scaling"].is_object(), "float features are scaled, and the scaling is told");
    assert_eq!(
        (task["classes"].clone(), task["features"].clone()),
        (json!(["long", "wide"]), json!(["length", "width"]))
    );
    let measured = folder.json(0, &["simulate", "n", "--data", "leaves.csv"]);
    assert_eq!((&measured["equal"], &measured["samples"]), (&json!(true), &trained["test_samples"]));
    assert_eq!(measured["accuracy"], trained["test_accuracy"]);

    // Other samples mean the same: one class only, other columns first, and through a build folder.
    folder.put("other.csv", "width;kind;length\n0.1;long;3.5\n0.2;long;3.6\n0.3;long;3.7\n");
    folder.ok(&["compile", "n", "--unrolled", "-o", "b"]);
    for input in ["n", "b"] {
        let other = folder.json(0, &["simulate", input, "--data", "other.csv"]);
        assert_eq!((&other["accuracy"], &other["samples"]), (&json!(1.0), &json!(3)), "{input}");
    }
    folder.put("strange.csv", "length;width;kind\n1;2;round\n");
    let output = folder.sterna(&["verify", "n", "--data", "strange.csv"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("label \"round\""), "{}", text(&output.stderr));
}

#[test]
fn estimate_and_synthesis_stand_side_by_side_on_every_family() {
    if !has("yosys", "-V") {
        return;
    }
    let folder = Folder::new();
    folder.ok(&[
        "train",
        "digits:300,60",
        "--hidden",
        "8",
        "--weights",
        "top-k",
        "--zeros",
        "0.95",
        "--epochs",
        "2",
        "-o",
        "n",
    ]);
    for style in ["--unrolled", "--pes=4"] {
        let report = folder.json(0, &["synth", "n", style]);
        let results = report["results"].as_array().unwrap();
        assert_eq!(results.len(), 4);
        for r in results {
            for part in ["estimate", "measured"] {
                assert!(r[part]["lut"].as_f64().unwrap() > 100.0, "{r:#}");
                assert!(r[part]["ff"].as_f64().unwrap() > 100.0, "{r:#}");
            }
            assert_eq!(r["measured"]["dsp"], 0, "nothing multiplies: {r:#}");
        }
    }
}

/// A ternary matrix as the bytes of a `.npy`.
pub fn matrix(inputs: usize, outputs: usize) -> Vec<u8> {
    let header = format!("{{'descr': '|i1', 'fortran_order': False, 'shape': ({inputs}, {outputs}), }}");
    let header = format!("{header:<width$}\n", width = 117);
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(header.bytes());
    // A linear congruential generator: what matters is that no two columns are alike.
    let mut state = 1u32;
    let mut weight = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        [1u8, 0, 255][(state >> 16) as usize % 3]
    };
    bytes.extend((0..inputs * outputs).map(&mut weight));
    bytes
}

#[test]
fn a_clock_is_planned_and_measured_after_place_and_route() {
    let folder = Folder::new();
    folder.put("w.npy", matrix(12, 9));
    let build = |name: &str, more: &[&str]| {
        let args = [&["compile", "w.npy", "--input", "s8", "--target", "ice40", "-o", name], more].concat();
        folder.json(0, &args)
    };
    let (slow, fast) = (build("slow", &["--clock", "20"]), build("fast", &["--clock", "120MHz"]));
    assert!(slow["latency"].as_u64() < fast["latency"].as_u64(), "{slow:#}\n{fast:#}");
    assert!(slow["estimated_mhz"].as_f64() < fast["estimated_mhz"].as_f64(), "{slow:#}\n{fast:#}");
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("fast/manifest.json")).unwrap()).unwrap();
    let clock = &manifest["timing"]["clock"];
    assert_eq!((&clock["planned_khz"], &clock["constrained_khz"]), (&json!(120_000), &json!(120_000)));
    let estimated = clock["estimated_khz"].as_f64().unwrap() / 1000.0;
    assert_eq!(Some(estimated), fast["estimated_mhz"].as_f64());
    let top =
        std::fs::read_to_string(folder.join("fast").join(format!("{}.v", fast["top"].as_str().unwrap())));
    let header = format!("// Estimated clock on ice40: {estimated} MHz").replace("// ", "//   ");
    assert!(top.unwrap().contains(&header), "{header}");
    let said = folder.ok(&["estimate", "fast"]);
    assert!(
        said.contains(&format!("about {estimated} MHz")) && said.contains("samples per second"),
        "{said}"
    );

    if !has("yosys", "-V") || !has("nextpnr-ice40", "--version") {
        return;
    }
    let report = folder.json(0, &["synth", "fast", "--route"]);
    let routed = &report["routed"][0];
    let (mhz, ff) = (routed["routed"]["mhz"].as_f64().unwrap(), routed["routed"]["ff"].as_u64().unwrap());
    // The estimate's error is a matter of scripts/measure/delay; here both are of one circuit.
    assert!((estimated / 2.0..estimated * 2.0).contains(&mhz), "{routed:#}");
    assert!(ff > 0 && routed["routed"]["cells"]["used"].as_u64().unwrap() > ff, "{routed:#}");
    assert!(folder.join("fast/synth/route-ice40/ice40-route-1.log").exists());
    // Yosys alone on the PATH.
    std::fs::create_dir(folder.join("bin")).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let yosys = std::env::split_paths(&path).map(|p| p.join("yosys")).find(|p| p.is_file()).unwrap();
    std::os::unix::fs::symlink(yosys, folder.join("bin/yosys")).unwrap();
    let mut lonely = crate::util::command(folder.path(), &["synth", "fast", "--route"]);
    let output = lonely.env("PATH", folder.join("bin")).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("nextpnr-ice40 is not on the PATH") && said.contains("scripts/setup.sh"), "{said}");
    for (more, words) in [(["--timeout", "0"], "was ended after 0 s"), (["--device", "25k"], "\"25k\"")] {
        let output = folder.sterna(&[&["synth", "fast", "--route"][..], &more].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
    }
}

#[test]
fn waveforms_and_json() {
    let folder = Folder::new();
    folder.put("net.sterna", small_network());
    folder.ok(&["simulate", "net.sterna", "--pes", "4", "--samples", "3", "--vcd", "wave.vcd"]);
    let wave = std::fs::read_to_string(folder.join("wave.vcd")).unwrap();
    for part in ["$enddefinitions", "s_axis_tvalid", "u_layer0 ", "u_layer0_pe0 "] {
        assert!(wave.contains(part), "no {part} in the waveform");
    }
    let some = ["--wave", "some.fst", "--scope", "digits.u_layer1", "--cycles", "20..40"];
    folder.ok(&[&["simulate", "net.sterna", "--pes", "4", "--samples", "1"], &some[..]].concat());
    assert!(folder.join("some.fst").exists());
    let none = ["simulate", "net.sterna", "--samples", "1", "--wave", "n.vcd", "--scope", "digits.u_layer7"];
    let output = folder.sterna(&none);
    assert!(text(&output.stderr).contains("--scope digits.u_layer7"), "{}", text(&output.stderr));
    let dual = folder.json(0, &["simulate", "net.sterna", "--pes", "4", "--samples", "2", "--dual"]);
    assert_eq!((&dual["equal"], &dual["dual"]["equal"]), (&json!(true), &json!(true)));
    let compiled = folder.sterna(&[
        "compile",
        "net.sterna",
        "--pes",
        "4",
        "--top",
        "My Net",
        "--board",
        "ulx3s-85f",
        "-o",
        "out",
    ]);
    assert!(text(&compiled.stderr).contains("my_net"), "{}", text(&compiled.stderr));
    for command in [&["info", "net.sterna"][..], &["info", "out"], &["estimate", "out"], &["simulate", "out"]]
    {
        assert!(folder.json(0, command).is_object());
    }
    assert!(folder.join("out/ulx3s-85f-board.lpf").exists());
    let held = folder.json(0, &["info", "out"]);
    assert_eq!(
        (&held["top"], &held["target"], &held["board"]),
        (&json!("my_net"), &json!("ecp5"), &json!("ulx3s-85f"))
    );
    let ports = held["ports"].as_array().expect("a list");
    let data = ports.iter().find(|port| port["name"] == "s_axis_tdata").expect("the input");
    assert_eq!((&data["direction"], &data["bits"]), (&json!("input"), &json!(8)));
    assert!(text(&folder.sterna(&["info", "out"]).stdout).contains("on ULX3S 85F"));
}

/// Results of many beats, of which `verify` takes some in one cycle of 256: that is no circuit that is stuck.
#[test]
fn long_results_that_are_taken_seldom_are_waited_for() {
    if !has("verilator", "--version") {
        return;
    }
    let folder = Folder::new();
    folder.put("w.npy", matrix(8, 96));
    let report = folder.json(0, &["verify", "w.npy", "--input", "s4", "--pes", "8", "--samples", "16"]);
    assert_eq!(report["equal"], true, "{report:#}");
}
