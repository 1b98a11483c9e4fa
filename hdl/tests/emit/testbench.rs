//! The emitted test bench: passes on the right results, fails on a wrong one and on a deadlock, in both simulators.

use std::path::Path;

use sterna_hdl::testbench::testbench;
use sterna_hdl::verilog::{Emitted, SourceFile};
use sterna_ir::bench::{Stalls, run as play};
use sterna_ir::build::Builder;
use sterna_ir::check::check;
use sterna_ir::design::{Design, Stream, Timing};
use sterna_ir::interpret::Interpreter;
use sterna_ir::netlist::{NodeId, Term};
use sterna_ir::{Error, Range};

use crate::golden::emit;
use crate::tools::{has, run, write};

/// Adds and subtracts: three signed elements in beats of two lanes; sum, difference and a copy out in beats of two.
pub fn design() -> Design {
    let mut b = Builder::new("sums", vec!["sum and difference of a stream".into()]);
    let rst = b.reset("rst");
    let valid = b.input("s_axis_tvalid", Range::BIT);
    let x: Vec<NodeId> = (0..2).map(|i| b.input(format!("lane{i}"), Range::signed(4))).collect();
    b.bus("s_axis_tdata", x.clone(), "2 lanes of 4 bit");
    let last = b.input("s_axis_tlast", Range::BIT);
    let out_ready = b.input("m_axis_tready", Range::BIT);
    // Three states: first beat in, second beat in, then two beats out.
    let state = b.loop_reg(Range::new(0, 3), None, Some(0), "state");
    let outgoing = b.ge_const(state, 2, "outgoing");
    let running = b.not(rst, "running");
    let incoming = b.not(outgoing, "incoming");
    let ready = b.and(&[incoming, running], "s_axis_tready");
    let moves_in = b.and(&[ready, valid], "moves_in");
    let moves_out = b.and(&[outgoing, out_ready], "moves_out");
    let moves = b.or(&[moves_in, moves_out], "moves");
    let one = b.constant(1);
    let next = b.sum(&[Term::plus(state), Term::plus(one)], "next");
    let next = b.wrap(next, Range::unsigned(2), "next_state");
    let next = b.mux(moves, state, next, "new_state");
    b.drive(state, next);
    let first = b.eq_const(state, 0, "first");
    let load = b.and(&[first, moves_in], "load");
    let a = b.reg(x[0], Some(load), "a");
    let c = b.reg(x[1], Some(load), "c");
    let third = b.and(&[moves_in, last], "third");
    let d = b.reg(x[0], Some(third), "d");
    let sum = b.sum(&[Term::plus(a), Term::plus(c), Term::plus(d)], "sum");
    let difference = b.sum(&[Term::plus(a), Term::minus(c)], "difference");
    let second = b.slice(state, 0, 1, "second");
    let y0 = b.mux(second, sum, d, "y0");
    let y1 = b.mux(second, difference, d, "y1");
    b.bus("m_axis_tdata", vec![y0, y1], "sum and difference, then the last element");
    for node in [ready, outgoing, y0, y1] {
        b.output(node);
    }
    let netlist = b.finish();
    check(&netlist).expect("well formed");
    let input = Stream { valid, ready, last: Some(last), data: x, order: vec![1, 0, 2] };
    let output =
        Stream { valid: outgoing, ready: out_ready, last: None, data: vec![y0, y1], order: vec![0, 2, 1] };
    Design { netlist, input, output, probes: vec![], timing: Timing { latency: 4, interval: 4 } }
}

fn samples() -> Vec<Vec<i64>> {
    (0..30).map(|i| vec![i % 16 - 8, (i * 7) % 16 - 8, (i * 5) % 13 - 6]).collect()
}

/// Element 0 is the sum, element 2 the difference, element 1 the last input.
fn results(samples: &[Vec<i64>]) -> Vec<Vec<i64>> {
    samples.iter().map(|s| vec![s[0] + s[1] + s[2], s[2], s[1] - s[0]]).collect()
}

