//! From the real-valued functions between two layers of a model to the integers where they take a step: nothing is sampled,
//! half-lines of values are pulled back through exact inverses.

use num_traits::{One, Zero};
use sterna_ir::range::MAX_WIDTH;
use sterna_ir::{Range, Threshold};

use crate::exact::{Ratio, Reach, Rounding, near, whole};

/// Most thresholds of a layer: 4,096 channels of 8 bits.
const MOST_THRESHOLDS: usize = 1 << 20;

/// One value for all elements of a vector, or one for each of so many equal parts that follow each other.
pub type Params = Vec<Ratio>;

/// A function of every element by itself that never turns back: only rises or only falls.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `scale * x + offset`.
    Affine {
        /// Factors.
        scale: Params,
        /// What is added.
        offset: Params,
    },
    /// Held between bounds.
    Clamp {
        /// Lowest value.
        lo: Option<Ratio>,
        /// Highest value.
        hi: Option<Ratio>,
    },
    /// To an integer.
    Round(Rounding),
}

/// The value of part `part` of `parts`.
pub fn of_part(params: &Params, part: usize, parts: usize) -> &Ratio {
    &params[part * params.len() / parts]
}

/// The parts that both cut a vector into; `None` when neither cut is finer than the other.
pub fn common(a: usize, b: usize) -> Option<usize> {
    (a.max(b).is_multiple_of(a.min(b))).then_some(a.max(b))
}

/// `f` part by part; both are cut into the same parts, or one into finer ones.
pub fn zip(a: &Params, b: &Params, f: impl Fn(&Ratio, &Ratio) -> Ratio) -> Option<Params> {
    let parts = common(a.len(), b.len())?;
    Some((0..parts).map(|p| f(of_part(a, p, parts), of_part(b, p, parts))).collect())
}

impl Step {
    /// `x` itself.
    pub fn identity() -> Self {
        Step::Affine { scale: vec![Ratio::one()], offset: vec![Ratio::zero()] }
    }

    /// Parts that it tells apart.
    pub fn parts(&self) -> usize {
        match self {
            Step::Affine { scale, offset } => scale.len().max(offset.len()),
            _ => 1,
        }
    }

    /// Its value at `x`.
    pub fn apply(&self, x: &Ratio, part: usize, parts: usize) -> Ratio {
        match self {
            Step::Affine { scale, offset } => x * of_part(scale, part, parts) + of_part(offset, part, parts),
            Step::Clamp { lo, hi } => {
                let x = lo.as_ref().map_or(x, |lo| x.max(lo));
                hi.as_ref().map_or(x, |hi| x.min(hi)).clone()
            }
            Step::Round(mode) => mode.round(x),
        }
    }

    fn before(&self, reach: Reach, part: usize, parts: usize) -> Reach {
        match self {
            Step::Affine { scale, offset } => {
                reach.before_affine(of_part(scale, part, parts), of_part(offset, part, parts))
            }
            Step::Clamp { lo, hi } => reach.before_clamp(lo.as_ref(), hi.as_ref()),
            Step::Round(mode) => reach.before_round(*mode),
        }
    }
}

/// A staircase: `base + unit * #{ l : value in edges[l] }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Stairs {
    /// By part, the values that have reached each step, the first step first.
    pub edges: Vec<Vec<Reach>>,
    /// Height of a step.
    pub unit: Params,
    /// Value of the lowest step.
    pub base: Params,
}

impl Stairs {
    /// The integers `lo..=hi`, reached from themselves.
    pub fn integers(lo: i64, hi: i64) -> Self {
        let edges = vec![(lo + 1..=hi).map(|k| Reach::from(whole(k))).collect()];
        Stairs { edges, unit: vec![Ratio::one()], base: vec![whole(lo)] }
    }

    /// Steps.
    pub fn levels(&self) -> usize {
        self.edges[0].len()
    }

