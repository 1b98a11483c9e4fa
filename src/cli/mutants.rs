//! `sterna verify --mutants`: the Verilog broken in many places, one at a time, to see what the comparison is worth.

mod further;
mod journal;
mod proofs;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Result, bail};
use indicatif::ProgressBar;
use rayon::prelude::*;
use serde::Serialize;
use sterna_hdl::equal::Prover;
use sterna_hdl::mutate::{Kind, Mutant, Mutants, PLUSARG, schema};
use sterna_sim::verilator::{self, Fate, Source, Tool, VerifyRequest};

use crate::build::Build;
use crate::check::{Request, Wires, with_visible_probes};
use crate::ui::{Ui, percent, table};
use journal::{By, Journal, Line};
use proofs::{Proof, doubt, prove};

/// What became of all mutants.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Ways in which the Verilog can be broken.
    pub possible: usize,
    /// Those tried.
    pub tried: usize,
    /// Those that a comparison found, or that ended the model.
    pub killed: usize,
    /// Of those killed, the ones by more stimuli than were asked for, made for what survived these.
    pub killed_later: usize,
    /// Survivors that are proved to be the same circuit.
    pub equivalent: usize,
    /// Killed among those not proved equivalent.
    pub kill_rate: f64,
    /// Counts of each kind.
    pub kinds: BTreeMap<Kind, Counts>,
    /// What killed mutants that other stimuli did not.
    pub witnesses: Vec<Witness>,
    /// Everything that was not killed.
    pub survivors: Vec<Survivor>,
}

/// Counts of one kind.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    tried: usize,
    killed: usize,
    equivalent: usize,
}

/// Samples that a mutant was told from the original by, found in the search for a proof of the contrary.
#[derive(Debug, Serialize)]
pub struct Witness {
    #[serde(flatten)]
    mutant: Mutant,
    samples: Vec<Vec<i64>>,
}

/// A mutant that no stimulus told from the original.
#[derive(Debug, Serialize)]
pub struct Survivor {
    #[serde(flatten)]
    mutant: Mutant,
    /// Whether it is proved to be the same circuit.
    equivalent: bool,
    /// How it is known, or why it is not.
    reason: String,
}

/// How many mutants are tried, and how hard.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Mutants.
    pub count: usize,
    /// Chooses them.
    pub seed: u64,
    /// Longest search for a proof that a survivor is the same circuit.
    pub limit: Duration,
    /// Whether to look for the same proof of each that was killed, of which there must be none.
    pub doubt: bool,
}

/// Tries mutants against the stimuli of `asked`.
pub fn run(build: &Build, asked: &Request, effort: Effort, ui: &Ui) -> Result<Report> {
    let all = Mutants::of(&build.sources);
    let mutants = all.draw(effort.count, effort.seed);
    if mutants.is_empty() {
        bail!("nothing in the Verilog can be broken: no file in it was printed by this program");
    }
    let files = schema(&build.sources, &mutants);
    let journal = Journal::open(asked.cache, &files, asked, effort.limit)?;
    let bar = ui.bar("mutants", mutants.len() as u64, "mutants");
    let todo: Vec<usize> = (1..=mutants.len()).filter(|n| !journal.has(*n)).collect();
    bar.set_position((mutants.len() - todo.len()) as u64);
    let design = with_visible_probes(build);
    let prover = Prover::new(&design, &build.emitted, &build.sources);
    if !todo.is_empty() {
        let wires = Wires::new(build, None)?;
        let sources: Vec<Source> =
            files.iter().map(|f| Source { name: f.name.clone(), text: f.text.clone() }).collect();
        let request = VerifyRequest { sources: &sources, ..wires.request(build, asked, Tool::Verilator) };
        let hunt = Hunt { request: &request, journal: &journal, bar: &bar };
        let mut left = hunt.play(todo, By::Stimuli)?;
        for round in 1..=further::ROUNDS {
            if left.is_empty() {
                break;
            }
            let (samples, options) = further::stimuli(build, asked, round)?;
            let request = VerifyRequest { samples: &samples, options, ..request };
            left = Hunt { request: &request, ..hunt }.play(left, By::Further)?;
        }
        left.par_iter().try_for_each(|&number| {
            let mutant = &mutants[number - 1];
            let proof = prove(&prover, mutant, effort.limit)?;
            // What the search for a proof found counts when the simulation shows it.
            if let Proof { witness: Some(samples), .. } = &proof {
                let (samples, options) = further::witness(build, asked, samples);
                let request = VerifyRequest { samples: &samples, options, before: Some(0), ..request };
                let hunt = Hunt { request: &request, ..hunt };
                if hunt.play(vec![number], By::Witness(samples.clone()))?.is_empty() {
                    return Ok(());
                }
            }
            bar.inc(1);
            let Proof { equivalent, reason, .. } = proof;
            journal.add(Line { number, fate: Fate::Survived, by: None, proof: Some((equivalent, reason)) })
        })?;
    }
    if effort.doubt {
        doubt(&prover, &mutants, &journal, effort.limit)?;
    }
    bar.finish_and_clear();
    Ok(judge(all.counts().values().sum(), mutants, &journal.lines()))
}

