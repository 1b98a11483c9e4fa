//! Files that lie about themselves: an error that names the place, soon and without much memory, never a panic.

use std::path::Path;

use proptest::prelude::*;
use prost::Message;

use super::build::{Attr, Builder, floats, value};
use crate::proto::{self, kind};
use crate::{Options, import, parse, parse_in};

fn small() -> Builder {
    Builder::new(&[4])
        .floats("w", &[4, 3], &[1.0, 0.0, -1.0, 0.5, 1.0, -0.5, 0.0, 0.0, 1.0, -1.0, 0.5, 0.5])
        .floats("s", &[], &[0.5])
        .floats("z", &[], &[0.0])
        .floats("b", &[], &[4.0])
        .node("Quant", "x s z b", "q", &[("signed", Attr::Int(0)), ("narrow", Attr::Int(0))])
        .node("MatMul", "q w", "m", &[])
        .node("Relu", "m", "r", &[])
        .node("Quant", "r s z b", "c", &[("signed", Attr::Int(0)), ("narrow", Attr::Int(0))])
        .node("ArgMax", "c", "y", &[("axis", Attr::Int(1))])
}

#[track_caller]
fn refused(bytes: &[u8], folder: Option<&Path>, message: &str) {
    let model = folder.map_or_else(|| parse(bytes), |folder| parse_in(bytes, folder));
    let error =
        model.and_then(|m| import(&m, &Options::default())).expect_err("a file that lies").to_string();
    assert!(error.contains(message), "{error}");
}

/// The small model with one thing changed.
fn changed(change: impl FnOnce(&mut proto::Graph)) -> Vec<u8> {
    let mut builder = small();
    change(&mut builder.graph);
    builder.bytes()
}

/// With another tensor for its output.
fn ending_in(mut builder: Builder, output: &str) -> Vec<u8> {
    builder.graph.output[0].name = Some(output.into());
    builder.bytes()
}

fn external(location: &str, size: i64) -> proto::Tensor {
    let entry = |key: &str, value: &str| proto::Entry { key: Some(key.into()), value: Some(value.into()) };
    proto::Tensor {
        dims: vec![4, size],
        data_type: Some(kind::FLOAT),
        name: Some("w".into()),
        data_location: Some(1),
        external_data: vec![entry("location", location)],
        ..proto::Tensor::default()
    }
}

#[test]
fn the_model_is_sound_before_it_is_changed() {
    let network = import(&parse(&small().bytes()).unwrap(), &Options::default()).unwrap().network;
    assert_eq!(network.layers.len(), 3);
    assert_eq!(network.input.range(), sterna_ir::Range::new(0, 15));
}

#[test]
fn truncated() {
    let bytes = small().bytes();
    // The versions of QONNX's operators come last; a file without them is whole.
    for cut in 0..bytes.len() - 40 {
        assert!(parse(&bytes[..cut]).is_err(), "the first {cut} bytes");
    }
}

#[test]
fn cyclic() {
    refused(&changed(|g| g.node[1].input[0] = "r".into()), None, "node MatMul_m waits for itself: a cycle");
    refused(&changed(|g| g.node[2].input[0] = "r".into()), None, "cycle");
}

#[test]
fn negative_dimensions() {
    refused(&changed(|g| g.initializer[0].dims = vec![-4, -3]), None, "tensor w: dimensions [-4, -3]");
    refused(&changed(|g| g.input[0] = value("x", &[1, -4])), None, "tensor x: shape [1, -4]");
    refused(&changed(|g| g.input[0] = value("x", &[1, i64::MAX, i64::MAX])), None, "tensor x: shape");
}

#[test]
fn huge_tensors() {
    let huge = |dims: Vec<i64>| changed(|g| g.initializer[0].dims = dims);
    refused(&huge(vec![1 << 40, 1 << 40]), None, "tensor w: dimensions");
    refused(
        &huge(vec![1 << 20, 1 << 7]),
        None,
        "tensor w: 48 bytes of data; dimensions [1048576, 128] of type 1 need",
    );
    refused(&huge(vec![4, 4]), None, "48 bytes of data");
    // A tensor without data claims most; a tensor with a scalar's data is repeated nowhere.
    let empty = changed(|g| {
        g.initializer[0].raw_data = None;
        g.initializer[0].dims = vec![1 << 27];
    });
    refused(&empty, None, "tensor w: 0 elements");
}

#[test]
fn more_messages_than_any_network_has() {
    // Two bytes each in the file.
    let many = changed(|g| g.node.resize(300_000, proto::Node::default()));
    refused(&many, None, "more than 262144 nodes");
    let names = changed(|g| g.node[0].input.resize(300_000, String::new()));
    refused(&names, None, "more than 262144");
}

#[test]
fn constants_that_grow() {
    let mut builder = small();
    builder.graph.initializer.push(floats("big", &[1 << 16], &vec![1.0; 1 << 16]));
    let mut last = "big".to_string();
    for i in 0..1000 {
        builder = builder.node("Neg", &last, &format!("n{i}"), &[]);
        last = format!("n{i}");
    }
    builder.graph.node[1].input[1] = last;
    refused(&builder.bytes(), None, "constants that grow");
}

