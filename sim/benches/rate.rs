//! Cycles per second of the fast simulator and the interpreter, on a pipelined unrolled design and on a folded one.

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use sterna_ir::bench::{self, Stalls};
use sterna_ir::build::Builder;
use sterna_ir::design::{Design, Stream, Timing};
use sterna_ir::interpret::Interpreter;
use sterna_ir::netlist::{NodeId, Term};
use sterna_ir::{Range, check::check};
use sterna_sim::{Options, run};

/// Pseudo-random numbers below `n`.
fn dice(state: &mut u64, n: usize) -> usize {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    (*state >> 33) as usize % n
}

/// A handshake around everything that moves when `go`: ready, the enable, and the result's `valid` after `stages`.
struct Shell {
    valid: NodeId,
    taken: NodeId,
    go: NodeId,
}

fn shell(b: &mut Builder) -> Shell {
    b.reset("rst");
    let valid = b.input("s_valid", Range::BIT);
    let taken = b.input("m_ready", Range::BIT);
    let full = b.loop_reg(Range::BIT, None, Some(0), "full");
    let empty = b.not(full, "empty");
    let go = b.or(&[empty, taken], "go");
    Shell { valid, taken, go }
}

/// 64 balanced pipelined trees over 64 inputs of 8 bits, half of the weights zero.
fn unrolled() -> Design {
    let mut b = Builder::new("unrolled", vec![]);
    let shell = shell(&mut b);
    let x: Vec<NodeId> = (0..64).map(|i| b.input(format!("x{i}"), Range::signed(8))).collect();
    let mut seed = 1;
    let (mut data, mut stages) = (vec![], 0);
    for _ in 0..64 {
        let mut level: Vec<(NodeId, bool)> = x
            .iter()
            .filter_map(|x| Some((*x, dice(&mut seed, 2) == 1)).filter(|_| dice(&mut seed, 2) == 1))
            .collect();
        level.truncate(32);
        while level.len() < 32 {
            level.push((x[level.len()], false));
        }
        stages = 0;
        while level.len() > 1 {
            let term = |(node, negate): (NodeId, bool)| Term { node, shift: 0, negate };
            level = level
                .chunks(2)
                .map(|pair| {
                    let sum = b.sum(&[term(pair[0]), term(pair[1])], "sum");
                    (b.reg(sum, Some(shell.go), "stage"), false)
                })
                .collect();
            stages += 1;
        }
        data.push(level[0].0);
    }
    let mut valid = shell.valid;
    for _ in 1..stages {
        valid = b.control(valid, Some(shell.go), 0, "valid");
    }
    let full = NodeId(shell.taken.0 + 1);
    b.drive(full, valid);
    b.gate(full, shell.go);
    finish(b, &shell, x, full, data, Timing { latency: stages, interval: 1 })
}

fn finish(
    b: Builder,
    shell: &Shell,
    x: Vec<NodeId>,
    full: NodeId,
    data: Vec<NodeId>,
    timing: Timing,
) -> Design {
    let mut b = b;
    [shell.go, full].iter().chain(&data).for_each(|id| b.output(*id));
    let netlist = b.finish();
    check(&netlist).expect("the design is sound");
    let order = |n: usize| (0..n as u32).collect();
    Design {
        netlist,
        input: Stream { valid: shell.valid, ready: shell.go, last: None, order: order(x.len()), data: x },
        output: Stream { valid: full, ready: shell.taken, last: None, order: order(data.len()), data },
        probes: vec![],
        timing,
    }
}

