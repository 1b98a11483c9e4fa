//! Elements in the order of the network again: each vector goes into memories as its elements come, in turn into either half,
//! and is read in order. An element stays in its lane, so that every lane has memory of its own.

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::NodeId;

use crate::lower::memory::stored;
use crate::lower::pipe::{Gate, Link, open_halves};
use crate::lower::position::{beat_counter, table, toggle, up_down};
use crate::lower::table::Place;

/// What the proof needs to know about a built unit.
#[derive(Clone, Debug)]
pub struct Built {
    /// Order in which elements come.
    pub from: Vec<u32>,
    /// Order in which they leave.
    pub to: Vec<u32>,
    /// Per lane, the beat of the leaving vector in which a coming element leaves.
    pub places: Vec<Place>,
}

/// Opens the unit: it takes beats while a half of the memories is free.
pub fn open(b: &mut Builder, y_ready: NodeId) -> Gate {
    open_halves(b, y_ready, "halves")
}

/// Builds the unit behind `gate`. Vectors have several beats, and an element leaves in the lane that it comes in.
pub fn build(b: &mut Builder, gate: Gate, x: &Link) -> (Link, Built) {
    let (lanes, beats) = (x.data.len(), x.beats());
    let mut order = x.order.clone();
    order.sort_unstable();

    // Written a cycle after it has come, when its place is known.
    let moved = b.and(&[x.valid, gate.ready], "x_moved");
    let (beat, last) = beat_counter(b, beats, moved, "x_beat").expect("vectors of several beats");
    let filled = b.and(&[moved, last], "filled");
    let half = toggle(b, filled, 0, "write_half");
    let half = b.reg(half, Some(moved), "write_half1");
    let write = b.control(moved, None, 0, "write");
    let written = b.control(filled, None, 0, "written");

    // Read while the next stage takes it.
    let waiting = b.loop_reg(Range::new(0, 2).word(), None, Some(0), "waiting");
    let none = b.eq_const(waiting, 0, "none_waiting");
    let any = b.not(none, "any_waiting");
    let valid = b.loop_reg(Range::BIT, None, Some(0), "y_valid");
    let empty = b.not(valid, "y_empty");
    let ce = b.or(&[empty, gate.y_ready], "ce");
    b.gate(valid, ce);
    b.drive(valid, any);
    let fetch = b.and(&[any, ce], "fetch");
    let (read_at, last) = beat_counter(b, beats, fetch, "read_at").expect("as many beats");
    let done = b.and(&[fetch, last], "read_all");
    let read_half = toggle(b, done, 0, "read_half");
    let from = b.concat(&[read_at, read_half], "read_addr");
    up_down(b, waiting, written, done);
    up_down(b, gate.state, filled, done);

    let column = |lane: usize| -> Vec<i64> {
        // The lanes that the last beat lacks are written where nothing is missed: to that beat.
        let place = |element: &u32| order.partition_point(|e| e < element) / lanes;
        let place = |beat: usize| x.order.get(beat * lanes + lane).map_or(beats - 1, place);
        (0..beats).map(|beat| place(beat) as i64).collect()
    };
    let columns: Vec<(usize, Vec<i64>)> = (0..lanes).map(|lane| (lane, column(lane))).collect();
    let (mut data, mut places) = (Vec::with_capacity(lanes), Vec::with_capacity(lanes));
    for alike in columns.chunk_by(|a, b| a.1 == b.1) {
        let lane = alike[0].0;
        let place = table(b, alike[0].1.clone(), Some(beat), moved, &format!("place{lane}")).node;
        let to = b.concat(&[place, half], format!("write_addr{lane}"));
        let mut late = |lane: &usize| b.reg(x.data[*lane], Some(moved), format!("x{lane}_q"));
        let nodes: Vec<NodeId> = alike.iter().map(|(lane, _)| late(lane)).collect();
        let depth = 2 << b.range(place).width();
        data.extend(stored(b, depth, (write, to), (fetch, from), &nodes, &format!("vectors{lane}")));
        places.extend(vec![Place { node: place }; alike.len()]);
    }
    let built = Built { from: x.order.clone(), to: order.clone(), places };
    (Link { valid, data, order, positions: x.positions }, built)
}
