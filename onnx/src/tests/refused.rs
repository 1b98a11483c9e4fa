//! What an integer network cannot hold, all of it at once.

use super::build::{Attr, Builder};
use crate::{Error, Options, import, parse};

#[test]
fn all_unknown_nodes_are_listed_with_a_hint() {
    let builder = Builder::new(&[4])
        .node("Sigmoid", "x", "a", &[])
        .node("LayerNormalization", "a", "b", &[])
        .node("Quant", "b b b b", "c", &[])
        .node("Relu", "c", "y", &[]);
    let Err(Error::Refused(refusals)) = import(&parse(&builder.bytes()).unwrap(), &Options::default()) else {
        panic!("accepted");
    };
    let listed: Vec<(&str, &str)> = refusals.iter().map(|r| (r.node.as_str(), r.op.as_str())).collect();
    assert_eq!(listed, [("Sigmoid_a", "Sigmoid"), ("LayerNormalization_b", "LayerNormalization")]);
    assert!(refusals.iter().all(|r| r.hint.contains("use ")), "{refusals:?}");
}

#[track_caller]
fn check(builder: Builder, message: &str) {
    let error =
        parse(&builder.bytes()).and_then(|m| import(&m, &Options::default())).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}

/// Input codes and a matrix of 4 x 4 behind them; what comes next reads `m`.
fn start() -> Builder {
    quantised(Builder::new(&[4]), "x", "q")
        .floats(
            "w",
            &[4, 4],
            &[1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, -1.0, 0.0, 0.0, 1.0],
        )
        .node("MatMul", "q w", "m", &[])
}

fn quantised(builder: Builder, from: &str, to: &str) -> Builder {
    let name = |part: &str| format!("{to}_{part}");
    builder
        .floats(&name("s"), &[], &[0.25])
        .floats(&name("z"), &[], &[0.0])
        .floats(&name("b"), &[], &[3.0])
        .node(
            "Quant",
            &format!("{from} {0}_s {0}_z {0}_b", to),
            to,
            &[("signed", Attr::Int(1)), ("narrow", Attr::Int(0))],
        )
}

#[test]
fn floats_between_layers() {
    check(
        start().node("Relu", "m", "r", &[]).node("MatMul", "r w", "y", &[]),
        "put a quantiser before this node",
    );
    let unquantised = Builder::new(&[4]).floats("w", &[4, 1], &[1.0; 4]).node("MatMul", "x w", "y", &[]);
    check(unquantised, "reads an input of floats");
    let floats: Vec<f32> = (0..16).map(|i| 1.0 / (i as f32 + 3.0)).collect();
    check(start().floats("f", &[4, 4], &floats).node("MatMul", "m f", "y", &[]), "float weights");
}

#[test]
fn joins() {
    check(start().node("Mul", "q m", "y", &[]), "only Add and Concat join");
    check(start().node("Concat", "q w", "y", &[("axis", Attr::Int(1))]), "joins a constant");
    check(start().node("Concat", "q m", "y", &[("axis", Attr::Int(0))]), "want channels, axis 1");
    check(start().node("Concat", "q m", "y", &[]), "no axis");
    let image = quantised(Builder::new(&[2, 4, 4]), "x", "q");
    let pool = [("kernel_shape", Attr::Ints(&[2, 2]))];
    let sizes = image.node("MaxPool", "q", "p", &pool).node("Concat", "q p", "y", &[("axis", Attr::Int(1))]);
    check(sizes, "joins tensors of shapes [2, 4, 4] and [2, 3, 3]");
    // What is multiplied by 0 has steps of 0.
    let zeros = start().floats("o", &[], &[0.0]).node("Mul", "m o", "n", &[]);
    check(zeros.clone().node("Add", "n q", "y", &[]), "quantise both with one scale");
    check(zeros.node("Add", "q n", "a", &[]).node("Add", "n a", "y", &[]), "quantise both with one scale");
    let scales = quantised(start(), "m", "c").floats("k", &[], &[0.3]).node("MatMul", "c w", "d", &[]);
    let scales = scales.node("Mul", "d k", "e", &[]).node("Add", "e m", "y", &[]);
    check(scales, "quantise both with one scale");
}

#[test]
fn windows_that_a_network_does_not_have() {
    let image = || quantised(Builder::new(&[1, 4, 4]), "x", "q").floats("k", &[1, 1, 3, 3], &[1.0; 9]);
    let conv = |attributes: &[(&str, Attr)]| image().node("Conv", "q k", "y", attributes);
    check(conv(&[("pads", Attr::Ints(&[1, i64::MAX, 0, 0]))]), "want 4 sizes");
    check(conv(&[("pads", Attr::Ints(&[1, 1, 1, 1 << 19]))]), "outputs; want 1 to 1048576");
    check(conv(&[("dilations", Attr::Ints(&[2, 2]))]), "a kernel of height 5 on 4");
    check(conv(&[("dilations", Attr::Ints(&[1 << 40, 2]))]), "dilations");
    check(conv(&[("strides", Attr::Ints(&[0, 0]))]), "a stride of 0");
    check(conv(&[("strides", Attr::Ints(&[i64::MIN, 1]))]), "strides");
    check(conv(&[("group", Attr::Int(0))]), "groups that do not fit");
    check(conv(&[("auto_pad", Attr::Text("SAME"))]), "want pads");
    let pool = |attributes: &[(&str, Attr)]| image().node("MaxPool", "q", "y", attributes);
    let padded = [("kernel_shape", Attr::Ints(&[2, 2])), ("pads", Attr::Ints(&[1, 1, 1, 1]))];
    check(pool(&padded), "no codes from 0 on");
    check(image().node("AveragePool", "q", "y", &padded), "count_include_pad = 1");
    check(
        pool(&[("kernel_shape", Attr::Ints(&[2, 2])), ("dilations", Attr::Ints(&[2, 2]))]),
        "a pool with gaps",
    );
    check(pool(&[]), "a kernel of height 0");
    let ceil = [
        ("kernel_shape", Attr::Ints(&[3, 3])),
        ("strides", Attr::Ints(&[2, 2])),
        ("ceil_mode", Attr::Int(1)),
    ];
    check(image().node("AveragePool", "q", "y", &ceil), "ceil_mode");
}
