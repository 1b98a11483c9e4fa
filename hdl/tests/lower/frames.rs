//! Packets of wrong lengths: every sample that can be told from what came, in order, and the right ones right.

use sterna_hdl::lower;
use sterna_ir::bench::{self, Collector, Run, Stalls, filled};
use sterna_ir::eval::evaluate;
use sterna_ir::interpret::{Circuit, Interpreter};
use sterna_ir::{Design, Network};

use crate::random::{self, Draw};
use crate::{disturb, expect_trace, images, port};

/// Packets of at least one beat that may be too short, too long, or right.
fn lengths(draw: &mut Draw, beats: i64, count: usize) -> Vec<usize> {
    let length = |draw: &mut Draw| match draw.within(0, 5) {
        0 => draw.within(1, beats),
        1 => draw.within(1, 3 * beats),
        2 => beats * draw.within(1, 3),
        _ => beats,
    };
    (0..count).map(|_| length(draw) as usize).collect()
}

/// Sends packets of `lengths` beats, of `samples` one after the other, each from its first beat on; looks at every result
/// and, in every cycle, at `frame_error`.
fn send(
    design: &Design,
    circuit: &mut Interpreter,
    samples: &[Vec<i64>],
    lengths: &[usize],
    mut stalls: Stalls,
    place: &str,
) -> Run {
    let Design { input, output, probes, .. } = design;
    let (beats, last, error) = (input.beats(), input.last.unwrap(), port(design, "frame_error"));
    // Of each beat its place in its sample, whether `last` is 1, and whether that is wrong.
    let packet = |length: usize| {
        (0..length)
            .map(move |at| (at % beats, at + 1 == length, (at + 1 == length) != (at % beats + 1 == beats)))
    };
    let mut beats = lengths.iter().flat_map(|length| packet(*length)).peekable();
    let size = |order: &[u32]| order.iter().max().map_or(0, |m| *m as usize + 1);
    let mut results = Collector::new(output, output.order.len());
    let mut seen: Vec<Collector> =
        probes.iter().map(|p| Collector::new(&p.stream, size(&p.stream.order))).collect();
    let (mut begun, mut offered, mut wrong, mut idle) = (0, false, false, 0);
    bench::reset(design, circuit);
    // Longer than until all are there, to see none too many.
    while results.vectors.len() <= samples.len() && idle < 2_000 {
        if idle == 300 && results.vectors.len() == samples.len() {
            break;
        }
        let (hold_in, hold_out) = (stalls.input.draw(), stalls.output.draw());
        let beat = beats.peek().copied().filter(|_| offered || !hold_in);
        let sample = |at: usize| &samples[if at == 0 { begun } else { begun - 1 }];
        bench::offer(input, circuit, beat.map(|(at, ..)| (sample(at).as_slice(), at)), false);
        circuit.set(last, i64::from(beat.is_some_and(|(_, last, _)| last)));
        circuit.set(output.ready, i64::from(!hold_out));
        circuit.settle();
        assert_eq!(circuit.get(error), i64::from(wrong), "frame_error, {place}");
        idle += 1;
        offered = beat.is_some() && circuit.get(input.ready) == 0;
        if let Some((at, _, is_wrong)) = beat.filter(|_| !offered) {
            begun += usize::from(at == 0);
            wrong |= is_wrong;
            beats.next();
            idle = 0;
        }
        seen.iter_mut().for_each(|probe| _ = probe.sample(circuit));
        if results.sample(circuit) {
            idle = 0;
        }
        circuit.clock();
    }
    assert!(beats.next().is_none(), "a beat is never taken, {place}");
    let probes = seen.into_iter().map(|probe| probe.vectors);
    let mut probes: Vec<_> = probes.collect();
    probes.iter_mut().for_each(|vectors| vectors.resize(samples.len(), vec![]));
    Run { outputs: results.vectors, probes, started: vec![], finished: vec![] }
}

/// Returns whether a packet was cut short.
fn try_packets(draw: &mut Draw, network: &Network, design: &Design, seed: u64, place: &str) -> bool {
    let beats = design.input.beats();
    let lengths = lengths(draw, beats as i64, 6);
    let place = format!("packets of {lengths:?} with {beats} beats a sample, {place}");
    let come: Vec<usize> = (lengths.iter())
        .flat_map(|length| (0..*length).step_by(beats).map(move |from| beats.min(length - from)))
        .collect();
    let samples = random::samples(draw, network, come.len());
    let mut circuit = Interpreter::new(&design.netlist);
    for stalls in [Stalls::none(), Stalls::random(seed, 100), Stalls::random(seed, 200)] {
        disturb(design, &mut circuit, &samples);
        let run = send(design, &mut circuit, &samples, &lengths, stalls, &place);
        assert_eq!(run.outputs.len(), samples.len(), "results, {place}");
        for (n, (sample, come)) in samples.iter().zip(&come).enumerate() {
            match evaluate(network, &filled(&design.input, sample, *come)) {
                Ok(trace) => expect_trace(design, n, &trace, &run, &place),
                // What is missing counts as 0, which is nothing that such an input can be.
                Err(error) => assert!(*come < beats, "{error}, {place}"),
            }
        }
    }
    come.iter().any(|come| *come < beats)
}

#[test]
fn packets_of_wrong_lengths_spoil_no_other() {
    let (mut cut, mut all) = (0, 0);
    for seed in 5000..5300 {
        let mut draw = Draw::new(seed);
        let (network, options) = if seed < 5200 {
            let network = random::network(&mut draw);
            let options = random::options(&mut draw, &network);
            (network, options)
        } else {
            let network = images::network(&mut draw);
            let options = images::options(&mut draw, &network);
            (network, options)
        };
        let Ok(design) = lower(&network, &options) else { continue };
        cut += usize::from(try_packets(
            &mut draw,
            &network,
            &design,
            seed,
            &format!("seed {seed}, {options:?}"),
        ));
        all += 1;
    }
    assert!(cut > 100 && all > 270, "{cut} cut short in {all} networks");
}
