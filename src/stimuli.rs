//! Samples made to find faults: corner cases, sums exactly at the thresholds, and noise. And how many thresholds a set of
//! samples has really tried.

use std::collections::BTreeSet;

use rayon::prelude::*;
use sterna_ir::bench::Stall;
use sterna_ir::{LayerOp, Network, Range, Result, Threshold, eval};

/// Corner samples: all lowest, all highest, alternating twice, and four with a single highest element.
const CORNERS: usize = 8;

/// `count` samples: the corners; then by turns a sample that puts one sum of the first layer at a threshold or one beside it,
/// and noise. The same network, count and seed give the same samples.
pub fn made(network: &Network, count: usize, seed: u64) -> Vec<Vec<i64>> {
    let ranges = network.input.of_elements();
    let n = ranges.len();
    let mut draw = Draw(Stall::new(seed, 0));
    let pick = |high: &dyn Fn(usize) -> bool| {
        let ends = ranges.iter().enumerate();
        ends.map(|(i, range)| if high(i) { range.hi } else { range.lo }).collect()
    };
    (0..count)
        .map(|index| match index {
            0 | 1 => pick(&|_| index == 1),
            2 | 3 => pick(&|i| i % 2 == index % 2),
            4..CORNERS => pick(&|i| i == index * n / CORNERS),
            _ => {
                let mut sample: Vec<i64> = ranges.iter().map(|range| draw.within(*range)).collect();
                if index % 2 == 0 {
                    move_to_edge(network, &ranges, &mut sample, (index - CORNERS) / 2, &mut draw);
                }
                sample
            }
        })
        .collect()
}

/// Vectors of integers, one after the other.
pub type Vectors = Vec<Vec<i64>>;

/// `count` samples and their results for test benches, which see results alone: of four times as many made samples first
/// those with a result that none before them has, since noise mostly falls into one class.
pub fn varied(network: &Network, count: usize, seed: u64) -> Result<(Vectors, Vectors)> {
    let results = |sample: &Vec<i64>| Ok(eval::evaluate(network, sample)?.pop().unwrap_or_default());
    let samples = made(network, 4 * count, seed);
    let results: Vec<Vec<i64>> = samples.par_iter().map(results).collect::<Result<_>>()?;
    let mut seen = BTreeSet::new();
    let (fresh, again): (Vec<_>, Vec<_>) =
        samples.into_iter().zip(&results).partition(|(_, result)| seen.insert(*result));
    let chosen = fresh.into_iter().chain(again).take(count);
    Ok(chosen.map(|(sample, result)| (sample, result.clone())).unzip())
}

/// Most samples that are tried for one that reaches an edge, and most values computed for that.
const MOST_TRIED: usize = 20_000;
const MOST_COMPUTED: usize = 40_000_000;

/// `samples`, and behind them changed ones, each of which tries a side of a threshold, in any layer, that none before it does.
///
/// # Errors
/// When the network does not check.
pub fn at_edges(network: &Network, mut samples: Vectors, seed: u64) -> Result<Vectors> {
    let mut edges = Edges::of(network)?;
    for sample in &samples {
        edges.see(network, sample, &eval::evaluate(network, sample)?);
    }
    let ranges = network.input.of_elements();
    let computed: usize = network.ranges()?.iter().map(Vec::len).sum();
    let mut draw = Draw(Stall::new(seed, 1));
    for _ in 0..MOST_TRIED.min(MOST_COMPUTED / computed.max(1)) {
        let mut sample = samples[draw.below(samples.len())].clone();
        for _ in 0..=draw.below(4) {
            let element = draw.below(sample.len());
            let Range { lo, hi } = ranges[element];
            sample[element] = [lo, hi, draw.within(ranges[element])][draw.below(3)];
        }
        let before = edges.sides();
        edges.see(network, &sample, &eval::evaluate(network, &sample)?);
        if edges.sides() > before {
            samples.push(sample);
        }
    }
    Ok(samples)
}

struct Draw(Stall);

impl Draw {
    fn below(&mut self, count: usize) -> usize {
        self.within(Range::new(0, count as i64 - 1)) as usize
    }

    fn within(&mut self, range: Range) -> i64 {
        self.0.draw();
        range.lo + (self.0.state % ((range.hi - range.lo) as u64 + 1)) as i64
    }
}

