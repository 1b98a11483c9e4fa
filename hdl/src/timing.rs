//! Exact timing. Handshakes never depend on data, so the cone of logic behind them, a few dozen nodes per stage, runs by
//! itself: a few samples through it give latency and interval of the very circuit that is emitted.

use sterna_ir::Netlist;
use sterna_ir::design::{Stream, Timing};
use sterna_ir::interpret::{Circuit, Interpreter};
use sterna_ir::netlist::{MemoryId, MemoryKind, NodeId, Op};

/// Latency of the first of a row of samples, and the steady distance of results, rounded up should it alternate.
///
/// `stages` bounds how many samples can be inside at once.
pub fn measure(netlist: &Netlist, input: &Stream, output: &Stream, stages: usize) -> Timing {
    let ports: Vec<NodeId> = [
        Some(input.valid),
        input.last,
        netlist.reset,
        Some(input.ready),
        Some(output.valid),
        Some(output.ready),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (cone, place) = cone(netlist, &ports);
    let at = |node: NodeId| place[node.index()].expect("ports are in the cone");
    let mut circuit = Interpreter::new(&cone);
    let reset = netlist.reset.map(at).expect("the shell has a reset");
    circuit.set(reset, 1);
    circuit.settle();
    circuit.clock();
    circuit.set(reset, 0);
    circuit.set(at(input.valid), 1);
    circuit.set(at(output.ready), 1);
    let samples = 4 * stages + 8;
    let mut finished: Vec<u64> = Vec::with_capacity(samples);
    let mut started = None;
    let (mut sent, mut got) = (0, 0);
    for cycle in 0u64.. {
        if let Some(last) = input.last {
            circuit.set(at(last), i64::from(sent + 1 == input.beats()));
        }
        circuit.settle();
        if circuit.get(at(input.ready)) == 1 {
            started.get_or_insert(cycle);
            sent = (sent + 1) % input.beats();
        }
        if circuit.get(at(output.valid)) == 1 {
            got += 1;
            if got == output.beats() {
                got = 0;
                finished.push(cycle);
            }
        }
        circuit.clock();
        if finished.len() == samples {
            break;
        }
    }
    let first = started.expect("a result needs a sample");
    let span = finished[samples - 1] - finished[samples - 5];
    Timing { latency: finished[0] - first, interval: span.div_ceil(4) }
}

/// The nodes that `ports` depend on, as a netlist of their own, and where each node went.
fn cone(netlist: &Netlist, ports: &[NodeId]) -> (Netlist, Vec<Option<NodeId>>) {
    let mut needed = vec![false; netlist.nodes.len()];
    let mut stack = ports.to_vec();
    while let Some(id) = stack.pop() {
        if std::mem::replace(&mut needed[id.index()], true) {
            continue;
        }
        let op = &netlist.node(id).op;
        stack.extend(op.operands());
        if let Op::Read { memory, .. } = op
            && let MemoryKind::Ram { enable, addr, data } = netlist.memory(*memory).kind
        {
            stack.extend([enable, addr, data]);
        }
    }
    let mut place = vec![None; netlist.nodes.len()];
    let kept: Vec<NodeId> = netlist.ids().filter(|id| needed[id.index()]).collect();
    kept.iter().enumerate().for_each(|(new, old)| place[old.index()] = Some(NodeId(new as u32)));
    let at = |id: NodeId| place[id.index()].expect("the cone is closed");
    let mut memories = Vec::new();
    let mut nodes = Vec::with_capacity(kept.len());
    for id in &kept {
        let mut node = netlist.node(*id).clone();
        node.op.map_operands(at);
        if let Op::Read { memory, .. } = &mut node.op {
            let mut copy = netlist.memory(*memory).clone();
            if let MemoryKind::Ram { enable, addr, data } = &mut copy.kind {
                (*enable, *addr, *data) = (at(*enable), at(*addr), at(*data));
            }
            *memory = MemoryId(memories.len() as u32);
            memories.push(copy);
        }
        nodes.push(node);
    }
    let reset = netlist.reset.map(at);
    let modules = netlist.modules.clone();
    (Netlist { nodes, modules, memories, reset, ..Netlist::default() }, place)
}
