//! The samples in an input that tells two versions of a circuit apart.

use std::collections::{BTreeMap, BTreeSet};

use sterna_ir::Design;

use super::miter::raw;
use crate::verilog::Emitted;

/// The samples in what ABC writes of such an input: a line `NAME[BIT]@CYCLE=VALUE` for each bit of it. Beats count where they
/// are valid and nothing is reset; what is missing of the last sample is as near to 0 as it can be.
pub fn samples(text: &str, design: &Design, emitted: &Emitted) -> Vec<Vec<i64>> {
    let (mut ones, mut cycles) = (BTreeSet::new(), BTreeMap::new());
    for line in text.lines() {
        let Some((bit, value)) = line.rsplit_once('=') else { continue };
        let Some((name, cycle)) = bit.rsplit_once('@') else { continue };
        let Ok(cycle) = cycle.parse::<u64>() else { continue };
        let (port, bit) = match name.strip_suffix(']').and_then(|name| name.rsplit_once('[')) {
            Some((port, bit)) => (port, bit.parse().unwrap_or(0)),
            None => (name, 0u32),
        };
        cycles.insert(cycle, ());
        if value == "1" {
            ones.insert((port.to_string(), bit, cycle));
        }
    }
    // A word of what enters a port.
    let word = |node, cycle: u64| -> Option<u64> {
        let signal = emitted.top_signal(node)?;
        let port = raw(emitted.ports.iter().position(|port| port.name == signal.name)?);
        let bit = |at: u32| u64::from(ones.contains(&(port.clone(), signal.lsb + at, cycle))) << at;
        Some((0..signal.width).map(bit).sum())
    };
    let input = &design.input;
    let reset = |cycle| design.netlist.reset.is_some_and(|reset| word(reset, cycle) == Some(1));
    let beats: Vec<u64> = (cycles.into_keys())
        .filter(|cycle| *cycle > 0 && !reset(*cycle) && word(input.valid, *cycle) == Some(1))
        .collect();
    let range = |lane: usize| design.netlist.node(input.data[lane]).range;
    let mut samples = Vec::new();
    for part in beats.chunks(input.beats()) {
        let elements = input.order.iter().max().map_or(0, |most| *most as usize + 1);
        let mut sample = vec![0i64.clamp(range(0).lo, range(0).hi); elements];
        for (position, element) in input.order.iter().enumerate() {
            let (beat, lane) = (position / input.data.len(), position % input.data.len());
            let range = range(lane);
            let value = part.get(beat).and_then(|cycle| word(input.data[lane], *cycle));
            // As the miter does it.
            sample[*element as usize] = match value.map(|word| range.wrap(word as i64)) {
                Some(value) if range.contains(value) => value,
                Some(_) => range.lo,
                None => 0i64.clamp(range.lo, range.hi),
            };
        }
        samples.push(sample);
    }
    samples
}
