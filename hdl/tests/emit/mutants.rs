//! One operand, one sign, one bit of a table or one constant changed in the mapped text: simulation finds every one.

use sterna_hdl::family::Family;
use sterna_hdl::testbench::testbench;
use sterna_hdl::verilog::{Emitted, PrintOptions, SourceFile, print};
use sterna_hdl::{Options, lower};
use sterna_ir::eval::evaluate;
use sterna_ir::{Dense, Input, Layer, LayerOp, Network, Range, Threshold};

use crate::tools::{has, run, write};

/// A layer over bits, its weights without a pattern.
fn network(inputs: usize, outputs: usize, threshold: bool) -> Network {
    let weight = |i: usize| [1, -1, 1, 0, 1, -1, -1, 1, 0, 1, 1, -1, -1][(i * i + i / 5) % 13];
    let weights = (0..inputs * outputs).map(weight).collect();
    let mut ops = vec![LayerOp::Dense(Dense { inputs, outputs, weights, bias: vec![] })];
    if threshold {
        let thresholds = (0..outputs as i64).map(|c| c % 3 - 1).collect();
        let channels = outputs;
        let one =
            Threshold { channels, positions: 1, levels: 1, thresholds, falling: vec![], thermometer: false };
        ops.push(LayerOp::Threshold(one));
    }
    let layers = ops.into_iter().map(|op| Layer { name: "l".into(), op }).collect();
    Network { name: "mapped".into(), input: Input { shape: vec![inputs], range: Range::BIT }, layers }
}

struct Case {
    emitted: Emitted,
    bench: SourceFile,
}

impl Case {
    fn new(network: &Network, samples: &[Vec<i64>]) -> Self {
        let family = Some(Family::Xcup);
        let design = lower(network, &Options { family, ..Options::default() }).unwrap();
        let emitted =
            print(&design.netlist, &PrintOptions { version: false, visible: vec![], family }).unwrap();
        let results: Vec<Vec<i64>> =
            samples.iter().map(|s| evaluate(network, s).unwrap().pop().unwrap()).collect();
        let bench = testbench(&design, &emitted, samples, &results).unwrap();
        Case { emitted, bench }
    }

    /// Whether the test bench passes with line `at` of the layer replaced.
    fn passes(&self, change: Option<(usize, &str)>) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let mut files = self.emitted.files.clone();
        if let Some((at, new)) = change {
            let layer = files.iter_mut().find(|f| f.name == "mapped_layer0.v").unwrap();
            let mut lines = statements(&layer.text);
            lines[at] = new.to_string();
            layer.text = lines.concat();
        }
        files.push(self.bench.clone());
        write(folder.path(), &files);
        let mut args = vec!["-g2005", "-o", "out"];
        args.extend(files.iter().map(|f| f.name.as_str()));
        let (ok, text) = run(folder.path(), "iverilog", &args);
        assert!(ok, "{text}");
        let (ok, text) = run(folder.path(), "vvp", &["-N", "out"]);
        assert_eq!(ok, text.contains("PASS"), "{text}");
        ok
    }

    fn layer(&self) -> Vec<String> {
        statements(&self.emitted.files.iter().find(|f| f.name == "mapped_layer0.v").unwrap().text)
    }

    /// Every change that `edit` makes to a statement must be found; how many there were.
    #[track_caller]
    fn all_killed(&self, edit: impl Fn(&str) -> Option<String>) -> usize {
        let lines = self.layer();
        let mutants: Vec<(usize, String)> =
            lines.iter().enumerate().filter_map(|(at, line)| Some((at, edit(line)?))).collect();
        for (at, new) in &mutants {
            assert_ne!(new, &lines[*at]);
            assert!(!self.passes(Some((*at, new))), "survived: {}\n{new}", lines[*at]);
        }
        mutants.len()
    }
}

/// The text cut behind every semicolon.
fn statements(text: &str) -> Vec<String> {
    text.split_inclusive(';').map(str::to_string).collect()
}

/// What is at a port of an instance.
fn pin<'a>(statement: &'a str, port: &str) -> Option<&'a str> {
    let from = statement.find(&format!(".{port}("))? + port.len() + 2;
    Some(&statement[from..from + statement[from..].find(')')?])
}

/// Flips entry `entry` of a table all of whose inputs are inputs of the layer, so that every entry is used.
fn flip(statement: &str, entry: u32) -> Option<String> {
    let (head, tail) = statement.split_once("64'h")?;
    let table = u64::from_str_radix(&tail[..16], 16).unwrap();
    let reads: Vec<&str> = (0..6).filter_map(|k| pin(statement, &format!("I{k}"))).collect();
    let inputs = reads.iter().filter(|s| !s.starts_with("1'b")).count() as u32;
    let all_inputs = reads.iter().all(|s| s.starts_with("x") || s.starts_with("1'b"));
    let changed = table ^ 1 << (entry % (1 << inputs));
    all_inputs.then(|| format!("{head}64'h{changed:016x}{}", &tail[16..]))
}

#[test]
fn neurons_of_bits() {
    if !has("iverilog") || !has("vvp") {
        return;
    }
    let network = network(8, 9, true);
    let all: Vec<Vec<i64>> = (0..256).map(|i| (0..8).map(|k| i >> k & 1).collect()).collect();
    let case = Case::new(&network, &all);
    assert!(case.passes(None));
    let mut tables = 0;
    for entry in [0, 27] {
        tables += case.all_killed(|line| flip(line, entry));
    }
    let operands = case.all_killed(|line| {
        let first = pin(line, "I1").filter(|s| !s.starts_with("1'b"))?;
        Some(line.replace(&format!(".I1({first})"), ".I1(1'b0)"))
    });
    assert!(tables >= 10 && operands >= 8, "{tables} tables, {operands} operands");
}

#[test]
fn sums_of_bits() {
    if !has("iverilog") || !has("vvp") {
        return;
    }
    let network = network(31, 3, false);
    let mut state = 1u64;
    let mut bit = |_| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40 & 1) as i64
    };
    let mut samples: Vec<Vec<i64>> = (0..500).map(|_| (0..31).map(&mut bit).collect()).collect();
    samples.extend([vec![0; 31], vec![1; 31]]);
    let case = Case::new(&network, &samples);
    assert!(case.passes(None));
    let tables = case.all_killed(|line| flip(line, 11));
    let signs = case.all_killed(|line| {
        let minus = pin(line, "MINUS")?;
        Some(line.replace(&format!(".MINUS({minus})"), if minus == "0" { ".MINUS(1)" } else { ".MINUS(0)" }))
    });
    let operands = case.all_killed(|line| {
        let (_, second) = line.split_once("sterna_add3").and_then(|_| line.split_once(".b("))?;
        let second = &second[..second.find("),")?];
        Some(line.replace(&format!(".b({second})"), &format!(".b(~{second})")))
    });
    // Constants are inside tables of inner signals, where not every entry is used: all entries at once.
    let inner = case.all_killed(|line| {
        let (head, tail) = line.split_once("64'h")?;
        let table = u64::from_str_radix(&tail[..16], 16).unwrap();
        let inner = (0..6).filter_map(|k| pin(line, &format!("I{k}"))).any(|s| s.contains('['));
        inner.then(|| format!("{head}64'h{:016x}{}", !table, &tail[16..]))
    });
    assert!(
        tables >= 8 && signs >= 3 && operands >= 3 && inner >= 1,
        "{tables} tables, {signs} signs, {operands} operands, {inner} inner tables"
    );
}
