//! From the network to stages of units: what each computes and how streams are adapted between them. No netlist yet.

pub mod folding;
mod images;
mod linear;
mod residual;

use std::collections::HashMap;

use sterna_ir::{LayerOp, Network, Range, Threshold};

use crate::delay::Delays;
use crate::estimate::Resources;
use crate::lower::folded::Folded;
use crate::lower::maps::stream_order;
use crate::lower::maxima::Maxima;
use crate::lower::queue::{Buffer, Join};
use crate::lower::rows::Row;
use crate::lower::simplify::{Simplified, simplify};
use crate::lower::sums::Sums;
use crate::lower::table::Table;
use crate::lower::unrolled::Unrolled;
use crate::lower::windows::Windows;
use crate::{Error, Options, Result};
use residual::{Fork, is_forked};

/// A piece of a stage.
#[derive(Clone, Debug)]
pub enum Unit {
    /// The beats of an image are those of a vector from here on.
    Flatten,
    /// Many beats to one.
    Gather,
    /// One beat to many of fewer lanes.
    Serialise {
        /// Lanes of a beat.
        from: usize,
        /// Lanes of each that becomes of it.
        to: usize,
    },
    /// Adder trees.
    Unrolled(Unrolled),
    /// Pixels to windows.
    Windows(Windows),
    /// The largest element of each channel.
    Maxima(Maxima),
    /// Pixels that wait.
    Buffer(Buffer),
    /// Two streams to one.
    Join(Join),
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
    /// Pixels of a sample that is an image, else 1.
    pub positions: usize,
}

impl Plan {
    /// Gives the queues room, in order of the data, for one pixel more than `most`.
    pub fn set_queues(&mut self, most: Vec<i64>) {
        let mut most = most.into_iter();
        for Stage { units, about, .. } in &mut self.stages {
            for unit in units {
                let Unit::Join(join) = unit else { continue };
                join.depth = most.next().expect("one for each queue") as usize + 1;
                about.push(format!("Of the earlier output up to {} pixels wait in a queue.", join.depth));
            }
        }
    }

    /// The streams that can wait in front of slow convolutions.
    pub fn buffers(&self) -> impl Iterator<Item = &Buffer> {
        self.stages.iter().flat_map(|stage| &stage.units).filter_map(|unit| match unit {
            Unit::Buffer(buffer) => Some(buffer),
            _ => None,
        })
    }

    /// Gives each of them room for so many rows, at most its image.
    pub fn set_rows(&mut self, rows: usize) {
        for unit in self.stages.iter_mut().flat_map(|stage| &mut stage.units) {
            if let Unit::Buffer(buffer) = unit {
                let [width, height] = buffer.image;
                // The address of a queue of one would have no bits.
                buffer.depth = if rows == 0 { 0 } else { (rows.min(height) * width).max(2) };
            }
        }
    }

    /// Takes from those that have room, in order of the data, what is more than the most that ever waited.
    pub fn trim_buffers(&mut self, most: Vec<i64>) {
        let mut most = most.into_iter();
        for Stage { units, about, .. } in &mut self.stages {
            for unit in units {
                let Unit::Buffer(buffer) = unit else { continue };
                if buffer.depth > 0 {
                    // One more is never full, so that the run stays the same.
                    let used = most.next().expect("one for each with room") as usize + 1;
                    buffer.depth = buffer.depth.min(used.max(2));
                    about.push(format!("Up to {} pixels wait in front of the windows.", buffer.depth));
                }
            }
        }
    }

    /// Searches for the sums of all unrolled stages; what takes time is left out of [`plan`].
    pub fn share(&mut self, options: &Options, known: &mut Searched) {
        for stage in &mut self.stages {
            for unit in &mut stage.units {
                let Unit::Unrolled(unit) = unit else { continue };
                let key = (unit.rows.clone(), unit.thermometer, unit.x.clone());
                let search = || Sums::new(&unit.rows, unit.thermometer, |e| unit.x[e as usize], options);
                unit.sums = known.entry(key).or_insert_with(search).clone();
                stage.about.extend(unit.sums.about());
            }
        }
    }
}

/// Sums found by rows, thermometer code and ranges, all under the same options.
pub type Searched = HashMap<(Vec<Row>, bool, Vec<Range>), Sums>;

impl Stage {
    /// Cycles that a sample takes when the stages around never make this one wait.
    pub fn least_cycles(&self) -> u64 {
        let (mut windows, mut steps, mut each) = (1, 1, 1);
        for unit in &self.units {
            match unit {
                Unit::Windows(unit) => (windows, steps) = (unit.window.positions(), unit.steps()),
                Unit::Serialise { from, to } => each = each.max(from.div_ceil(*to)),
                Unit::Folded(unit) => each = each.max(unit.schedule.cycles()),
                _ => {}
            }
        }
        (windows * each).max(steps) as u64
    }
}