    /// Thresholds on the integers that become values through `steps`, by so many `parts` or finer ones of `elements`. Steps
    /// at the bottom that every value has reached are left out, and those at the top that none does.
    ///
    /// `None` if parts do not fit or thresholds are more than 2^20. A step that only some parts always or never reach is at
    /// the end of what integers can be.
    pub fn thresholds(&self, steps: &[Step], elements: usize, parts: usize) -> Option<Found> {
        let parts = steps.iter().map(Step::parts).chain([self.edges.len()]).try_fold(parts, common)?;
        if !elements.is_multiple_of(parts) || parts.saturating_mul(self.levels()) > MOST_THRESHOLDS {
            return None;
        }
        let of_part = |part: usize| -> Vec<Reach> {
            let edges = &self.edges[part * self.edges.len() / parts];
            let back = |edge: &Reach| steps.iter().rev().fold(edge.clone(), |r, s| s.before(r, part, parts));
            edges.iter().map(back).collect()
        };
        let reaches: Vec<Vec<Reach>> = (0..parts).map(of_part).collect();
        let all = |level: usize, reach: Reach| reaches.iter().all(|r| r[level] == reach);
        let last = self.levels() - 1;
        let first = (0..last).find(|l| !all(*l, Reach::Always)).unwrap_or(last);
        let end = (first + 1..=last).rev().find(|l| !all(*l, Reach::Never)).unwrap_or(first) + 1;
        let falling: Vec<bool> =
            reaches.iter().map(|r| r.iter().any(|r| matches!(r, Reach::Below { .. }))).collect();
        let levels = |(reaches, falls): (&Vec<Reach>, &bool)| {
            let mut levels: Vec<(i64, f64)> = reaches[first..end]
                .iter()
                .map(|r| (edge(r, *falls), r.edge().map_or(f64::NAN, near)))
                .collect();
            levels.sort_unstable_by_key(|(threshold, _)| *threshold);
            levels
        };
        let (thresholds, edges) = reaches.iter().zip(&falling).flat_map(levels).unzip();
        let layer = Threshold {
            channels: parts,
            positions: elements / parts,
            levels: end - first,
            thresholds,
            falling: if falling.contains(&true) { falling } else { Vec::new() },
            thermometer: false,
        };
        Some(Found { layer, edges, first })
    }
}

/// The thresholds of a staircase.
pub struct Found {
    /// The layer.
    pub layer: Threshold,
    /// Beside each threshold the number that it was rounded from; NaN where every or no integer reaches it.
    pub edges: Vec<f64>,
    /// Steps at the bottom that are left out.
    pub first: usize,
}

/// The first integer of a rising half-line, the last of a falling one.
fn edge(reach: &Reach, falls: bool) -> i64 {
    let limit = Range::signed(MAX_WIDTH);
    let held = |value: Ratio| {
        let (lo, hi) = (whole(limit.lo), whole(limit.hi));
        crate::exact::as_integer(&value.clamp(lo, hi)).expect("an integer within 60 bits")
    };
    match reach {
        Reach::Always if falls => limit.hi,
        Reach::Always => limit.lo,
        Reach::Never if falls => limit.lo,
        Reach::Never => limit.hi,
        Reach::Above { at, open: false } => held(at.ceil()),
        Reach::Above { at, open: true } => held(at.floor() + Ratio::one()),
        Reach::Below { at, open: false } => held(at.floor()),
        Reach::Below { at, open: true } => held(at.ceil() - Ratio::one()),
    }
}

/// Moves thresholds that no value in `x` can tell from the ends of its range to just there: a file is shorter so, and the
/// meaning the same.
pub fn trim(threshold: &mut Threshold, x: &[Range]) {
    let (levels, positions) = (threshold.levels, threshold.positions);
    for (channel, x) in x.chunks_exact(positions).enumerate() {
        let range = x.iter().copied().reduce(Range::union).expect("a channel has elements");
        // `x >= lo` and `x <= hi` always hold; `x >= hi + 1` and `x <= lo - 1` never do.
        let (lo, hi) = match threshold.is_falling(channel) {
            true => (range.lo - 1, range.hi),
            false => (range.lo, range.hi + 1),
        };
        for t in &mut threshold.thresholds[channel * levels..(channel + 1) * levels] {
            *t = (*t).clamp(lo, hi);
        }
    }
}
