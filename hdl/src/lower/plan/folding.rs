//! The style of each dense layer: as asked, or with processing elements shared out over the layers.

use sterna_ir::{Dense, LayerOp, Network};

use super::clean;
use crate::lower::digits::digits;
use crate::lower::folded::slots_of;
use crate::{Error, Folding, Result, Style};

/// One style per dense layer of `small`, the simplified `network`.
pub fn styles(network: &Network, small: &Network, folding: &Folding) -> Result<Vec<Style>> {
    let dense: Vec<(usize, &Dense)> = (small.layers.iter().enumerate())
        .filter_map(|(i, l)| match &l.op {
            LayerOp::Dense(d) => Some((i, d)),
            _ => None,
        })
        .collect();
    let styles = match folding {
        Folding::Unrolled => vec![Style::Unrolled; dense.len()],
        Folding::Pes(0) => return Err(Error::NoPes { place: "the network".into() }),
        Folding::Pes(pes) => {
            let dense: Vec<&Dense> = dense.iter().map(|(_, d)| *d).collect();
            share(&dense, *pes)?.into_iter().map(|pes| Style::Folded { pes }).collect()
        }
        Folding::PerLayer(styles) if styles.len() != dense.len() => {
            return Err(Error::StyleCount { given: styles.len(), layers: dense.len() });
        }
        Folding::PerLayer(styles) => styles.clone(),
    };
    for ((index, _), style) in dense.iter().zip(&styles) {
        if *style == (Style::Folded { pes: 0 }) {
            let name = &network.layers[*index].name;
            return Err(Error::NoPes { place: format!("layer {index} ({})", clean(name)) });
        }
    }
    Ok(styles)
}

/// PEs for each layer, at most `pes` in all, such that the slowest layer takes the fewest cycles.
fn share(layers: &[&Dense], pes: usize) -> Result<Vec<usize>> {
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
