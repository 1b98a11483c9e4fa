//! Golden files: small netlists that together hold every operation, module nesting, buses, memories and awkward names.

use std::path::PathBuf;

use sterna_hdl::family::Family;
use sterna_hdl::verilog::{Emitted, PrintOptions, TopSignal, print};
use sterna_hdl::{Folding, Options, Style, lower};
use sterna_ir::build::Builder;
use sterna_ir::netlist::{Netlist, NodeId, Op, Term};
use sterna_ir::{Dense, Input, Layer, LayerOp, Network, Range, Threshold};

use crate::tools::lint;

/// Sums of three as blocks of Xilinx primitives: all signs, shifts, constants, an exported one, one inside a module.
#[test]
fn xilinx_sums() {
    let mut b = Builder::new("sums", vec!["sums of three operands".into()]);
    let a = b.input("a", Range::signed(4));
    let u = b.input("u", Range::unsigned(3));
    let n = b.input("n", Range::new(-7, -3));
    let nine = b.constant(-9);
    let plus = b.sum(&[Term::plus(a), Term::plus(u), Term::plus(n)], "plus");
    b.enter("inner", vec![]);
    let one = b.sum(&[Term::minus(a), shifted(u, 2, false), Term::plus(n)], "one_minus");
    let rest = b.sum(&[Term::plus(one), Term::plus(nine), Term::minus(plus)], "rest");
    let two = b.sum(&[shifted(one, 1, true), Term::plus(plus), Term::minus(rest)], "two_minus");
    b.leave();
    let none = b.sum(&[Term::minus(a), Term::minus(u), Term::minus(n)], "none");
    let pair = b.sum(&[Term::plus(a), Term::minus(u)], "pair");
    for node in [plus, two, none, pair] {
        b.output(node);
    }
    let netlist = b.finish();
    let options = PrintOptions { version: false, visible: vec![], family: Some(Family::Xcup) };
    check_text("xilinx_sums", &print(&netlist, &options).expect("the netlist is well formed"));
}

/// Tables as primitives: two that share inputs in one, one of six inputs, an inverter, a constant input.
#[test]
fn xilinx_tables() {
    let mut b = Builder::new("tables", vec!["truth tables".into()]);
    let x: Vec<NodeId> = (0..8).map(|i| b.input(format!("x{i}"), Range::BIT)).collect();
    let one = b.constant(1);
    let six: Vec<NodeId> =
        (1..7).map(|k| b.lut(&x[..6], 0x0669_0ff0_1234_0001 * k, format!("six{k}"))).collect();
    let more: Vec<NodeId> = [2, 4].map(|k| b.mux(x[7], six[k], six[k + 1], format!("more{k}"))).to_vec();
    let out = [
        b.lut(&[x[0], x[1], x[2]], 0x96, "sum"),
        b.lut(&[x[2], x[1], x[0]], 0xe8, "carry"),
        b.lut(&x[1..7], 0x8000_0000_0000_0001, "alike"),
        b.mux(x[7], six[0], six[1], "seven"),
        b.mux(x[6], more[0], more[1], "eight"),
        b.lut(&[x[7]], 0b01, "inverse"),
        b.lut(&[x[3], one, x[7], x[3]], 0x1234, "rest"),
        b.lut(&[x[7], x[6], x[5], x[4]], 0xcafe, "four"),
    ];
    for node in out {
        b.output(node);
    }
    let options = PrintOptions { version: false, visible: vec![], family: Some(Family::Xcup) };
    check_text("xilinx_tables", &print(&b.finish(), &options).expect("the netlist is well formed"));
}

pub fn emit(netlist: &Netlist) -> Emitted {
    print(netlist, &PrintOptions { version: false, visible: vec![], family: None })
        .expect("the netlist is well formed")
}

/// Compares with `tests/golden/<case>.v`, all modules in one text, then lints.
#[track_caller]
fn check(case: &str, netlist: &Netlist) -> Emitted {
    let emitted = emit(netlist);
    check_text(case, &emitted);
    emitted
}