/// 96 processing elements that walk a list of 600 entries each: ROM of address and sign, activation RAM, accumulator.
fn folded() -> Design {
    const STEPS: i64 = 600;
    let mut b = Builder::new("folded", vec![]);
    b.reset("rst");
    let valid = b.input("s_valid", Range::BIT);
    let taken = b.input("m_ready", Range::BIT);
    let x: Vec<NodeId> = (0..16).map(|i| b.input(format!("x{i}"), Range::unsigned(4))).collect();
    let full = b.loop_reg(Range::BIT, None, Some(0), "full");
    let busy = b.loop_reg(Range::BIT, None, Some(0), "busy");
    let idle = b.not(busy, "idle");
    let empty = b.not(full, "empty");
    let ready = b.and(&[idle, empty], "ready");
    let load = b.and(&[ready, valid], "load");
    let count = b.loop_reg(Range::unsigned(10), None, Some(0), "count");
    let one = b.constant(1);
    let zero = b.constant(0);
    let up = b.sum(&[Term::plus(count), Term::plus(one)], "up");
    let cut = b.wrap(up, Range::unsigned(10), "cut");
    let next = b.mux(busy, zero, cut, "next");
    b.drive(count, next);
    let end = b.eq_const(count, STEPS, "end");
    let running = b.not(end, "running");
    let stay = b.and(&[busy, running], "stay");
    let start = b.or(&[load, stay], "start");
    b.drive(busy, start);
    let refused = b.not(taken, "refused");
    let keep = b.and(&[full, refused], "keep");
    let finished = b.and(&[busy, end], "finished");
    let hold = b.or(&[finished, keep], "hold");
    b.drive(full, hold);
    let mut seed = 7;
    let mut sums = vec![];
    for pe in 0..96 {
        let list = (0..=STEPS).map(|_| dice(&mut seed, 64) as i64).collect();
        let list = b.rom(list, "list");
        let entry = b.read(list, count, None, "entry");
        let index = b.slice(entry, 0, 5, "index");
        let sign = b.slice(entry, 5, 1, "sign");
        let write = b.slice(count, 0, 5, "write");
        let bank = b.ram(32, load, write, x[pe % 16], "bank");
        let value = b.read(bank, index, Some(busy), "value");
        let later = b.reg(sign, None, "later");
        let negated = b.sum(&[Term::minus(value)], "negated");
        let term = b.mux(later, value, negated, "term");
        let acc = b.loop_reg(Range::signed(16), Some(busy), None, "acc");
        let first = b.eq_const(count, 2, "first");
        let base = b.mux(first, acc, zero, "base");
        let sum = b.sum(&[Term::plus(base), Term::plus(term)], "sum");
        let sum = b.wrap(sum, Range::signed(16), "wrapped");
        b.drive(acc, sum);
        sums.push(acc);
    }
    let shell = Shell { valid, taken, go: ready };
    let timing = Timing { latency: STEPS as u64 + 2, interval: STEPS as u64 + 3 };
    finish(b, &shell, x, full, sums, timing)
}

fn rate(c: &mut Criterion) {
    for (name, design, count) in [("unrolled", unrolled(), 20_000), ("folded", folded(), 64)] {
        let mut seed = 3;
        let samples: Vec<Vec<i64>> = (0..count)
            .map(|_| (0..design.input.data.len()).map(|_| dice(&mut seed, 16) as i64).collect())
            .collect();
        println!("{name}: {} nodes", design.netlist.nodes.len());
        let mut group = c.benchmark_group(name);
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        for (label, lanes) in [("one lane", Some(1)), ("16 lanes", Some(16)), ("32 lanes", Some(32))] {
            let options = Options { lanes, threads: Some(1), ..Options::default() };
            let cycles = run(&design, &samples, &options, &|_, _| ()).expect("it runs").cycles();
            group.throughput(Throughput::Elements(cycles));
            group.bench_function(label, |b| b.iter(|| run(&design, &samples, &options, &|_, _| ())));
        }
        let few = &samples[..(count / 64).max(1)];
        let slow = || {
            let mut circuit = Interpreter::new(&design.netlist);
            bench::run(&design, &mut circuit, few, Stalls::none(), 10_000).expect("it runs")
        };
        let cycles = slow().finished.last().expect("there are results") + 1;
        group.throughput(Throughput::Elements(cycles));
        group.bench_function("interpreter", |b| b.iter(slow));
        group.finish();
    }
}

criterion_group!(benches, rate);
criterion_main!(benches);
