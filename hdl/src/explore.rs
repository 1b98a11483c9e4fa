//! Automatic folding: the style and the processing elements of every layer, for so many cells or cycles.
//!
//! Every layer has candidates: unrolled, on digits, and folded on numbers of elements that are worth their cost
//! (`candidates.rs`).
//! Layers work at the same time, so a design is as slow as its slowest layer: of every layer those candidates are left that
//! keep a pace, and sets of sums that nothing beats combine them (`combine.rs`). A combination is a guess, since layers are
//! estimated among neighbours of their own kind; what is returned was built as a whole, and its figures are those of that
//! very netlist.

mod candidates;
mod combine;
mod reasons;
mod search;

use serde::Serialize;
use sterna_ir::Network;
use sterna_ir::design::Timing;

use crate::estimate::{Resources, estimate};
use crate::family::Family;
use crate::lower::{Searched, trial};
use crate::{Error, Folding, Options, Result, Style};
use candidates::{Candidate, candidates};
use combine::{Area, cheapest};
pub use reasons::text;

/// Look-up tables of designs that estimates can tell apart, as a factor.
const TOLD_APART: f64 = 1.02;

/// What a search hears: designs built so far, and how many there will be at least; first of all layers by themselves, then of
/// what is made of them.
pub type Watch<'a> = &'a dyn Fn(usize, usize);

/// Cycles of neighbours on the frontier: the faster one's over the slower one's, at most.
const STEP: f64 = 0.85;

/// Look-up tables that a block RAM is worth where none is to be used if it can be.
const NO_BLOCKS: f64 = 1e6;

/// What a design may take; `None` is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Look-up tables, by [`Family::lut_convention`].
    pub lut: Option<f64>,
    /// Block RAMs, as [`Resources::bram`] counts them.
    pub bram: Option<f64>,
    /// Cycles between samples.
    pub interval: Option<u64>,
}

impl Budget {
    /// What a block RAM is worth in look-up tables where one of the two alone is bounded: nothing, or whatever it takes;
    /// else `usual`.
    fn price(&self, usual: f64) -> f64 {
        match (self.lut, self.bram) {
            (Some(_), None) => 0.0,
            (None, Some(_)) => NO_BLOCKS,
            _ => usual,
        }
    }

    /// The budget for estimates that leaves room for their error, [`margin`] for look-up tables and [`BRAM_MARGIN`].
    pub fn with_margin(self, family: Family) -> Self {
        let (lut, bram) = (1.0 + margin(family), 1.0 + BRAM_MARGIN);
        Budget { lut: self.lut.map(|n| n / lut), bram: self.bram.map(|n| n / bram), ..self }
    }
}

/// The share of block RAM that is left for the error of estimates.
pub const BRAM_MARGIN: f64 = 0.05;

/// The share of look-up tables that is left for the error of estimates: the most that Yosys 0.23 counted beyond the estimate
/// of the designs of `scripts/measure/estimate-error` and `scripts/measure/budget`, unrolled, folded and of images, rounded
/// up, and at least 3 %. Where it must be enough, ask Yosys.
pub fn margin(family: Family) -> f64 {
    match family {
        Family::Ice40 => 0.03,
        Family::Ecp5 => 0.19,
        Family::Gowin => 0.08,
        Family::Xcup => 0.23,
    }
}

/// A design of the whole network, with the figures of its netlist.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// By layer of weights.
    pub styles: Vec<Style>,
    /// Elements per input beat, where the search chose them.
    pub input_lanes: Option<usize>,
    /// Cycles, exactly.
    pub timing: Timing,
    /// The estimate.
    pub cells: Resources,
    /// Clock after place and route, in MHz, where the delay model knows the family.
    pub mhz: Option<f64>,
    /// By layer of weights, why this style.
    pub reasons: Vec<String>,
}

