//! Network to design: plan, build, prove, check, time.

mod about;
mod adapt;
mod argmax;
pub mod cone;
mod digit_serial;
pub mod digits;
mod fit;
mod folded;
mod lutsum;
mod maps;
pub mod matrix;
mod maxima;
mod memory;
mod pipe;
mod plan;
mod position;
mod prove;
mod queue;
mod restore;
mod rows;
mod shell;
pub mod simplify;
mod stages;
mod sums;
mod table;
mod timeline;
mod timing;
mod tree;
mod unrolled;
mod windows;

use std::collections::BTreeMap;

use sterna_ir::build::Builder;
use sterna_ir::check::check;
use sterna_ir::design::{Probe, Stream, Timing};
use sterna_ir::netlist::{ModuleId, NodeId};
use sterna_ir::{Design, Network};

use crate::{Options, Result};
use fit::build_fitting;
pub use folded::MOST_LANES;
pub use folded::ScheduleInfo;
use pipe::{Gate, Link, open_pipe};
pub(crate) use plan::Searched;
pub(crate) use plan::folding::{pes_between, pes_worth_trying};
use plan::{Plan, Stage, Unit};
use prove::{Claim, prove, prove_plan};
pub use timeline::{Passage, timeline};
pub use windows::WindowInfo;

/// Compiles `network` to a netlist with valid/ready streams between layers inside an AXI-Stream shell.
///
/// Every stage is proved against the network, and the netlist is checked, before it is returned.
///
/// Errors when the network does not check, when the options ask for the impossible, or when a sum may pass 59 bits.
pub fn lower(network: &Network, options: &Options) -> Result<Design> {
    let mut plan = plan::plan(network, options)?;
    prove_plan(network, &plan)?;
    plan.share(options, &mut Searched::default());
    let (mut design, claims) = build_fitting(network, options, &mut plan)?;
    prove(&design.netlist, &claims)?;
    check(&design.netlist)?;
    design.timing = timing::measure(&design)?;
    let lines = about::timing(&design, options);
    design.netlist.modules[0].about.extend(lines);
    Ok(design)
}

/// What [`lower`] would return, neither proved nor checked nor timed and with queues that are too long, and its layers of
/// weights: for searches, which look at many designs. Sums that were found before are taken from `known`.
pub(crate) fn sketch(
    network: &Network,
    options: &Options,
    known: &mut Searched,
) -> Result<(Design, Vec<LayerInfo>)> {
    let mut plan = plan::plan(network, options)?;
    plan.share(options, known);
    let (design, ..) = build(network, options, &plan);
    Ok((design, infos(&plan)))
}

/// What [`lower`] would return, neither proved nor checked.
pub(crate) fn trial(network: &Network, options: &Options, known: &mut Searched) -> Result<Design> {
    let mut plan = plan::plan(network, options)?;
    plan.share(options, known);
    let (mut design, _) = build_fitting(network, options, &mut plan)?;
    design.timing = timing::measure(&design)?;
    Ok(design)
}

/// Figures of a layer of weights in hardware.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct LayerInfo {
    /// Module that holds the layer.
    pub module: String,
    /// Cycles that a sample takes in this layer when its neighbours never make it wait.
    pub least_cycles: u64,
    /// The schedule, for a folded layer.
    #[serde(flatten)]
    pub schedule: Option<ScheduleInfo>,
    /// The digits, for a digit-serial layer.
    #[serde(flatten)]
    pub digits: Option<DigitInfo>,
    /// The windows, for a convolution.
    #[serde(flatten)]
    pub windows: Option<WindowInfo>,
}

/// Figures of a digit-serial layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DigitInfo {
    /// Bits of a digit.
    pub digit_bits: u32,
    /// Digits of a vector or window, one a cycle.
    pub digits: u32,
}