/// Moves `sample` so that the sum of one channel is at one of its thresholds, one below or one above; `turn` goes through
/// the channels, the levels and the three places.
fn move_to_edge(network: &Network, ranges: &[Range], sample: &mut [i64], turn: usize, draw: &mut Draw) {
    match (&network.layers[0].op, network.layers.get(1).map(|l| &l.op)) {
        (op @ (LayerOp::Dense(_) | LayerOp::Conv2d(_)), Some(LayerOp::Threshold(t))) => {
            let (channel, level) = (turn % t.channels, turn / t.channels % t.levels);
            let place = (turn / t.channels / t.levels + turn) % 3;
            let target = t.of(channel)[level] + place as i64 - 1;
            let position = draw.within(Range::new(0, t.positions as i64 - 1)) as usize;
            let sum = Sum::of(op, channel * t.positions + position);
            sum.steer(target, ranges, sample, draw);
        }
        (LayerOp::Threshold(t), _) => {
            for (element, value) in sample.iter_mut().enumerate() {
                let channel = element / t.positions;
                let edge = t.of(channel)[turn % t.levels] - (turn + element) as i64 % 2;
                *value = edge.clamp(ranges[element].lo, ranges[element].hi);
            }
        }
        _ => {}
    }
}

/// A weighted sum of elements of a sample.
struct Sum {
    terms: Vec<(usize, i64)>,
    bias: i64,
}

impl Sum {
    /// Output `element` of a dense layer or a convolution, zero weights left out.
    fn of(op: &LayerOp, element: usize) -> Self {
        match op {
            LayerOp::Conv2d(c) => {
                let positions = c.window.positions();
                let mut terms = Vec::new();
                c.each(element / positions, |window, x, weight| {
                    if window == element % positions {
                        terms.push((x, i64::from(weight)));
                    }
                });
                Sum { terms, bias: c.bias(element / positions) }
            }
            LayerOp::Dense(d) => {
                let weights = d.row(element).iter().map(|w| i64::from(*w)).enumerate();
                Sum { terms: weights.filter(|(_, w)| *w != 0).collect(), bias: d.bias(element) }
            }
            _ => unreachable!("a layer of weights"),
        }
    }

    /// Changes elements, from a random one on, until the sum is `target`, as far as the ranges let it.
    fn steer(&self, target: i64, ranges: &[Range], sample: &mut [i64], draw: &mut Draw) {
        let n = self.terms.len();
        let sum: i64 = self.terms.iter().map(|(i, w)| w * sample[*i]).sum();
        let mut missing = target - self.bias - sum;
        let start = draw.within(Range::new(0, n.max(1) as i64 - 1)) as usize;
        for (i, weight) in (0..n).map(|k| self.terms[(start + k) % n]) {
            let moved = (sample[i] + missing / weight).clamp(ranges[i].lo, ranges[i].hi);
            missing -= weight * (moved - sample[i]);
            sample[i] = moved;
        }
    }
}

/// Which thresholds have been tried at their edge: with the last value that does not reach them, and with the first that
/// does.
#[derive(Clone, Debug)]
pub struct Edges {
    /// Per layer `[elements][levels]`: can both values occur, has the lower one been seen, has the upper one.
    layers: Vec<Vec<[bool; 3]>>,
}

/// The largest value on the lower side of threshold `t`.
fn lower(t: &Threshold, channel: usize, threshold: i64) -> i64 {
    if t.is_falling(channel) { threshold } else { threshold - 1 }
}

impl Edges {
    /// Nothing tried yet.
    ///
    /// Errors when the network does not check.
    pub fn of(network: &Network) -> Result<Self> {
        let ranges = network.ranges()?;
        let input = network.input.of_elements();
        let layer = |(index, layer): (usize, &sterna_ir::Layer)| match &layer.op {
            LayerOp::Threshold(t) => {
                let before = if index == 0 { &input } else { &ranges[index - 1] };
                let possible = |e: usize, v: i64| before[e].contains(v) && before[e].contains(v + 1);
                let element = |e: usize| {
                    let c = e / t.positions;
                    t.of(c).iter().map(move |v| [possible(e, lower(t, c, *v)), false, false])
                };
                (0..before.len()).flat_map(element).collect()
            }
            _ => Vec::new(),
        };
        Ok(Edges { layers: network.layers.iter().enumerate().map(layer).collect() })
    }

