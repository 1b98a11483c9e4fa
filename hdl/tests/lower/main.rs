//! The compiled circuit against the network's own evaluator, on random networks, foldings, samples and stalls.

mod digit_serial;
mod edges;
mod explore;
mod folded;
mod found;
mod frames;
mod images;
mod random;
mod scale;
mod xnor;

use random::Draw;
use sterna_hdl::estimate::estimate;
use sterna_hdl::family::Family;
use sterna_hdl::simplify::simplify;
use sterna_hdl::{Error, Folding, Options, Style, lower, matrix};
use sterna_ir::bench::{self, Run, Stalls};
use sterna_ir::eval::evaluate;
use sterna_ir::interpret::{Circuit, Interpreter};
use sterna_ir::netlist::{NodeId, Op};
use sterna_ir::{Design, LayerOp, Network, Range};

/// Leaves registers and memories in an arbitrary state, as after power-up: reset alone must clear what matters.
fn disturb(design: &Design, circuit: &mut Interpreter, samples: &[Vec<i64>]) {
    let cycles = samples.len() * 7;
    for cycle in 0..cycles {
        let beat = cycle * 5 % design.input.beats();
        bench::offer(&design.input, circuit, Some((&samples[cycle % samples.len()], beat)), false);
        circuit.set(design.output.ready, i64::from(cycle % 3 == 0));
        circuit.settle();
        circuit.clock();
    }
}

fn simulate(design: &Design, samples: &[Vec<i64>], stalls: Stalls) -> Run {
    let mut circuit = Interpreter::new(&design.netlist);
    disturb(design, &mut circuit, samples);
    let run = bench::run(design, &mut circuit, samples, stalls, 20_000).expect("no deadlock");
    circuit.settle();
    assert_eq!(circuit.get(port(design, "frame_error")), 0, "every frame was right");
    run
}

fn port(design: &Design, name: &str) -> NodeId {
    let named = |id: &&NodeId| design.netlist.node(**id).name == name;
    *design.netlist.outputs.iter().find(named).expect("the port exists")
}

fn expect_equal(network: &Network, design: &Design, samples: &[Vec<i64>], run: &Run, place: &str) {
    for (n, sample) in samples.iter().enumerate() {
        expect_trace(design, n, &evaluate(network, sample).unwrap(), run, place);
    }
}

/// What the run shows of sample `n` is what the evaluator says.
fn expect_trace(design: &Design, n: usize, trace: &[Vec<i64>], run: &Run, place: &str) {
    assert_eq!(&run.outputs[n], trace.last().unwrap(), "output of sample {n}, {place}");
    for (p, probe) in design.probes.iter().enumerate() {
        // The last result may be out before the last pixels have passed, where it does not depend on them.
        let seen = &run.probes[p][n];
        if seen.is_empty() {
            assert_eq!(n + 1, run.outputs.len(), "vectors of layer {}, {place}", probe.layer);
            continue;
        }
        for element in &probe.stream.order {
            let e = *element as usize;
            assert_eq!(
                seen[e], trace[probe.layer][e],
                "sample {n}, layer {}, element {e}, {place}",
                probe.layer
            );
        }
    }
}

#[test]
fn circuits_equal_their_networks_under_stalls() {
    let mut wide = 0;
    for seed in 0..400 {
        let mut draw = Draw::new(seed);
        let network = random::network(&mut draw);
        let options = random::options(&mut draw, &network);
        let place = format!("seed {seed}, {options:?}");
        let design = match lower(&network, &options) {
            Ok(design) => design,
            // Some draws chain layers of 16-bit weights on 32-bit inputs.
            Err(Error::TooWide { .. }) => {
                wide += 1;
                continue;
            }
            Err(error) => panic!("{place}: {error}"),
        };
        let samples = random::samples(&mut draw, &network, 6);
        for stalls in [Stalls::none(), Stalls::random(seed, 100), Stalls::random(seed, 200)] {
            let run = simulate(&design, &samples, stalls);
            expect_equal(&network, &design, &samples, &run, &place);
        }
    }
    assert!(wide < 40, "{wide} of 400 networks are too wide");
}

