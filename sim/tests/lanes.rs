//! Lanes, threads and segments give what the interpreter gives under the test bench protocol.

use crate::common::designs;
use sterna_ir::bench::{self, Stalls, filled};
use sterna_ir::interpret::Interpreter;
use sterna_sim::{Error, Options, Rows, dual, run, stream};

#[test]
fn every_lane_follows_the_protocol_to_the_cycle() {
    for (design, level, harsh) in [
        (designs::accumulator(), 0, false),
        (designs::accumulator(), 90, false),
        (designs::wide(), 0, false),
        (designs::wide(), 120, false),
        (designs::wide(), 0, true),
        (designs::wide(), 120, true),
    ] {
        let samples = designs::samples(&design, 150, 4);
        let segments = if harsh { 37 } else { 20 };
        let options =
            Options { stall_level: level, seed: 9, probes: true, segments, harsh, ..Options::default() };
        let all = run(&design, &samples, &options, &|_, _| ()).unwrap();
        assert_eq!(all.cut.len() > 2, harsh, "{:?}", all.cut);
        for (s, segment) in all.segments.iter().enumerate() {
            let range = segment.first..segment.first + segment.samples;
            let mut circuit = Interpreter::new(&design.netlist);
            let cut = all.cut.range(range.clone()).next();
            let fault = cut.map(|(sample, beats)| ((sample - segment.first) * 2 + beats - 1) as u64);
            let stalls = Stalls { fault, ..Stalls::random(9 + s as u64, level) };
            // Those whose results are taken seldom.
            if harsh && level > 0 && (s % 4 == 2 || s % 8 == 5) {
                continue;
            }
            let one = bench::run(&design, &mut circuit, &samples[range.clone()], stalls, 1000).unwrap();
            assert_eq!(all.outputs[range.clone()], one.outputs);
            assert_eq!(all.probes[0][range.clone()], one.probes[0]);
            assert_eq!(all.started[range.clone()], one.started);
            assert_eq!(all.finished[range], one.finished);
            assert_eq!(one.finished.last().unwrap() + 1, segment.cycles);
        }
        for (lanes, threads, bitwise) in [
            (1, 1, false),
            (16, 2, false),
            (32, 1, false),
            (64, 1, false),
            (64, 1, true),
            (256, 2, true),
            (512, 1, true),
        ] {
            let other =
                Options { lanes: Some(lanes), threads: Some(threads), bitwise: Some(bitwise), ..options };
            assert_eq!(run(&design, &samples, &other, &|_, _| ()).unwrap(), all);
        }
        assert_eq!(dual::run(&design, &samples[..20], Stalls::random(3, level), 1000).unwrap(), None);
    }
}

#[test]
fn a_sample_that_is_cut_short_is_filled_up_and_the_next_is_right() {
    let design = designs::wide();
    let samples = designs::samples(&design, 150, 4);
    let options = Options { stall_level: 60, segments: 37, harsh: true, ..Options::default() };
    let all = run(&design, &samples, &options, &|_, _| ()).unwrap();
    assert!(all.cut.len() > 2);
    for (n, (sample, output)) in samples.iter().zip(&all.outputs).enumerate() {
        let taken = all.cut.get(&n).map_or(sample.clone(), |beats| filled(&design.input, sample, *beats));
        let raised: Vec<i64> = taken.iter().map(|value| value + 1).collect();
        assert_eq!(output, &raised, "sample {n}");
    }
}

#[test]
fn rows_of_a_matrix_are_samples() {
    let design = designs::accumulator();
    let samples = designs::samples(&design, 50, 4);
    let bytes: Vec<i8> = samples.iter().flatten().map(|v| i8::try_from(*v).unwrap()).collect();
    let options = Options { stall_level: 60, ..Options::default() };
    let rows = Rows::new(&design, &bytes, 4).unwrap();
    let all = run(&design, &samples, &options, &|_, _| ()).unwrap();
    assert_eq!(stream(&design, &rows, &options, &|_, _| ()).unwrap(), all);
    let refused = |values: &[i16], elements| Rows::new(&design, values, elements).unwrap_err().to_string();
    assert_eq!(refused(&[0, 0, 0, 0, 0, 0, 200, 0], 4), "sample 1: element 2 is 200, outside -128..=127");
    assert_eq!(refused(&[0; 6], 3), "sample 0: 3 values given, the design takes 4");
    assert_eq!(refused(&[0; 6], 4), "6 values are no whole rows of 4");
}

#[test]
fn bad_samples_and_stuck_circuits_are_errors() {
    let design = designs::accumulator();
    let go = |samples: &[Vec<i64>], options| {
        run(&design, samples, &options, &|_, _| ()).map_err(|e| e.to_string())
    };
    let good = vec![1, 2, 3, 4];
    let short = go(&[good.clone(), vec![1]], Options::default()).unwrap_err();
    assert_eq!(short, "sample 1: 1 values given, the design takes 4");
    let large = go(&[vec![1, 2, 128, 4]], Options::default()).unwrap_err();
    assert_eq!(large, "sample 0: element 2 is 128, outside -128..=127");
    let mut stuck = design.clone();
    stuck.output.valid = stuck.netlist.ids().find(|id| stuck.netlist.node(*id).name == "c0").unwrap();
    let result = run(&stuck, &[good], &Options { patience: Some(50), ..Options::default() }, &|_, _| ());
    assert!(
        matches!(result, Err(Error::Stuck(text)) if text.contains("nothing moved for 50 cycles after 0 of 1"))
    );
    assert_eq!(go(&[], Options::default()).unwrap().cycles(), 0);
}