impl Point {
    /// The options that build it.
    pub fn options(&self, options: &Options) -> Options {
        let folding = Folding::PerLayer(self.styles.clone());
        Options { folding, input_lanes: self.input_lanes, ..options.clone() }
    }

    /// Whether this one makes `other` pointless: it is no worse in cycles, look-up tables and block RAMs and better in one of
    /// them, or faster for so few look-up tables more that the estimate cannot tell.
    fn beats(&self, other: &Point) -> bool {
        let figures = |p: &Point| (p.timing.interval, p.cells.lut, p.cells.bram);
        let ((cycles, lut, bram), (others, more_lut, more_bram)) = (figures(self), figures(other));
        let slack = if cycles < others { TOLD_APART } else { 1.0 };
        (cycles, lut, bram) != (others, more_lut, more_bram)
            && cycles <= others
            && lut <= slack * more_lut
            && bram <= more_bram
    }

    /// Whether it keeps `budget`.
    pub fn fits(&self, budget: &Budget) -> bool {
        budget.lut.is_none_or(|most| self.cells.lut <= most)
            && budget.bram.is_none_or(|most| self.cells.bram <= most)
            && budget.interval.is_none_or(|most| self.timing.interval <= most)
    }
}

/// What became of a search.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// The fastest design that fits, or the smallest where the cycles are given.
    Fits(Point),
    /// Nothing was found; the designs nearest to the budget: the fastest within the cells, or the smallest there is, and the
    /// smallest within the cycles, or the fastest there is.
    Nearest(Vec<Point>),
}

/// The candidates of a network, to choose from.
pub struct Explorer<'a> {
    network: &'a Network,
    options: Options,
    family: Family,
    /// By layer of weights, slowest first.
    layers: Vec<Vec<Candidate>>,
    /// What stands around the layers of weights.
    rest: Area,
    known: Searched,
    /// Designs built so far, with what they were made of.
    built: Vec<(Vec<usize>, Point)>,
    watch: Watch<'a>,
    /// Designs that will be built at least.
    expected: usize,
}

impl std::fmt::Debug for Explorer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Explorer")
            .field("layers", &self.layers)
            .field("built", &self.built)
            .finish_non_exhaustive()
    }
}

impl<'a> Explorer<'a> {
    /// Builds and estimates all candidates of `network` with `options`, whose folding does not matter. `watch` hears of each
    /// design that was built, now and later.
    ///
    /// Errors when no family is chosen, for a network without layers of weights, and as [`crate::lower()`] does.
    pub fn new(network: &'a Network, options: &Options, watch: Watch<'a>) -> Result<Self> {
        let family = options.family.ok_or(Error::NoFamily)?;
        let mut known = Searched::default();
        let layers = candidates(network, options, family, &mut known, watch)?;
        if layers.is_empty() {
            return Err(Error::NothingToFold);
        }
        let rest = Area::default();
        let options = options.clone();
        let mut explorer =
            Explorer { network, options, family, layers, rest, known, built: Vec::new(), watch, expected: 0 };
        // Of the slowest, where what stands around is the larger part; layers also make each other smaller.
        let slowest = vec![0; explorer.layers.len()];
        let point = explorer.point(&slowest, &Budget::default())?;
        explorer.rest = Area::of(&point.cells).minus(Area::sum(&explorer.layers, &slowest));
        Ok(explorer)
    }

    /// The design to build within `budget`.
    pub fn choose(&mut self, budget: &Budget) -> Result<Choice> {
        let block = self.family.luts_of_a_block();
        if let Some(point) = self.find(budget, block)? {
            return Ok(Choice::Fits(point));
        }
        // Near is what exceeds least that which is bounded.
        let price = budget.price(block);
        // With the cells whatever the cycles, and with the cycles whatever the cells.
        let slow = match budget.interval {
            Some(_) => self.find(&Budget { interval: None, ..*budget }, block)?,
            None => None,
        };
        let mut nearest = vec![match slow {
            Some(point) => point,
            None => self.point(&self.smallest(budget), budget)?,
        }];
        if budget.interval.is_some() && (budget.lut.is_some() || budget.bram.is_some()) {
            let fast = self.find(&Budget { interval: budget.interval, ..Budget::default() }, price)?;
            nearest.extend(match fast {
                Some(point) => Some(point),
                None => self.find(&Budget::default(), price)?,
            });
        }
        Ok(Choice::Nearest(nearest))
    }

