//! Sharing processing elements out over layers.

use sterna_ir::Dense;

use crate::digits::digits;
use crate::folded::slots_of;
use crate::{Error, Result};

/// PEs for each layer, at most `pes` in all, such that the slowest layer takes the fewest cycles.
pub fn share(layers: &[&Dense], pes: usize) -> Result<Vec<usize>> {
    if pes < layers.len() {
        return Err(Error::TooFewPes { pes, layers: layers.len() });
    }
    let steps: Vec<Vec<(usize, usize)>> = layers.iter().map(|d| frontier(d, pes)).collect();
    let mut goals: Vec<usize> = steps.iter().flatten().map(|(_, cycles)| *cycles).collect();
    goals.sort_unstable();
    let fit = |goal: usize| -> Option<Vec<usize>> {
        let fewest = |steps: &Vec<(usize, usize)>| {
            let at = steps.partition_point(|(_, cycles)| *cycles > goal);
            steps.get(at).map(|(pes, _)| *pes)
        };
        let shares: Vec<usize> = steps.iter().map(fewest).collect::<Option<_>>()?;
        (shares.iter().sum::<usize>() <= pes).then_some(shares)
    };
    let first = goals.partition_point(|goal| fit(*goal).is_none());
    Ok(goals.get(first).and_then(|goal| fit(*goal)).unwrap_or_default())
}

/// (PEs, cycles) of a layer, both strictly monotone: every step is worth its PEs.
fn frontier(d: &Dense, most: usize) -> Vec<(usize, usize)> {
    let count = |o: usize| d.row(o).iter().map(|w| digits(i64::from(*w)).count()).sum();
    let mut lengths: Vec<usize> = (0..d.outputs).map(count).collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    let mut steps: Vec<(usize, usize)> = Vec::new();
    for pes in 1..=most.min(d.outputs) {
        let cycles = slots_of(&lengths, pes);
        if steps.last().is_none_or(|(_, best)| cycles < *best) {
            steps.push((pes, cycles));
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_layer_gets_more_and_every_layer_one() {
        let dense = |inputs: usize, outputs: usize| Dense {
            inputs,
            outputs,
            weights: vec![1; inputs * outputs],
            bias: vec![],
        };
        let (large, small) = (dense(100, 64), dense(64, 10));
        let shares = share(&[&large, &small], 12).unwrap();
        assert!(shares[0] > shares[1] && shares[1] >= 1 && shares.iter().sum::<usize>() <= 12, "{shares:?}");
        assert_eq!(share(&[&large, &small], 2).unwrap(), [1, 1]);
        let error = share(&[&large, &small], 1).unwrap_err().to_string();
        assert_eq!(error, "folding: 1 PEs for 2 dense layers; want at least one for each");
    }
}
