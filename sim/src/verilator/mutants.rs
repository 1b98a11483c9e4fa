//! Verilog that holds many mutants, run once for each.

use super::compare::group;
use super::model::{Mode, Stimulus};
use super::{POWER_UPS, Setup, VerifyRequest};
use crate::{Error, Result};
use rayon::prelude::*;

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "fate", rename_all = "kebab-case")]
pub enum Fate {
    /// A stream differed, first in this segment.
    Killed {
        /// The segment.
        segment: usize,
        /// Number of the power-up state.
        power_up: u32,
    },
    /// The model ended by itself, as one does whose logic has become a loop.
    Crashed {
        /// Its last words.
        message: String,
    },
    /// Nothing differed.
    Survived,
}

/// Runs `request`, whose sources behave as mutant `n` when given `+plusarg=n`, for each of `numbers`; `told` hears of each
/// as it is known, in any order. Number 0 is no mutant, and must not differ.
///
/// # Errors
/// As [`super::verify`]; [`Error::Request`] when the Verilog differs with nothing broken.
pub fn mutants(
    request: &VerifyRequest,
    plusarg: &str,
    numbers: &[usize],
    told: &(dyn Fn(usize, Fate) + Sync),
) -> Result<()> {
    let setup = Setup::new(request)?;
    let count = setup.run.segments.len();
    let all = Stimulus::new(request.design, &setup.tasks(0..count))?;
    let first = Stimulus::new(request.design, &setup.tasks(0..count.min(1)))?;
    let differs = |number: usize, power_up: u32| {
        let (stimulus, segments) = if power_up == 0 { (&all, 0..count) } else { (&first, 0..count.min(1)) };
        let mode = Mode { power_up, plusarg: Some((plusarg, number)), ..Mode::default() };
        group(request, &setup.model, &setup.shape, &setup.run, segments, (stimulus, mode), &|_| ())
    };
    if differs(0, 0)?.is_some() {
        let what =
            "the Verilog differs from the design with nothing broken; run verify without --mutants first";
        return Err(Error::Request(what.into()));
    }
    numbers.par_iter().try_for_each(|&number| {
        let mut fate = Fate::Survived;
        for power_up in 0..=POWER_UPS {
            match differs(number, power_up) {
                Ok(None) => continue,
                Ok(Some(suspect)) => fate = Fate::Killed { segment: suspect.segment, power_up },
                Err(Error::Model { message, .. }) => fate = Fate::Crashed { message },
                Err(error) => return Err(error),
            }
            break;
        }
        told(number, fate);
        Ok(())
    })
}