#[track_caller]
fn check_text(case: &str, emitted: &Emitted) {
    let text: String = emitted.files.iter().map(|f| f.text.as_str()).collect();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{case}.v"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).expect("the golden file is writable");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == golden,
        "{case} differs from {}; UPDATE_GOLDEN=1 rewrites it\n--- expected\n{golden}\n--- printed\n{text}",
        path.display()
    );
    lint(emitted);
}

fn shifted(node: NodeId, shift: u8, negate: bool) -> Term {
    Term { node, shift, negate }
}

/// Two bits a cycle: a threshold layer's codes, then sums that are collected.
#[test]
fn digits() {
    let dense = |weights: Vec<i16>, bias| LayerOp::Dense(Dense { inputs: 2, outputs: 2, weights, bias });
    let threshold = Threshold {
        positions: 1,
        channels: 2,
        levels: 1,
        thresholds: vec![-1, 2],
        falling: vec![false, true],
        thermometer: false,
    };
    let ops = [
        dense(vec![1, 1, 1, -1], vec![]),
        LayerOp::Threshold(threshold),
        dense(vec![1, 1, -1, 0], vec![1, 0]),
    ];
    let layers = ops.into_iter().map(|op| Layer { name: "layer".into(), op }).collect();
    let network = Network { name: "digits".into(), input: Input::new(vec![2], Range::signed(3)), layers };
    let folding = Folding::PerLayer(vec![Style::Serial { bits: 2 }, Style::Serial { bits: 1 }]);
    let design = lower(&network, &Options { folding, ..Options::default() }).unwrap();
    let options = PrintOptions { version: false, visible: vec![], family: None };
    check_text("digits", &print(&design.netlist, &options).expect("the netlist is well formed"));
}

#[test]
fn every_operation() {
    let mut b = Builder::new("ops", vec!["every combinational operation".into()]);
    let a = b.input("a", Range::signed(4));
    let u = b.input("u", Range::unsigned(3));
    let n = b.input("n", Range::new(-7, -3));
    let p = b.input("p", Range::BIT);
    let q = b.input("q", Range::BIT);
    let five = b.constant(5);
    let minus = b.constant(-9);
    let mut out = vec![
        b.sum(&[Term::plus(a), Term::plus(u)], "a_plus_u"),
        b.sum(&[Term::minus(a), shifted(u, 2, false), Term::minus(n)], "mixed"),
        b.sum(&[Term::minus(u), Term::minus(a)], "negative"),
        b.sum(&[Term::plus(n), Term::plus(five)], "n_plus_5"),
        b.sum(&[Term::plus(u), Term::plus(minus), Term::plus(p)], "u_minus_9"),
        b.sum(&[shifted(a, 3, false)], "a_times_8"),
        b.ge(a, u, "a_ge_u"),
        b.ge(u, five, "u_ge_5"),
        b.ge(a, n, "a_ge_n"),
        b.ge_const(a, -2, "a_ge_m2"),
        b.ge_const(u, 0, "always"),
        b.eq_const(a, -8, "a_is_m8"),
        b.eq_const(a, 9, "never"),
        b.mux(p, a, u, "choice"),
        b.wrap(a, Range::unsigned(2), "low"),
        b.wrap(a, Range::signed(7), "wide"),
        b.slice(a, 1, 2, "middle"),
        b.concat(&[p, a, five], "packed"),
    ];
    let low = b.slice(u, 0, 1, "u_low");
    out.push(b.lut(&[p, q, low], 0b1110_1000, "majority"));
    out.push(b.lut(&[p, q, low, p, q, low], 0x8000_0000_0000_0001, "alike"));
    let not_q = b.not(q, "not_q");
    out.push(b.and(&[p, not_q], "p_not_q"));
    out.push(b.or(&[p, q, not_q], "any"));
    let sign = b.slice(a, 3, 1, "sign");
    let pair = b.and(&[sign, q], "pair");
    out.push(pair);
    let rest = b.sum(&[Term::plus(u), Term::minus(u)], "rest");
    let tight = b.wrap(rest, Range::unsigned(2), "tight");
    out.push(tight);
    for node in out {
        b.output(node);
    }
    check("every_operation", &b.finish());
}

