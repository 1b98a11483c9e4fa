//! Finding the first differing cycle and signal of a segment that is known to differ.

use super::compare::Suspect;
use super::model::{Bits, Event, Mode, Stimulus, run};
use super::{Kind, Mismatch, Place, Setup, VerifyRequest};
use crate::fold::BLOCK;
use crate::wave::{Names, Wave};
use crate::{Error, Result, Simulator};
use std::path::Path;
use sterna_ir::bench::{self, RESET_CYCLES};
use sterna_ir::design::{Design, Stream};
use sterna_ir::interpret::Circuit;
use sterna_ir::netlist::NodeId;

/// Cycles of waveform before and after the difference.
const AROUND: u64 = 24;

/// What the simulator shows of one stream in one cycle.
struct Shown {
    valid: i64,
    ready: i64,
    last: Option<i64>,
    data: Vec<i64>,
    /// Beats that moved before.
    moved: usize,
}

/// A circuit that writes down its streams in a window of cycles.
struct Recorder<'a, C> {
    circuit: C,
    streams: &'a [&'a Stream],
    moved: Vec<usize>,
    settled: u64,
    window: std::ops::Range<u64>,
    shown: Vec<Vec<Shown>>,
}

impl<C: Circuit> Circuit for Recorder<'_, C> {
    fn set(&mut self, input: NodeId, value: i64) {
        self.circuit.set(input, value);
    }

    fn settle(&mut self) {
        self.circuit.settle();
        self.settled += 1;
        let Some(cycle) = self.settled.checked_sub(RESET_CYCLES as u64 + 1) else { return };
        let get = |id: NodeId| self.circuit.get(id);
        if self.window.contains(&cycle) {
            let shown = self.streams.iter().zip(&self.moved).map(|(s, moved)| Shown {
                valid: get(s.valid),
                ready: get(s.ready),
                last: s.last.map(get),
                data: s.data.iter().map(|id| get(*id)).collect(),
                moved: *moved,
            });
            self.shown.push(shown.collect());
        }
        for (stream, moved) in self.streams.iter().zip(&mut self.moved) {
            *moved += usize::from(get(stream.valid) == 1 && get(stream.ready) == 1);
        }
    }

    fn get(&self, node: NodeId) -> i64 {
        self.circuit.get(node)
    }

    fn clock(&mut self) {
        self.circuit.clock();
    }
}

/// A difference inside one cycle.
struct Spot {
    stream: usize,
    signal: &'static str,
    lane: Option<usize>,
    expected: i64,
    /// None where it is unknown.
    found: Option<i64>,
}

/// Which streams have their `last` compared.
fn with_last(request: &VerifyRequest) -> Vec<bool> {
    let probes = request.probes.iter().map(|p| p.last.is_some());
    [false].into_iter().chain(probes).chain([request.pins.output.last.is_some()]).collect()
}

