//! Matrices at the edges: one by one, all zeros, all ones, empty rows and columns, on inputs of 1 to 16 bits, for every
//! family; without a clock, and as pipelines with registers behind every adder or two.

use super::random::{self, Draw};
use super::{expect_equal, simulate};
use sterna_hdl::family::Family;
use sterna_hdl::{Options, lower, matrix};
use sterna_ir::bench::Stalls;
use sterna_ir::eval::evaluate;
use sterna_ir::interpret::{Circuit, Interpreter};
use sterna_ir::netlist::{NodeId, Op};
use sterna_ir::{Range, Ranges};

/// Weights as `[output][input]` by kind: all of one value, or some, of which one row and one column stay empty.
fn weights(kind: i16, (inputs, outputs): (usize, usize), draw: &mut Draw) -> Vec<i16> {
    let place = |k: usize| (k / inputs, k % inputs);
    let one = |k: usize, draw: &mut Draw| match (kind, place(k)) {
        (-1..=1, _) => kind,
        (_, (row, column)) if row == outputs / 2 || column == inputs / 2 => 0,
        _ => draw.within(-1, 1) as i16,
    };
    (0..inputs * outputs).map(|k| one(k, draw)).collect()
}

#[test]
fn matrices_at_the_edges() {
    let families = std::iter::once(None).chain(Family::ALL.map(Some));
    let mut draw = Draw::new(1);
    for (n, family) in families.enumerate() {
        for shape in [(1, 1), (1, 5), (7, 1), (8, 6)] {
            for (k, bits) in [1, 2, 3, 8, 15, 16].into_iter().enumerate() {
                // By channel: both signs, a bit, one value alone, and none that is 0.
                let channels = [
                    Range::signed(bits),
                    Range::unsigned(bits),
                    Range::BIT,
                    Range::point(3),
                    Range::new(-9, -2),
                ];
                let mixed = channels.into_iter().cycle().skip(k).take(shape.0).collect();
                for ranges in
                    [Range::unsigned(bits).into(), Range::signed(bits).into(), Ranges::ByChannel(mixed)]
                {
                    // Every kind with every width, each combination with one of two depths.
                    let kind = [0, 1, -1, 2][(n + k + shape.0) % 4];
                    let levels_per_stage = 1 + (k + shape.1) as u32 % 2;
                    check(
                        kind,
                        shape,
                        ranges,
                        Options { family, levels_per_stage, ..Options::default() },
                        &mut draw,
                    );
                }
            }
        }
    }
}

/// The product without a clock, and the stream, against the evaluator.
fn check(kind: i16, (inputs, outputs): (usize, usize), ranges: Ranges, options: Options, draw: &mut Draw) {
    let place = format!("{inputs}x{outputs} of kind {kind}, {ranges}, {options:?}");
    let weights = weights(kind, (inputs, outputs), draw);
    let network = matrix::network("edge", inputs, outputs, weights.clone(), ranges.clone()).unwrap();
    let samples = random::samples(draw, &network, 5);
    let netlist = matrix::combinational("edge", inputs, outputs, weights, ranges, &options).expect(&place);
    let ports: Vec<NodeId> = netlist.ids().filter(|id| matches!(netlist.node(*id).op, Op::Input)).collect();
    let mut circuit = Interpreter::new(&netlist);
    for sample in &samples {
        ports.iter().zip(sample).for_each(|(port, value)| circuit.set(*port, *value));
        circuit.settle();
        let y: Vec<i64> = netlist.outputs.iter().map(|y| circuit.get(*y)).collect();
        assert_eq!(Some(&y), evaluate(&network, sample).unwrap().last(), "{place}");
    }
    let design = lower(&network, &options).expect(&place);
    let run = simulate(&design, &samples, Stalls::random(3, 60));
    expect_equal(&network, &design, &samples, &run, &place);
}