/// Figures of what [`lower`] would build: one entry per dense layer or convolution.
///
/// Errors as [`lower`] does.
pub fn layers(network: &Network, options: &Options) -> Result<Vec<LayerInfo>> {
    Ok(infos(&plan::plan(network, options)?))
}

fn infos(plan: &Plan) -> Vec<LayerInfo> {
    let info = |stage: &Stage| LayerInfo {
        module: stage.name.clone(),
        least_cycles: stage.least_cycles(),
        schedule: stage.units.iter().find_map(|unit| match unit {
            Unit::Folded(folded) => Some(folded.schedule.info()),
            _ => None,
        }),
        digits: stage.units.iter().find_map(|unit| match unit {
            Unit::Serial(unit) => Some(DigitInfo { digit_bits: unit.bits, digits: unit.digits }),
            _ => None,
        }),
        windows: stage.units.iter().find_map(|unit| match unit {
            Unit::Windows(windows) => Some(windows.info()),
            _ => None,
        }),
    };
    plan.stages.iter().filter(|stage| stage.name.starts_with("layer")).map(info).collect()
}

/// What counts the pixels that wait in each queue, in order of the data.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    /// Of residual sums.
    joins: Vec<NodeId>,
    /// In front of slow convolutions, where there is room.
    buffers: Vec<NodeId>,
}

/// Builds the plan. Timing is left at zero.
pub(crate) fn build(network: &Network, options: &Options, plan: &Plan) -> (Design, Vec<Claim>, Queues) {
    let top = options.top.clone().unwrap_or_else(|| network.name.clone());
    let mut b = Builder::new(top, about::network(network, plan));
    let inputs = shell::inputs(&mut b, network, plan.lanes, plan.positions);

    // `ready` runs against the data: gates first, from the last stage to the first.
    let mut ready = inputs.m_ready;
    let mut opened: Vec<(ModuleId, Vec<Gate>, NodeId)> = Vec::new();
    // Of each layer that is read twice, whether the queues that it enters have room.
    let mut room: BTreeMap<usize, Vec<NodeId>> = BTreeMap::new();
    let mut queues = Queues::default();
    for (k, stage) in plan.stages.iter().enumerate().rev() {
        let y_ready = match room.get(&stage.layer) {
            Some(room) => b.and(&[&[ready], &room[..]].concat(), format!("l{k}_fork_ready")),
            None => ready,
        };
        ready = y_ready;
        let module = b.enter(stage.name.as_str(), stage.about.clone());
        let mut gates: Vec<Gate> = Vec::new();
        for unit in stage.units.iter().rev() {
            let gate = open(&mut b, unit, ready);
            ready = gate.ready;
            match (unit, gate.queue) {
                (Unit::Join(join), Some(queue)) => {
                    room.entry(join.from).or_default().push(queue.free);
                    queues.joins.push(queue.count);
                }
                (Unit::Buffer(_), Some(queue)) => queues.buffers.push(queue.count),
                _ => {}
            }
            gates.push(gate);
        }
        if k > 0 {
            ready = b.or(&[ready], format!("l{}_y_ready", k - 1));
        }
        gates.reverse();
        b.leave();
        opened.push((module, gates, y_ready));
    }
    opened.reverse();
    queues.joins.reverse();
    queues.buffers.reverse();
    let (input, mut link) = shell::frame(&mut b, &inputs, ready);
    let (mut probes, mut claims) = (Vec::new(), Vec::new());
    let mut forked: BTreeMap<usize, (Link, NodeId)> = BTreeMap::new();
    for (k, (stage, (module, gates, y_ready))) in plan.stages.iter().zip(&opened).enumerate() {
        b.resume(*module);
        for (unit, gate) in stage.units.iter().zip(gates) {
            link = match unit {
                Unit::Join(join) => {
                    let (early, moved) = &forked[&join.from];
                    join.build(&mut b, *gate, &link, early, *moved)
                }
                _ => build_unit(&mut b, unit, *gate, &link, options, &stage.name, &mut claims),
            };
        }
        b.rename(link.valid, format!("l{k}_y_valid"));
        b.bus(format!("l{k}_y_data"), link.data.clone(), about::order(&link));
        b.leave();
        if k + 1 < plan.stages.len() {
            let Link { valid, data, order, .. } = link.flat();
            let stream = Stream { valid, ready: *y_ready, last: None, data, order };
            probes.push(Probe { layer: stage.layer, stream });
        }
        if let Some(room) = room.get(&stage.layer) {
            let moved = b.and(&[link.valid, *y_ready], format!("l{k}_fork_moved"));
            forked.insert(stage.layer, (link.clone(), moved));
            link.valid = b.and(&[&[link.valid], &room[..]].concat(), format!("l{k}_fork_valid"));
        }
    }
    let output = shell::results(&mut b, &link, inputs.m_ready);
    let timing = Timing { latency: 0, interval: 0 };
    (Design { netlist: b.finish(), input, output, probes, timing }, claims, queues)
}