#[test]
fn timing_is_what_the_bench_measures() {
    for seed in 1000..1300 {
        let mut draw = Draw::new(seed);
        let network = if seed < 1200 { random::network(&mut draw) } else { images::network(&mut draw) };
        let options = random::options(&mut draw, &network);
        let Ok(design) = lower(&network, &options) else { continue };
        let samples = random::samples(&mut draw, &network, 40);
        let run = simulate(&design, &samples, Stalls::none());
        let place = format!("seed {seed}, {options:?}");
        assert_eq!(design.timing.latency, run.finished[0] - run.started[0], "latency, {place}");
        let span = run.finished[39] - run.finished[35];
        assert_eq!(design.timing.interval, span.div_ceil(4), "interval, {place}");
    }
}

#[test]
fn simplified_networks_compute_the_same() {
    for seed in 2000..2800 {
        let mut draw = Draw::new(seed);
        let network = if seed < 2400 { random::network(&mut draw) } else { images::network(&mut draw) };
        let small = simplify(&network).unwrap();
        small.network.check().unwrap();
        for sample in random::samples(&mut draw, &network, 8) {
            let full = evaluate(&network, &sample).unwrap();
            let fewer: Vec<i64> = small.input_elements().iter().map(|i| sample[*i as usize]).collect();
            let trace = evaluate(&small.network, &fewer).unwrap();
            for layer in 0..network.layers.len() {
                let wanted: Vec<i64> =
                    small.elements(layer).iter().map(|e| full[layer][*e as usize]).collect();
                assert_eq!(trace[layer], wanted, "seed {seed}, layer {layer}");
            }
            assert_eq!(trace.last(), full.last());
        }
    }
}

#[test]
fn bare_matrices_are_their_products() {
    for seed in 3000..3100 {
        let mut draw = Draw::new(seed);
        let (inputs, outputs) = (draw.within(1, 12) as usize, draw.within(1, 12) as usize);
        let zeros = draw.within(0, 100);
        let largest = [1, 1, 9][draw.within(0, 2) as usize];
        let weight =
            |draw: &mut Draw| if draw.chance(zeros) { 0 } else { draw.within(-largest, largest) as i16 };
        let weights: Vec<i16> = (0..inputs * outputs).map(|_| weight(&mut draw)).collect();
        let width = draw.within(1, 16) as u32;
        let range = if draw.chance(50) { Range::signed(width) } else { Range::unsigned(width) };
        let family = [None, Some(Family::Ice40), Some(Family::Ecp5), Some(Family::Xcup)];
        let options = Options { family: family[draw.within(0, 3) as usize], ..Options::default() };
        let netlist =
            matrix::combinational("bare", inputs, outputs, weights.clone(), range, &options).unwrap();
        let network = matrix::network("bare", inputs, outputs, weights, range).unwrap();
        let ports: Vec<NodeId> =
            netlist.ids().filter(|id| matches!(netlist.node(*id).op, Op::Input)).collect();
        assert_eq!((ports.len(), netlist.outputs.len()), (inputs, outputs));
        let mut circuit = Interpreter::new(&netlist);
        for sample in random::samples(&mut draw, &network, 8) {
            ports.iter().zip(&sample).for_each(|(port, value)| circuit.set(*port, *value));
            circuit.settle();
            let y: Vec<i64> = netlist.outputs.iter().map(|y| circuit.get(*y)).collect();
            assert_eq!(Some(&y), evaluate(&network, &sample).unwrap().last(), "seed {seed}");
        }
    }
    let wide = matrix::combinational("wide", 2, 1, vec![1], Range::BIT, &Options::default());
    assert!(wide.unwrap_err().to_string().contains("1 weights given, 1 x 2 needed"));
}

