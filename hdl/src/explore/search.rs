//! The way to a design within a budget.

use super::candidates::Candidate;
use super::combine::{Area, cheapest};
use super::{Budget, Explorer, NO_BLOCKS, Point};
use crate::Result;

/// Designs built at most for one choice; each is nearer to the budget than the one before.
const TRIES: usize = 12;

/// Cells that a guess may be too large by, as a factor.
const HOPE: f64 = 1.15;

impl Explorer<'_> {
    /// The best design within `budget` of those built: the fastest, or the smallest where the cycles are given.
    pub(super) fn find(&mut self, budget: &Budget) -> Result<Option<Point>> {
        let block = self.family.luts_of_a_block();
        self.approach(budget, block)?;
        // What has no bound may be plenty.
        match (budget.lut, budget.bram) {
            (Some(_), None) => self.approach(budget, 0.0)?,
            (None, Some(_)) => self.approach(budget, NO_BLOCKS)?,
            _ => {}
        }
        let order = |p: &Point| {
            let cycles = budget.interval.map_or(p.timing.interval, |_| 0);
            (cycles, Area::of(&p.cells).weight(block))
        };
        let best = |built: &[(Vec<usize>, Point)]| {
            let fit = built.iter().filter(|(_, p)| p.fits(budget)).map(|(pick, p)| (order(p), pick));
            let least = fit.min_by(|(a, _), (b, _)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            least.map(|(_, pick)| pick.clone())
        };
        if best(&self.built).is_none() {
            // Corrections can pass over a design.
            self.sweep(&[block])?;
        }
        best(&self.built).map(|pick| self.point(&pick, budget)).transpose()
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
