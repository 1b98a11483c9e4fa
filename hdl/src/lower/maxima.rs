//! The largest element of each channel of a window.

use sterna_ir::Range;
use sterna_ir::build::Builder;

use crate::lower::pipe::{Gate, Link, Pipe, Timed};

/// The largest of elements `c * taps ..` for each channel `c` that arrives.
#[derive(Clone, Copy, Debug)]
pub struct Maxima {
    /// Elements of a channel in a window.
    pub taps: usize,
}

/// What the proof needs to know about a built unit.
#[derive(Clone, Debug)]
pub struct Built {
    /// Windows.
    pub x: Link,
    /// Channels, in order.
    pub y: Link,
    /// Handshakes.
    pub gate: Gate,
    /// Registers on every path.
    pub latency: u32,
}

impl Maxima {
    /// Builds the unit behind `gate`. `x` carries a window per beat.
    pub fn build(&self, b: &mut Builder, gate: Gate, x: &Link, levels_per_stage: u32) -> (Link, Built) {
        let mut pipe = Pipe::new(gate.ready, levels_per_stage);
        let (mut outputs, mut order) = (Vec::new(), Vec::<u32>::new());
        let channel = |element: u32| element / self.taps as u32;
        let mut elements: Vec<(u32, Timed)> =
            x.order.iter().zip(&x.data).map(|(e, node)| (channel(*e), Pipe::input(*node))).collect();
        elements.sort_by_key(|(channel, _)| *channel);
        for group in elements.chunk_by(|a, b| a.0 == b.0) {
            let channel = group[0].0;
            let row: Vec<Timed> = group.iter().map(|(_, at)| *at).collect();
            outputs.push((largest(b, &mut pipe, row, &format!("c{channel}")), format!("c{channel}_q")));
            order.push(channel);
        }
        let (data, latency) = pipe.finish(b, x.valid, gate, outputs);
        let y = Link { valid: gate.state, data, order, positions: x.positions };
        (y.clone(), Built { x: x.clone(), y, gate, latency })
    }
}

/// A tree of comparisons; of bits, whether any is set.
fn largest(b: &mut Builder, pipe: &mut Pipe, mut row: Vec<Timed>, name: &str) -> Timed {
    if row.len() > 1 && row.iter().all(|at| b.range(at.node) == Range::BIT) {
        let (bits, time, level) = pipe.meet(b, &row);
        return Timed { node: b.or(&bits, format!("{name}_any")), time, level };
    }
    let mut made = 0;
    while row.len() > 1 {
        let mut next = Vec::with_capacity(row.len().div_ceil(2));
        for pair in row.chunks(2) {
            let &[left, right] = pair else {
                next.push(pair[0]);
                continue;
            };
            let (nodes, time, level) = pipe.meet(b, &[left, right]);
            let name = format!("{name}_max{made}");
            made += 1;
            let stays = b.ge(nodes[0], nodes[1], format!("{name}_left"));
            let node = b.mux(stays, nodes[1], nodes[0], name);
            next.push(Timed { node, time, level });
        }
        row = next;
    }
    row[0]
}
