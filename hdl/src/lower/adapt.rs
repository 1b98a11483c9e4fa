//! Between streams of different widths: many beats into one wide beat, and one wide beat into many.

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::{NodeId, Term};

use crate::lower::pipe::{Gate, Link};
use crate::lower::position::beat_counter;

/// Collects all beats of a vector into one: registers that shift by one beat, so that position `p` ends in lane `p`.
/// Opened as a pipe.
pub fn gather(b: &mut Builder, gate: Gate, x: &Link) -> Link {
    let lanes = x.data.len();
    let all = lanes * x.beats();
    let step = b.and(&[x.valid, gate.ready], "x_moved");
    let last = beat_counter(b, x.beats(), step, "x_beat").map(|(_, last)| last);
    let done = match last {
        Some(last) => b.and(&[x.valid, last], "x_done"),
        None => x.valid,
    };
    b.drive(gate.state, done);
    let mut data = vec![x.valid; all];
    for p in (0..all).rev() {
        let next = if p + lanes < all { data[p + lanes] } else { x.data[p + lanes - all] };
        data[p] = b.reg(next, Some(step), format!("e{p}_q"));
    }
    data.truncate(x.order.len());
    Link { valid: gate.state, data, ..x.clone() }
}

/// Holds a beat in registers, so that what comes before can go on while it is read. Opened as a pipe.
pub fn hold(b: &mut Builder, gate: Gate, x: &Link) -> Link {
    b.drive(gate.state, x.valid);
    let hold = |(p, node): (usize, &NodeId)| b.reg(*node, Some(gate.ready), format!("h{p}_q"));
    let data = x.data.iter().enumerate().map(hold).collect();
    Link { valid: gate.state, data, ..x.clone() }
}

/// Opens a unit that sends each beat as up to `parts` narrower ones: ready when the last of them leaves.
pub fn open_serialise(b: &mut Builder, y_ready: NodeId, parts: usize) -> Gate {
    let state = b.loop_reg(Range::new(0, parts as i64).word(), None, Some(0), "left");
    let none = b.eq_const(state, 0, "left_none");
    let one = b.eq_const(state, 1, "left_one");
    let leaves = b.and(&[one, y_ready], "left_leaves");
    let ready = b.or(&[none, leaves], "free");
    Gate::new(ready, y_ready, state)
}

/// Sends each beat as beats of `lanes` lanes, which divides those of `x` unless `x` has but one beat.
pub fn serialise(b: &mut Builder, gate: Gate, x: &Link, lanes: usize) -> Link {
    let all = x.data.len();
    let load = b.and(&[x.valid, gate.ready], "load");
    let full = all.div_ceil(lanes);
    let rest = (x.order.len() - (x.beats() - 1) * all).div_ceil(lanes);
    let last = beat_counter(b, x.beats(), load, "x_beat").map(|(_, last)| last);
    let parts = b.constant(full as i64);
    let fill = match last {
        Some(last) if rest != full => {
            let rest = b.constant(rest as i64);
            b.mux(last, parts, rest, "fill")
        }
        _ => parts,
    };
    let (valid, step) = count_down(b, gate, load, fill);
    let data = shift_out(b, (&x.data, lanes), load, step, "e");
    Link { valid, data, ..x.clone() }
}

/// Drives `gate.state` as the number of beats left: `fill` at a load, one less as each leaves. Returns the valid bit and
/// the bit that is 1 when the shift register moves.
fn count_down(b: &mut Builder, gate: Gate, load: NodeId, fill: NodeId) -> (NodeId, NodeId) {
    let zero = b.eq_const(gate.state, 0, "none_left");
    let valid = b.not(zero, "y_valid");
    let leaves = b.and(&[valid, gate.y_ready], "y_moved");
    let one = b.constant(1);
    let less = b.sum(&[Term::plus(gate.state), Term::minus(one)], "left_dec");
    let range = b.range(gate.state);
    let less = b.wrap(less, range, "left_low");
    let held = b.mux(leaves, gate.state, less, "left_held");
    let next = b.mux(load, held, fill, "left_next");
    b.drive(gate.state, next);
    (valid, b.or(&[load, leaves], "step"))
}

/// A shift register loaded in parallel, which moves by `lanes`; returns its first lanes, element 0 first.
fn shift_out(
    b: &mut Builder,
    (x, lanes): (&[NodeId], usize),
    load: NodeId,
    step: NodeId,
    name: &str,
) -> Vec<NodeId> {
    let mut registers = vec![load; x.len()];
    for (p, &element) in x.iter().enumerate().rev() {
        let d = match registers.get(p + lanes) {
            Some(&next) => b.mux(load, next, element, format!("{name}{p}_next")),
            None => element,
        };
        registers[p] = b.reg(d, Some(step), format!("{name}{p}_q"));
    }
    registers.truncate(lanes);
    registers
}