/// Plays stimuli to mutants.
#[derive(Clone, Copy)]
struct Hunt<'a> {
    request: &'a VerifyRequest<'a>,
    journal: &'a Journal,
    bar: &'a ProgressBar,
}

impl Hunt<'_> {
    /// Notes those of `numbers` that are killed and returns the others.
    fn play(self, numbers: Vec<usize>, by: By) -> Result<Vec<usize>> {
        if numbers.is_empty() {
            return Ok(numbers);
        }
        let failed = Mutex::new(None);
        verilator::mutants(self.request, PLUSARG, &numbers, &|number, fate| {
            if fate != Fate::Survived {
                self.bar.inc(1);
                let line = Line { number, fate, by: Some(by.clone()), proof: None };
                if let Err(error) = self.journal.add(line) {
                    *failed.lock().expect("no thread panics") = Some(error);
                }
            }
        })?;
        match failed.into_inner().expect("no thread panics") {
            Some(error) => Err(error),
            None => Ok(numbers.into_iter().filter(|n| !self.journal.has(*n)).collect()),
        }
    }
}

fn judge(possible: usize, mutants: Vec<Mutant>, lines: &BTreeMap<usize, Line>) -> Report {
    let mut report = Report {
        possible,
        tried: mutants.len(),
        killed: 0,
        killed_later: 0,
        equivalent: 0,
        kill_rate: 1.0,
        kinds: BTreeMap::new(),
        witnesses: Vec::new(),
        survivors: Vec::new(),
    };
    for (i, mutant) in mutants.into_iter().enumerate() {
        let counts = report.kinds.entry(mutant.kind).or_default();
        counts.tried += 1;
        match lines.get(&(i + 1)) {
            Some(Line { fate: Fate::Survived, proof, .. }) => {
                let (equivalent, reason) = proof.clone().unwrap_or((false, "not tried".into()));
                counts.equivalent += usize::from(equivalent);
                report.survivors.push(Survivor { mutant, equivalent, reason });
            }
            line => {
                counts.killed += 1;
                report.killed_later +=
                    usize::from(line.is_some_and(|l| matches!(l.by, Some(By::Further | By::Witness(_)))));
                if let Some(Line { by: Some(By::Witness(samples)), .. }) = line {
                    report.witnesses.push(Witness { mutant, samples: samples.clone() });
                }
            }
        }
    }
    report.killed = report.kinds.values().map(|c| c.killed).sum();
    report.equivalent = report.kinds.values().map(|c| c.equivalent).sum();
    if report.tried > report.equivalent {
        report.kill_rate = report.killed as f64 / (report.tried - report.equivalent) as f64;
    }
    report
}

/// Says what became of the mutants.
pub fn report(report: &Report, ui: &Ui) -> Result<()> {
    let row = |name: String, c: &Counts| {
        let open = c.tried - c.killed - c.equivalent;
        vec![name, c.tried.to_string(), c.killed.to_string(), c.equivalent.to_string(), open.to_string()]
    };
    let name = |kind: &Kind| serde_json::to_value(kind).map(|v| v.as_str().unwrap_or_default().to_string());
    let mut rows = Vec::new();
    for (kind, counts) in &report.kinds {
        rows.push(row(name(kind)?, counts));
    }
    let all = Counts { tried: report.tried, killed: report.killed, equivalent: report.equivalent };
    rows.push(row("all".into(), &all));
    ui.say(table(&["mutants", "tried", "killed", "equivalent", "open"], &rows))?;
    if report.killed_later > 0 {
        ui.say(format!("{} of them killed by more stimuli than asked for", report.killed_later))?;
    }
    ui.say(format!("{} of the mutants not proved equivalent are killed", percent(report.kill_rate)))?;
    for s in report.survivors.iter().filter(|s| !s.equivalent) {
        let Mutant { file, line, before, after, .. } = &s.mutant;
        ui.say(format!("survived: {file}, line {line}: {before}\n  broken: {after}\n  {}", s.reason))?;
    }
    Ok(())
}
