//! Networks of images as text: clean for every linter, and right in Icarus under the stalls of the test bench.

use sterna_hdl::family::Family;
use sterna_hdl::testbench::testbench;
use sterna_hdl::verilog::{Emitted, PrintOptions, print};
use sterna_hdl::{Folding, Options, Style, lower};
use sterna_ir::bench::Stall;
use sterna_ir::eval::evaluate;
use sterna_ir::{Conv2d, Dense, Design, Input, Layer, LayerOp, Network, Range, Threshold, Window};

use crate::tools::{has, lint, run, write};

/// Numbers below `end` without a pattern.
fn noise(seed: u64, count: usize, end: u64) -> impl Iterator<Item = i64> {
    let mut draw = Stall::new(seed, 0);
    (0..count).map(move |_| {
        draw.draw();
        ((draw.state >> 8) % end) as i64
    })
}

fn weights(count: usize) -> Vec<i16> {
    noise(count as u64, count, 3).map(|w| w as i16 - 1).collect()
}

fn conv(input: [usize; 3], outputs: usize, padding: usize) -> LayerOp {
    let window = Window { input, kernel: [3, 3], stride: [1, 1], padding: [padding; 2] };
    let weights = weights(outputs * input[0] * 9);
    LayerOp::Conv2d(Conv2d { window, outputs, groups: 1, weights, bias: vec![] })
}

fn threshold(channels: usize, positions: usize, thresholds: &[i64]) -> LayerOp {
    LayerOp::Threshold(Threshold {
        channels,
        positions,
        levels: thresholds.len(),
        thresholds: thresholds.repeat(channels),
        falling: (0..channels).map(|c| c % 3 == 1).collect(),
        thermometer: false,
    })
}

fn pool(input: [usize; 3]) -> Window {
    Window { input, kernel: [2, 2], stride: [2, 2], padding: [0, 0] }
}

/// Three convolutions, two of them padded, a residual sum, a pool of each kind, then a matrix.
fn network() -> Network {
    let ops = vec![
        conv([1, 10, 18], 3, 1),
        threshold(3, 180, &[-200, 0, 300]),
        conv([3, 10, 18], 3, 1),
        LayerOp::Add { from: 1 },
        threshold(3, 180, &[0, 3, 6]),
        LayerOp::MaxPool(pool([3, 10, 18])),
        conv([3, 5, 9], 4, 0),
        threshold(4, 21, &[-12, -8, 17]),
        LayerOp::SumPool(pool([4, 3, 7])),
        LayerOp::Dense(Dense { inputs: 12, outputs: 5, weights: weights(60), bias: vec![1, -2, 0, 3, 0] }),
    ];
    let layers = ops.into_iter().map(|op| Layer { name: "layer".into(), op }).collect();
    Network { name: "images".into(), input: Input::new(vec![1, 10, 18], Range::new(0, 255)), layers }
}

fn compiled(family: Option<Family>, styles: [usize; 4]) -> (Design, Emitted) {
    let style = |pes: usize| if pes == 0 { Style::Unrolled } else { Style::Folded { pes } };
    let folding = Folding::PerLayer(styles.map(style).to_vec());
    let design = lower(&network(), &Options { family, folding, ..Options::default() }).unwrap();
    let emitted = print(&design.netlist, &PrintOptions { version: false, visible: vec![], family }).unwrap();
    (design, emitted)
}

#[test]
fn images_in_the_test_bench() {
    let network = network();
    let samples: Vec<Vec<i64>> = (1..7).map(|seed| noise(seed, 180, 40 * seed).collect()).collect();
    let results: Vec<Vec<i64>> =
        samples.iter().map(|s| evaluate(&network, s).unwrap().pop().unwrap()).collect();
    assert!(results.iter().any(|r| *r != results[0]), "all samples look the same to it");
    for (family, styles) in
        [(None, [0, 0, 0, 0]), (Some(Family::Xcup), [0, 0, 2, 0]), (Some(Family::Ecp5), [1, 2, 0, 2])]
    {
        let (design, emitted) = compiled(family, styles);
        lint(&emitted);
        if !has("iverilog") || !has("vvp") {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut files = emitted.files.clone();
        files.push(testbench(&design, &emitted, &samples, &results).unwrap());
        write(folder.path(), &files);
        let mut args = vec!["-g2005", "-o", "out"];
        args.extend(files.iter().map(|f| f.name.as_str()));
        let (ok, text) = run(folder.path(), "iverilog", &args);
        assert!(ok, "{text}");
        let (ok, text) = run(folder.path(), "vvp", &["-N", "out"]);
        assert!(ok && text.contains("PASS 6 results"), "{family:?} {styles:?}: {text}");
    }
}

/// Sums of a few bits are tables, several for a sum, beside instances that are named after the sum's signals.
#[test]
fn every_instance_of_a_module_has_a_name_of_its_own() {
    let window = |side: usize| Window {
        input: [2, side, side],
        kernel: [side, side],
        stride: [1, 1],
        padding: [0, 0],
    };
    for side in 2..8 {
        let whole = Dense { inputs: 2, outputs: 2, weights: weights(4), bias: vec![0, 1] };
        let ops = [LayerOp::SumPool(window(side)), LayerOp::Dense(whole)];
        let layers = ops.into_iter().map(|op| Layer { name: "layer".into(), op }).collect();
        let input = Input::new(vec![2, side, side], Range::new(0, 3));
        let network = Network { name: "average".into(), input, layers };
        let family = Some(Family::Xcup);
        let design = lower(&network, &Options { family, ..Options::default() }).unwrap();
        let emitted =
            print(&design.netlist, &PrintOptions { version: false, visible: vec![], family }).unwrap();
        for file in &emitted.files {
            let words: Vec<&str> = file.text.split_whitespace().collect();
            let instances = words.windows(2).filter(|w| w[0].starts_with("u_") && w[1].starts_with('('));
            let mut names: Vec<&str> = instances.map(|w| w[0]).collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all, "{}, a window of {side}x{side}", file.name);
        }
        lint(&emitted);
    }
}