/// Two layers with a stream between them, the second with a module inside.
pub fn nested_netlist() -> (Netlist, Vec<NodeId>) {
    let mut b = Builder::new("net_top", vec!["two layers".into(), "4 inputs of 3 bit, 2 results".into()]);
    let rst = b.reset("rst");
    let valid = b.input("s_axis_tvalid", Range::BIT);
    let x: Vec<NodeId> = (0..4).map(|i| b.input(format!("x{i}"), Range::unsigned(3))).collect();
    b.bus("s_axis_tdata", x.clone(), "4 lanes of 3 bit, lane 0 in the low bits");
    b.enter("layer0", vec!["dense, 4 -> 3".into(), "1 cycle".into()]);
    let s: Vec<NodeId> = [(0, 1), (1, 2), (2, 3)]
        .iter()
        .enumerate()
        .map(|(i, (p, m))| b.sum(&[Term::plus(x[*p]), Term::minus(x[*m])], format!("n{i}_sum")))
        .collect();
    let y: Vec<NodeId> = s.iter().enumerate().map(|(i, s)| b.reg(*s, Some(valid), format!("n{i}"))).collect();
    let y_valid = b.loop_reg(Range::BIT, None, Some(0), "y_valid");
    b.drive(y_valid, valid);
    b.bus("y_data", y.clone(), "3 sums of 4 bit, neuron 0 in the low bits");
    b.leave();
    b.enter("layer1", vec!["thresholds".into()]);
    let fires: Vec<NodeId> = y.iter().enumerate().map(|(i, y)| b.ge_const(*y, 1, format!("f{i}"))).collect();
    b.enter("vote", vec!["majority".into()]);
    let sum = b.sum(&[Term::plus(fires[0]), Term::plus(fires[1]), Term::plus(fires[2])], "sum");
    let majority = b.ge_const(sum, 2, "majority");
    b.leave();
    let count = b.loop_reg(Range::unsigned(4), Some(y_valid), Some(3), "count");
    let one = b.constant(1);
    let next = b.sum(&[Term::plus(count), Term::plus(one)], "next");
    let next = b.wrap(next, Range::unsigned(4), "next_low");
    b.drive(count, next);
    let held = b.reg(majority, None, "held");
    b.leave();
    b.bus("m_axis_tdata", vec![held, count], "class, then the count of results");
    let ready = b.not(rst, "m_axis_tvalid");
    for node in [held, count, ready] {
        b.output(node);
    }
    let probes = vec![y[0], y[2], count, s[0], x[1], y_valid];
    (b.finish(), probes)
}

#[test]
fn nested_modules() {
    let (netlist, probes) = nested_netlist();
    let emitted = check("nested_modules", &netlist);
    let seen: Vec<Option<TopSignal>> = probes.iter().map(|p| emitted.top_signal(*p)).collect();
    let at = |name: &str, lsb, width| Some(TopSignal { name: name.into(), lsb, width });
    let expected =
        [at("y_data", 0, 4), at("y_data", 8, 4), at("m_axis_tdata", 1, 4), None, at("s_axis_tdata", 3, 3)];
    assert_eq!(seen[..5], expected);
    assert_eq!(seen[5], at("y_valid", 0, 1));
    let options = PrintOptions { version: true, visible: vec![probes[3]], family: None };
    let emitted = print(&netlist, &options).expect("the netlist is well formed");
    assert_eq!(emitted.top_signal(probes[3]), at("n0_sum", 0, 4));
    assert!(emitted.files[0].text.contains(concat!("sterna ", env!("CARGO_PKG_VERSION"))));
    lint(&emitted);
}

