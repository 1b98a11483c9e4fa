//! A comparison being made: trainings seed by seed, then circuits side by side.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use sterna_hdl::{Folding, synth};
use sterna_trainer::config::Config;
use sterna_trainer::data::Dataset;
use sterna_trainer::train::Spread;

use super::circuits::{Circuit, Job, with_xnor};
use super::method::{Dials, Method};
use super::runs::{Run, Runs};
use super::{Comparison, FORMAT, Row, published};
use crate::build;
use crate::ui::Ui;

/// Most seeds.
const MOST_SEEDS: usize = 1000;

/// What a study consists of.
pub struct Study<'a> {
    /// The samples.
    pub dataset: &'a Dataset,
    /// The recipe of all.
    pub base: Config,
    /// The methods, in the order of the table.
    pub methods: Vec<Method>,
    /// Trainings of each.
    pub seeds: usize,
    /// Settings of the methods.
    pub dials: Dials,
    /// Elements of folded circuits.
    pub pes: usize,
    /// Most additions of a network that is unrolled, too.
    pub unroll: u64,
    /// Whether to count cells.
    pub synth: bool,
    /// Where finished work is kept.
    pub folder: PathBuf,
}

impl Study<'_> {
    /// Runs or loads all of it, and returns the runs of the first seed, too.
    pub fn run(&self, ui: &Ui) -> Result<(Comparison, Vec<Run>)> {
        if !(1..=MOST_SEEDS).contains(&self.seeds) {
            bail!("--seeds {}: want 1 to {MOST_SEEDS}", self.seeds);
        }
        if self.pes == 0 {
            bail!("--pes 0: want at least 1");
        }
        let tool = self.synth.then(synth::version).transpose()?;
        let family = self.dials.family;
        // All recipes before the first minute is spent.
        let recipes: Vec<(Method, Config)> = (self.methods.iter())
            .map(|m| Ok((*m, m.config(&self.base, self.dataset, &self.dials)?)))
            .collect::<Result<_>>()?;
        let runs = Runs::open(self.dataset, &self.folder.join("runs"))?;
        let mut trained: Vec<Vec<Run>> = recipes.iter().map(|_| Vec::new()).collect();
        // Seed by seed, so that a study that is cut off has something of every method.
        for seed in 0..self.seeds as u64 {
            for ((method, config), trained) in recipes.iter().zip(&mut trained) {
                let config = Config { seed: config.seed.wrapping_add(seed), ..config.clone() };
                trained.push(runs.obtain(method.name(), &config, ui)?);
            }
        }
        let figures = self.folder.join("circuits");
        std::fs::create_dir_all(&figures).with_context(|| format!("cannot write {}", figures.display()))?;
        let job = |(row, folding): (usize, Folding)| {
            let first = &trained[row][0];
            (row, Job { network: &first.network, sha256: &first.record.sha256, folding, family })
        };
        let designs = (0..trained.len()).flat_map(|row| {
            let small = build::additions(&trained[row][0].network.0) <= self.unroll;
            let unrolled = small.then_some(Folding::Unrolled);
            let all =
                [Some(Folding::Pes(self.pes)), unrolled, with_xnor(&trained[row][0].network.0, self.pes)];
            all.into_iter().flatten().map(move |folding| (row, folding))
        });
        let jobs: Vec<(usize, Job)> = designs.map(job).collect();
        let bar = ui.bar("circuits", jobs.len() as u64, "circuits");
        let found: Vec<(usize, Circuit)> = (jobs.par_iter())
            .map(|(row, job)| {
                let circuit = job.figures(&figures, tool.as_deref());
                bar.inc(1);
                Ok((*row, circuit.with_context(|| self.methods[*row].name())?))
            })
            .collect::<Result<_>>()?;
        bar.finish_and_clear();
        let rows = recipes.iter().zip(&trained).enumerate().map(|(index, ((method, _), runs))| {
            let own = found.iter().filter(|(row, _)| *row == index).map(|(_, c)| c.clone());
            row(*method, runs, own.collect())
        });
        let comparison = Comparison {
            format: FORMAT.into(),
            data: self.dataset.name.clone(),
            samples: [self.dataset.train.len(), self.dataset.test.len()],
            recipe: self.base.clone(),
            family,
            tool,
            rows: rows.collect(),
            published: published::on(&self.dataset.name)?,
        };
        Ok((comparison, trained.into_iter().map(|mut runs| runs.swap_remove(0)).collect()))
    }
}

fn row(method: Method, runs: &[Run], circuits: Vec<Circuit>) -> Row {
    let mean = |of: &dyn Fn(&Run) -> f64| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
    let accuracies: Vec<f64> = runs.iter().filter_map(|r| r.record.test_accuracy).collect();
    let first = &runs[0].record;
    let zeros = (0..first.zeros.len()).map(|layer| mean(&|r| r.record.zeros[layer]));
    let rows = build::weights(&runs[0].network.0).flat_map(|(_, rows)| rows);
    let weights = rows.map(|row| row.len() as u64).sum();
    let bits_per_weight = match method {
        Method::Float => 8,
        Method::Binary => 1,
        _ => 2,
    };
    let coded = (bits_per_weight == 2).then(|| mean(&|r| r.record.size.map_or(0, |s| s.coded) as f64));
    Row {
        method,
        seeds: runs.iter().map(|r| r.record.config.seed).collect(),
        networks: runs.iter().map(|r| format!("runs/{}", file_name(&r.path))).collect(),
        accuracy: Spread::of(&accuracies),
        zeros: zeros.collect(),
        weights,
        nonzeros: mean(&|r| r.record.nonzeros as f64),
        bits_per_weight,
        plain_bits: bits_per_weight * weights,
        coded_bits: coded,
        history: first.history.clone(),
        circuits,
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
