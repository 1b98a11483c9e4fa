//! The pipeline over time: when each sample passes each stream of a design that nothing stalls.

use sterna_ir::Design;
use sterna_ir::design::Stream;
use sterna_ir::interpret::Circuit;
use sterna_ir::netlist::NodeId;

use crate::lower::cone::Cone;

/// Cycles of the first and the last beat of a sample on a stream, from the end of reset on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Cycle of the first beat.
    pub first: u64,
    /// Cycle of the last beat; the same where the stream has one beat a sample.
    pub last: u64,
}

/// Passages of the first `samples` samples, `[stream][sample]`: the input stream, those between layers in order, the output
/// stream. The control part of the netlist is run, as for [`Timing`](sterna_ir::design::Timing); a sample that has not left
/// when twice the time for all is over is missing.
pub fn timeline(design: &Design, samples: usize) -> Vec<Vec<Passage>> {
    let Design { netlist, input, output, probes, timing } = design;
    let streams: Vec<&Stream> =
        [input].into_iter().chain(probes.iter().map(|p| &p.stream)).chain([output]).collect();
    let handshakes = streams.iter().flat_map(|s| [s.valid, s.ready]);
    let ports: Vec<NodeId> = handshakes.chain(input.last).collect();
    let cone = Cone::new(netlist, &ports, &[]);
    let mut circuit = cone.started();
    circuit.set(cone.at(input.valid), 1);
    circuit.set(cone.at(output.ready), 1);
    let beats: Vec<usize> = streams.iter().map(|s| s.beats()).collect();
    let mut moved = vec![0usize; streams.len()];
    let mut passages: Vec<Vec<Passage>> = vec![Vec::new(); streams.len()];
    let most = 2 * (timing.latency + timing.interval * samples as u64);
    for cycle in 0..=most {
        if let Some(last) = input.last {
            circuit.set(cone.at(last), i64::from((moved[0] + 1).is_multiple_of(beats[0])));
        }
        circuit.settle();
        for (k, stream) in streams.iter().enumerate() {
            if [stream.valid, stream.ready].iter().any(|port| circuit.get(cone.at(*port)) == 0) {
                continue;
            }
            let (sample, beat) = (moved[k] / beats[k], moved[k] % beats[k]);
            moved[k] += 1;
            match passages[k].get_mut(sample) {
                Some(passage) => passage.last = cycle,
                None if beat == 0 && sample < samples => {
                    passages[k].push(Passage { first: cycle, last: cycle });
                }
                None => {}
            }
        }
        if moved[streams.len() - 1] >= samples * beats[streams.len() - 1] {
            break;
        }
        circuit.clock();
    }
    passages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Folding, Options, lower, matrix};
    use sterna_ir::{Layer, Range};

    #[test]
    fn samples_enter_and_leave_as_the_timing_says() {
        let weights = vec![1, -1, 0, 1, 1, 0, 0, 1, 1, 1, 0, -1, 0, 0, 1, 1];
        let mut network = matrix::network("time", 4, 4, weights, Range::signed(4)).unwrap();
        network.layers.push(Layer { name: "second".into(), op: network.layers[0].op.clone() });
        for folding in [Folding::Unrolled, Folding::Pes(3)] {
            let design = lower(&network, &Options { folding, ..Options::default() }).unwrap();
            let passages = timeline(&design, 6);
            assert_eq!(passages.len(), design.probes.len() + 2);
            let (input, output) = (&passages[0], passages.last().unwrap());
            assert_eq!(output[0].last - input[0].first, design.timing.latency);
            assert_eq!((output[5].last - output[3].last).div_ceil(2), design.timing.interval);
            for stream in &passages {
                assert_eq!(stream.len(), 6, "every sample passes every stream");
                assert!(stream.windows(2).all(|pair| pair[0].last < pair[1].first), "{stream:?}");
            }
            for (before, after) in passages.iter().zip(&passages[1..]) {
                assert!(before.iter().zip(after).all(|(b, a)| b.first <= a.first), "{passages:?}");
            }
        }
    }
}
