//! A design: a netlist with its streams, as the compiler hands it to simulators and reports.

use serde::Serialize;

use crate::netlist::{Netlist, NodeId};

/// A vector carried over a valid/ready handshake in one or more beats.
///
/// A beat moves in a cycle where `valid` and `ready` are both 1. Once `valid` is 1 it stays, with the data, until the beat
/// has moved. Beat `b` carries position `b * lanes + lane` in lane `lane`; position `p` is element `order[p]` of the vector.
/// Lanes past the end of the vector in the last beat carry nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The beat is there.
    pub valid: NodeId,
    /// The beat is taken.
    pub ready: NodeId,
    /// 1 on the last beat of a vector (AXI-Stream `tlast`), where the stream has it.
    pub last: Option<NodeId>,
    /// One node per lane.
    pub data: Vec<NodeId>,
    /// Element carried at each position.
    pub order: Vec<u32>,
}

impl Stream {
    /// Beats per vector.
    pub fn beats(&self) -> usize {
        self.order.len().div_ceil(self.data.len())
    }
}

/// A stream between layers, with the layer whose output it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Index into the layers of the network that the design was compiled from.
    pub layer: usize,
    /// The stream; elements are those of that layer's output. Elements that hardware does not compute (constant or
    /// unused ones) are absent from `order`.
    pub stream: Stream,
}

/// Exact timing, when neither stream stalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// Cycles from the first input beat of a sample into an idle design to its last output beat: 1 when the output moves
    /// in the cycle after the input.
    pub latency: u64,
    /// Cycles between samples in steady state (initiation interval).
    pub interval: u64,
}

/// What the compiler produces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Design {
    /// The circuit.
    pub netlist: Netlist,
    /// The sample stream into the top module.
    pub input: Stream,
    /// The result stream out of the top module: the last layer's output.
    pub output: Stream,
    /// The streams between layers, in layer order.
    pub probes: Vec<Probe>,
    /// Timing without stalls.
    pub timing: Timing,
}
