//! Processing elements as `compile --pes` builds them, each with its schedule.

use sterna_crosscheck::compare::{Dice, Difference, Twin, compare};
use sterna_crosscheck::element::Element;
use sterna_crosscheck::part::{Part, node};
use sterna_hdl::{Folding, Options, lower};
use sterna_ir::netlist::{MemoryKind, NodeId, Op};
use sterna_ir::{Dense, Input, Layer, LayerOp, Network, Range};

use crate::CYCLES;
use crate::beside::{self, bit};
use crate::faults;

/// A layer of 12 rows on two elements, of whose weights so many percent are not zero.
fn elements(inputs: usize, range: Range, percent: u32) -> [Part; 2] {
    let mut dice = Dice::new(u64::from(percent));
    let weights = (0..12 * inputs).map(|_| (dice.bit(percent) * (1 - 2 * dice.bit(50))) as i16).collect();
    let dense = Dense { inputs, outputs: 12, weights, bias: vec![] };
    let layers = vec![Layer { name: "dense".into(), op: LayerOp::Dense(dense) }];
    let network = Network { name: "layer".into(), input: Input::new(vec![inputs], range), layers };
    let options = Options { folding: Folding::Pes(2), ..Options::default() };
    let netlist = lower(&network, &options).expect("the layer compiles").netlist;
    ["layer0_pe0/pe0_acc", "layer0_pe1/pe1_acc"].map(|sum| {
        let of_layer = ["ce", "pc", "bank2", "write", "write_addr"];
        let inputs = of_layer.map(|name| node(&netlist, &format!("layer0/{name}")));
        let more = ["x0_filled", "layer0/reads"].map(|name| node(&netlist, name));
        let inputs = Vec::from_iter(inputs.into_iter().chain(more));
        Part::new(&netlist, &inputs, &[node(&netlist, sum)])
    })
}

/// The words of the schedule.
fn words(part: &Part) -> &[i64] {
    let words = part.netlist.memories.iter().find_map(|memory| match &memory.kind {
        MemoryKind::Rom(words) => Some(words),
        MemoryKind::Ram { .. } => None,
    });
    words.expect("an element has a schedule")
}

/// An element of these widths, which must be those of Sterna's.
fn twin<const X: usize, const A: usize, const D: usize, const P: usize, const S: usize>(
    part: &Part,
) -> Element<X, A, D, P, S> {
    let range = |pin: NodeId| part.netlist.node(pin).range;
    let [pc, at, x] = [1, 4, 5].map(|pin| range(part.inputs[pin]));
    let delta = range(node(&part.netlist, "delta"));
    let widths = [x.width(), at.width() - 1, delta.width(), pc.width(), range(part.outputs[0]).width()];
    assert_eq!(widths.map(|w| w as usize), [X, A, D, P, S]);
    Element::new(words(part), x.is_signed())
}

fn run(part: &Part, mut twin: impl Twin) -> Result<usize, Difference> {
    let range = |pin: usize| part.netlist.node(part.inputs[pin]).range;
    let cycles = words(part).len() as i64;
    let mut pc = 0;
    compare(part, &mut twin, CYCLES, |dice| {
        // Mostly on along the schedule, as the control does it.
        pc = if dice.bit(90) == 1 { (pc + 1) % cycles } else { dice.value(Range::new(0, cycles - 1)) };
        vec![
            dice.bit(80),
            pc,
            dice.bit(50),
            dice.bit(50),
            dice.value(range(4)),
            dice.value(range(5)),
            dice.bit(80),
        ]
    })
}

/// An element and its twin in Verilog.
pub fn bench() -> (String, String) {
    let [part, _] = elements(16, Range::signed(8), 40);
    let (cycles, any) = (words(&part).len(), "$urandom".to_string());
    let pc = format!("$urandom % 10 == 0 ? $urandom % {cycles} : (i1 + 1) % {cycles}");
    let stimulus = [bit(80), pc, bit(50), bit(50), any.clone(), any, bit(80)];
    beside::bench("element", &part, twin::<8, 4, 4, 6, 12>(&part), &stimulus)
}

#[test]
fn elements_of_all_widths_are_those_of_rust_hdl() {
    for part in elements(16, Range::signed(8), 40) {
        assert_eq!(run(&part, twin::<8, 4, 4, 6, 12>(&part)), Ok(CYCLES));
    }
    for part in elements(64, Range::BIT, 50) {
        assert_eq!(run(&part, twin::<1, 6, 3, 8, 6>(&part)), Ok(CYCLES));
    }
    for part in elements(40, Range::unsigned(5), 10) {
        assert_eq!(run(&part, twin::<5, 6, 5, 5, 9>(&part)), Ok(CYCLES));
    }
    for part in elements(130, Range::signed(16), 80) {
        assert_eq!(run(&part, twin::<16, 8, 3, 10, 23>(&part)), Ok(CYCLES));
    }
}

#[test]
fn a_wrong_sign_and_every_other_fault_are_found() {
    // So few weights that some words only move.
    let [part, _] = elements(24, Range::signed(8), 10);
    let run = |part: &Part| run(part, twin::<8, 5, 4, 5, 10>(part));
    let mut wrong_sign = part.clone();
    wrong_sign.damage("x_signed", |op| match op {
        Op::Mux { zero, one, .. } => std::mem::swap(zero, one),
        _ => unreachable!("chooses the sign"),
    });
    assert_eq!(run(&wrong_sign).expect_err("a wrong sign").output, "pe0_acc");
    faults::all_are_found(&part, run);
}
