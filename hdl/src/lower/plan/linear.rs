//! Layers of weights with the thresholds behind them, and thresholds alone: onto adder trees or processing elements.

use sterna_ir::{LayerOp, Range, Threshold};

use super::{Flow, Planner, Unit, clean, codes};
use crate::lower::folded::{Folded, MOST_LANES, Schedule, Word};
use crate::lower::maps::{elements_of, regroup};
use crate::lower::rows::{Levels, Row};
use crate::lower::sums::Sums;
use crate::lower::table::Table;
use crate::lower::unrolled::Unrolled;
use crate::{Error, Result, Style};

impl Planner<'_> {
    /// A dense layer, or the windows of a convolution and its kernels as a matrix.
    pub fn linear(&mut self, index: usize, threshold: Option<&Threshold>, style: Style) -> Result<()> {
        let small = &self.small;
        let after = threshold.map(|_| self.small_threshold(index + 1));
        let numbers = &small.kept[index];
        let row = |weights: (&[i16], i64), o: usize, columns: &[u32]| {
            Row::linear(weights, after, o, columns, numbers[o])
        };
        let rows: Vec<Row> = match &small.network.layers[index].op {
            LayerOp::Dense(d) => {
                let columns = elements_of(small.before(index), small.positions[index]);
                (0..d.outputs).map(|o| row((d.row(o), d.bias(o)), o, &columns)).collect()
            }
            LayerOp::Conv2d(c) => {
                let columns = elements_of(small.before(index), c.window.kernel[0] * c.window.kernel[1]);
                (0..c.outputs).map(|o| row((c.row(o), c.bias(o)), o, &columns)).collect()
            }
            _ => unreachable!("a layer of weights stays one"),
        };
        let (nodes, exact) = match &self.network.layers[index].op {
            LayerOp::Dense(d) => {
                self.about.push(format!(
                    "{} x {} weights, {} nonzeros of {}; {} x {} after removing what cannot matter.",
                    d.outputs,
                    d.inputs,
                    d.nonzeros(),
                    d.weights.len(),
                    rows.len(),
                    small.before(index).len() * small.positions[index]
                ));
                let ranges = (self.of_nodes(index, false), self.exact(index));
                self.flatten();
                ranges
            }
            LayerOp::Conv2d(c) => {
                self.about.push(format!(
                    "{} x {} x {} x {} weights, {} nonzeros of {}; {} x {} channels matter.",
                    c.outputs,
                    c.channels(),
                    c.window.kernel[0],
                    c.window.kernel[1],
                    c.nonzeros(),
                    c.weights.len(),
                    rows.len(),
                    small.before(index).len()
                ));
                self.conv_windows(index, &c.window, &rows, style != Style::Unrolled)
            }
            _ => unreachable!("a layer of weights"),
        };
        let too_wide = || Error::TooWide { layer: index, name: clean(&self.network.layers[index].name) };
        let bound = self.bound(&rows).ok_or_else(too_wide)?;
        let ends = index + 1 + usize::from(threshold.is_some()) == self.network.layers.len();
        match style {
            Style::Unrolled => {
                self.gather();
                self.flow.range = bound;
                self.unrolled(rows, threshold, nodes);
            }
            Style::Folded { .. } | Style::Dense { .. } | Style::Xnor { .. } => {
                if let Some(what) = self.cannot_be(style, &rows, &exact) {
                    let name = clean(&self.network.layers[index].name);
                    return Err(Error::Unsupported { layer: index, name, what });
                }
                let top = rows.iter().flat_map(|r| &r.terms).map(|(_, w)| w.unsigned_abs().ilog2() + 1).max();
                let reach = (top.unwrap_or(0) + 1).next_power_of_two() + self.flow.range.width() + 1;
                if reach >= sterna_ir::range::MAX_WIDTH {
                    return Err(too_wide());
                }
                self.folded(index, rows, threshold, (style, !ends), &exact);
            }
        }
        Ok(())
    }

    /// Range of all sums of `rows`; `None` past 58 bits.
    pub fn bound(&self, rows: &[Row]) -> Option<Range> {
        let row = |row: &Row| {
            row.partial_sums(|_| self.flow.range)?.checked_add(Range::point(0).union(Range::point(row.bias)))
        };
        let bound = rows.iter().map(row).try_fold(Range::point(0), |all, row| Some(all.union(row?)))?;
        (bound.width() < sterna_ir::range::MAX_WIDTH - 1).then_some(bound)
    }

    /// Rows over a whole vector or pixel; `x` is by element what its node can hold, or more.
    pub fn unrolled(&mut self, rows: Vec<Row>, threshold: Option<&Threshold>, x: Vec<Range>) {
        let thermometer = threshold.is_some_and(|t| t.thermometer);
        let what = if self.flow.positions > 1 { "pixel" } else { "vector" };
        self.about
            .push(format!("Unrolled: one {what} per cycle while `ce` is 1; the registers of sums share it."));
        self.flow.order = rows.iter().flat_map(|r| r.outputs(thermometer)).collect();
        self.flow.lanes = self.flow.order.len();
        if let Some(t) = threshold {
            self.flow.range = codes(t);
        }
        self.units.push(Unit::Unrolled(Unrolled { rows, thermometer, x, sums: Sums::default() }));
    }

    /// What a style is not made for.
    fn cannot_be(&self, style: Style, rows: &[Row], exact: &[Range]) -> Option<&'static str> {
        let mut terms = rows.iter().flat_map(|r| &r.terms);
        match style {
            Style::Dense { .. } if terms.any(|(_, w)| w.abs() != 1) => {
                Some("a dense array of weights other than -1, 0 and 1")
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

    fn folded(
        &mut self,
        index: usize,
        rows: Vec<Row>,
        threshold: Option<&Threshold>,
        (style, sorted): (Style, bool),
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
        let positions = self.flow.order.len();
        let (schedule, acc) = match style {
            Style::Xnor { pes } => {
                let lanes = MOST_LANES.min(1 << positions.trailing_zeros());
                (Schedule::signs(&rows, &position, (positions, lanes), pes), Range::new(0, positions as i64))
            }
            Style::Dense { pes } => (Schedule::dense(&rows, &position, positions, pes), acc),
            Style::Folded { pes } => (Schedule::new(&rows, &position, pes, sorted), acc),
            Style::Unrolled => unreachable!("has no elements"),
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
            "A new {} at most every {} cycles; elements in per beat: {lanes}, out: 1.",
            if self.flow.positions > 1 { "window" } else { "sample" },
            info.cycles.max(self.flow.beats())
        ));
        self.about
            .push("Elements leave in the order of the schedule; see the comment on the data port.".into());
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
        self.flow.lanes = 1;
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
    }

    /// Elements per beat, up to `most`, so that all have come in `cycles`, as far as the stream gives them: a power of two,
    /// the number of a lane being part of an address.
    fn lanes_for(&self, cycles: usize, most: usize) -> usize {
        let Flow { lanes, order, .. } = &self.flow;
        let divides = |n: &usize| *n <= *lanes && (self.flow.beats() == 1 || lanes.is_multiple_of(*n));
        let powers = || (0..=most.ilog2()).map(|bits| 1 << bits).filter(divides);
        powers().find(|n| order.len().div_ceil(*n) <= cycles).or(powers().next_back()).unwrap_or(1)
    }

    /// The thresholds of `rows`, whose sums come raised by `lift`.
    fn threshold_table(&self, t: &Threshold, rows: &[Row], lift: impl Fn(&Row) -> i64) -> Table {
        let blank = Levels { thresholds: vec![0; t.levels], falling: false };
        let most = rows.iter().map(|r| r.element as usize + 1).max().unwrap_or(0);
        let mut levels = vec![blank; most];
        for row in rows {
            let own = row.levels.clone().expect("rows before a threshold have levels");
            levels[row.element as usize] = own.raised(lift(row));
        }
        Table::Threshold { levels, thermometer: t.thermometer }
    }

    /// A threshold layer on its own.
    pub fn threshold(&mut self, index: usize, t: &Threshold) {
        if self.small.positions[index + 1] == 1 {
            self.flatten();
        }
        let t = &*regroup(t, self.flow.positions);
        if self.flow.beats() == 1 {
            let rows = self.flow.order.iter().map(|&c| Row::encoder(t, c as usize, c)).collect();
            let positions = self.flow.positions;
            let channel = |x: &[Range]| x.iter().copied().reduce(Range::union).expect("an image has pixels");
            let x = self.of_nodes(index, false).chunks_exact(positions).map(channel).collect();
            self.unrolled(rows, Some(t), x);
        } else {
            let levels = (0..t.channels).map(|c| Levels::of(t, c, 0)).collect();
            self.units.push(Unit::Table(Table::Threshold { levels, thermometer: t.thermometer }));
            self.about.push("Compares elements as they pass.".into());
            self.coded(t);
        }
    }

    /// The flow behind a table of thresholds.
    fn coded(&mut self, t: &Threshold) {
        self.flow.range = codes(t);
        if t.thermometer {
            let n = t.levels as u32;
            self.flow.order = self.flow.order.iter().flat_map(|e| e * n..(e + 1) * n).collect();
            self.flow.lanes *= t.levels;
        }
    }
}
