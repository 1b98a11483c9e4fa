//! From the network to stages of units: what each computes and how streams are adapted between them. No netlist yet.

mod folding;

use sterna_ir::{LayerOp, Network, Range, Threshold};

use crate::delay::Delays;
use crate::estimate::Resources;
use crate::lower::folded::{Folded, Schedule};
use crate::lower::rows::{Levels, Row};
use crate::lower::simplify::{Simplified, simplify};
use crate::lower::sums::Sums;
use crate::lower::table::Table;
use crate::lower::unrolled::Unrolled;
use crate::{Error, Options, Result, Style};

/// A piece of a stage.
#[derive(Clone, Debug)]
pub enum Unit {
    /// Many beats to one.
    Gather,
    /// One beat of so many lanes to many.
    Serialise(usize),
    /// Adder trees.
    Unrolled(Unrolled),
    /// Constants by position.
    Table(Table),
    /// Processing elements.
    Folded(Folded),
    /// Arg max of a whole vector.
    ArgMaxVector,
    /// Arg max of a stream of elements.
    ArgMaxSerial,
}

/// A module of the design: units in order of the data.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Module name.
    pub name: String,
    /// Header lines.
    pub about: Vec<String>,
    /// First layer it computes.
    pub first: usize,
    /// Layer whose output leaves.
    pub layer: usize,
    /// Its pieces.
    pub units: Vec<Unit>,
}

/// The whole design before it is built.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Stages in order of the data.
    pub stages: Vec<Stage>,
    /// Elements per input beat.
    pub lanes: usize,
}

impl Plan {
    /// Searches for the sums of all unrolled stages; what takes time is left out of [`plan`].
    pub fn share(&mut self, network: &Network, options: &Options) -> Result<()> {
        let ranges = network.ranges()?;
        for stage in &mut self.stages {
            // A unit that serves several channels gives every code that any of them can have.
            let range = |element: u32| match stage.first.checked_sub(1) {
                Some(before) => match &network.layers[before].op {
                    LayerOp::Threshold(t) if !t.thermometer => Range::new(0, t.levels as i64),
                    LayerOp::Threshold(_) => Range::BIT,
                    // Sums are as wide as their parts let them be, never known to be bits.
                    _ => ranges[before][element as usize].union(Range::new(-1, 1)),
                },
                None => network.input.range,
            };
            for unit in &mut stage.units {
                let Unit::Unrolled(unit) = unit else { continue };
                unit.sums = Sums::new(&unit.rows, unit.thermometer, range, options);
                stage.about.extend(unit.sums.about());
            }
        }
        Ok(())
    }
}

/// The stream between two units: what later units must know of it.
struct Flow {
    lanes: usize,
    order: Vec<u32>,
    /// Range of every lane's node, or wider.
    range: Range,
}

impl Flow {
    fn beats(&self) -> usize {
        self.order.len().div_ceil(self.lanes)
    }
}

struct Planner<'a> {
    network: &'a Network,
    small: Simplified,
    /// Per layer, range of each original element.
    ranges: Vec<Vec<Range>>,
    flow: Flow,
    units: Vec<Unit>,
    about: Vec<String>,
}

