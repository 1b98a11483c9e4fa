//! Layers of weights with the thresholds behind them, and thresholds alone: onto adder trees or processing elements.

use sterna_ir::{LayerOp, Range, Threshold};

use super::{Planner, Unit, clean, codes};
use crate::lower::digit_serial::DigitSerial;
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
        match style {
            Style::Unrolled => {
                self.gather();
                self.flow.range = bound;
                self.unrolled(rows, threshold, nodes);
            }
            Style::Serial { bits } => {
                self.must_be(index, style, &rows, &exact)?;
                self.gather();
                self.flow.range = bound.word();
                self.serial(rows, threshold, bits, exact);
            }
            Style::Folded { .. } | Style::Dense { .. } | Style::Xnor { .. } => {
                self.must_be(index, style, &rows, &exact)?;
                let top = rows.iter().flat_map(|r| &r.terms).map(|(_, w)| w.unsigned_abs().ilog2() + 1).max();
                let reach = (top.unwrap_or(0) + 1).next_power_of_two() + self.flow.range.width() + 1;
                if reach >= sterna_ir::range::MAX_WIDTH {
                    return Err(too_wide());
                }
                self.folded(index, rows, threshold, style, &exact);
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
        self.leave(&rows, threshold);
        self.units.push(Unit::Unrolled(Unrolled { rows, thermometer, x, sums: Sums::default() }));
    }

    /// Refuses what a style is not made for.
    fn must_be(&self, index: usize, style: Style, rows: &[Row], exact: &[Range]) -> Result<()> {
        let name = || clean(&self.network.layers[index].name);
        match self.cannot_be(style, rows, exact) {
            Some(what) => Err(Error::Unsupported { layer: index, name: name(), what }),
            None => Ok(()),
        }
    }

    /// Rows over the digits of a whole vector or pixel.
    fn serial(&mut self, rows: Vec<Row>, threshold: Option<&Threshold>, bits: u32, x: Vec<Range>) {
        let thermometer = threshold.is_some_and(|t| t.thermometer);
        // Registers that wait for their consumer keep what comes before from going on.
        if matches!(self.units.last(), Some(Unit::Gather | Unit::Windows(_))) {
            self.units.push(Unit::Hold);
        }
        let unit = DigitSerial::new(rows, thermometer, bits, x);
        self.about.push(format!(
            "Digit-serial: {} digits of {bits} bit{} per {}, a digit per cycle while `ce` is 1.",
            unit.digits,
            if bits == 1 { "" } else { "s" },
            if self.flow.positions > 1 { "pixel" } else { "vector" },
        ));
        self.leave(&unit.rows, threshold);
        self.units.push(Unit::Serial(unit));
    }

    /// The flow behind `rows` that leave in one beat.
    fn leave(&mut self, rows: &[Row], threshold: Option<&Threshold>) {
        let thermometer = threshold.is_some_and(|t| t.thermometer);
        self.flow.order = rows.iter().flat_map(|r| r.outputs(thermometer)).collect();
        self.flow.lanes = self.flow.order.len();
        if let Some(t) = threshold {
            self.flow.range = codes(t);
        }
    }

    /// The thresholds of `rows`, whose sums come raised by `lift`.
    pub fn threshold_table(&self, t: &Threshold, rows: &[Row], lift: impl Fn(&Row) -> i64) -> Table {
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
    pub fn coded(&mut self, t: &Threshold) {
        self.flow.range = codes(t);
        if t.thermometer {
            let n = t.levels as u32;
            self.flow.order = self.flow.order.iter().flat_map(|e| e * n..(e + 1) * n).collect();
            self.flow.lanes *= t.levels;
        }
    }
}
