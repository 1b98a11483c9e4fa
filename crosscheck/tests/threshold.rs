//! Threshold units as they compare what leaves a folded layer, one element after the other.

use sterna_crosscheck::compare::{Dice, Difference, compare};
use sterna_crosscheck::part::{Part, node};
use sterna_crosscheck::threshold::Unit;
use sterna_hdl::{Options, lower};
use sterna_ir::netlist::MemoryKind;
use sterna_ir::{Input, Layer, LayerOp, Network, Range, Threshold};

use crate::CYCLES;
use crate::beside::{self, bit};
use crate::faults;

/// Seven channels, some falling, with thresholds inside the range of the elements, at its ends and beyond.
fn layer(range: Range, levels: usize) -> Threshold {
    let mut dice = Dice::new(levels as u64);
    let around = Range::new(range.lo - 2, range.hi + 2);
    let mut thresholds = Vec::new();
    for _ in 0..7 {
        let mut own = Vec::from_iter((0..levels).map(|_| dice.value(around)));
        own.sort_unstable();
        thresholds.extend(own);
    }
    let falling = (0..7).map(|c| c % 3 == 1).collect();
    Threshold { channels: 7, positions: 1, levels, thresholds, falling, thermometer: false }
}

fn unit(layer: &Threshold, range: Range) -> Part {
    let layers = vec![Layer { name: "codes".into(), op: LayerOp::Threshold(layer.clone()) }];
    let network = Network { name: "unit".into(), input: Input::new(vec![layer.channels], range), layers };
    let options = Options { input_lanes: Some(1), ..Options::default() };
    let netlist = lower(&network, &options).expect("the layer compiles").netlist;
    let pins = |names: &[&str]| Vec::from_iter(names.iter().map(|name| node(&netlist, name)));
    let inputs = pins(&["rst", "m_axis_tready", "x_valid", "x0_filled"]);
    Part::new(&netlist, &inputs, &pins(&["encode0/ce", "encode0/l0_y_valid", "encode0/y0_q"]))
}

/// Compares with a unit of these widths.
fn run<const X: usize, const T: usize, const L: usize, const C: usize>(
    part: &Part,
    layer: &Threshold,
) -> Result<usize, Difference> {
    let range = part.netlist.node(part.inputs[3]).range;
    let mut twin = Unit::<X, T, 3, L, C>::new(layer, range.is_signed());
    let mut ready = 50;
    compare(part, &mut twin, CYCLES, |dice| {
        // Seldom another share of cycles in which codes are taken, from none to all.
        if dice.bit(1) == 1 {
            ready = dice.value(Range::new(0, 100)) as u32;
        }
        vec![dice.bit(2) & dice.bit(50), dice.bit(ready), dice.bit(70), dice.value(range)]
    })
}

/// A unit and its twin in Verilog.
pub fn bench() -> (String, String) {
    let range = Range::signed(8);
    let layer = layer(range, 3);
    let stimulus = [bit(1), bit(50), bit(70), "$urandom".into()];
    beside::bench("threshold", &unit(&layer, range), Unit::<8, 9, 3, 3, 2>::new(&layer, true), &stimulus)
}

#[test]
fn units_of_all_widths_are_those_of_rust_hdl() {
    let check = |range: Range, run: fn(&Part, &Threshold) -> Result<usize, Difference>, levels: usize| {
        let layer = layer(range, levels);
        let words = run(&unit(&layer, range), &layer).expect("both are alike");
        assert!(words > 2 * CYCLES + CYCLES / 4, "codes in too few cycles: {words}");
    };
    check(Range::signed(8), run::<8, 9, 3, 2>, 3);
    check(Range::unsigned(4), run::<4, 5, 2, 2>, 2);
    check(Range::BIT, run::<1, 2, 1, 1>, 1);
    check(Range::signed(24), run::<24, 25, 3, 2>, 3);
}

#[test]
fn a_threshold_off_by_one_and_every_other_fault_are_found() {
    let range = Range::signed(8);
    let layer = layer(range, 3);
    let part = unit(&layer, range);
    let run = |part: &Part| run::<8, 9, 3, 2>(part, &layer);
    let mut off_by_one = part.clone();
    let MemoryKind::Rom(words) = &mut off_by_one.netlist.memories[0].kind else { unreachable!("constants") };
    words[0] += 1;
    assert_eq!(run(&off_by_one).expect_err("a threshold too high").output, "y0_q");
    faults::all_are_found(&part, run);
}
