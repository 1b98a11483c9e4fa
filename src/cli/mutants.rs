//! `sterna verify --mutants`: the Verilog broken in many places, one at a time, to see what the comparison is worth.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sterna_hdl::equal::{Prover, Verdict};
use sterna_hdl::manifest::sha256;
use sterna_hdl::mutate::{Kind, Mutant, Mutants, PLUSARG, schema};
use sterna_hdl::synth::Error;
use sterna_hdl::verilog::SourceFile;
use sterna_sim::verilator::{self, Fate, Source, Tool, VerifyRequest};

use crate::build::Build;
use crate::check::{Request, Wires, with_visible_probes};
use crate::ui::{Ui, percent, table};

/// What became of all mutants.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Ways in which the Verilog can be broken.
    pub possible: usize,
    /// Those tried.
    pub tried: usize,
    /// Those that a comparison found, or that ended the model.
    pub killed: usize,
    /// Survivors that are proved to be the same circuit.
    pub equivalent: usize,
    /// Killed among those not proved equivalent.
    pub kill_rate: f64,
    /// Counts of each kind.
    pub kinds: BTreeMap<Kind, Counts>,
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

/// A line of the journal, by which an interrupted run goes on.
#[derive(Serialize, Deserialize)]
struct Line {
    number: usize,
    fate: Fate,
    /// Of a survivor: whether it is proved equivalent, and the reason.
    proof: Option<(bool, String)>,
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
    if !todo.is_empty() {
        let wires = Wires::new(build, None)?;
        let sources: Vec<Source> =
            files.iter().map(|f| Source { name: f.name.clone(), text: f.text.clone() }).collect();
        let request = VerifyRequest { sources: &sources, ..wires.request(build, asked, Tool::Verilator) };
        let failed = Mutex::new(None);
        verilator::mutants(&request, PLUSARG, &todo, &|number, fate| {
            if fate != Fate::Survived {
                bar.inc(1);
                let line = Line { number, fate, proof: None };
                if let Err(error) = journal.add(line) {
                    *failed.lock().expect("no thread panics") = Some(error);
                }
            }
        })?;
        if let Some(error) = failed.into_inner().expect("no thread panics") {
            return Err(error);
        }
        let left: Vec<usize> = todo.into_iter().filter(|n| !journal.has(*n)).collect();
        let design = with_visible_probes(build);
        let prover = Prover::new(&design, &build.emitted, &build.sources)?;
        left.par_iter().try_for_each(|&number| {
            let proof = prove(&prover, &mutants[number - 1], effort.limit)?;
            bar.inc(1);
            journal.add(Line { number, fate: Fate::Survived, proof: Some(proof) })
        })?;
    }
    bar.finish_and_clear();
    Ok(judge(all.counts().values().sum(), mutants, &journal.lines()))
}

/// Whether `mutant` is proved to be the same circuit, and how or why not.
fn prove(prover: &Prover, mutant: &Mutant, limit: Duration) -> Result<(bool, String)> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    Ok(match prover.prove(mutant, folder.path(), limit) {
        Ok(Verdict::Equal) => (true, "proved: nothing that is done to the circuit tells them apart".into()),
        Ok(Verdict::EqualStage(module)) => {
            let shows = "proved: whatever is done to the ports of";
            (
                true,
                format!(
                    "{shows} {module}, nothing shows there, and nothing else reads its data unless valid"
                ),
            )
        }
        Ok(Verdict::Differ { cycles }) => {
            (false, format!("not the same: some input tells them apart in {cycles} cycles"))
        }
        Ok(Verdict::Open) => {
            (false, "neither proved nor disproved in time; give more with --proof-time".into())
        }
        Err(error @ Error::Unreadable { .. }) => (false, error.to_string()),
        Err(error) => return Err(error.into()),
    })
}

fn judge(possible: usize, mutants: Vec<Mutant>, lines: &BTreeMap<usize, Line>) -> Report {
    let mut report = Report {
        possible,
        tried: mutants.len(),
        killed: 0,
        equivalent: 0,
        kill_rate: 1.0,
        kinds: BTreeMap::new(),
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
            _ => counts.killed += 1,
        }
    }
    report.killed = report.kinds.values().map(|c| c.killed).sum();
    report.equivalent = report.kinds.values().map(|c| c.equivalent).sum();
    if report.tried > report.equivalent {
        report.kill_rate = report.killed as f64 / (report.tried - report.equivalent) as f64;
    }
    report
}

/// What is known of each mutant, on disk as soon as it is known.
struct Journal {
    file: Mutex<std::fs::File>,
    lines: Mutex<BTreeMap<usize, Line>>,
}

impl Journal {
    /// The journal of these files, stimuli and limit.
    fn open(cache: &Path, files: &[SourceFile], asked: &Request, limit: Duration) -> Result<Self> {
        let mut text: String = files.iter().map(|f| f.name.clone() + "\n" + &f.text).collect();
        text += &format!("{:?} {:?} {:?} {limit:?}", asked.samples, asked.options, asked.before);
        let path = cache.join(format!("mutants-{}.jsonl", &sha256(&text)[..32]));
        let place = || format!("cannot write {}", path.display());
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        // The last line of an interrupted run may be cut.
        let lines = old.lines().filter_map(|l| serde_json::from_str::<Line>(l).ok());
        let lines = lines.map(|line| (line.number, line)).collect();
        let mut file = OpenOptions::new().create(true).append(true).open(&path).with_context(place)?;
        if !old.is_empty() && !old.ends_with('\n') {
            file.write_all(b"\n").with_context(place)?;
        }
        Ok(Journal { file: Mutex::new(file), lines: Mutex::new(lines) })
    }

    fn has(&self, number: usize) -> bool {
        self.lines.lock().expect("no thread panics").contains_key(&number)
    }

    fn add(&self, line: Line) -> Result<()> {
        let text = serde_json::to_string(&line)? + "\n";
        self.file
            .lock()
            .expect("no thread panics")
            .write_all(text.as_bytes())
            .context("journal of mutants")?;
        self.lines.lock().expect("no thread panics").insert(line.number, line);
        Ok(())
    }

    fn lines(self) -> BTreeMap<usize, Line> {
        self.lines.into_inner().expect("no thread panics")
    }
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
    ui.say(format!("{} of the mutants not proved equivalent are killed", percent(report.kill_rate)))?;
    for s in report.survivors.iter().filter(|s| !s.equivalent) {
        let Mutant { file, line, before, after, .. } = &s.mutant;
        ui.say(format!("survived: {file}, line {line}: {before}\n  broken: {after}\n  {}", s.reason))?;
    }
    Ok(())
}