    /// Designs that no other makes pointless by its cycles, look-up tables and block RAMs; slowest first.
    pub fn frontier(&mut self) -> Result<Vec<Point>> {
        let block = self.family.luts_of_a_block();
        let mut points = self.sweep(&[0.0, block, NO_BLOCKS])?;
        let all = points.clone();
        points.retain(|p| !all.iter().any(|other| other.beats(p)));
        points.sort_by(|a, b| {
            let cycles = |p: &Point| std::cmp::Reverse(p.timing.interval);
            cycles(a).cmp(&cycles(b)).then(a.cells.lut.total_cmp(&b.cells.lut))
        });
        Ok(points)
    }

    /// The cheapest designs of every pace that is a step apart, for each price of a block RAM in look-up tables.
    fn sweep(&mut self, prices: &[f64]) -> Result<Vec<Point>> {
        let mut paces = self.paces();
        paces.reverse();
        let mut picks: Vec<Vec<usize>> = Vec::new();
        let mut last = f64::INFINITY;
        for (i, pace) in paces.iter().enumerate() {
            if *pace as f64 > STEP * last && i + 1 < paces.len() {
                continue;
            }
            last = *pace as f64;
            for price in prices {
                picks.extend(cheapest(&self.layers, *pace, *price, Area::unbounded()));
            }
        }
        picks.sort_unstable();
        picks.dedup();
        self.expected =
            self.built.len() + picks.iter().filter(|pick| self.known_point(pick).is_none()).count();
        picks.iter().map(|pick| self.point(pick, &Budget::default())).collect()
    }

    /// Cycles that some candidate takes and that all layers can keep, ascending.
    fn paces(&self) -> Vec<u64> {
        let fastest = |layer: &Vec<Candidate>| layer.iter().map(|c| c.cycles).min().unwrap_or(0);
        let floor = self.layers.iter().map(fastest).max().unwrap_or(0);
        let mut paces: Vec<u64> =
            self.layers.iter().flatten().map(|c| c.cycles).filter(|c| *c >= floor).collect();
        paces.sort_unstable();
        paces.dedup();
        paces
    }

    /// Builds the combination of these candidates.
    fn point(&mut self, pick: &[usize], budget: &Budget) -> Result<Point> {
        let chosen = || self.layers.iter().zip(pick).map(|(layer, c)| &layer[*c]);
        let mut point = Point {
            styles: chosen().map(|c| c.style).collect(),
            input_lanes: self.options.input_lanes.or(self.layers[0][pick[0]].input_lanes),
            timing: Timing { latency: 0, interval: 0 },
            cells: Resources::default(),
            mhz: None,
            reasons: reasons::reasons(&self.layers, pick, budget),
        };
        if let Some(built) = self.known_point(pick) {
            let reasons = point.reasons;
            return Ok(Point { reasons, ..built.clone() });
        }
        self.expected = self.expected.max(self.built.len() + 1);
        (self.watch)(self.built.len(), self.expected);
        let design = trial(self.network, &point.options(&self.options), &mut self.known)?;
        let found = estimate(&design.netlist, self.family, Some(self.family));
        (point.timing, point.cells, point.mhz) = (design.timing, found.total, found.mhz);
        self.built.push((pick.to_vec(), point.clone()));
        (self.watch)(self.built.len(), self.expected);
        Ok(point)
    }

    fn known_point(&self, pick: &[usize]) -> Option<&Point> {
        self.built.iter().find(|(other, _)| other == pick).map(|(_, point)| point)
    }
}
