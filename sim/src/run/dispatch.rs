//! Which machine runs a design.

use super::Options;
use crate::bench::{Bench, Job, Outcome};
use crate::lanes::Lanes;
use crate::machine::Machine;
use crate::planes::Planes;
use crate::program::{Program, Watch, stream_nodes};
use crate::slice::slice;
use crate::sliced::Sliced;
use crate::word::WordSize;
use rayon::prelude::*;
use sterna_ir::Design;

/// Picks the machine.
pub(super) fn dispatch(
    bench: &Bench,
    jobs: &[Job],
    options: &Options,
    done: &(dyn Fn(u64) + Sync),
) -> std::result::Result<Vec<Outcome>, String> {
    let program = Program::for_design(bench.design);
    let size = program.word_size();
    if let Some((planes, lanes)) = sliced(bench.design, &program, jobs.len(), options) {
        return match lanes {
            64 => batches::<Sliced<1>>(bench, &planes, jobs, done),
            256 => batches::<Sliced<4>>(bench, &planes, jobs, done),
            _ => batches::<Sliced<8>>(bench, &planes, jobs, done),
        };
    }
    let lanes = options.lanes.unwrap_or(if jobs.len() == 1 { 1 } else { side_by_side(size) });
    match (size, lanes) {
        (WordSize::W16, 0 | 1) => batches::<Machine<i16, 1>>(bench, &program, jobs, done),
        (WordSize::W16, 2..=16) => batches::<Machine<i16, 16>>(bench, &program, jobs, done),
        (WordSize::W16, 17..=32) => batches::<Machine<i16, 32>>(bench, &program, jobs, done),
        (WordSize::W16, _) => batches::<Machine<i16, 64>>(bench, &program, jobs, done),
        (WordSize::W32, 0 | 1) => batches::<Machine<i32, 1>>(bench, &program, jobs, done),
        (WordSize::W32, 2..=16) => batches::<Machine<i32, 16>>(bench, &program, jobs, done),
        (WordSize::W32, _) => batches::<Machine<i32, 32>>(bench, &program, jobs, done),
        (WordSize::W64, 0 | 1) => batches::<Machine<i64, 1>>(bench, &program, jobs, done),
        (WordSize::W64, _) => batches::<Machine<i64, 16>>(bench, &program, jobs, done),
    }
}

/// Lanes that are simulated together: two vectors of 64 bytes, more work for every instruction that is looked at.
fn side_by_side(size: WordSize) -> usize {
    match size {
        WordSize::W16 => 64,
        WordSize::W32 => 32,
        WordSize::W64 => 16,
    }
}

/// The design in planes and the number of lanes, where that is asked for or cheaper than words.
fn sliced(design: &Design, program: &Program, jobs: usize, options: &Options) -> Option<(Planes, usize)> {
    if !options.bitwise.unwrap_or(jobs > 1 && options.lanes.is_none()) {
        return None;
    }
    let planes = slice(&design.netlist, Watch::Nodes(&stream_nodes(design)));
    let lanes = match options.lanes.unwrap_or(jobs) {
        0..=64 => 64,
        65..=256 => 256,
        _ => 512,
    };
    // Vectors of 64 bytes read or written, or words of a narrow machine; an instruction on words has three operands of two.
    let side_by_side = side_by_side(program.word_size());
    let words = jobs.div_ceil(side_by_side) * program.args.len() * 3 * 2;
    // Circuits that nobody stalls are at the same place.
    let addresses = if options.stall_level > 0 || options.harsh { jobs.min(lanes) } else { 1 };
    let bits = jobs.div_ceil(lanes) * planes.cost(addresses);
    (options.bitwise.is_some() || bits < words).then_some((planes, lanes))
}

/// Runs the jobs in batches that fill a machine.
fn batches<M: Lanes>(
    bench: &Bench,
    program: &M::Program,
    jobs: &[Job],
    done: &(dyn Fn(u64) + Sync),
) -> std::result::Result<Vec<Outcome>, String> {
    let parts: std::result::Result<Vec<Vec<Outcome>>, String> =
        jobs.par_chunks(M::LANES).map(|jobs| bench.batch::<M>(program, jobs, done)).collect();
    Ok(parts?.into_iter().flatten().collect())
}
