//! The compiled circuit against the network's own evaluator, on random networks, foldings, samples and stalls.

mod random;
mod scale;

use random::Draw;
use sterna_hdl::simplify::simplify;
use sterna_hdl::{Options, lower};
use sterna_ir::bench::{self, Run, Stalls};
use sterna_ir::eval::evaluate;
use sterna_ir::interpret::Interpreter;
use sterna_ir::{Design, Network};

fn simulate(design: &Design, samples: &[Vec<i64>], stalls: Stalls) -> Run {
    let mut circuit = Interpreter::new(&design.netlist);
    bench::run(design, &mut circuit, samples, stalls, 20_000).expect("no deadlock")
}

fn expect_equal(network: &Network, design: &Design, samples: &[Vec<i64>], run: &Run, place: &str) {
    for (n, sample) in samples.iter().enumerate() {
        let trace = evaluate(network, sample).unwrap();
        assert_eq!(&run.outputs[n], trace.last().unwrap(), "output of sample {n}, {place}");
        for (p, probe) in design.probes.iter().enumerate() {
            // The last samples may still be on their way when the last result is out only if a probe lies behind it: never.
            let seen = &run.probes[p][n];
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
}

#[test]
fn circuits_equal_their_networks_under_stalls() {
    for seed in 0..400 {
        let mut draw = Draw::new(seed);
        let network = random::network(&mut draw);
        let options = random::options(&mut draw, &network);
        let place = format!("seed {seed}, {options:?}");
        let design = lower(&network, &options).unwrap_or_else(|e| panic!("{place}: {e}"));
        let samples = random::samples(&mut draw, &network, 6);
        for stalls in [Stalls::none(), Stalls::random(seed, 100), Stalls::random(seed, 200)] {
            let run = simulate(&design, &samples, stalls);
            expect_equal(&network, &design, &samples, &run, &place);
        }
    }
}

#[test]
fn timing_is_what_the_bench_measures() {
    for seed in 1000..1200 {
        let mut draw = Draw::new(seed);
        let network = random::network(&mut draw);
        let options = random::options(&mut draw, &network);
        let design = lower(&network, &options).unwrap();
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
    for seed in 2000..2400 {
        let mut draw = Draw::new(seed);
        let network = random::network(&mut draw);
        let small = simplify(&network).unwrap();
        small.network.check().unwrap();
        for sample in random::samples(&mut draw, &network, 8) {
            let full = evaluate(&network, &sample).unwrap();
            let fewer: Vec<i64> = small.inputs.iter().map(|i| sample[*i as usize]).collect();
            let trace = evaluate(&small.network, &fewer).unwrap();
            for (layer, kept) in small.kept.iter().enumerate() {
                let wanted: Vec<i64> = kept.iter().map(|e| full[layer][*e as usize]).collect();
                assert_eq!(trace[layer], wanted, "seed {seed}, layer {layer}");
            }
            assert_eq!(trace.last(), full.last());
        }
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
    assert_eq!(
        refuse(Options { levels_per_stage: 0, ..base.clone() }),
        "levels per stage: 0; want at least 1"
    );
}
