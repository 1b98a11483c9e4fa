//! ROM contents decoded back to weights, biases and thresholds.

use std::collections::HashMap;
use std::ops::Range;

use sterna_ir::netlist::{MemoryId, MemoryKind, Netlist};

use super::Difference;
use crate::lower::folded::{Built, Entry, Folded, Schedule, Word};
use crate::lower::restore;
use crate::lower::rows::Row;
use crate::lower::table::{self, Table};

fn words(netlist: &Netlist, rom: MemoryId) -> Result<&[i64], Difference> {
    match &netlist.memory(rom).kind {
        MemoryKind::Rom(words) => Ok(words),
        MemoryKind::Ram { .. } => Err((netlist.memory(rom).name.clone(), "a RAM in place of a ROM".into())),
    }
}

/// Runs the schedule in the ROMs and compares the weights it adds with every row.
pub fn prove_schedule(netlist: &Netlist, unit: &Folded, built: &Built) -> Result<(), Difference> {
    let s = &unit.schedule;
    let roms = built.roms.iter().map(|rom| words(netlist, *rom)).collect::<Result<Vec<_>, _>>()?;
    let cycles = s.cycles();
    if let Some(pe) = roms.iter().position(|words| words.len() != cycles) {
        return Err((format!("pe{pe}"), "the ROM is not as long as the schedule".into()));
    }
    let bits = |rom: Option<MemoryId>, name: &str| -> Result<Option<&[i64]>, Difference> {
        let Some(rom) = rom else { return Ok(None) };
        let bits = words(netlist, rom)?;
        match bits.len() == cycles && bits.iter().all(|bit| (0..=1).contains(bit)) {
            true => Ok(Some(bits)),
            false => Err((name.into(), "is not a bit for every cycle of the schedule".into())),
        }
    };
    let live = bits(built.live, "live_cycles")?;
    let begins = bits(built.opens, "row_begins")?;
    let turns = turns(s, &roms, begins)?;
    for (beat, (team, span)) in turns.iter().enumerate() {
        for (lane, words) in roms.iter().skip(team * s.lanes).take(s.lanes).enumerate() {
            let row = s.order.get(beat * s.lanes + lane).map(|r| &unit.rows[*r]);
            let live = live.map(|live| &live[span.clone()]);
            let opens = begins.is_none() && lane == 0;
            prove_row((s.word, opens), row, &words[span.clone()], live, &built.order).map_err(|what| {
                match row {
                    Some(row) => (format!("team {team}, neuron {}", row.element), what),
                    None => (format!("team {team}, cycle {}", span.start), what),
                }
            })?;
        }
    }
    Ok(())
}

/// Teams and their cycles, in the order in which the results leave: of the beats of a sample no two may come at once, nor
/// one among those of another sample.
fn turns(
    s: &Schedule,
    roms: &[&[i64]],
    begins: Option<&[i64]>,
) -> Result<Vec<(usize, Range<usize>)>, Difference> {
    let (cycles, teams, beats) = (s.cycles(), s.pes / s.lanes, s.order.len().div_ceil(s.lanes));
    let (mut turns, mut idle) = (Vec::new(), Vec::new());
    for team in 0..teams {
        let opens = |cycle: &usize| match begins {
            Some(begins) => begins[*cycle] == 1,
            None => roms[team * s.lanes][*cycle] >> s.word.width() == 1,
        };
        let starts: Vec<usize> = (0..cycles).filter(opens).collect();
        if starts.first() != Some(&0) {
            return Err((format!("team {team}"), "does not begin with a row".into()));
        }
        let ends = starts.iter().skip(1).copied().chain([cycles]);
        let own = starts.iter().zip(ends).map(|(start, end)| (end + team, (team, *start..end)));
        turns.extend(own);
        // In lock step the last slot may have no row for this team.
        let slots = beats.div_ceil(teams);
        if begins.is_some() && starts.len() == slots && (slots - 1) * teams + team >= beats {
            idle.extend(turns.pop());
        }
    }
    turns.sort_by_key(|(leaves, _)| *leaves);
    let apart = turns.windows(2).all(|pair| pair[0].0 < pair[1].0);
    let within = |leaves: usize| (teams..teams + cycles).contains(&leaves);
    if !apart || !turns.iter().all(|(leaves, _)| within(*leaves)) {
        return Err(("row ends".into(), "two results would leave in one cycle".into()));
    }
    if turns.len() != beats {
        return Err(("row ends".into(), format!("{} rows of teams, not {beats}", turns.len())));
    }
    Ok(turns.into_iter().chain(idle).map(|(_, turn)| turn).collect())
}

/// Compares what an element does in its cycles for a row, or for none, with that row; of the first of a team the word that
/// `opens` the row says so.
fn prove_row(
    (word, opens): (Word, bool),
    row: Option<&Row>,
    words: &[i64],
    live: Option<&[i64]>,
    order: &[u32],
) -> Result<(), String> {
    // What is masked is 0, of which an XNOR element counts nothing while its weights are 1; without a row nothing is shown,
    // and the words are the same.
    let nothing = row.is_none() && matches!(word, Word::Signs(_));
    let masked = |at: usize| nothing || live.is_some_and(|live| live[at] == 0);
    let ones = (1 << word.width()) - 1;
    let mut counted = Vec::new();
    for (at, own) in words.iter().enumerate() {
        let plain = own ^ i64::from(opens && at == 0) << word.width();
        if plain & !ones != 0 || word.pack(&word.unpack(plain)) != plain {
            return Err("a word that the schedule never writes".into());
        }
        if masked(at) && plain != ones {
            return Err("counts where there is nothing".into());
        }
        let entries = word.unpack(plain).into_iter();
        counted.extend(entries.map(|entry| Entry { add: entry.add.filter(|_| !masked(at)), ..entry }));
    }
    let wanted: HashMap<u32, i64> = row.map(|r| r.terms.iter().copied().collect()).unwrap_or_default();
    match decode(counted.into_iter(), order)? == wanted {
        true => Ok(()),
        false => Err("the schedule adds other weights than the network's".into()),
    }
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

/// Compares the place of every element in the memories with where it leaves, which must be in the network's order.
pub fn prove_places(netlist: &Netlist, built: &restore::Built) -> Result<(), Difference> {
    let lanes = built.places.len();
    let beats = built.to.len().div_ceil(lanes);
    if !built.to.is_sorted_by(|a, b| a < b) || built.from.len() != built.to.len() {
        return Err(("the order".into(), "is not the network's".into()));
    }
    for p in 0..beats * lanes {
        let (beat, lane) = (p / lanes, p % lanes);
        let found = table::word(netlist, built.places[lane], beat);
        let leaves = |word: i64| built.to.get(usize::try_from(word).ok()? * lanes + lane);
        let (place, same) = match built.from.get(p) {
            Some(element) => (format!("neuron {element}"), found.and_then(leaves) == Some(element)),
            None => (format!("lane {lane}"), found == Some(beats as i64 - 1)),
        };
        if !same {
            return Err((place, "is written to another place than it leaves from".into()));
        }
    }
    Ok(())
}
