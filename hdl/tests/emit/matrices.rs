//! Bare matrices mapped to every family, under Icarus Verilog against the network evaluator.

use std::collections::BTreeMap;
use std::fmt::Write;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use sterna_hdl::family::Family;
use sterna_hdl::verilog::{PrintOptions, SourceFile, print};
use sterna_hdl::{Options, matrix};
use sterna_ir::eval::evaluate;
use sterna_ir::{Range, Ranges};

use crate::tools::{has, run, write};

/// Sizes and weights: the smallest, all zero, all one, with empty rows and columns, small integers.
fn shapes(rng: &mut Xoshiro256PlusPlus) -> Vec<(usize, usize, Vec<i16>)> {
    let mut random = |inputs: usize, outputs: usize, largest: i16, zeros: u32| {
        let mut weight = |at: usize| {
            let empty = at % inputs == 2 || at / inputs == 1;
            if empty || rng.random_range(0..100) < zeros { 0 } else { rng.random_range(-largest..=largest) }
        };
        (inputs, outputs, (0..inputs * outputs).map(&mut weight).collect())
    };
    let drawn = [random(12, 9, 1, 30), random(20, 7, 1, 60), random(7, 6, 9, 20)];
    let mut all =
        vec![(1, 1, vec![1]), (1, 1, vec![-1]), (1, 1, vec![0]), (4, 3, vec![0; 12]), (7, 4, vec![1; 28])];
    all.extend(drawn);
    all
}

/// Words side by side as a hexadecimal literal, the first in the low bits.
fn literal(words: &[(i64, u32)]) -> String {
    let bits: Vec<bool> =
        words.iter().flat_map(|(v, width)| (0..*width).map(move |k| v >> k & 1 == 1)).collect();
    let digit = |four: &[bool]| four.iter().enumerate().map(|(k, bit)| u32::from(*bit) << k).sum();
    let digits: Vec<u32> = bits.chunks(4).map(digit).collect();
    let text: String = digits.iter().rev().map(|d| format!("{d:x}")).collect();
    format!("{}'h{text}", bits.len())
}

/// Runs all cases; how many values differ. `change` may alter a file.
fn mismatches(change: impl Fn(&mut SourceFile)) -> String {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let shapes = shapes(&mut rng);
    let ranges = [
        Range::BIT,
        Range::unsigned(2),
        Range::signed(2),
        Range::signed(8),
        Range::signed(16),
        Range::unsigned(16),
        Range::new(-5, 3),
    ];
    // The same for all inputs, or all of them by turns.
    let mixed = |inputs: usize| Ranges::ByChannel(ranges.into_iter().cycle().take(inputs).collect());
    let kinds = ranges.map(Some).into_iter().chain([None]);
    let families = std::iter::once(None).chain(Family::ALL.map(Some));
    let mut files: BTreeMap<String, SourceFile> = BTreeMap::new();
    let (mut wires, mut steps) = (String::new(), String::new());
    let mut n = 0;
    for family in families {
        for range in kinds.clone() {
            for (inputs, outputs, weights) in &shapes {
                let given = || range.map_or_else(|| mixed(*inputs), Ranges::from);
                let top = format!("m{n}");
                let options = Options { family, top: Some(top.clone()), ..Options::default() };
                let weights = || weights.clone();
                let netlist =
                    matrix::combinational(&top, *inputs, *outputs, weights(), given(), &options).unwrap();
                let network = matrix::network(&top, *inputs, *outputs, weights(), given()).unwrap();
                let emitted =
                    print(&netlist, &PrintOptions { version: false, visible: vec![], family }).unwrap();
                for mut file in emitted.files {
                    change(&mut file);
                    files.insert(file.name.clone(), file);
                }
                let widths: Vec<u32> =
                    netlist.outputs.iter().map(|y| netlist.node(*y).range.width()).collect();
                let of = network.input.of_elements();
                let (x, y) = (of.iter().map(|x| x.width()).sum::<u32>(), widths.iter().sum::<u32>());
                writeln!(wires, "reg [{x}-1:0] x{n}; wire [{y}-1:0] y{n}; {top} u{n} (.x(x{n}), .y(y{n}));")
                    .unwrap();
                for sample in 0..6 {
                    let value = |x: &Range| match sample {
                        0 => x.lo,
                        1 => x.hi,
                        _ => rng.random_range(x.lo..=x.hi),
                    };
                    let sample: Vec<i64> = of.iter().map(value).collect();
                    let trace = evaluate(&network, &sample).unwrap();
                    let wanted: Vec<(i64, u32)> =
                        trace.last().unwrap().iter().copied().zip(widths.iter().copied()).collect();
                    let words: Vec<(i64, u32)> =
                        sample.iter().zip(&of).map(|(v, x)| (*v, x.width())).collect();
                    let (words, wanted) = (literal(&words), literal(&wanted));
                    writeln!(steps, "x{n} = {words}; #1; if (y{n} !== {wanted}) bad = bad + 1;").unwrap();
                }
                n += 1;
            }
        }
    }
    let text = format!(
        "module bench;\ninteger bad;\n{wires}initial begin bad = 0;\n{steps}$display(\"%0d\", bad);\nend\nendmodule\n"
    );
    files.insert("bench.v".into(), SourceFile { name: "bench.v".into(), text });
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<SourceFile> = files.into_values().collect();
    write(folder.path(), &files);
    let names: Vec<&str> = files.iter().map(|f| f.name.as_str()).collect();
    let args = [&["-g2005", "-o", "out", "-s", "bench"][..], &names].concat();
    let (ok, text) = run(folder.path(), "iverilog", &args);
    assert!(ok, "{text}");
    run(folder.path(), "vvp", &["-n", "out"]).1.trim().to_string()
}

#[test]
fn mapped_matrices_are_their_products() {
    if !has("iverilog") || !has("vvp") {
        return;
    }
    assert_eq!(mismatches(|_| {}), "0");
    let broken = mismatches(|file| {
        if file.name == "sterna_add2.v" {
            file.text = file.text.replace("& ~low[WIDTH-2]", "& low[WIDTH-2]");
        }
    });
    assert_ne!(broken, "0");
}
