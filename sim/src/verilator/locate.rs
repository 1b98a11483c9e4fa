//! Finding the first differing cycle and signal of a segment that is known to differ.

use super::model::{Bits, Event, Mode, Shape, Task, run};
use super::{Kind, Mismatch, Place, VerifyRequest};
use crate::vcd::Wave;
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
    found: i64,
}

/// Which streams have their `last` compared.
fn with_last(request: &VerifyRequest) -> Vec<bool> {
    let probes = request.probes.iter().map(|p| p.last.is_some());
    [false].into_iter().chain(probes).chain([request.pins.output.last.is_some()]).collect()
}

/// Runs segment `index` again, believing the simulator, and describes the first difference.
pub(super) fn locate(
    request: &VerifyRequest,
    program: &Path,
    shape: &Shape,
    (index, task): (usize, Task),
    window: std::ops::Range<u64>,
    first_sample: usize,
) -> Result<Mismatch> {
    let design = request.design;
    let samples = &request.samples[task.samples.clone()];
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
    bench::run(design, &mut recorder, samples, task.stalls, patience).map_err(Error::Stuck)?;
    let last = with_last(request);
    let (mut spot, mut stuck) = (None, false);
    let mode = Mode { patience, from: window.start, to: window.end };
    let stalls = task.stalls;
    run(program, request.top, design, shape, &[task], mode, &mut |_, event| {
        match event {
            Event::Cycle { cycle, handshakes, beats } if spot.is_none() => {
                let shown = &recorder.shown[(cycle - window.start) as usize];
                spot = differ(design, &streams, &last, shown, &handshakes, &beats).map(|s| (cycle, s));
            }
            Event::End { stuck: end, .. } => stuck = end,
            _ => {}
        }
        true
    })?;
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
            wave(design, samples, stalls, patience, window, path)?;
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
        sample: first_sample + vector,
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

fn differ(
    design: &Design,
    streams: &[&Stream],
    last: &[bool],
    shown: &[Shown],
    handshakes: &[u64],
    beats: &[Vec<u64>],
) -> Option<Spot> {
    let width = |id: NodeId| design.netlist.node(id).range.width();
    for (i, (stream, shown)) in streams.iter().zip(shown).enumerate() {
        let bits = handshakes[i / 32] >> (2 * (i % 32));
        let pairs =
            [("valid", shown.valid, (bits & 1) as i64), ("ready", shown.ready, (bits >> 1 & 1) as i64)];
        for (signal, expected, found) in pairs {
            if expected != found {
                return Some(Spot { stream: i, signal, lane: None, expected, found });
            }
        }
        if shown.valid == 0 || i == 0 {
            continue;
        }
        let mut bits = Bits::new(&beats[i]);
        if let (true, Some(expected)) = (last[i], shown.last) {
            let found = bits.take(1);
            if expected != found {
                return Some(Spot { stream: i, signal: "last", lane: None, expected, found });
            }
        }
        let used = stream.order.len() - (shown.moved % stream.beats()) * stream.data.len();
        for (lane, (id, expected)) in stream.data.iter().zip(&shown.data).enumerate().take(used) {
            let found = design.netlist.node(*id).range.wrap(bits.take(width(*id)));
            if *expected != found {
                let lane = Some(lane);
                return Some(Spot { stream: i, signal: "data", lane, expected: *expected, found });
            }
        }
    }
    None
}

/// Writes the simulator's waveform of some cycles.
fn wave(
    design: &Design,
    samples: &[Vec<i64>],
    stalls: bench::Stalls,
    patience: u64,
    window: std::ops::Range<u64>,
    path: &Path,
) -> Result<()> {
    let name = path.display().to_string();
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(Error::io(&name))?;
    let reset = RESET_CYCLES as u64;
    let window = window.start + reset..window.end + reset;
    let circuit = Simulator::new(&design.netlist, crate::Watch::All);
    let buffer = std::io::BufWriter::new(&mut file);
    let mut wave = Wave::new(&design.netlist, circuit, None, window, buffer).map_err(Error::io(&name))?;
    bench::run(design, &mut wave, samples, stalls, patience).map_err(Error::Stuck)?;
    wave.finish().map_err(Error::io(&name))?;
    // Temporary files are private; a waveform is like any other file.
    #[cfg(unix)]
    file.as_file()
        .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .map_err(Error::io(&name))?;
    file.persist(path).map_err(|e| Error::Io { what: name, source: e.error })?;
    Ok(())
}
