//! Queues of the room that they need, found by running the control part of the design.

use sterna_ir::check::check;
use sterna_ir::{Design, Network};

use super::plan::{Plan, Stage};
use super::prove::Claim;
use super::{build, timing};
use crate::{Options, Result};

/// Builds `plan` with queues that have the room they need.
pub fn build_fitting(network: &Network, options: &Options, plan: &mut Plan) -> Result<(Design, Vec<Claim>)> {
    set_buffers(network, options, plan)?;
    let (design, claims, queues) = build(network, options, plan);
    if queues.joins.is_empty() {
        return Ok((design, claims));
    }
    // What waits when nothing ever stalls is what the layers between need before they give: with room for it no stall can
    // lock the streams up, and with one more no queue is ever full in that run.
    check(&design.netlist)?;
    let (_, most) = timing::observe(&design, &queues.joins)?;
    plan.set_queues(most);
    let (design, claims, _) = build(network, options, plan);
    Ok((design, claims))
}

/// Gives the streams in front of slow convolutions the fewest rows with which the network keeps the pace of its slowest
/// layer, or comes as near as it can; and of those the room that is ever used.
fn set_buffers(network: &Network, options: &Options, plan: &mut Plan) -> Result<()> {
    let tallest = plan.buffers().map(|buffer| buffer.image[1]).max().unwrap_or(0);
    if tallest == 0 {
        return Ok(());
    }
    let floor = plan.stages.iter().map(Stage::least_cycles).max().unwrap_or(0);
    let mut best: Option<(u64, usize, Vec<i64>)> = None;
    let powers = (0..).map(|k| 1usize << k).take_while(|rows| *rows < 2 * tallest);
    for rows in std::iter::once(0).chain(powers) {
        plan.set_rows(rows);
        let (design, _, queues) = build(network, options, plan);
        check(&design.netlist)?;
        let (timing, most) = timing::observe(&design, &queues.buffers)?;
        // A run lasts for several samples: rows that gain nothing end the search.
        if best.as_ref().is_some_and(|(interval, ..)| timing.interval >= *interval) {
            break;
        }
        best = Some((timing.interval, rows, most));
        if timing.interval <= floor {
            break;
        }
    }
    let (_, rows, most) = best.expect("no rows were tried");
    plan.set_rows(rows);
    plan.trim_buffers(most);
    Ok(())
}