fn open(b: &mut Builder, unit: &Unit, y_ready: NodeId) -> Gate {
    match unit {
        Unit::Serialise { from, to } => adapt::open_serialise(b, y_ready, from.div_ceil(*to)),
        Unit::Folded(_) => folded::open(b, y_ready),
        Unit::Restore => restore::open(b, y_ready),
        Unit::Windows(unit) => unit.open(b, y_ready),
        Unit::Join(join) => join.open(b, y_ready),
        Unit::Buffer(buffer) => buffer.open(b, y_ready),
        Unit::Serial(unit) => unit.open(b, y_ready),
        Unit::Flatten => Gate::new(y_ready, y_ready, y_ready),
        _ => open_pipe(b, y_ready),
    }
}

fn build_unit(
    b: &mut Builder,
    unit: &Unit,
    gate: Gate,
    x: &Link,
    options: &Options,
    stage: &str,
    claims: &mut Vec<Claim>,
) -> Link {
    // Units without a plan register every level where a clock is to be reached.
    let levels = if options.clock_khz.is_some() { 1 } else { options.levels_per_stage };
    let place = stage.to_string();
    match unit {
        Unit::Flatten => x.flat(),
        Unit::Join(_) => unreachable!("reads two streams"),
        Unit::Buffer(buffer) => buffer.build(b, gate, x),
        Unit::Gather => adapt::gather(b, gate, x),
        Unit::Hold => adapt::hold(b, gate, x),
        Unit::Serialise { to, .. } => adapt::serialise(b, gate, x, *to),
        Unit::Unrolled(unit) => {
            let (y, built) = unit.build(b, gate, x, options);
            claims.push(Claim::Unrolled { place, unit: unit.clone(), built });
            y
        }
        Unit::Serial(unit) => {
            let (y, built) = unit.build(b, gate, x, options);
            claims.push(Claim::Serial { place, unit: unit.clone(), built });
            y
        }
        Unit::Windows(unit) => {
            let (y, built) = unit.build(b, gate, x, options.family);
            claims.push(Claim::Windows { place, unit: unit.clone(), built });
            y
        }
        Unit::Maxima(unit) => {
            let (y, built) = unit.build(b, gate, x, levels);
            claims.push(Claim::Maxima { place, unit: *unit, built });
            y
        }
        Unit::Table(unit) => {
            let (y, built) = unit.build(b, gate, x, levels);
            claims.push(Claim::Table { place, unit: unit.clone(), built });
            y
        }
        Unit::Folded(unit) => {
            let (y, built) = unit.build(b, gate, x, options.family);
            claims.push(Claim::Folded { place, unit: unit.clone(), built });
            y
        }
        Unit::Restore => {
            let (y, built) = restore::build(b, gate, x);
            claims.push(Claim::Restore { place, built });
            y
        }
        Unit::ArgMaxVector => argmax::vector(b, gate, x, levels),
        Unit::ArgMaxSerial => argmax::serial(b, gate, x),
    }
}