#[test]
fn a_faster_clock_takes_more_registers_and_is_reached() {
    let mut draw = Draw::new(7);
    let weights: Vec<i16> = (0..24 * 24).map(|_| draw.within(-1, 1) as i16).collect();
    let network = matrix::network("clocked", 24, 24, weights, Range::signed(8)).unwrap();
    for family in [Family::Ecp5, Family::Ice40] {
        let compiled = |mhz: u32| {
            let clock_khz = Some(mhz * 1000);
            let options = Options { family: Some(family), clock_khz, ..Options::default() };
            lower(&network, &options).unwrap()
        };
        let (slow, fast) = (compiled(40), compiled(150));
        assert!(slow.timing.latency < fast.timing.latency, "{family}");
        for (design, mhz) in [(&slow, 40.0), (&fast, 150.0)] {
            let reached = estimate(&design.netlist, family, Some(family)).mhz.unwrap();
            // The stages are planned with the delays of a stage of this size, the estimate with those of the whole.
            assert!(reached >= 0.95 * mhz, "{family}: {reached} of {mhz} MHz");
            let samples = random::samples(&mut Draw::new(8), &network, 6);
            let run = simulate(design, &samples, Stalls::random(3, 60));
            let want: Vec<_> =
                samples.iter().map(|s| evaluate(&network, s).unwrap().pop().unwrap()).collect();
            assert_eq!(run.outputs, want);
        }
    }
    for (family, clock_khz) in [(None, 100_000), (Some(Family::Xcup), 100_000), (Some(Family::Ecp5), 7)] {
        let options = Options { family, clock_khz: Some(clock_khz), ..Options::default() };
        assert!(matches!(lower(&network, &options), Err(Error::Clock { .. })), "{family:?} {clock_khz}");
    }
}

#[test]
fn no_inverter_stands_before_a_carry_chain_that_cannot_invert() {
    let mut draw = Draw::new(11);
    let weights: Vec<i16> = (0..20 * 16).map(|_| draw.within(-3, 3).clamp(-1, 1) as i16).collect();
    for range in [Range::signed(8), Range::unsigned(5), Range::new(-3, 9)] {
        let network = matrix::network("complements", 20, 16, weights.clone(), range).unwrap();
        let options = Options { family: Some(Family::Ice40), levels_per_stage: 1, ..Options::default() };
        let design = lower(&network, &options).unwrap();
        let netlist = &design.netlist;
        let varies = |node: NodeId| !matches!(netlist.node(node).op, Op::Const(_));
        for node in &netlist.nodes {
            let Op::Sum(terms) = &node.op else { continue };
            let operands: Vec<_> = terms.iter().filter(|t| varies(t.node)).collect();
            assert!(operands.len() < 2 || operands.iter().all(|t| !t.negate), "{}: {terms:?}", node.name);
        }
        let samples = random::samples(&mut Draw::new(8), &network, 20);
        let run = simulate(&design, &samples, Stalls::random(3, 60));
        let want: Vec<_> = samples.iter().map(|s| evaluate(&network, s).unwrap().pop().unwrap()).collect();
        assert_eq!(run.outputs, want);
    }
}

#[test]
fn impossible_wishes_are_refused_by_name() {
    let network = random::network(&mut Draw::new(1));
    let elements = network.input.elements();
    let refuse = |options: Options| lower(&network, &options).unwrap_err().to_string();
    let base = Options::default();
    let lanes = refuse(Options { input_lanes: Some(0), ..base.clone() });
    assert_eq!(lanes, format!("input lanes: 0; want 1 to {elements}, the elements of a sample"));
    let lanes = refuse(Options { input_lanes: Some(elements + 1), ..base.clone() });
    assert!(lanes.starts_with(&format!("input lanes: {}", elements + 1)), "{lanes}");
    let fold = |folding: Folding| refuse(Options { folding, ..base.clone() });
    assert_eq!(fold(Folding::Pes(0)), "folding of the network: 0 PEs; want at least 1");
    let dense = network.layers.iter().filter(|l| matches!(l.op, LayerOp::Dense(_))).count();
    assert!(dense > 0);
    let count = fold(Folding::PerLayer(vec![Style::Unrolled; dense + 1]));
    let wanted = format!("folding: styles given: {}, layers of weights: {dense};", dense + 1);
    assert!(count.starts_with(&wanted), "{count}");
    let none = fold(Folding::PerLayer(vec![Style::Folded { pes: 0 }; dense]));
    assert!(none.starts_with("folding of layer ") && none.ends_with(": 0 PEs; want at least 1"), "{none}");
    assert_eq!(
        refuse(Options { levels_per_stage: 0, ..base.clone() }),
        "levels per stage: 0; want at least 1"
    );
    let lanes = |input_lanes| Options { input_lanes: Some(input_lanes), ..base.clone() };
    let pixels = images::of_pixels(3, 2, 2);
    for wrong in [0, 2, 4] {
        let error = lower(&pixels, &lanes(wrong)).unwrap_err().to_string();
        assert_eq!(error, format!("input lanes: {wrong}; want a divisor of the 3 values of a pixel"));
    }
}
