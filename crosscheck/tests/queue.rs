//! Queues as they stand in front of a slow convolution inside the network.

use sterna_crosscheck::compare::{Difference, Twin, compare};
use sterna_crosscheck::part::{Part, node};
use sterna_crosscheck::queue::Queue;
use sterna_hdl::{Folding, Options, Style, lower};
use sterna_ir::netlist::Op;
use sterna_ir::{Conv2d, Input, Layer, LayerOp, Network, Range, Window};

use crate::CYCLES;
use crate::beside::{self, bit};
use crate::faults;

/// Images of `side` pixels a side through a quick convolution to `channels`, a pool and a slow convolution.
fn queue(side: usize, channels: usize, range: Range) -> Part {
    let conv = |input: [usize; 3], outputs: usize| {
        let window = Window { input, kernel: [3, 3], stride: [1, 1], padding: [0, 0] };
        let weights = (0..9 * input[0] * outputs).map(|i| [1, -1][i % 2]).collect();
        LayerOp::Conv2d(Conv2d { window, outputs, groups: 1, weights, bias: vec![] })
    };
    let pool =
        Window { input: [channels, side - 2, side - 2], kernel: [2, 2], stride: [2, 2], padding: [0, 0] };
    let half = (side - 2) / 2;
    let ops = [conv([1, side, side], channels), LayerOp::MaxPool(pool), conv([channels, half, half], 8)];
    let layers = ops.into_iter().map(|op| Layer { name: "layer".into(), op }).collect();
    let network = Network { name: "images".into(), input: Input::new(vec![1, side, side], range), layers };
    let folding = Folding::PerLayer(vec![Style::Folded { pes: 1 }; 2]);
    let netlist =
        lower(&network, &Options { folding, ..Options::default() }).expect("the network compiles").netlist;

    let at = |name: &str| node(&netlist, &format!("layer2/{name}"));
    let operand = |name: &str, index: usize| netlist.node(at(name)).op.operands()[index];
    let mut inputs = vec![node(&netlist, "rst"), operand("leaves", 1), operand("queue_moved", 0)];
    let mut outputs = vec![at("queue_free"), at("waited_valid")];
    for memory in netlist.memories.iter().filter(|memory| memory.name.starts_with("queue")) {
        let mut lo = 0;
        for lane in netlist.node(at(&format!("{}_word", memory.name))).op.operands() {
            let range = netlist.node(lane).range;
            let suffix = if range.is_signed() { "_signed" } else { "" };
            inputs.push(lane);
            outputs.push(at(&format!("{}_{lo}{suffix}", memory.name)));
            lo += range.width();
        }
    }
    Part::new(&netlist, &inputs, &outputs)
}

/// A queue of these widths, which must be those of Sterna's.
fn twin<const W: usize, const N: usize>(part: &Part) -> Queue<W, N> {
    let lanes = part.inputs[3..].iter().map(|pin| part.netlist.node(*pin).range.width());
    let lanes = Vec::from_iter(lanes);
    let depth = part.netlist.memories[0].depth;
    assert_eq!([lanes.iter().sum(), (depth - 1).ilog2() + 1], [W as u32, N as u32]);
    Queue::new(depth, lanes)
}

fn run(part: &Part, mut twin: impl Twin) -> Result<usize, Difference> {
    let (mut valid, mut ready) = (50, 50);
    compare(part, &mut twin, CYCLES, |dice| {
        // Seldom another pace at either end, so that the queue is full, empty and between for a while.
        if dice.bit(2) == 1 {
            [valid, ready] = [0; 2].map(|_: i32| dice.value(Range::new(0, 100)) as u32);
        }
        let mut pins = vec![dice.bit(2) & dice.bit(20), dice.bit(ready), dice.bit(valid)];
        pins.extend(part.inputs[3..].iter().map(|pin| dice.value(part.netlist.node(*pin).range)));
        pins
    })
}

/// A queue and its twin in Verilog.
pub fn bench() -> (String, String) {
    let part = queue(14, 6, Range::signed(4));
    let pace =
        |percents: [u32; 2]| format!("$urandom % 100 < (cycle[8] ? {} : {})", percents[0], percents[1]);
    let mut stimulus = vec![bit(1), pace([30, 70]), pace([70, 30])];
    stimulus.resize(part.inputs.len(), "$urandom".into());
    beside::bench("queue", &part, twin::<48, 3>(&part), &stimulus)
}

#[test]
fn queues_of_all_widths_are_those_of_rust_hdl() {
    let check = |result: Result<usize, Difference>| {
        let words = result.expect("both are alike");
        assert!(words > 2 * CYCLES + CYCLES / 4, "words in too few cycles: {words}");
    };
    let part = queue(14, 6, Range::signed(4));
    check(run(&part, twin::<48, 3>(&part)));
    let part = queue(14, 3, Range::BIT);
    check(run(&part, twin::<12, 3>(&part)));
    let part = queue(24, 2, Range::unsigned(8));
    check(run(&part, twin::<24, 5>(&part)));
}

#[test]
fn a_lost_word_and_every_other_fault_are_found() {
    let part = queue(14, 6, Range::signed(4));
    let run = |part: &Part| run(part, twin::<48, 3>(part));
    let mut lost = part.clone();
    // The word at the output goes whether its reader takes it or not.
    lost.damage("waits_on", |op| *op = Op::Const(0));
    assert_eq!(run(&lost).expect_err("a lost word").output, "queue_0_0_signed");
    faults::all_are_found(&part, run);
}