fn icarus(dir: &Path) -> (bool, String) {
    let (ok, text) =
        run(dir, "iverilog", &["-g2005", "-Wall", "-s", "sums_tb", "-o", "tb", "sums.v", "sums_tb.v"]);
    assert!(ok && text.is_empty(), "{text}");
    run(dir, "vvp", &["-N", "tb"])
}

fn verilator(dir: &Path) -> (bool, String) {
    let args =
        ["--binary", "--timing", "--top-module", "sums_tb", "-O0", "-CFLAGS", "-O0", "sums.v", "sums_tb.v"];
    let (ok, text) = run(dir, "verilator", &args);
    assert!(ok && !text.contains("%Warning"), "{text}");
    run(dir, "./obj_dir/Vsums_tb", &[])
}

/// Runs the bench in `simulator` and returns its status and text.
fn bench(
    simulator: fn(&Path) -> (bool, String),
    emitted: &Emitted,
    expected: &[Vec<i64>],
    edit: impl Fn(&str) -> String,
) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = testbench(&design(), emitted, &samples(), expected).unwrap();
    let printed = SourceFile { name: "sums.v".into(), text: edit(&emitted.files[0].text) };
    write(folder.path(), &[printed, file]);
    simulator(folder.path())
}

#[test]
fn the_design_itself_is_right() {
    let (design, samples) = (design(), samples());
    let run =
        play(&design, &mut Interpreter::new(&design.netlist), &samples, Stalls::random(1, 64), 100).unwrap();
    assert_eq!(run.outputs, results(&samples));
}

#[test]
fn the_bench_passes_and_fails_where_it_should() {
    let emitted = emit(&design().netlist);
    let right = results(&samples());
    let mut wrong = right.clone();
    wrong[17][2] -= 1;
    let as_is = |text: &str| text.to_string();
    if has("iverilog") && has("vvp") {
        let (ok, text) = bench(icarus, &emitted, &right, as_is);
        assert!(ok && text == "PASS 30 results\n", "{text}");
        let (ok, text) = bench(icarus, &emitted, &wrong, as_is);
        let want = format!("FAIL sample 17 element 2: got {}, want {}\n", right[17][2], wrong[17][2]);
        assert!(!ok && text.contains(&want) && !text.contains("PASS"), "{text}");
        let stuck = |text: &str| text.replace("state + ", "state - state + ");
        let (ok, text) = bench(icarus, &emitted, &right, |t| stuck(&t.replace("{1'b0, state}", "state")));
        assert!(!ok && text.contains("FAIL") && !text.contains("PASS"), "{text}");
        let dead = |text: &str| text.replace("s_axis_tready = ", "s_axis_tready = 1'b0 & ");
        let (ok, text) = bench(icarus, &emitted, &right, dead);
        assert!(!ok && text.contains("FAIL nothing moved for 10001 cycles after 0 of 30 results"), "{text}");
    }
    if has("verilator") {
        let (ok, text) = bench(verilator, &emitted, &right, as_is);
        assert!(ok && text.contains("PASS 30 results"), "{text}");
        let (ok, text) = bench(verilator, &emitted, &wrong, as_is);
        assert!(!ok && text.contains("FAIL sample 17 element 2") && !text.contains("PASS"), "{text}");
    }
}

#[test]
fn bad_vectors_are_refused() {
    let (design, emitted) = (design(), emit(&design().netlist));
    let right = results(&samples());
    let with = |index: usize, value: i64| {
        let mut samples = samples();
        samples[3][index] = value;
        samples
    };
    for (samples, results, words) in [
        (vec![], vec![], "0 samples and 0 results"),
        (samples(), right[1..].to_vec(), "30 samples and 29 results"),
        (with(1, 8), right.clone(), "sample 3, element 1: 8 is outside -8..=7"),
        (vec![vec![1, 2]], vec![vec![0; 3]], "sample 0 has 2 elements, no element 2"),
        (vec![vec![1, 2, 3]], vec![vec![0, 99, 0]], "result 0, element 1: 99 is outside"),
    ] {
        let error = testbench(&design, &emitted, &samples, &results).unwrap_err();
        assert!(matches!(error, Error::Sample(_)) && error.to_string().contains(words), "{error}");
    }
}
