//! One candidate of each layer, such that all keep a pace and the cells are fewest.

use super::Candidate;
use crate::estimate::Resources;

/// Cells that budgets count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Area {
    /// Look-up tables.
    pub lut: f64,
    /// Block RAMs.
    pub bram: f64,
}

impl Area {
    /// Those of an estimate.
    pub fn of(cells: &Resources) -> Self {
        Area { lut: cells.lut, bram: cells.bram }
    }

    /// No bound.
    pub fn unbounded() -> Self {
        Area { lut: f64::INFINITY, bram: f64::INFINITY }
    }

    /// Those of a combination, one candidate of each layer.
    pub fn sum(layers: &[Vec<Candidate>], pick: &[usize]) -> Self {
        layers.iter().zip(pick).fold(Area::default(), |sum, (layer, c)| sum.plus(layer[*c].area))
    }

    fn plus(self, other: Area) -> Self {
        Area { lut: self.lut + other.lut, bram: self.bram + other.bram }
    }

    /// What is left.
    pub fn minus(self, other: Area) -> Self {
        Area { lut: self.lut - other.lut, bram: self.bram - other.bram }
    }

    /// Whether neither is more than in `most`.
    pub fn within(self, most: Area) -> bool {
        self.lut <= most.lut && self.bram <= most.bram
    }

    /// Both as one number, in look-up tables: a block RAM is worth `price` of them.
    pub fn weight(self, price: f64) -> f64 {
        self.lut + price * self.bram
    }
}

/// By layer, the candidate of the cheapest combination in which no layer takes more than `pace` cycles and whose sum is
/// within `most`, a block RAM being worth `price` look-up tables; `None` when there is none.
///
/// Layer by layer, the sums that no other beats in both kinds of cells are kept, with what they are made of.
pub fn cheapest(layers: &[Vec<Candidate>], pace: u64, price: f64, most: Area) -> Option<Vec<usize>> {
    let mut sums: Vec<(Area, Vec<usize>)> = vec![(Area::default(), Vec::new())];
    for layer in layers {
        let mut next: Vec<(Area, Vec<usize>)> = Vec::new();
        for (area, pick) in &sums {
            for (c, candidate) in layer.iter().enumerate().filter(|(_, c)| c.cycles <= pace) {
                let area = area.plus(candidate.area);
                if area.within(most) {
                    next.push((area, [&pick[..], &[c]].concat()));
                }
            }
        }
        next.sort_by(|(a, _), (b, _)| a.lut.total_cmp(&b.lut).then(a.bram.total_cmp(&b.bram)));
        let mut least = f64::INFINITY;
        next.retain(|(area, _)| {
            let keeps = area.bram < least;
            least = least.min(area.bram);
            keeps
        });
        sums = next;
    }
    let weight = |(area, _): &(Area, Vec<usize>)| area.weight(price);
    sums.into_iter().min_by(|a, b| weight(a).total_cmp(&weight(b))).map(|(_, pick)| pick)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Style;
    use proptest::prelude::*;

    fn layer(figures: &[(u64, u32, u32)]) -> Vec<Candidate> {
        let candidate = |&(cycles, lut, bram): &(u64, u32, u32)| Candidate {
            style: Style::Unrolled,
            input_lanes: None,
            cycles,
            area: Area { lut: f64::from(lut), bram: f64::from(bram) },
        };
        figures.iter().map(candidate).collect()
    }

    proptest! {
        #[test]
        fn nothing_cheaper_keeps_the_bounds(
            figures in prop::collection::vec(prop::collection::vec((1u64..20, 0u32..900, 0u32..6), 1..6), 1..4),
            pace in 1u64..20, lut in 0u32..2500, bram in 0u32..16, price in 0u32..1000,
        ) {
            let layers: Vec<Vec<Candidate>> = figures.iter().map(|f| layer(f)).collect();
            let most = Area { lut: f64::from(lut), bram: f64::from(bram) };
            let mut picks: Vec<Vec<usize>> = vec![vec![]];
            for layer in &layers {
                let more = |pick: &Vec<usize>| -> Vec<Vec<usize>> {
                    (0..layer.len()).map(|c| [&pick[..], &[c]].concat()).collect()
                };
                picks = picks.iter().flat_map(more).collect();
            }
            let keeps = |pick: &Vec<usize>| layers.iter().zip(pick).all(|(layer, c)| layer[*c].cycles <= pace);
            let weight = |pick: &Vec<usize>| Area::sum(&layers, pick).weight(f64::from(price));
            let best = picks.iter().filter(|p| keeps(p) && Area::sum(&layers, p).within(most)).map(weight);
            let found = cheapest(&layers, pace, f64::from(price), most);
            prop_assert_eq!(found.as_ref().map(weight), best.min_by(f64::total_cmp));
        }
    }
}