    /// Notes what a sample tries, from its trace through the network.
    pub fn see(&mut self, network: &Network, sample: &[i64], trace: &[Vec<i64>]) {
        for (index, layer) in network.layers.iter().enumerate() {
            let LayerOp::Threshold(t) = &layer.op else { continue };
            let before = if index == 0 { sample } else { &trace[index - 1] };
            let mut seen = self.layers[index].iter_mut();
            for (element, value) in before.iter().enumerate() {
                let c = element / t.positions;
                for threshold in t.of(c) {
                    let [_, below, above] = seen.next().expect("one entry per threshold");
                    let edge = lower(t, c, *threshold);
                    *below |= *value == edge;
                    *above |= *value == edge + 1;
                }
            }
        }
    }

    /// Sides of thresholds tried.
    fn sides(&self) -> usize {
        self.layers.iter().flatten().map(|[_, below, above]| usize::from(*below) + usize::from(*above)).sum()
    }

    /// Thresholds tried from both sides, and those that can be.
    pub fn tried(&self) -> (u64, u64) {
        let all = || self.layers.iter().flatten().filter(|[possible, ..]| *possible);
        (all().filter(|[_, below, above]| *below && *above).count() as u64, all().count() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_ir::{Dense, Input, Layer};

    fn network(falling: bool) -> Network {
        let weights = vec![1, -1, 0, 1, 0, 1, 1, 1];
        let dense = Dense { inputs: 4, outputs: 2, weights, bias: vec![5, -3] };
        let threshold = Threshold {
            channels: 2,
            positions: 1,
            levels: 2,
            thresholds: vec![-40, 17, 100, 5000],
            falling: vec![falling, false],
            thermometer: false,
        };
        let layer = |name: &str, op| Layer { name: name.into(), op };
        Network {
            name: "edges".into(),
            input: Input::new(vec![4], Range::new(0, 255)),
            layers: vec![layer("fc", LayerOp::Dense(dense)), layer("act", LayerOp::Threshold(threshold))],
        }
    }

    #[test]
    fn made_samples_try_every_threshold_that_can_be_reached() {
        for falling in [false, true] {
            let network = network(falling);
            let mut edges = Edges::of(&network).unwrap();
            let samples = made(&network, 64, 3);
            assert_eq!(samples, made(&network, 64, 3));
            for sample in &samples {
                eval::check_sample(&network, sample).unwrap();
                edges.see(&network, sample, &eval::evaluate(&network, sample).unwrap());
            }
            // The sum of three pixels never reaches 5000.
            assert_eq!(edges.tried(), (3, 3));
        }
    }

    #[test]
    fn changed_samples_reach_sides_that_others_do_not() {
        let network = network(false);
        let few = made(&network, 2, 3);
        let more = at_edges(&network, few.clone(), 3).unwrap();
        assert_eq!((&more[..2], more.clone()), (&few[..], at_edges(&network, few.clone(), 3).unwrap()));
        let sides = |samples: &[Vec<i64>]| {
            let mut edges = Edges::of(&network).unwrap();
            samples.iter().for_each(|s| edges.see(&network, s, &eval::evaluate(&network, s).unwrap()));
            edges.sides()
        };
        assert_eq!(
            (1..=more.len() - 2).map(|n| sides(&more[..2 + n])).filter(|n| *n <= sides(&few)).count(),
            0
        );
        assert!(sides(&more) > sides(&few));
    }

    #[test]
    fn benches_see_every_result_once_before_any_twice() {
        let mut network = network(false);
        network.layers.push(Layer { name: "class".into(), op: LayerOp::ArgMax });
        let (samples, results) = varied(&network, 4, 3).unwrap();
        assert_eq!((samples.len(), &results[..2]), (4, &[vec![0], vec![1]][..]));
        for (sample, result) in samples.iter().zip(&results) {
            assert_eq!(eval::evaluate(&network, sample).unwrap().last(), Some(result));
        }
    }

    #[test]
    fn one_side_alone_does_not_count() {
        let network = network(false);
        let mut edges = Edges::of(&network).unwrap();
        let mut see = |sample: [i64; 4]| {
            edges.see(&network, &sample, &eval::evaluate(&network, &sample).unwrap());
            edges.tried().0
        };
        // 5 + 12 - 0 is 17, the threshold itself.
        assert_eq!(see([12, 0, 0, 0]), 0);
        assert_eq!(see([12, 0, 200, 0]), 0);
        assert_eq!(see([11, 0, 0, 0]), 1);
    }
}
