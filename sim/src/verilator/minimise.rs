//! A small stimulus that shows the same difference: delta debugging (Zeller and Hildebrandt, "Simplifying and isolating
//! failure-inducing input", IEEE TSE 2002) over samples, then over their elements.

use super::compare::{Suspect, group};
use super::model::{Mode, Stimulus};
use super::{Setup, VerifyRequest, task, watched};
use crate::packed::Packed;
use crate::run::{Options, run_hashed};
use crate::{Error, Result};

/// Runs of the model that a search may take.
const RUNS: usize = 400;

/// A stimulus that shows a difference.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reproduction {
    /// Stall probability in 1/256 on both streams.
    pub stall_level: u8,
    /// Seed of the stalls.
    pub seed: u64,
    /// Cycles of the stimulus before the reset.
    pub before: u64,
    /// The samples.
    pub samples: Vec<Vec<i64>>,
}

/// Makes the stimulus of a segment that differs as small as it becomes; `None` when it does not differ by itself, without
/// the segments before it and what makes it harsh.
pub(super) fn minimise(setup: &Setup, suspect: Suspect, power_up: u32) -> Result<Option<Reproduction>> {
    let request = setup.request;
    let segment = &setup.run.segments[suspect.segment];
    let mut best = Reproduction {
        stall_level: request.options.stall_level,
        seed: request.options.seed.wrapping_add(suspect.segment as u64),
        before: super::before(request, suspect.segment),
        samples: request.samples[segment.first..segment.first + segment.samples].to_vec(),
    };
    let mut search = Search { setup, power_up, runs: 0 };
    if !search.differs(&best)? {
        return Ok(None);
    }
    for simpler in
        [Reproduction { before: 0, ..best.clone() }, Reproduction { stall_level: 0, ..best.clone() }]
    {
        let both = Reproduction { before: best.before.min(simpler.before), ..simpler };
        if search.differs(&both)? {
            best = both;
        }
    }
    let all = std::mem::take(&mut best.samples);
    let kept = search.fewest(all.len(), &|kept| Reproduction {
        samples: kept.iter().map(|i| all[*i].clone()).collect(),
        ..best.clone()
    })?;
    best.samples = kept.into_iter().map(|i| all[i].clone()).collect();
    // Elements that are as near to zero as an input can be do not count.
    let range = request.design.netlist.node(request.design.input.data[0]).range;
    let rest = 0i64.clamp(range.lo, range.hi);
    let places: Vec<(usize, usize)> = (0..best.samples.len())
        .flat_map(|s| (0..best.samples[s].len()).map(move |e| (s, e)))
        .filter(|(s, e)| best.samples[*s][*e] != rest)
        .collect();
    let only = |kept: &[usize]| {
        let mut samples: Vec<Vec<i64>> = best.samples.iter().map(|s| vec![rest; s.len()]).collect();
        kept.iter().map(|i| places[*i]).for_each(|(s, e)| samples[s][e] = best.samples[s][e]);
        Reproduction { samples, ..best.clone() }
    };
    let kept = search.fewest(places.len(), &only)?;
    Ok(Some(only(&kept)))
}

struct Search<'a> {
    setup: &'a Setup<'a>,
    power_up: u32,
    runs: usize,
}

impl Search<'_> {
    /// Whether the Verilog differs on a stimulus that is one segment.
    fn differs(&mut self, what: &Reproduction) -> Result<bool> {
        if what.samples.is_empty() || self.runs == RUNS {
            return Ok(false);
        }
        self.runs += 1;
        let options = Options {
            segments: 1,
            seed: what.seed,
            stall_level: what.stall_level,
            harsh: false,
            ..self.setup.request.options
        };
        let request = VerifyRequest {
            samples: &what.samples,
            options,
            before: Some(what.before),
            ..*self.setup.request
        };
        let source = Packed::new(request.design, request.samples)?;
        let watched = watched(request.design, request.pins, request.probes);
        let run = run_hashed(request.design, &watched, &source, &options, &|_, _| ())?;
        let stimulus = Stimulus::new(request.design, &[task(&request, &source, &run, 0)])?;
        let mode = Mode { power_up: self.power_up, ..Mode::default() };
        match group(&request, &self.setup.model, &self.setup.shape, &run, 0..1, (&stimulus, mode), &|_| ()) {
            Ok(found) => Ok(found.is_some()),
            Err(Error::Model { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// A subset of `0..count`, as small as halving leaves it, for which `build` still differs.
    fn fewest(&mut self, count: usize, build: &dyn Fn(&[usize]) -> Reproduction) -> Result<Vec<usize>> {
        let mut kept: Vec<usize> = (0..count).collect();
        let mut size = count.div_ceil(2);
        while size > 0 && self.runs < RUNS {
            let mut at = 0;
            while at < kept.len() {
                let fewer = [&kept[..at], &kept[(at + size).min(kept.len())..]].concat();
                if self.differs(&build(&fewer))? {
                    kept = fewer;
                } else {
                    at += size;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
        Ok(kept)
    }
}
