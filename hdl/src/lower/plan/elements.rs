//! Rows onto processing elements: the schedule, what comes in and leaves per beat, and in which order.

use sterna_ir::{Layer, LayerOp, Range, Threshold};

use super::{Flow, Planner, Unit};
use crate::Style;
use crate::lower::folded::{Folded, Leave, MOST_LANES, Schedule, Word};
use crate::lower::rows::Row;
use crate::lower::table::Table;

/// Memories that restore the order of elements are worth so much of the time without them.
const RESTORED: (usize, usize) = (10, 11);

/// Most of `rows` results that may leave per beat, of each of so many positions, to the layers `after`: the class is found from
/// one sum per beat, and a pixel has whole beats.
pub fn most_per_beat(after: &[Layer], rows: usize, positions: usize) -> usize {
    match after.first().map(|l| &l.op) {
        Some(LayerOp::ArgMax) => 1,
        _ if positions > 1 => MOST_LANES.min(1 << rows.trailing_zeros()),
        _ => MOST_LANES,
    }
}

impl Planner<'_> {
    /// What a style is not made for.
    pub fn cannot_be(&self, style: Style, rows: &[Row], exact: &[Range]) -> Option<&'static str> {
        let mut terms = rows.iter().flat_map(|r| &r.terms);
        match style {
            Style::Dense { .. } if terms.any(|(_, w)| w.abs() != 1) => {
                Some("a dense array of weights other than -1, 0 and 1")
            }
            Style::Serial { .. } if terms.any(|(_, w)| w.abs() != 1) => {
                Some("digit-serial adders of weights other than -1, 0 and 1")
            }
            Style::Xnor { .. }
                if terms.any(|(_, w)| w.abs() != 1)
                    || rows.iter().any(|r| r.terms.len() != self.flow.order.len()) =>
            {
                Some(
                    "an XNOR array of weights other than -1 and 1 (train with --weights bwn or binary-connect)",
                )
            }
            Style::Xnor { .. }
                if self.flow.order.iter().any(|e| {
                    let range = exact[*e as usize];
                    range.lo < 0 || range.hi > 1
                }) =>
            {
                Some(
                    "an XNOR array over values other than 0 and 1 (train with --activation 1, the first layer with --input 1)",
                )
            }
            _ => None,
        }
    }

    /// Rows onto processing elements.
    pub fn folded(
        &mut self,
        index: usize,
        rows: Vec<Row>,
        threshold: Option<&Threshold>,
        style: Style,
        exact: &[Range],
    ) {
        let rows: Vec<Row> = rows.into_iter().map(Row::risen).collect();
        let mut position = vec![0; exact.len()];
        self.flow.order.iter().enumerate().for_each(|(p, e)| position[*e as usize] = p as u32);
        let zero = Range::point(0);
        let acc = (rows.iter())
            .map(|row| {
                row.partial_sums(|e| exact[e as usize]).expect("bounded above by the range of all elements")
            })
            .fold(zero, Range::union);
        let (schedule, restored) = self.schedule(&rows, &position, style, (index, threshold.is_some()));
        let acc = match schedule.word {
            Word::Signs(_) => Range::new(0, self.flow.order.len() as i64),
            _ => acc,
        };
        let info = schedule.info();
        self.about.push(format!(
            "Folded on {} PE{}: {} cycles for {} additions ({:.1} % of the PE cycles).",
            info.pes,
            if info.pes == 1 { "" } else { "s" },
            info.cycles,
            info.additions,
            100.0 * info.utilisation
        ));
        self.about.push(match schedule.word {
            Word::Sparse { .. } => {
                format!("Relative index of {} bits, {} ROM bits.", info.delta_bits, info.rom_bits)
            }
            Word::Dense => format!("Every weight has its cycle, zeros too; {} ROM bits.", info.rom_bits),
            Word::Signs(lanes) => {
                format!("{lanes} weights of one bit per PE and cycle; {} ROM bits.", info.rom_bits)
            }
        });
        let most = if matches!(style, Style::Xnor { .. }) { schedule.word.lanes() } else { MOST_LANES };
        let lanes = self.lanes_for(info.cycles, most);
        self.serialise(lanes);
        self.about.push(format!(
            "A new {} at most every {} cycles; elements in per beat: {lanes}, out: {}.",
            if self.flow.positions > 1 { "window" } else { "sample" },
            info.cycles.max(self.flow.beats()),
            info.results_per_beat
        ));
        self.about.push(match restored {
            true => "Elements leave the schedule in its order, and memories in that of the network.".into(),
            false => "Elements leave in the order of the schedule; see the comment on the data port.".into(),
        });
        let lift = |row: &Row| schedule.lift(row);
        let table = match threshold {
            Some(_) => Some(self.threshold_table(self.small_threshold(index + 1), &rows, lift)),
            None if rows.iter().any(|r| r.bias != lift(r)) => {
                let most = rows.iter().map(|r| r.element as usize + 1).max().unwrap_or(0);
                let mut bias = vec![0; most];
                rows.iter().for_each(|r| bias[r.element as usize] = r.bias - lift(r));
                let range = self.ranges[index].iter().copied().fold(zero, Range::union);
                Some(Table::Bias { bias, range })
            }
            None => None,
        };
        self.flow.order = schedule.order.iter().map(|r| rows[*r].element).collect();
        self.flow.lanes = schedule.lanes;
        self.flow.range = match &table {
            Some(Table::Bias { range, .. }) => range.word(),
            _ => acc.word(),
        };
        let about = vec![format!("One of {} processing elements of this layer.", info.pes)];
        self.units.push(Unit::Folded(Folded { rows, schedule, acc, about }));
        self.units.extend(table.map(Unit::Table));
        if let Some(t) = threshold {
            self.coded(t);
        }
        if restored {
            self.units.push(Unit::Restore);
            self.flow.order.sort_unstable();
        }
    }

    /// The schedule of `rows`, and whether the order of what leaves is to be restored. The layer is number `index`, with a
    /// threshold behind it or not.
    fn schedule(
        &self,
        rows: &[Row],
        position: &[u32],
        style: Style,
        (index, threshold): (usize, bool),
    ) -> (Schedule, bool) {
        let positions = self.flow.order.len();
        let after = index + 1 + usize::from(threshold);
        let most = most_per_beat(&self.network.layers[after..], rows.len(), self.flow.positions);
        let pace = self.pace / self.flow.positions;
        let new = |pes, leave| Schedule::new(rows, position, (pes, most), leave, pace);
        match style {
            Style::Xnor { pes } => {
                let lanes = MOST_LANES.min(1 << positions.trailing_zeros());
                (Schedule::signs(rows, position, (positions, lanes), (pes, most)), false)
            }
            Style::Dense { pes } => (Schedule::dense(rows, position, positions, (pes, most)), false),
            Style::Folded { pes } if after == self.network.layers.len() => {
                let (plain, free) = (new(pes, Leave::InOrder), new(pes, Leave::InLanes));
                match plain.cycles() * RESTORED.0 > free.cycles().max(pace) * RESTORED.1 {
                    true => (free, true),
                    false => (plain, false),
                }
            }
            Style::Folded { pes } => (new(pes, Leave::Free), false),
            Style::Unrolled | Style::Serial { .. } => unreachable!("has no elements"),
        }
    }

    /// Elements per beat, up to `most`, so that all have come in `cycles`, as far as the stream gives them: a power of two,
    /// the number of a lane being part of an address.
    fn lanes_for(&self, cycles: usize, most: usize) -> usize {
        let Flow { lanes, order, .. } = &self.flow;
        let divides = |n: &usize| *n <= *lanes && (self.flow.beats() == 1 || lanes.is_multiple_of(*n));
        let powers = || (0..=most.ilog2()).map(|bits| 1 << bits).filter(divides);
        powers().find(|n| order.len().div_ceil(*n) <= cycles).or(powers().next_back()).unwrap_or(1)
    }
}
