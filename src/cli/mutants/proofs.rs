//! Proofs that a mutant is the same circuit, in words.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use sterna_hdl::equal::{Prover, Verdict};
use sterna_hdl::mutate::Mutant;
use sterna_hdl::synth::Error;

use super::journal::Journal;

/// What a search for a proof found.
pub struct Proof {
    /// Whether it is proved.
    pub equivalent: bool,
    /// How it is known, or why it is not.
    pub reason: String,
    /// Samples that tell a mutant from the original.
    pub witness: Option<Vec<Vec<i64>>>,
}

/// Whether `mutant` is proved to be the same circuit, and how or why not.
pub fn prove(prover: &Prover, mutant: &Mutant, limit: Duration) -> Result<Proof> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let known = |equivalent, reason: String| Proof { equivalent, reason, witness: None };
    Ok(match prover.prove(mutant, folder.path(), limit) {
        Ok(Verdict::Equal) => {
            known(true, "proved: nothing that is done to the circuit tells them apart".into())
        }
        Ok(Verdict::EqualPart(part)) => known(
            true,
            format!(
                "proved: whatever is done to the ports of {part}, nothing shows there but in data that are not \
                 valid, which nothing else reads"
            ),
        ),
        Ok(Verdict::Differ { cycles, samples }) => Proof {
            equivalent: false,
            reason: format!("not the same: some input tells them apart in {cycles} cycles"),
            witness: Some(samples).filter(|samples| !samples.is_empty()),
        },
        Ok(Verdict::Open) => {
            known(false, "neither proved nor disproved in time; give more with --proof-time".into())
        }
        Err(error @ Error::Unreadable { .. }) => known(false, error.to_string()),
        Err(error) => return Err(error.into()),
    })
}

/// Looks for proofs that nothing shows at the ports of a part, of mutants that a stream between stages has told from the
/// circuit.
pub fn doubt(prover: &Prover, mutants: &[Mutant], journal: &Journal, limit: Duration) -> Result<()> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let killed: Vec<usize> = (0..mutants.len()).filter(|i| journal.is_killed(i + 1)).collect();
    killed.par_iter().try_for_each(|&i| {
        let place = folder.path().join(i.to_string());
        std::fs::create_dir(&place).context("no temporary folder")?;
        if let Some(part) = prover.through_part(&mutants[i], &place, limit)? {
            let Mutant { file, line, after, .. } = &mutants[i];
            bail!("{file}, line {line}: {after}: proved not to show at {part}, yet the simulation differs");
        }
        std::fs::remove_dir_all(&place).context("temporary folder")
    })
}