#[test]
fn memories() {
    let mut b = Builder::new("mem", vec!["ROMs and a RAM".into()]);
    let go = b.input("go", Range::BIT);
    let addr = b.input("addr", Range::unsigned(4));
    let data = b.input("data", Range::signed(5));
    let small = b.rom(vec![3, -1, 4, -1, 5, -9, 2, 6, 5, 3], "digits");
    let bits = b.rom(vec![1, 0, 1], "bits");
    let single = b.rom(vec![77], "single");
    let out = [
        b.read(small, addr, Some(go), "digit"),
        b.read(bits, addr, None, "flag"),
        b.read(single, go, None, "lucky"),
    ];
    let ram = b.ram(10, go, addr, data, "store");
    let half = b.slice(addr, 1, 3, "half");
    let first = b.read(ram, half, None, "first");
    let second = b.read(ram, addr, Some(go), "second");
    for node in out.into_iter().chain([first, second]) {
        b.output(node);
    }
    let mut netlist = b.finish();
    // A read port wider than its memory: allowed by the netlist, though the builder never makes one.
    netlist.nodes[first.index()].range = Range::signed(8);
    check("memories", &netlist);
}

#[test]
fn awkward_names() {
    let long = "long ".repeat(2_000);
    let about = vec!["*/ endmodule".into(), "verilator lint_off WIDTH \\".into(), long.clone()];
    let mut b = Builder::new("3 nets; `include \"x\"", about);
    let reset = b.reset("clk");
    let inputs: Vec<NodeId> =
        ["a b", "a-b", "A_B", "reg", "--help", "größe\n", &long, "$display", "top", "entity"]
            .iter()
            .map(|name| b.input(*name, Range::signed(2)))
            .collect();
    b.bus("bus\\ ", inputs[..2].to_vec(), "two words\nendmodule");
    b.enter("3 NETS include x", vec![]);
    b.enter("Verilator", vec!["synthesis translate_off".into()]);
    let q: Vec<NodeId> = inputs.iter().map(|x| b.loop_reg(b.range(*x), None, Some(0), "module")).collect();
    for (q, x) in q.iter().zip(&inputs) {
        b.drive(*q, *x);
    }
    let flag = b.not(reset, "q\"");
    let words = b.rom(vec![1, 2], "verilator");
    let read = b.read(words, flag, None, "synthesis");
    b.leave();
    b.leave();
    for node in q.into_iter().chain([flag, inputs[2], read]) {
        b.output(node);
    }
    let five = b.constant(5);
    b.output(five);
    check("awkward_names", &b.finish());
}

/// Bits nobody reads, dead logic, a module without effect, and a bus whose members live in different places.
#[test]
fn unused_parts() {
    let mut b = Builder::new("unused", vec!["parts that are not read".into()]);
    let x: Vec<NodeId> = (0..3).map(|i| b.input(format!("x{i}"), Range::unsigned(4))).collect();
    b.bus("x_data", x.clone(), "");
    let alone = b.input("alone", Range::BIT);
    let spare = b.input("spare", Range::BIT);
    b.enter("idle", vec![]);
    let dead = b.reg(alone, None, "dead");
    b.not(dead, "not_dead");
    b.leave();
    b.enter("left", vec![]);
    let total = b.sum(&[Term::plus(x[0]), Term::plus(x[2])], "total");
    let low = b.slice(total, 0, 2, "low");
    let other = b.slice(total, 1, 2, "other");
    b.leave();
    b.enter("right", vec![]);
    let top_bit = b.slice(x[0], 3, 1, "top_bit");
    b.leave();
    let nine = b.constant(9);
    b.bus("y_data", vec![low, nine, top_bit, spare], "from everywhere");
    for node in [low, nine, top_bit, spare, x[2], other] {
        b.output(node);
    }
    check("unused_parts", &b.finish());
}

#[test]
fn a_broken_netlist_is_refused() {
    let mut b = Builder::new("broken", vec![]);
    let x = b.input("x", Range::unsigned(3));
    let y = b.not(x, "y");
    b.output(y);
    let netlist = b.finish();
    assert!(matches!(netlist.node(y).op, Op::Not(_)));
    let options = PrintOptions { version: false, visible: vec![], family: None };
    assert!(print(&netlist, &options).unwrap_err().to_string().contains("is not a bit"));
}