/// Plans `network`.
pub fn plan(network: &Network, options: &Options) -> Result<Plan> {
    let ranges = network.ranges()?;
    let small = simplify(network)?;
    if options.levels_per_stage == 0 {
        return Err(Error::LevelsPerStage);
    }
    let known = options.family.is_some_and(|family| Delays::new(family, &Resources::default()).is_some());
    if let Some(khz) = options.clock_khz.filter(|khz| !known || !(1_000..=1_000_000).contains(khz)) {
        return Err(Error::Clock { khz });
    }
    let styles = folding::styles(network, &small.network, &options.folding)?;
    let elements = network.input.elements();
    let lanes = options.input_lanes.unwrap_or(match styles.first() {
        Some(Style::Folded { .. }) => 1,
        _ => elements,
    });
    if lanes == 0 || lanes > elements {
        return Err(Error::InputLanes { lanes, elements });
    }
    let range = network.input.range.union(Range::point(0));
    let flow = Flow { lanes, order: (0..elements as u32).collect(), range };
    let (units, about) = (Vec::new(), Vec::new());
    let mut planner = Planner { network, small, ranges, flow, units, about };
    let mut styles = styles.into_iter();
    let mut stages: Vec<Stage> = Vec::new();
    let mut index = 0;
    while index < network.layers.len() {
        let next = network.layers.get(index + 1).map(|l| &l.op);
        let (name, layer) = match (&network.layers[index].op, next) {
            (LayerOp::Dense(_), next) => {
                let threshold = match next {
                    Some(LayerOp::Threshold(t)) => Some(t),
                    _ => None,
                };
                planner.dense(index, threshold, styles.next().expect("one style per dense layer"))?;
                (format!("layer{}", stages.len()), index + usize::from(threshold.is_some()))
            }
            (LayerOp::Threshold(t), _) => {
                planner.threshold(index, t);
                (format!("encode{}", stages.len()), index)
            }
            _ => {
                planner.arg_max();
                ("argmax".to_string(), index)
            }
        };
        let (units, mut about) = (std::mem::take(&mut planner.units), std::mem::take(&mut planner.about));
        let names: Vec<String> = network.layers[index..=layer].iter().map(|l| clean(&l.name)).collect();
        about.insert(0, format!("Network layer {index}: {}.", names.join(", then ")));
        stages.push(Stage { name, about, first: index, layer, units });
        index = layer + 1;
    }
    Ok(Plan { stages, lanes })
}

