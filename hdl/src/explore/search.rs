//! The way to a design within a budget.

use super::candidates::{Candidate, figures};
use super::combine::{Area, cheapest};
use super::{Budget, Explorer, Point};
use crate::lower::pes_between;
use crate::{Options, Result, Style};

/// Designs built at most for one choice; each is nearer to the budget than the one before.
const TRIES: usize = 12;

/// Cells that a guess may be too large by, as a factor.
const HOPE: f64 = 1.15;

impl Explorer<'_> {
    /// The best design within `budget` of those built: that of the fewest cycles, or the smallest where they are given, a
    /// block RAM being worth `price` look-up tables.
    pub(super) fn find(&mut self, budget: &Budget, price: f64) -> Result<Option<Point>> {
        self.approach_all(budget, price)?;
        if self.best(budget, price).is_none() {
            // Corrections can pass over a design.
            self.sweep(&[price])?;
        }
        // Candidates are steps apart; between the last step that fits and the next there may be a better one.
        if let Some(pick) = self.best(budget, price)
            && self.refine(&pick, budget.interval.is_some())?
        {
            self.approach_all(budget, price)?;
        }
        self.best(budget, price).map(|pick| self.point(&pick, budget)).transpose()
    }

    fn approach_all(&mut self, budget: &Budget, price: f64) -> Result<()> {
        self.approach(budget, price)?;
        // What has no bound may be plenty.
        let plenty = budget.price(price);
        if plenty != price { self.approach(budget, plenty) } else { Ok(()) }
    }

    /// What the best design within `budget` of those built is made of.
    fn best(&self, budget: &Budget, price: f64) -> Option<Vec<usize>> {
        let order = |p: &Point| {
            let cycles = budget.interval.map_or(p.timing.interval, |_| 0);
            (cycles, Area::of(&p.cells).weight(price))
        };
        let fit = self.built.iter().filter(|(_, p)| p.fits(budget)).map(|(pick, p)| (order(p), pick));
        let least = fit.min_by(|(a, _), (b, _)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        least.map(|(_, pick)| pick.clone())
    }

    /// Adds candidates between those of `pick` and their neighbours: the next smaller ones where the cycles are given, else,
    /// of the layers that set the pace, the next faster ones. Whether there are any.
    fn refine(&mut self, pick: &[usize], cycles_given: bool) -> Result<bool> {
        let chosen: Vec<Candidate> =
            self.layers.iter().zip(pick).map(|(layer, c)| layer[*c].clone()).collect();
        let pace = chosen.iter().map(|c| c.cycles).max().unwrap_or(0);
        let mut between: Vec<Vec<usize>> = vec![Vec::new(); chosen.len()];
        for (i, own) in chosen.iter().enumerate() {
            let folded = || self.layers[i].iter().filter(|c| matches!(c.style, Style::Folded { .. }));
            let other = match cycles_given {
                true => folded().filter(|c| c.cycles > own.cycles).min_by_key(|c| c.cycles),
                false if own.cycles < pace => None,
                false => folded().filter(|c| c.cycles < own.cycles).max_by_key(|c| c.cycles),
            };
            let Some(other) = other else { continue };
            if let (Style::Folded { pes: own_pes }, Style::Folded { pes }) = (own.style, other.style) {
                between[i] = pes_between(self.network, i, (pes.min(own_pes), pes.max(own_pes)))?;
                // The faster one may be so by its elements alone, without more of the input per beat.
                if pes > own_pes && other.input_lanes != own.input_lanes {
                    between[i].push(pes);
                }
            }
        }
        // All layers at once, each with its number of the same rank.
        let ranks = between.iter().map(Vec::len).max().unwrap_or(0);
        let input_lanes = self.options.input_lanes.or(chosen[0].input_lanes);
        for rank in 0..ranks {
            let style = |(pes, own): (&Vec<usize>, &Candidate)| match pes.get(rank) {
                Some(pes) => Style::Folded { pes: *pes },
                None => own.style,
            };
            let styles: Vec<Style> = between.iter().zip(&chosen).map(style).collect();
            let options = Options { input_lanes, ..self.options.clone() };
            let found = figures(self.network, &options, self.family, styles.clone(), &mut self.known)?;
            for (i, (cycles, area)) in found.into_iter().enumerate().filter(|(i, _)| rank < between[*i].len())
            {
                let input_lanes = chosen[i].input_lanes;
                self.layers[i].push(Candidate { style: styles[i], input_lanes, cycles, area });
            }
        }
        Ok(ranks > 0)
    }

    /// Builds designs nearer and nearer to `budget`, until one is within it: guesses that are corrected by what was built. A
    /// block RAM is worth `price` look-up tables.
    fn approach(&mut self, budget: &Budget, price: f64) -> Result<()> {
        let paces = self.paces();
        let mut aim =
            Area { lut: budget.lut.unwrap_or(f64::INFINITY), bram: budget.bram.unwrap_or(f64::INFINITY) };
        // Too much at first: what was built then says how much less it must be.
        aim = Area { lut: HOPE * (aim.lut - self.rest.lut), bram: HOPE * (aim.bram - self.rest.bram) };
        let mut pace = budget.interval;
        for _ in 0..TRIES {
            let layers = &self.layers;
            let at = |pace: u64| cheapest(layers, pace, price, aim);
            let pick = match pace {
                Some(pace) => at(pace),
                None => {
                    let first = paces.partition_point(|pace| at(*pace).is_none());
                    paces.get(first).and_then(|pace| at(*pace))
                }
            };
            let Some(pick) = pick else { break };
            let point = self.point(&pick, budget)?;
            if point.fits(budget) {
                break;
            }
            let guess = Area::sum(&self.layers, &pick);
            if let Some(most) = budget.lut.filter(|most| point.cells.lut > *most) {
                aim.lut = aim.lut.min(guess.lut) - (point.cells.lut - most).max(1.0);
            }
            if let Some(most) = budget.bram.filter(|most| point.cells.bram > *most) {
                aim.bram = aim.bram.min(guess.bram) - (point.cells.bram - most).max(1.0);
            }
            if let (Some(most), Some(pace)) = (budget.interval, pace.as_mut())
                && point.timing.interval > most
            {
                // Neighbours that wait for one another are slower than each alone.
                let slowest = pick.iter().zip(&self.layers).map(|(c, layer)| layer[*c].cycles).max();
                *pace = slowest.unwrap_or(1).min(most * most / point.timing.interval).saturating_sub(1);
            }
        }
        Ok(())
    }

    /// The combination that exceeds the cells of `budget` least.
    pub(super) fn smallest(&self, budget: &Budget) -> Vec<usize> {
        let over = |c: &Candidate| {
            let part = |have: f64, most: Option<f64>| most.map_or(0.0, |most| have / most.max(1.0));
            part(c.area.lut, budget.lut).max(part(c.area.bram, budget.bram))
        };
        let least = |layer: &Vec<Candidate>| {
            let order = |a: &usize, b: &usize| over(&layer[*a]).total_cmp(&over(&layer[*b]));
            (0..layer.len()).min_by(order).expect("a layer has candidates")
        };
        self.layers.iter().map(least).collect()
    }
}
