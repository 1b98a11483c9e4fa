//! More stimuli, for mutants that survive those that were asked for.

use anyhow::Result;
use sterna_sim::Options;

use crate::build::Build;
use crate::check::Request;
use crate::stimuli;

/// Rounds of other samples, stalls and broken packets.
pub const ROUNDS: u64 = 6;

/// Samples of a round, and the parts that they come in, a broken packet in every fourth: by turns few of so many samples that
/// those whose results are taken seldom fill up the whole circuit, and many, each behind a reset in mid-stream.
const SAMPLES: [usize; 2] = [1000, 2400];
const PARTS: [usize; 2] = [250, 24];

/// The samples and stalls of a round: of the last those that reach thresholds which made samples do not.
pub fn stimuli(build: &Build, asked: &Request, round: u64) -> Result<(Vec<Vec<i64>>, Options)> {
    // The stalls of a part are drawn by the seed and the number of the part.
    let seed = asked.options.seed.wrapping_add(round * (1 << 32));
    let turn = round as usize % 2;
    let made = stimuli::made(&build.network, SAMPLES[turn], seed);
    let samples = if round == ROUNDS { stimuli::at_edges(&build.network, made, seed)? } else { made };
    Ok((samples, Options { segments: PARTS[turn], seed, harsh: true, ..asked.options }))
}

/// The samples that a search found, as elements of the network's input, one after the other.
pub fn witness(build: &Build, asked: &Request, found: &[Vec<i64>]) -> (Vec<Vec<i64>>, Options) {
    let ranges = build.network.input.of_elements();
    let whole = |sample: &Vec<i64>| {
        let element = |(at, range): (usize, &sterna_ir::Range)| {
            sample.get(at).copied().unwrap_or(0).clamp(range.lo, range.hi)
        };
        ranges.iter().enumerate().map(element).collect()
    };
    let samples = found.iter().map(whole).collect();
    (samples, Options { segments: 1, stall_level: 0, harsh: false, ..asked.options })
}