/// A name fit for one line of a comment.
pub fn clean(name: &str) -> String {
    name.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl Planner<'_> {
    fn dense(&mut self, index: usize, threshold: Option<&Threshold>, style: Style) -> Result<()> {
        let small = &self.small;
        let LayerOp::Dense(d) = &small.network.layers[index].op else {
            unreachable!("a dense layer stays one")
        };
        let after = threshold.map(|_| match &small.network.layers[index + 1].op {
            LayerOp::Threshold(t) => t,
            _ => unreachable!("a threshold stays one"),
        });
        let columns = if index == 0 { &small.inputs } else { &small.kept[index - 1] };
        let rows: Vec<Row> =
            (0..d.outputs).map(|o| Row::dense(d, after, o, columns, &small.kept[index])).collect();
        let LayerOp::Dense(original) = &self.network.layers[index].op else { unreachable!() };
        self.about.push(format!(
            "{} x {} weights, {} nonzeros of {}; {} x {} after removing what cannot matter.",
            original.outputs,
            original.inputs,
            original.nonzeros(),
            original.weights.len(),
            d.outputs,
            d.inputs
        ));
        let too_wide = || Error::TooWide { layer: index, name: clean(&self.network.layers[index].name) };
        let bound = (rows.iter())
            .map(|row| {
                row.partial_sums(|_| self.flow.range)?
                    .checked_add(Range::point(0).union(Range::point(row.bias)))
            })
            .try_fold(Range::point(0), |all, row| Some(all.union(row?)))
            .filter(|bound| bound.width() < sterna_ir::range::MAX_WIDTH - 1)
            .ok_or_else(too_wide)?;
        let ends = index + 1 + usize::from(threshold.is_some()) == self.network.layers.len();
        match style {
            Style::Unrolled => {
                self.gather();
                self.flow.range = bound;
                self.unrolled(rows, threshold);
            }
            Style::Folded { pes } => {
                let top = rows.iter().flat_map(|r| &r.terms).map(|(_, w)| w.unsigned_abs().ilog2() + 1).max();
                let reach = (top.unwrap_or(0) + 1).next_power_of_two() + self.flow.range.width() + 1;
                if reach >= sterna_ir::range::MAX_WIDTH {
                    return Err(too_wide());
                }
                self.folded(index, rows, threshold, pes, !ends);
            }
        }
        Ok(())
    }

    fn gather(&mut self) {
        if self.flow.beats() > 1 {
            self.units.push(Unit::Gather);
            self.flow.lanes = self.flow.order.len();
        }
    }

    fn unrolled(&mut self, rows: Vec<Row>, threshold: Option<&Threshold>) {
        let thermometer = threshold.is_some_and(|t| t.thermometer);
        self.about
            .push("Unrolled: one vector per cycle while `ce` is 1; all registers share that enable.".into());
        self.flow.order = rows.iter().flat_map(|r| r.outputs(thermometer)).collect();
        self.flow.lanes = self.flow.order.len();
        if let Some(t) = threshold {
            self.flow.range = codes(t);
        }
        self.units.push(Unit::Unrolled(Unrolled { rows, thermometer, sums: Sums::default() }));
    }

    fn folded(
        &mut self,
        index: usize,
        rows: Vec<Row>,
        threshold: Option<&Threshold>,
        pes: usize,
        sorted: bool,
    ) {
        if self.flow.lanes > 1 {
            self.units.push(Unit::Serialise(self.flow.lanes));
            self.flow.lanes = 1;
        }
        let rows: Vec<Row> = rows.into_iter().map(Row::risen).collect();
        let elements = match index {
            0 => self.network.input.elements(),
            _ => self.network.outputs(index - 1),
        };
        let mut position = vec![0; elements];
        self.flow.order.iter().enumerate().for_each(|(p, e)| position[*e as usize] = p as u32);
        let zero = Range::point(0);
        let x = |e: u32| match index {
            0 => self.flow.range,
            _ => self.ranges[index - 1][e as usize],
        };
        let acc = (rows.iter())
            .map(|row| row.partial_sums(x).expect("bounded above by the range of all elements"))
            .fold(zero, Range::union);
        let schedule = Schedule::new(&rows, &position, pes, sorted);
        let info = schedule.info();
        self.about.push(format!(
            "Folded on {} PE{}: {} cycles for {} additions ({:.1} % of the PE cycles).",
            info.pes,
            if info.pes == 1 { "" } else { "s" },
            info.cycles,
            info.additions,
            100.0 * info.utilisation
        ));
        self.about.push(format!("Relative index of {} bits, {} ROM bits.", info.delta_bits, info.rom_bits));
        self.about.push(format!(
            "A new sample at most every {} cycles; one element in and one out per beat.",
            info.cycles.max(self.flow.order.len())
        ));
        self.about
            .push("Elements leave in the order of the schedule; see the comment on the data port.".into());
        let table = match threshold {
            Some(t) => Some(self.threshold_table(t, &rows)),
            None if rows.iter().any(|r| r.bias != 0) => {
                let mut bias = vec![0; self.network.outputs(index)];
                rows.iter().for_each(|r| bias[r.element as usize] = r.bias);
                let range = self.ranges[index].iter().copied().fold(zero, Range::union);
                Some(Table::Bias { bias, range })
            }
            None => None,
        };
        self.flow.order = schedule.order.iter().map(|r| rows[*r].element).collect();
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

    fn threshold_table(&self, t: &Threshold, rows: &[Row]) -> Table {
        let blank = Levels { thresholds: vec![0; t.levels], falling: false };
        let mut levels = vec![blank; t.channels];
        for row in rows {
            levels[row.element as usize] = row.levels.clone().expect("rows before a threshold have levels");
        }
        Table::Threshold { levels, thermometer: t.thermometer }
    }

    fn threshold(&mut self, index: usize, t: &Threshold) {
        if self.flow.beats() == 1 {
            let channels = if index == 0 { &self.small.inputs } else { &self.small.kept[index - 1] };
            let rows = channels.iter().map(|&c| Row::encoder(t, c as usize, c)).collect();
            self.unrolled(rows, Some(t));
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

    fn arg_max(&mut self) {
        let elements = self.flow.order.len();
        self.about.push(format!("Index of the largest of {elements} sums, the lowest index on a tie."));
        if self.flow.lanes == 1 && elements > 1 {
            self.units.push(Unit::ArgMaxSerial);
        } else {
            self.gather();
            self.units.push(Unit::ArgMaxVector);
        }
        self.flow = Flow { lanes: 1, order: vec![0], range: Range::new(0, elements as i64 - 1) };
    }
}

fn codes(t: &Threshold) -> Range {
    Range::new(0, if t.thermometer { 1 } else { t.levels as i64 })
}
