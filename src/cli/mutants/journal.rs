//! What is known of each mutant, on disk as soon as it is known, by which an interrupted run goes on.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sterna_hdl::manifest::sha256;
use sterna_hdl::verilog::SourceFile;
use sterna_sim::verilator::Fate;

use crate::check::Request;

/// What killed a mutant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The stimuli that were asked for.
    Stimuli,
    /// More of the kind, made for the survivors.
    Further,
    /// These samples, which the search for a proof of the contrary found.
    Witness(Vec<Vec<i64>>),
}

/// A line of the journal.
#[derive(Serialize, Deserialize)]
pub struct Line {
    /// Number of the mutant.
    pub number: usize,
    /// What became of it.
    pub fate: Fate,
    /// Of one that was killed.
    pub by: Option<By>,
    /// Of a survivor: whether it is proved equivalent, and the reason.
    pub proof: Option<(bool, String)>,
}

/// The journal.
pub struct Journal {
    file: Mutex<std::fs::File>,
    lines: Mutex<BTreeMap<usize, Line>>,
}

impl Journal {
    /// The journal of these files, stimuli and limit.
    pub fn open(cache: &Path, files: &[SourceFile], asked: &Request, limit: Duration) -> Result<Self> {
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

    pub fn has(&self, number: usize) -> bool {
        self.lines.lock().expect("no thread panics").contains_key(&number)
    }

    pub fn is_killed(&self, number: usize) -> bool {
        self.lines.lock().expect("no thread panics").get(&number).is_some_and(|l| l.fate != Fate::Survived)
    }

    pub fn add(&self, line: Line) -> Result<()> {
        let text = serde_json::to_string(&line)? + "\n";
        self.file
            .lock()
            .expect("no thread panics")
            .write_all(text.as_bytes())
            .context("journal of mutants")?;
        self.lines.lock().expect("no thread panics").insert(line.number, line);
        Ok(())
    }

    pub fn lines(self) -> BTreeMap<usize, Line> {
        self.lines.into_inner().expect("no thread panics")
    }
}
