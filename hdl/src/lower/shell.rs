//! The AXI-Stream shell: ports of the top module, frame check and recovery, packing.

use sterna_ir::build::Builder;
use sterna_ir::design::Stream;
use sterna_ir::netlist::{NodeId, Term};
use sterna_ir::{Input, Network, Range};

use crate::lower::pipe::Link;
use crate::lower::position::beat_counter;

/// Ports that exist before anything else.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The sample stream.
    pub link: Link,
    /// End of a sample, as the sender says.
    pub last: NodeId,
    /// The receiver takes a result beat.
    pub m_ready: NodeId,
}

/// Creates the input ports, of an image for pixels of all channels: elements side by side in their natural width, the first
/// in the low bits, then unused bits up to whole bytes.
pub fn inputs(b: &mut Builder, network: &Network, lanes: usize, positions: usize) -> Inputs {
    let order = (0..(network.input.elements() / positions) as u32).collect();
    b.reset("rst");
    let ranges = of_lanes(&network.input, lanes, positions);
    let data: Vec<NodeId> =
        ranges.iter().enumerate().map(|(lane, range)| b.input(format!("x{lane}"), *range)).collect();
    let mut bus = data.clone();
    let widths: Vec<u32> = ranges.iter().map(|range| range.width()).collect();
    let pad = padding(widths.iter().sum());
    if pad > 0 {
        bus.push(b.input("s_axis_tdata_unused", Range::unsigned(pad)));
    }
    let of = match &widths[..] {
        [first, rest @ ..] if rest.iter().all(|width| width == first) => format!("{first} bits"),
        _ if lanes <= 8 => format!("{widths:?} bits"),
        _ => "the widths in manifest.json".into(),
    };
    let what = match lanes {
        1 => format!("one element of {of} per beat"),
        _ => format!("{lanes} elements of {of} per beat, the first in the low bits"),
    };
    b.bus("s_axis_tdata", bus, what);
    let valid = b.input("s_axis_tvalid", Range::BIT);
    let last = b.input("s_axis_tlast", Range::BIT);
    let m_ready = b.input("m_axis_tready", Range::BIT);
    Inputs { link: Link { valid, data, order, positions }, last, m_ready }
}

/// By lane what the elements that it carries can be, and 0, which stands where the last beat has no more.
pub fn of_lanes(input: &Input, lanes: usize, positions: usize) -> Vec<Range> {
    let mut ranges = vec![Range::point(0); lanes];
    for (element, range) in input.of_elements().into_iter().enumerate() {
        let lane = &mut ranges[element / positions % lanes];
        *lane = lane.union(range);
    }
    ranges
}

/// Creates the ready port and the sticky frame check. Returns the stream at the ports, and what the first stage reads, which
/// is `ready`: the same, and zeros that fill up a sample whose packet has ended early, so that the next packet finds
/// the beats counted from its first one.
pub fn frame(b: &mut Builder, inputs: &Inputs, ready: NodeId) -> (Stream, Link) {
    let (link, last) = (inputs.link.flat(), inputs.last);
    let no_last = b.not(last, "s_no_last");
    let mut x = inputs.link.clone();
    let (s_ready, wrong) = if link.beats() == 1 {
        (b.or(&[ready], "s_axis_tready"), no_last)
    } else {
        let fill = b.loop_reg(Range::BIT, None, Some(0), "s_fill");
        let no_fill = b.not(fill, "s_no_fill");
        let zero = b.constant(0);
        x.valid = b.or(&[link.valid, fill], "x_valid");
        x.data = (link.data.iter().enumerate())
            .map(|(lane, node)| b.mux(fill, *node, zero, format!("x{lane}_filled")))
            .collect();
        b.bus("x_data", x.data.clone(), "as s_axis_tdata, or zeros");
        let moved = b.and(&[x.valid, ready], "x_moved");
        let (_, at_end) = beat_counter(b, link.beats(), moved, "s_beat").expect("several beats");
        let ended = b.or(&[fill, last], "s_ended");
        let short = b.not(at_end, "s_short");
        let next = b.and(&[ended, short], "s_fill_next");
        b.gate(fill, moved);
        b.drive(fill, next);
        (b.and(&[ready, no_fill], "s_axis_tready"), b.mux(at_end, last, no_last, "s_last_wrong"))
    };
    let wrong = b.and(&[link.valid, s_ready, wrong], "s_frame_wrong");
    let error = b.loop_reg(Range::BIT, None, Some(0), "frame_error");
    let next = b.or(&[error, wrong], "frame_error_next");
    b.drive(error, next);
    b.output(s_ready);
    b.output(error);
    (Stream { valid: link.valid, ready: s_ready, last: Some(last), data: link.data, order: link.order }, x)
}

/// Creates the result ports.
pub fn results(b: &mut Builder, link: &Link, ready: NodeId) -> Stream {
    let link = link.flat();
    let valid = b.or(&[link.valid], "m_axis_tvalid");
    let name = |lane: usize| if link.data.len() == 1 { "result".into() } else { format!("result{lane}") };
    let data: Vec<NodeId> =
        (link.data.iter().enumerate()).map(|(lane, node)| b.sum(&[Term::plus(*node)], name(lane))).collect();
    let mut bus = data.clone();
    let widths: Vec<u32> = data.iter().map(|node| b.range(*node).width()).collect();
    let pad = padding(widths.iter().sum());
    if pad > 0 {
        // A constant is as wide as its value: so many zero bits are so many constants.
        bus.extend((0..pad).map(|_| b.constant(0)));
    }
    b.bus("m_axis_tdata", bus.clone(), packing(&widths));
    let last = match link.beats() {
        1 => {
            let one = b.constant(1);
            b.rename(one, "m_axis_tlast");
            one
        }
        beats => {
            let moved = b.and(&[valid, ready], "m_moved");
            let (_, last) = beat_counter(b, beats, moved, "m_beat").expect("several beats");
            b.rename(last, "m_axis_tlast");
            last
        }
    };
    [valid, last].into_iter().chain(bus).for_each(|node| b.output(node));
    Stream { valid, ready, last: Some(last), data, order: link.order }
}

/// How values of these widths lie in a beat, in few words.
fn packing(widths: &[u32]) -> String {
    let (count, first) = (widths.len(), widths[0]);
    match widths {
        [_] => format!("one value of {first} bits per beat, zero above"),
        _ if widths.iter().all(|width| *width == first) => {
            format!("{count} values of {first} bits, the first in the low bits, zero above")
        }
        _ if count <= 8 => format!("from the low bits, values of {widths:?} bits, zero above"),
        _ => format!("{count} values, the first in the low bits, of the widths in manifest.json, zero above"),
    }
}

fn padding(width: u32) -> u32 {
    width.next_multiple_of(8) - width
}