#[test]
fn branches_without_end() {
    let axis = [("axis", Attr::Int(1))];
    let mut builder = small();
    builder.graph.input[0] = value("x", &[1, 1000]);
    let wide = |times| builder.clone().node("Concat", &["q"].repeat(times).join(" "), "k", &axis);
    refused(&ending_in(wide(20), "k"), None, "constants that grow");
    refused(&ending_in(wide(100_000), "k"), None, "more than 65536 channels");
    // Each as wide as all before it.
    let mut doubled = small();
    let mut last = "m".to_string();
    for i in 0..30 {
        doubled = doubled.node("Concat", &format!("{last} {last} q"), &format!("k{i}"), &axis);
        last = format!("k{i}");
    }
    refused(&ending_in(doubled, &last), None, "elements to be moved in one layer");
    // The same two tensors by turns, each time behind the other.
    let mut turns = small().node("MatMul", "q w", "n", &[]);
    let mut last = "m".to_string();
    for i in 0..20_000 {
        turns = turns.node("MatMul", "q w", &format!("t{i}"), &[]).node(
            "Add",
            &format!("t{i} {last}"),
            &format!("a{i}"),
            &[],
        );
        last = format!("a{i}");
    }
    refused(&ending_in(turns, &last), None, "constants that grow");
}

#[test]
fn missing_initialisers() {
    let lost = changed(|g| {
        g.initializer.remove(0);
    });
    refused(&lost, None, "node MatMul_m reads w, which no node, input or initializer defines");
}

#[test]
fn wrong_types() {
    refused(&changed(|g| g.initializer[0].data_type = Some(8)), None, "tensor w: elements of type 8");
    refused(&changed(|g| g.initializer[0].data_type = Some(kind::DOUBLE)), None, "48 bytes of data");
    refused(
        &changed(|g| g.initializer[0] = floats("w", &[4, 3], &[f32::NAN; 12])),
        None,
        "a constant is NaN",
    );
    refused(&changed(|g| g.initializer[1] = floats("s", &[], &[-0.5])), None, "a scale of -1/2");
    refused(&changed(|g| g.initializer[3] = floats("b", &[], &[1e30])), None, "bits; want 1 to 32");
    refused(&changed(|g| g.initializer[3] = floats("b", &[], &[16.0])), None, "65536 codes");
}

#[test]
fn names_defined_twice() {
    refused(&changed(|g| g.node[2].output[0] = "m".into()), None, "tensor m is defined twice");
    refused(&changed(|g| g.node[2].output[0] = "w".into()), None, "tensor w is defined twice");
    refused(
        &changed(|g| g.output[0].name = Some("nowhere".into())),
        None,
        "no node makes the output nowhere",
    );
}

#[test]
fn external_data_outside_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (inside, outside) = (folder.path().join("model"), folder.path().join("secret"));
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(&outside, [0; 48]).unwrap();
    let with = |location: &str, size| changed(|g| g.initializer[0] = external(location, size));
    refused(&with("w.bin", 3), None, "its data is in another file");
    refused(&with("../secret", 3), Some(&inside), "lies outside the model's folder");
    refused(&with(outside.to_str().unwrap(), 3), Some(&inside), "lies outside the model's folder");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
        refused(&with("link", 3), Some(&inside), "lies outside the model's folder");
    }
    refused(&with("gone", 3), Some(&inside), "entity not found");
    std::fs::write(inside.join("w.bin"), [0; 48]).unwrap();
    assert!(parse_in(&with("w.bin", 3), &inside).is_ok());
    refused(&with("w.bin", 1 << 25), Some(&inside), "ends before byte");
}

#[test]
fn not_a_model() {
    refused(b"", None, "it holds no graph");
    refused(b"GIF89a, certainly no model", None, "not an ONNX model");
    let old = proto::Model { graph: Some(small().graph), ..proto::Model::default() };
    refused(&old.encode_to_vec(), None, "operators of version 0; want 11 or newer");
}

/// All of the above at once within a second of processor time and 200 MB of addresses.
#[cfg(target_os = "linux")]
#[test]
fn soon_and_without_much_memory() {
    let limited = |kilobytes: &str, filter: &str| {
        let run =
            format!("ulimit -v {kilobytes} && ulimit -t 1 && exec \"$0\" --test-threads=1 {filter} \"$@\"");
        let test = std::env::current_exe().unwrap();
        let skipped = ["--skip", "soon_and_without", "--skip", "never_panic"];
        std::process::Command::new("sh").args(["-c", &run]).arg(test).args(skipped).output().unwrap()
    };
    let run = limited("195312", "tests::hostile");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success() && said.contains("13 passed"),
        "{said}{}",
        String::from_utf8_lossy(&run.stderr)
    );
    // The limit is one.
    assert!(!limited("2000", "tests::hostile").status.success());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn changed_bytes_never_panic(
        residual: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let file = include_bytes!("../../tests/models/residual.onnx");
        let mut bytes = if residual { file.to_vec() } else { small().bytes() };
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(model) = parse(&bytes) {
            let _ = import(&model, &Options::default());
        }
    }
}
