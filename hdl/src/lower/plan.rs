//! From the network to stages of units: what each computes and how streams are adapted between them. No netlist yet.

mod elements;
pub mod folding;
mod images;
mod linear;
mod residual;
mod stage;

use sterna_ir::{LayerOp, Network, Range, Threshold};

use crate::delay::Delays;
use crate::lower::maps::stream_order;
use crate::lower::shell::of_lanes;
use crate::lower::simplify::{Simplified, simplify};
use crate::{Error, Options, Result};
use residual::{Fork, is_forked};
pub use stage::{Plan, Searched, Stage, Unit};

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
    /// By lane, what the nodes of the input can hold.
    input: Vec<Range>,
    flow: Flow,
    /// Cycles that a sample takes somewhere: being faster is of no use.
    pace: usize,
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
    let known = options.family.is_some_and(Delays::are_known);
    if let Some(khz) = options.clock_khz.filter(|khz| !known || !(1_000..=1_000_000).contains(khz)) {
        return Err(Error::Clock { khz });
    }
    let (styles, slowest) = folding::styles(network, &small.network, &options.folding)?;
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
    let input = of_lanes(&network.input, lanes, positions);
    let range = network.input.range().union(Range::point(0));
    let flow = Flow { lanes, order: (0..channels as u32).collect(), positions, range };
    let pace = slowest.max(positions * flow.beats());
    let (forks, units, about) = (Vec::new(), Vec::new(), Vec::new());
    let mut planner = Planner { network, small, ranges, input, flow, pace, forks, units, about };
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
            None => self.network.input.of_elements(),
        }
    }

    /// What the nodes of these elements can hold, or more; `padded` where padding comes between them.
    fn of_nodes(&self, index: usize, padded: bool) -> Vec<Range> {
        let is_max = |op: &LayerOp| matches!(op, LayerOp::MaxPool(_));
        let layers = &self.network.layers[..index];
        let made_by = layers.iter().rfind(|l| !is_max(&l.op)).map(|l| &l.op);
        let all = self.exact(index);
        match made_by {
            // Max pools leave every channel in its lane.
            None => {
                let channels = self.network.input.elements() / self.small.positions[0];
                let lane = |e: usize| e / (all.len() / channels) % self.input.len();
                (0..all.len()).map(|e| self.input[lane(e)]).collect()
            }
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
