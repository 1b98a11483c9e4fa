//! The style of each layer of weights: as asked, or with processing elements shared out over the layers.

use sterna_ir::{Layer, LayerOp, Network};

use super::clean;
use super::elements::most_per_beat;
use crate::lower::digits::digits;
use crate::lower::folded::{MOST_LANES, fewest_cycles, least_cycles};
use crate::lower::simplify::simplify;
use crate::{DIGIT_BITS, Error, Folding, Result, Style};

/// A good step: the cycles of the faster of two choices over those of the slower, at most.
const STEP: (usize, usize) = (9, 10);

/// What a layer of weights asks of processing elements.
struct Load {
    layer: usize,
    /// Additions of each row.
    lengths: Vec<usize>,
    /// Beats of the elements that arrive for each window; none counted for a vector, which arrives no later than any other.
    arriving: usize,
    /// Windows of a sample; 1 for a dense layer.
    windows: usize,
    /// Most results per beat.
    most: usize,
}

impl Load {
    fn new(layer: usize, after: &[Layer], rows: &[&[i16]], windows: usize) -> Self {
        let count = |row: &&[i16]| row.iter().map(|w| digits(i64::from(*w)).count()).sum();
        let lengths: Vec<usize> = rows.iter().map(count).collect();
        let is_read = |i: &usize| rows.iter().any(|row| row[*i] != 0);
        let arriving =
            if windows > 1 { (0..rows[0].len()).filter(is_read).count().div_ceil(MOST_LANES) } else { 0 };
        let most = most_per_beat(after, lengths.len(), windows);
        Load { layer, lengths, arriving, windows, most }
    }

    /// Cycles for a sample.
    fn cycles(&self, pes: usize) -> usize {
        self.windows * fewest_cycles(&self.lengths, (pes, self.most)).max(self.arriving)
    }
}

/// What the layers of weights of a simplified network ask for.
fn loads(small: &Network) -> Vec<Load> {
    // Thresholds belong to the layer before them.
    let after = |i: usize| {
        let is_behind = |l: &&Layer| matches!(l.op, LayerOp::Threshold(_));
        let layers = &small.layers[i + 1..];
        &layers[layers.iter().take_while(is_behind).count().min(1)..]
    };
    let load = |(i, l): (usize, &Layer)| match &l.op {
        LayerOp::Dense(d) => {
            let rows: Vec<&[i16]> = (0..d.outputs).map(|o| d.row(o)).collect();
            Some(Load::new(i, after(i), &rows, 1))
        }
        LayerOp::Conv2d(c) => {
            let rows: Vec<&[i16]> = (0..c.outputs).map(|o| c.row(o)).collect();
            Some(Load::new(i, after(i), &rows, c.window.positions()))
        }
        _ => None,
    };
    small.layers.iter().enumerate().filter_map(load).collect()
}

/// Per layer of weights, numbers of processing elements between which a design can choose, ascending, and about how many
/// cycles a sample takes on them: each a good step faster than the one before.
///
/// Errors for layers that no circuit is known for.
pub fn pes_worth_trying(network: &Network) -> Result<Vec<Vec<(usize, usize)>>> {
    let small = simplify(network)?;
    let thin = |load: &Load| {
        let all = frontier(load, load.lengths.len());
        let mut kept: Vec<(usize, usize)> = Vec::new();
        for (i, step) in all.iter().enumerate() {
            let good = kept.last().is_none_or(|last| step.1 * STEP.1 <= last.1 * STEP.0);
            if good || i + 1 == all.len() {
                kept.push(*step);
            }
        }
        kept
    };
    Ok(loads(&small.network).iter().map(thin).collect())
}

/// Numbers of processing elements of a layer of weights between two others, exclusively, that save cycles; the layer counted
/// from 0 among those of weights.
///
/// Errors for layers that no circuit is known for.
pub fn pes_between(network: &Network, layer: usize, (few, many): (usize, usize)) -> Result<Vec<usize>> {
    let small = simplify(network)?;
    let steps = frontier(&loads(&small.network)[layer], many);
    Ok(steps.into_iter().map(|(pes, _)| pes).filter(|pes| (few + 1..many).contains(pes)).collect())
}

/// One style per layer of weights of `small`, the simplified `network`; and the cycles that a sample takes in the slowest of
/// those on zero-skipping elements, about.
pub fn styles(network: &Network, small: &Network, folding: &Folding) -> Result<(Vec<Style>, usize)> {
    let loads = loads(small);
    let styles = match folding {
        Folding::Unrolled => vec![Style::Unrolled; loads.len()],
        Folding::Pes(0) => return Err(Error::NoPes { place: "the network".into() }),
        Folding::Pes(pes) => share(&loads, *pes)?.into_iter().map(|pes| Style::Folded { pes }).collect(),
        Folding::PerLayer(styles) if styles.len() != loads.len() => {
            return Err(Error::StyleCount { given: styles.len(), layers: loads.len() });
        }
        Folding::PerLayer(styles) => styles.clone(),
    };
    for (load, style) in loads.iter().zip(&styles) {
        let place = || format!("layer {} ({})", load.layer, clean(&network.layers[load.layer].name));
        match style {
            Style::Serial { bits } if !DIGIT_BITS.contains(bits) => {
                return Err(Error::DigitBits { place: place(), bits: *bits });
            }
            _ if style.pes() == Some(0) => return Err(Error::NoPes { place: place() }),
            _ => {}
        }
    }
    let cycles = |(load, style): (&Load, &Style)| match style {
        Style::Folded { pes } => load.cycles((*pes).min(load.lengths.len())),
        _ => 0,
    };
    let pace = loads.iter().zip(&styles).map(cycles).max().unwrap_or(0);
    Ok((styles, pace))
}

/// PEs for each layer, at most `pes` in all, such that the slowest layer takes the fewest cycles.
fn share(layers: &[Load], pes: usize) -> Result<Vec<usize>> {
    if pes < layers.len() {
        return Err(Error::TooFewPes { pes, layers: layers.len() });
    }
    let steps: Vec<Vec<(usize, usize)>> = layers.iter().map(|load| frontier(load, pes)).collect();
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
fn frontier(load: &Load, most: usize) -> Vec<(usize, usize)> {
    let mut steps: Vec<(usize, usize)> = Vec::new();
    for pes in 1..=most.min(load.lengths.len()) {
        // Dealing takes time: only where it can be of use.
        let least = load.windows * least_cycles(&load.lengths, (pes, load.most));
        if steps.last().is_some_and(|(_, best)| least >= *best) {
            continue;
        }
        let cycles = load.cycles(pes);
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
        let load = |inputs: usize, outputs: usize, windows: usize| {
            let row = vec![1i16; inputs];
            Load::new(0, &[], &vec![&row[..]; outputs], windows)
        };
        let shares = share(&[load(100, 64, 1), load(64, 10, 1)], 12).unwrap();
        assert!(shares[0] > shares[1] && shares[1] >= 1 && shares.iter().sum::<usize>() <= 12, "{shares:?}");
        assert_eq!(share(&[load(100, 64, 1), load(64, 10, 1)], 2).unwrap(), [1, 1]);
        let shares = share(&[load(9, 8, 100), load(9, 8, 1)], 5).unwrap();
        assert_eq!(shares[1], 1, "the windows of a convolution count: {shares:?}");
        let error = share(&[load(100, 64, 1), load(64, 10, 1)], 1).unwrap_err().to_string();
        assert_eq!(error, "folding: 1 PEs for 2 layers of weights; want at least one for each");
    }
}
