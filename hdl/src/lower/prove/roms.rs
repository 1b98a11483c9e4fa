//! ROM contents decoded back to weights, biases and thresholds.

use std::collections::HashMap;

use sterna_ir::netlist::{MemoryId, MemoryKind, Netlist};

use super::Difference;
use crate::lower::folded::{Built, Entry, Folded, Word};
use crate::lower::table::{self, Table};

fn words(netlist: &Netlist, rom: MemoryId) -> Result<&[i64], Difference> {
    match &netlist.memory(rom).kind {
        MemoryKind::Rom(words) => Ok(words),
        MemoryKind::Ram { .. } => Err((netlist.memory(rom).name.clone(), "a RAM in place of a ROM".into())),
    }
}

/// Runs the schedule in the ROMs and compares the weights it adds with every row.
pub fn prove_schedule(netlist: &Netlist, unit: &Folded, built: &Built) -> Result<(), Difference> {
    let last = words(netlist, built.last)?;
    let s = &unit.schedule;
    let slots = unit.rows.len().div_ceil(s.pes);
    if last.len() != s.cycles() || last.iter().sum::<i64>() != slots as i64 || last.last() != Some(&1) {
        return Err(("slot_ends".into(), format!("does not end {slots} slots")));
    }
    if last.iter().any(|bit| !(0..=1).contains(bit)) {
        return Err(("slot_ends".into(), "a word is no bit".into()));
    }
    let spans: Vec<usize> = last.split_inclusive(|bit| *bit == 1).map(<[i64]>::len).collect();
    if let Some(slot) = spans.iter().position(|span| *span <= s.pes) {
        return Err((format!("slot {slot}"), "ends before the one before it has left".into()));
    }
    let live = match built.live {
        Some(rom) => words(netlist, rom)?.to_vec(),
        None => vec![1; last.len()],
    };
    if live.len() != last.len() || live.iter().any(|bit| !(0..=1).contains(bit)) {
        return Err(("live_cycles".into(), "is not a bit for every cycle of the schedule".into()));
    }
    for (pe, rom) in built.roms.iter().enumerate() {
        let words = words(netlist, *rom)?;
        if words.len() != last.len() {
            return Err((format!("pe{pe}"), "the ROM is not as long as the schedule".into()));
        }
        let mut start = 0;
        for (slot, span) in spans.iter().enumerate() {
            let own = start..start + span;
            let entries = &words[own.clone()];
            start += span;
            let row = s.order.get(slot * s.pes + pe).map(|r| &unit.rows[*r]);
            let name = || match row {
                Some(row) => format!("pe{pe}, neuron {}", row.element),
                None => format!("pe{pe}, slot {slot}"),
            };
            // What is masked is 0, of which an XNOR element counts nothing while its weights are 1; without a row nothing is
            // shown, and the words are the same.
            let is_masked = |live: i64| live == 0 || (row.is_none() && matches!(s.word, Word::Signs(_)));
            let timed =
                || entries.iter().zip(&live[own.clone()]).map(|(word, live)| (*word, is_masked(*live)));
            if timed().any(|(word, masked)| masked && word != (1 << s.word.width()) - 1) {
                return Err((name(), "counts where there is nothing".into()));
            }
            let counted = timed().flat_map(|(word, masked)| {
                let entries = s.word.unpack(word).into_iter();
                entries.map(move |entry| Entry { add: entry.add.filter(|_| !masked), ..entry })
            });
            let found = decode(counted, &built.order).map_err(|what| (name(), what))?;
            let wanted: HashMap<u32, i64> =
                row.map(|r| r.terms.iter().copied().collect()).unwrap_or_default();
            if found != wanted {
                return Err((name(), "the schedule adds other weights than the network's".into()));
            }
            if entries.iter().any(|w| *w >> s.word.width() != 0 || s.word.pack(&s.word.unpack(*w)) != *w) {
                return Err((name(), "a word that the schedule never writes".into()));
            }
        }
    }
    Ok(())
}

/// Weights by element that a row's entries add up to.
fn decode(entries: impl Iterator<Item = Entry>, order: &[u32]) -> Result<HashMap<u32, i64>, String> {
    let mut weights: HashMap<u32, i64> = HashMap::new();
    let mut at = -1i64;
    for entry in entries {
        at += i64::from(entry.delta);
        if let Some((shift, negate)) = entry.add {
            let element = usize::try_from(at).ok().and_then(|at| order.get(at));
            let element = element.ok_or_else(|| format!("position {at} is outside the vector"))?;
            let digit = 1i64.checked_shl(u32::from(shift)).ok_or("a shift past the word")?;
            *weights.entry(*element).or_default() += if negate { -digit } else { digit };
        }
    }
    weights.retain(|_, w| *w != 0);
    Ok(weights)
}

/// Compares every stored constant with the network's.
pub fn prove_table(netlist: &Netlist, unit: &Table, built: &table::Built) -> Result<(), Difference> {
    let lanes = built.lanes.len();
    for (p, &element) in built.order.iter().enumerate() {
        let (beat, lane) = (p / lanes, p % lanes);
        let places = &built.lanes[lane];
        let place = || format!("neuron {element}");
        let word = |k: usize| {
            let word = places.get(k).and_then(|place| table::word(netlist, *place, beat));
            word.ok_or_else(|| (place(), "a constant is missing".to_string()))
        };
        match unit {
            Table::Bias { bias, .. } => {
                if word(0)? != bias[element as usize] {
                    return Err((place(), "the bias differs from the network's".into()));
                }
            }
            Table::Threshold { levels, .. } => {
                let levels = &levels[element as usize];
                let depth = levels.thresholds.len();
                if word(depth)? != i64::from(levels.falling) {
                    return Err((place(), "the slope differs from the network's".into()));
                }
                let range = built.ranges[lane];
                for (k, t) in levels.thresholds.iter().enumerate() {
                    // Compared as `x >= least`, which is the same for every `least` past either end of the range.
                    let least = t + i64::from(levels.falling);
                    let same =
                        |a: i64| (a == least) || (a.max(least) <= range.lo) || (a.min(least) > range.hi);
                    if !same(word(k)?) {
                        return Err((place(), format!("threshold {k} differs from the network's")));
                    }
                }
            }
        }
    }
    Ok(())
}