/// The stream between two units: what later units must know of it.
struct Flow {
    lanes: usize,
    /// Channels of a pixel, or elements of a vector.
    order: Vec<u32>,
    positions: usize,
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
    forks: Vec<Fork>,
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
    let positions = small.positions[0];
    let channels = network.input.elements() / positions;
    let lanes = options.input_lanes.unwrap_or(match styles.first() {
        Some(style) if style.pes().is_some() && positions == 1 => 1,
        _ => channels,
    });
    if positions > 1 && !channels.is_multiple_of(lanes) {
        return Err(Error::PixelLanes { lanes, channels });
    }
    if lanes == 0 || lanes > channels {
        return Err(Error::InputLanes { lanes, elements: channels });
    }
    let range = network.input.range.union(Range::point(0));
    let flow = Flow { lanes, order: (0..channels as u32).collect(), positions, range };
    let (forks, units, about) = (Vec::new(), Vec::new(), Vec::new());
    let mut planner = Planner { network, small, ranges, flow, forks, units, about };
    let mut styles = styles.into_iter();
    let mut stages: Vec<Stage> = Vec::new();
    let mut index = 0;
    while index < network.layers.len() {
        let after = planner.threshold_behind(index);
        let fused = index + usize::from(after.is_some());
        let number = stages.len();
        let (name, layer) = match &network.layers[index].op {
            LayerOp::Dense(_) | LayerOp::Conv2d(_) => {
                planner.linear(index, after, styles.next().expect("one style per layer of weights"))?;
                (format!("layer{number}"), fused)
            }
            LayerOp::SumPool(window) => {
                planner.sum_pool(index, window, after)?;
                (format!("pool{number}"), fused)
            }
            LayerOp::MaxPool(window) => {
                planner.max_pool(window);
                (format!("pool{number}"), index)
            }
            LayerOp::Threshold(t) => {
                planner.threshold(index, t);
                (format!("encode{number}"), index)
            }
            LayerOp::Add { from } => {
                planner.residual(index, *from, after)?;
                (format!("add{number}"), fused)
            }
            LayerOp::ArgMax => {
                planner.arg_max();
                ("argmax".to_string(), index)
            }
        };
        planner.fork(layer);
        let (units, mut about) = (std::mem::take(&mut planner.units), std::mem::take(&mut planner.about));
        let names: Vec<String> = network.layers[index..=layer].iter().map(|l| clean(&l.name)).collect();
        about.insert(0, format!("Network layer {index}: {}.", names.join(", then ")));
        stages.push(Stage { name, about, first: index, layer, units });
        index = layer + 1;
    }
    Ok(Plan { stages, lanes, positions })
}

/// A name fit for one line of a comment.
pub fn clean(name: &str) -> String {
    name.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl<'a> Planner<'a> {
    /// The threshold layer behind layer `index`, if it is one for its channels and nothing else reads the layer.
    fn threshold_behind(&self, index: usize) -> Option<&'a Threshold> {
        if is_forked(self.network, index) {
            return None;
        }
        match &self.network.layers.get(index + 1)?.op {
            LayerOp::Threshold(t) if self.small.positions[index + 1] == self.small.positions[index + 2] => {
                Some(t)
            }
            _ => None,
        }
    }

    /// What the simplified network has in place of a threshold layer.
    fn small_threshold(&self, index: usize) -> &Threshold {
        match &self.small.network.layers[index].op {
            LayerOp::Threshold(t) => t,
            _ => unreachable!("a threshold stays one"),
        }
    }

    /// Exact range of every original element in front of layer `index`.
    fn exact(&self, index: usize) -> Vec<Range> {
        match index.checked_sub(1) {
            Some(before) => self.ranges[before].clone(),
            None => vec![self.network.input.range; self.network.input.elements()],
        }
    }

    /// What the nodes of these elements can hold, or more; `padded` where padding comes between them.
    fn of_nodes(&self, index: usize, padded: bool) -> Vec<Range> {
        let is_max = |op: &LayerOp| matches!(op, LayerOp::MaxPool(_));
        let layers = &self.network.layers[..index];
        let made_by = layers.iter().rfind(|l| !is_max(&l.op)).map(|l| &l.op);
        let all = self.exact(index);
        match made_by {
            None => all,
            // A unit that serves several channels gives every code that any of them can have; a channel that is constant at
            // every position is no bit, unless padding comes between.
            Some(LayerOp::Threshold(t)) => {
                let of_channel = |x: &[Range]| {
                    let range = x.iter().copied().reduce(Range::union).expect("a channel has elements");
                    let stays = range.lo == range.hi && (!padded || range.lo == 0);
                    vec![if stays { range } else { codes(t) }; x.len()]
                };
                all.chunks(self.small.positions[index]).flat_map(of_channel).collect()
            }
            // Sums are as wide as their parts let them be, never known to be bits.
            Some(_) => all.into_iter().map(|range| range.union(Range::new(-1, 1))).collect(),
        }
    }

    fn flatten(&mut self) {
        if self.flow.positions > 1 {
            self.units.push(Unit::Flatten);
            self.flow.order = stream_order(&self.flow.order, self.flow.positions);
            self.flow.positions = 1;
        }
    }

    fn gather(&mut self) {
        if self.flow.beats() > 1 {
            self.units.push(Unit::Gather);
            self.flow.lanes = self.flow.order.len();
        }
    }

    fn serialise(&mut self, lanes: usize) {
        if self.flow.lanes > lanes {
            self.units.push(Unit::Serialise { from: self.flow.lanes, to: lanes });
            self.flow.lanes = lanes;
        }
    }

    fn arg_max(&mut self) {
        self.flatten();
        let elements = self.flow.order.len();
        self.about.push(format!("Index of the largest of {elements} sums, the lowest index on a tie."));
        if self.flow.lanes == 1 && elements > 1 {
            self.units.push(Unit::ArgMaxSerial);
        } else {
            self.gather();
            self.units.push(Unit::ArgMaxVector);
        }
        let range = Range::new(0, elements as i64 - 1);
        self.flow = Flow { lanes: 1, order: vec![0], positions: 1, range };
    }
}

fn codes(t: &Threshold) -> Range {
    Range::new(0, if t.thermometer { 1 } else { t.levels as i64 })
}