/// Runs a segment again, believing the simulator, and describes the first difference.
pub(super) fn locate(setup: &Setup, suspect: Suspect, power_up: u32) -> Result<Mismatch> {
    let request = setup.request;
    let design = request.design;
    let index = suspect.segment;
    let segment = &setup.run.segments[index];
    let window = match suspect.block {
        Some(block) => block * BLOCK..((block + 1) * BLOCK).min(segment.cycles),
        None => 0..segment.cycles,
    };
    let samples = &request.samples[segment.first..segment.first + segment.samples];
    let streams: Vec<&Stream> = [&design.input]
        .into_iter()
        .chain(design.probes.iter().map(|p| &p.stream))
        .chain([&design.output])
        .collect();
    let patience = crate::run::patience(design, &request.options);
    let mut recorder = Recorder {
        circuit: Simulator::for_design(design),
        streams: &streams,
        moved: vec![0; streams.len()],
        settled: 0,
        window: window.clone(),
        shown: vec![],
    };
    let stalls = crate::run::stalls(design, &request.options, index);
    bench::run(design, &mut recorder, samples, stalls, patience).map_err(Error::Stuck)?;
    let last = with_last(request);
    let (mut spot, mut stuck) = (None, false);
    let mode = Mode { patience, from: window.start, to: window.end, power_up, plusarg: None };
    // By itself; then behind the segments that ran before it in the same process, which a reset may not wipe out.
    for since in [index, suspect.since] {
        if spot.is_some() {
            break;
        }
        let stimulus = Stimulus::new(design, &setup.tasks(since..index + 1))?;
        run(&setup.model, &setup.shape, &stimulus, mode, &mut |at, event| {
            if at + since != index {
                return true;
            }
            match event {
                Event::Cycle { cycle, handshakes, unknown, beats } if spot.is_none() => {
                    let shown = &recorder.shown[(cycle - window.start) as usize];
                    let settled = Settled { handshakes: &handshakes, unknown: &unknown, beats: &beats };
                    spot = differ(design, &streams, &last, shown, &settled).map(|s| (cycle, s));
                }
                Event::End { stuck: end, .. } => stuck = end,
                _ => {}
            }
            true
        })?;
    }
    let Some((cycle, spot)) = spot else {
        return Err(Error::Model {
            top: request.top.to_string(),
            status: format!("segment {index}"),
            message: "the model differs in one run and agrees in the next: it depends on its power-up state"
                .into(),
        });
    };
    let stream = streams[spot.stream];
    let moved = recorder.shown[(cycle - window.start) as usize][spot.stream].moved;
    let (vector, beat) = (moved / stream.beats(), moved % stream.beats());
    let position = spot.lane.map(|lane| beat * stream.data.len() + lane);
    let waveform = match request.waveform {
        None => None,
        Some(path) => {
            let window = cycle.saturating_sub(AROUND)..cycle + AROUND;
            wave(request, samples, stalls, patience, window, path)?;
            Some(path.to_path_buf())
        }
    };
    Ok(Mismatch {
        kind: match spot.signal {
            _ if stuck => Kind::Stuck,
            "data" | "last" => Kind::Value,
            _ => Kind::Handshake,
        },
        segment: index,
        sample: segment.first + vector,
        place: match spot.stream {
            0 => Place::Input,
            s if s + 1 == streams.len() => Place::Output,
            s => Place::Probe { probe: s - 1, layer: design.probes[s - 1].layer },
        },
        signal: spot.signal.into(),
        lane: spot.lane,
        element: position.map(|p| stream.order[p] as usize),
        cycle,
        expected: spot.expected,
        found: spot.found,
        waveform,
    })
}

/// What the Verilog shows in one cycle.
struct Settled<'a> {
    handshakes: &'a [u64],
    unknown: &'a [u64],
    beats: &'a [Vec<u64>],
}

fn differ(
    design: &Design,
    streams: &[&Stream],
    last: &[bool],
    shown: &[Shown],
    settled: &Settled,
) -> Option<Spot> {
    let width = |id: NodeId| design.netlist.node(id).range.width();
    for (i, (stream, shown)) in streams.iter().zip(shown).enumerate() {
        let two = |words: &[u64]| (words[i / 32] >> (2 * (i % 32)) & 3) as i64;
        let (bits, unknown) = (two(settled.handshakes), two(settled.unknown));
        let spot = |signal, lane, expected, found| Some(Spot { stream: i, signal, lane, expected, found });
        if unknown & 1 == 1 {
            return spot("valid or ready", None, shown.valid, None);
        }
        for (signal, expected, found) in [("valid", shown.valid, bits & 1), ("ready", shown.ready, bits >> 1)]
        {
            if expected != found {
                return spot(signal, None, expected, Some(found));
            }
        }
        if shown.valid == 0 || i == 0 {
            continue;
        }
        let mut bits = Bits::new(&settled.beats[i]);
        if let (true, Some(expected)) = (last[i], shown.last) {
            let found = bits.take(1);
            if expected != found {
                return spot("last", None, expected, Some(found));
            }
        }
        let used = stream.order.len() - (shown.moved % stream.beats()) * stream.data.len();
        for (lane, (id, expected)) in stream.data.iter().zip(&shown.data).enumerate().take(used) {
            let found = design.netlist.node(*id).range.wrap(bits.take(width(*id)));
            if *expected != found {
                return spot("data", Some(lane), *expected, (unknown & 2 == 0).then_some(found));
            }
        }
        // Unknown bits are read as zeros, which these values happen to have.
        if unknown & 2 == 2 {
            return spot("data", Some(0), shown.data[0], None);
        }
    }
    None
}

/// Writes the simulator's waveform of some cycles.
fn wave(
    request: &VerifyRequest,
    samples: &[Vec<i64>],
    stalls: bench::Stalls,
    patience: u64,
    window: std::ops::Range<u64>,
    path: &Path,
) -> Result<()> {
    let netlist = &request.design.netlist;
    let reset = RESET_CYCLES as u64;
    let window = window.start + reset..window.end + reset;
    let circuit = Simulator::new(netlist, crate::Watch::All);
    let own = Names::of(netlist);
    let mut wave = Wave::create(netlist, circuit, request.names.unwrap_or(&own), window, path)?;
    bench::run(request.design, &mut wave, samples, stalls, patience).map_err(Error::Stuck)?;
    wave.finish()
}
