//! What the headers of the modules say.

use sterna_ir::design::Timing;
use sterna_ir::{Design, LayerOp, Network};

use super::pipe::Link;
use super::plan::{Plan, clean};
use crate::Options;
use crate::estimate::estimate;

/// Timing, the plan of the pipeline and the clock to expect.
pub fn timing(design: &Design, options: &Options) -> Vec<String> {
    let Timing { latency, interval } = design.timing;
    let cycles = |n: u64| format!("{n} cycle{}", plural(n as usize));
    let plan = match options.clock_khz {
        Some(khz) => format!("where {} MHz need them", f64::from(khz) / 1000.0),
        None => format!(
            "every {} adder level{}",
            options.levels_per_stage,
            plural(options.levels_per_stage as usize)
        ),
    };
    let mut lines = vec![format!(
        "Latency {}, a sample every {}; unrolled layers have registers {plan}.",
        cycles(latency),
        cycles(interval)
    )];
    let estimate = options.family.map(|family| estimate(&design.netlist, family, Some(family)));
    if let Some((mhz, family)) = estimate.and_then(|e| Some((e.mhz?, e.family))) {
        lines.push(format!("Estimated clock on {family}: {mhz} MHz after place and route."));
    }
    lines
}

pub fn network(network: &Network, plan: &Plan) -> Vec<String> {
    let elements = network.input.elements();
    let beats = elements.div_ceil(plan.lanes);
    let result = match network.layers.last().map(|l| &l.op) {
        Some(LayerOp::ArgMax) => format!("the class, 0 to {}", network.classes() - 1),
        _ => format!("{} outputs", network.classes()),
    };
    let mut lines = vec![
        format!(
            "Network {}: {elements} elements of {} in, {result} out.",
            clean(&network.name),
            network.input.ranges
        ),
        format!(
            "A sample is {beats} beat{} of {} element{}; s_axis_tlast marks its last beat.",
            plural(beats),
            plan.lanes,
            plural(plan.lanes)
        ),
        "A tlast in the wrong beat, or none in the last, sets frame_error until reset.".into(),
    ];
    if beats > 1 {
        lines.extend([
            "A sample that it ends too early is filled up with zeros; without one the next beat begins a sample:".into(),
            "the beat after a tlast always does, so packets behind a wrong one give their own results.".into(),
        ]);
    }
    lines
}

/// Which element each position carries, short enough for a comment.
pub fn order(link: &Link) -> String {
    const SHOWN: usize = 16;
    let shown: Vec<String> = link.order.iter().take(SHOWN).map(u32::to_string).collect();
    let more = if link.order.len() > SHOWN { ", ..." } else { "" };
    let what = if link.positions > 1 { "of each pixel channels" } else { "elements" };
    format!("{} per beat; {what} {}{more}", link.data.len(), shown.join(", "))
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}
