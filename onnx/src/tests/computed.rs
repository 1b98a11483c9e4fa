//! Small graphs whose integers are known by hand.

use sterna_ir::{LayerOp, eval};

use super::build::{Attr, Builder};
use crate::{Import, Options, import, parse};

fn imported(builder: Builder) -> Import {
    import(&parse(&builder.bytes()).unwrap(), &Options::default()).unwrap()
}

/// Codes of 4 unsigned bits and steps of 1, and a matrix of 2 x 2 behind them with a bias of its own.
fn biased() -> Builder {
    Builder::new(&[2])
        .floats("s", &[], &[1.0])
        .floats("z", &[], &[0.0])
        .floats("b", &[], &[4.0])
        .floats("w", &[2, 2], &[1.0, 0.0, 0.0, 1.0])
        .floats("c", &[2], &[5.0, 0.0])
        .node("Quant", "x s z b", "q", &[("signed", Attr::Int(0)), ("narrow", Attr::Int(0))])
        .node("Gemm", "q w c", "m", &[])
}

#[test]
fn two_biases_add_up() {
    let model = biased().floats("d", &[2], &[1.0, 2.0]).node("Add", "m d", "a", &[]).node(
        "ArgMax",
        "a",
        "y",
        &[("axis", Attr::Int(1))],
    );
    let network = imported(model).network;
    let dense = network.layers.iter().rev().find_map(|l| match &l.op {
        LayerOp::Dense(d) => Some(d),
        _ => None,
    });
    let dense = dense.expect("a matrix");
    assert_eq!(dense.bias(0) - dense.bias(1), 4, "{dense:?}");
    // 3 + 5 + 1 is more than 6 + 0 + 2.
    assert_eq!(eval::evaluate(&network, &[3, 6]).unwrap().pop(), Some(vec![0]));
}

#[test]
fn negative_axes_of_flatten_count_from_the_rank() {
    for axis in [1, -1] {
        let model = biased().node("Flatten", "m", "f", &[("axis", Attr::Int(axis))]).node(
            "ArgMax",
            "f",
            "y",
            &[("axis", Attr::Int(1))],
        );
        assert_eq!(
            eval::evaluate(&imported(model).network, &[3, 9]).unwrap().pop(),
            Some(vec![1]),
            "axis {axis}"
        );
    }
}
