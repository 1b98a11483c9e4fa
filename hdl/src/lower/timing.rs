//! Exact timing. Handshakes never depend on data, so the cone of logic behind them, a few dozen nodes per stage, runs by
//! itself: a few samples through it give latency and interval of the very circuit that is emitted.

use sterna_ir::Design;
use sterna_ir::design::{Stream, Timing};
use sterna_ir::interpret::Circuit;
use sterna_ir::netlist::{MemoryKind, ModuleId, NodeId};

use crate::lower::cone::Cone;
use crate::{Error, Result};

/// Results after which a run that never repeats is cut off; none is known.
const MOST_RESULTS: usize = 256;

/// Latency of the first of a row of samples, and the steady distance of results.
///
/// Steady means proven so: the run ends when a result leaves all control registers as the second result before it did (the
/// halves of double buffers take turns, so one sample is half a period). A distance that alternates is rounded up.
///
/// Errors when no result can ever come, naming the first stage that gives nothing: the state without one repeats.
pub fn measure(design: &Design) -> Result<Timing> {
    observe(design, &[]).map(|(timing, _)| timing)
}

/// The same, and the largest value that each of `watched` ever has.
pub fn observe(design: &Design, watched: &[NodeId]) -> Result<(Timing, Vec<i64>)> {
    let Design { netlist, input, output, .. } = design;
    let streams: Vec<&Stream> = design.probes.iter().map(|p| &p.stream).chain([input, output]).collect();
    let ports = streams.iter().flat_map(|s| [s.valid, s.ready]).chain(input.last);
    let ports: Vec<NodeId> = ports.chain(watched.iter().copied()).collect();
    let cone = Cone::new(netlist, &ports, &[]);
    let at = |node: NodeId| cone.at(node);
    let ram = cone.netlist.memories.iter().find(|m| matches!(m.kind, MemoryKind::Ram { .. }));
    assert!(ram.is_none(), "handshakes must not depend on data");
    let part = &cone.netlist;
    let registers: Vec<NodeId> = part.ids().filter(|id| part.node(*id).op.is_sequential()).collect();
    let mut circuit = cone.started();
    circuit.set(at(input.valid), 1);
    circuit.set(at(output.ready), 1);
    // Per result: its cycle, and everything that decides the future.
    let mut results: Vec<(u64, Vec<i64>)> = Vec::new();
    let mut started = None;
    let mut most = vec![0; watched.len()];
    let (mut sent, mut got) = (0, 0);
    // Since the last result: cycles, a state seen on the way (Brent 1980), streams that carried anything.
    let (mut idle, mut mark, mut old) = (0u64, 1u64, Vec::new());
    let followed: Vec<&Stream> = design.probes.iter().map(|p| &p.stream).chain([output]).collect();
    let mut seen = vec![false; followed.len()];
    for cycle in 0u64.. {
        if let Some(last) = input.last {
            circuit.set(at(last), i64::from(sent + 1 == input.beats()));
        }
        circuit.settle();
        if circuit.get(at(input.ready)) == 1 {
            started.get_or_insert(cycle);
            sent = (sent + 1) % input.beats();
        }
        let moved = circuit.get(at(output.valid)) == 1;
        for (seen, stream) in seen.iter_mut().zip(&followed) {
            *seen |= circuit.get(at(stream.valid)) == 1;
        }
        for (most, node) in most.iter_mut().zip(watched) {
            *most = circuit.get(at(*node)).max(*most);
        }
        circuit.clock();
        idle += 1;
        let now: Vec<i64> = registers.iter().map(|r| circuit.get(*r)).chain([sent as i64]).collect();
        if moved {
            (idle, mark) = (0, 1);
            old.clear();
            seen.fill(false);
        } else if now == old {
            let silent = seen.iter().position(|seen| !seen).unwrap_or(followed.len() - 1);
            // The port of the last stage stands in the top module.
            let mut node = netlist.node(followed[silent].valid);
            while let (ModuleId::TOP, Some(source)) = (node.module, node.op.operands().first()) {
                node = netlist.node(*source);
            }
            return Err(Error::Deadlock { stage: netlist.module(node.module).name.clone() });
        }
        if idle == mark {
            (mark, old) = (2 * mark, now);
        }
        got += usize::from(moved);
        if got < output.beats() {
            continue;
        }
        got = 0;
        let state = registers.iter().map(|r| circuit.get(*r)).chain([sent as i64]).collect();
        results.push((cycle, state));
        if let [.., (before, earlier), _, (now, new)] = &results[..]
            && (earlier == new || results.len() == MOST_RESULTS)
        {
            let latency = results[0].0 - started.expect("a result needs a sample");
            return Ok((Timing { latency, interval: (now - before).div_ceil(2) }, most));
        }
    }
    unreachable!("the loop ends by returning")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, lower, matrix};
    use sterna_ir::netlist::Op;
    use sterna_ir::{Layer, Range};

    #[test]
    fn a_stage_that_gives_nothing_is_refused_by_name() {
        let mut network =
            matrix::network("rest", 3, 3, vec![1, -1, 0, 1, 1, 0, 0, 1, 1], Range::signed(4)).unwrap();
        network.layers.push(Layer { name: "second".into(), op: network.layers[0].op.clone() });
        let design = lower(&network, &Options::default()).unwrap();
        assert_eq!(measure(&design).unwrap(), design.timing);
        for stage in ["layer0", "layer1"] {
            let mut bad = design.clone();
            let held = bad.netlist.ids().filter(|id| {
                let node = bad.netlist.node(*id);
                node.name.ends_with("y_valid") && bad.netlist.module(node.module).name == stage
            });
            let held: Vec<NodeId> = held.filter(|id| bad.netlist.node(*id).op.is_sequential()).collect();
            assert!(!held.is_empty(), "{stage}");
            for id in held {
                let Op::Reg { d, .. } = &mut bad.netlist.nodes[id.index()].op else { unreachable!() };
                *d = id;
            }
            let error = measure(&bad).unwrap_err().to_string();
            assert_eq!(error, format!("timing: {stage} gives no result, however long it runs"));
        }
    }
}
