//! Flags of the weight methods and of what any recipe may add.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::ValueEnum;
use sterna_hdl::family::Family;
use sterna_trainer::config::{Config, Teacher, TeacherSource, Weights};
use sterna_trainer::data::Dataset;

use super::super::estimate::parse_family;
use crate::cost::{Goal, input_lanes, table};
use crate::ui::thousands;

/// Flags of the weight methods.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Weights")]
pub struct MethodArgs {
    /// Weight method [default: twn].
    #[arg(long, value_enum)]
    weights: Option<Method>,
    /// TWN threshold as a multiple of the mean magnitude [default: 0.7, per filter 0.75].
    #[arg(long, value_name = "FACTOR")]
    threshold_factor: Option<f64>,
    /// TWN, BWN: one threshold and scale per output instead of one per layer.
    #[arg(long)]
    per_filter: bool,
    /// Fractions of zeros for top-k and sca: one for all layers, or one per dense layer.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    zeros: Option<Vec<f64>>,
    /// SCA with this alpha throughout (0 to 2, more gives more zeros), instead of steering it to --zeros.
    #[arg(long, value_name = "ALPHA")]
    alpha: Option<f64>,
    /// Final dead zone of `three-stage` over the bound of the weights [default: 0.5]; more gives more zeros.
    #[arg(long, value_name = "FRACTION")]
    dead_zone: Option<f64>,
    /// Exact inputs of every neuron: one number for all layers, or one per dense layer.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    fan_in: Option<Vec<usize>>,
    /// Most look-up tables of an unrolled circuit: trains for the best accuracy within them (method `cost`).
    #[arg(long, value_name = "LUTS", conflicts_with = "cycles")]
    budget: Option<f64>,
    /// Family whose look-up tables --budget counts: ice40, ecp5, gowin, xcup or xc7 [default: xcup].
    #[arg(long, value_parser = parse_family, requires = "budget")]
    target: Option<Family>,
    /// Most cycles per sample of a folded circuit: trains for the best accuracy within them (method `cost`).
    #[arg(long, value_name = "CYCLES", requires = "pes")]
    cycles: Option<f64>,
    /// Processing elements that --cycles counts on, of all layers together, as `compile --pes` shares them out.
    #[arg(long, value_name = "N", requires = "cycles")]
    pes: Option<usize>,
    /// Part of the training after which zeros stay zeros and the rest is retrained; for every method.
    #[arg(long, value_name = "FRACTION")]
    freeze: Option<f64>,
    /// Part of the training over which the zeros of top-k, fan-in and budgets come [default: 0.4]. Later is better for few
    /// inputs in long trainings: fewer of them change at a low learning rate.
    #[arg(long, value_name = "FRACTION")]
    anneal: Option<f64>,
}

/// Flags of what any recipe may add.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Accuracy")]
pub struct LeverArgs {
    /// Learn from a real network with these hidden layers, trained first.
    #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with = "teacher_checkpoint")]
    teacher: Option<Vec<usize>>,
    /// Epochs of that network [default: half of --epochs].
    #[arg(long, value_name = "N", requires = "teacher")]
    teacher_epochs: Option<usize>,
    /// Learn from the network kept in this checkpoint.
    #[arg(long, value_name = "FILE")]
    teacher_checkpoint: Option<PathBuf>,
    /// Share of the teacher in the target [default: 0.7].
    #[arg(long, value_name = "FRACTION")]
    teacher_share: Option<f64>,
    /// Temperature of the distillation [default: 3].
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    /// Shift training images by up to this many pixels.
    #[arg(long, value_name = "PIXELS")]
    shift: Option<usize>,
    /// Turn training images by up to this many degrees.
    #[arg(long, value_name = "DEGREES")]
    rotate: Option<f64>,
    /// Mirror half of the training images left to right.
    #[arg(long)]
    flip: bool,
    /// Export a running average of the parameters with this share of the past, e.g. 0.999.
    #[arg(long, value_name = "FRACTION")]
    average: Option<f64>,
}

/// Weight methods by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// Real weights, exported with 8 bits: the baseline.
    Float,
    /// -1 and +1 (Courbariaux et al. 2015).
    BinaryConnect,
    /// -1 and +1 times the mean magnitude (Rastegari et al. 2016).
    Bwn,
    /// -1, 0 and +1 by a threshold (Li et al., arXiv 1605.04711).
    Twn,
    /// A threshold trained through the closed-form scale (He and Fan, arXiv 1810.01018).
    Tga,
    /// A regulariser that draws real weights to -1, 0 and +1 (Deng and Zhang, arXiv 2011.00580).
    Sca,
    /// Dead zone, pruning, retraining: a reconstruction of Faraone et al., arXiv 1709.06262.
    ThreeStage,
    /// The largest magnitudes only: an exact number of zeros.
    TopK,
    /// The largest magnitudes of each neuron only: an exact number of inputs.
    FanIn,
}

impl MethodArgs {
    /// Sets the weight method of `c`, budgets aside.
    pub fn apply(&self, c: &mut Config) -> Result<()> {
        if let Some(weights) = self.weights()? {
            c.weights = weights;
        }
        if self.freeze.is_some() {
            c.freeze = self.freeze;
        }
        if !self.anneal(&mut c.weights) && self.budget.or(self.cycles).is_none() {
            bail!("--anneal goes with --weights top-k or fan-in, or with a budget");
        }
        Ok(())
    }

    /// Sets when zeros come; whether that is settled.
    fn anneal(&self, weights: &mut Weights) -> bool {
        match (self.anneal, weights) {
            (None, _) => true,
            (
                Some(part),
                Weights::TopK { anneal, .. } | Weights::FanIn { anneal, .. } | Weights::Cost { anneal, .. },
            ) => {
                *anneal = part;
                true
            }
            _ => false,
        }
    }

    /// The method that the flags name or imply.
    fn weights(&self) -> Result<Option<Weights>> {
        let budget = self.budget.or(self.cycles).is_some();
        let implied = match (&self.fan_in, self.dead_zone, self.alpha, &self.zeros) {
            (Some(_), ..) => Some(Method::FanIn),
            (_, Some(_), ..) => Some(Method::ThreeStage),
            (_, _, Some(_), _) => Some(Method::Sca),
            (.., Some(_)) => Some(Method::TopK),
            _ if self.threshold_factor.is_some() => Some(Method::Twn),
            _ if self.per_filter => Some(Method::Twn),
            _ => None,
        };
        let method = self.weights.or(implied);
        let among = |methods: &[Method]| method.is_some_and(|m| methods.contains(&m));
        let flags: [(&str, bool, &[Method]); 6] = [
            ("--threshold-factor", self.threshold_factor.is_some(), &[Method::Twn]),
            ("--per-filter", self.per_filter, &[Method::Twn, Method::Bwn]),
            ("--zeros", self.zeros.is_some(), &[Method::TopK, Method::Sca]),
            ("--alpha", self.alpha.is_some(), &[Method::Sca]),
            ("--dead-zone", self.dead_zone.is_some(), &[Method::ThreeStage]),
            ("--fan-in", self.fan_in.is_some(), &[Method::FanIn]),
        ];
        for (flag, given, methods) in flags {
            if given && !among(methods) {
                let names = methods.iter().filter_map(ValueEnum::to_possible_value);
                let names: Vec<String> = names.map(|v| v.get_name().to_string()).collect();
                bail!("{flag} goes with --weights {} only", names.join(" or "));
            }
        }
        if let (Some(_), true) = (method, budget) {
            bail!("--budget and --cycles choose the zeros themselves; leave out the other weight flags");
        }
        if self.alpha.is_some() && self.zeros.is_some() {
            bail!("--alpha fixes what --zeros would steer; give one of them");
        }
        let zeros = self.zeros.clone();
        Ok(method.map(|method| match method {
            Method::Float => Weights::Float { bits: 8 },
            Method::BinaryConnect => Weights::BinaryConnect,
            Method::Bwn => Weights::Bwn { per_filter: self.per_filter },
            Method::Twn => {
                let usual = if self.per_filter { 0.75 } else { 0.7 };
                Weights::Twn { factor: self.threshold_factor.unwrap_or(usual), per_filter: self.per_filter }
            }
            Method::Tga => Weights::tga(),
            Method::Sca => match (Weights::sca(0.9), self.alpha) {
                (Weights::Sca { lambda, .. }, Some(alpha)) => Weights::Sca { alpha, zeros: vec![], lambda },
                (Weights::Sca { alpha, zeros: usual, lambda }, None) => {
                    Weights::Sca { alpha, zeros: zeros.unwrap_or(usual), lambda }
                }
                (other, _) => other,
            },
            Method::ThreeStage => Weights::faraone(self.dead_zone.unwrap_or(0.5)),
            Method::TopK => match Weights::top_k(0.95) {
                Weights::TopK { zeros: usual, anneal } => {
                    Weights::TopK { zeros: zeros.unwrap_or(usual), anneal }
                }
                other => other,
            },
            Method::FanIn => match Weights::fan_in(6) {
                Weights::FanIn { inputs, anneal } => {
                    Weights::FanIn { inputs: self.fan_in.clone().unwrap_or(inputs), anneal }
                }
                other => other,
            },
        }))
    }

    /// Sets cost-aware training where a budget is given; the table needs the shape of the data.
    pub fn budget(&self, c: &mut Config, dataset: &Dataset) -> Result<()> {
        let (goal, budget) = match (self.budget, self.cycles) {
            (Some(budget), _) => (Goal::Luts(self.target.unwrap_or(Family::Xcup)), budget),
            (_, Some(cycles)) => {
                let input_lanes = input_lanes(c, dataset, cycles)?;
                (Goal::Cycles { pes: self.pes.unwrap_or(1), input_lanes }, cycles)
            }
            _ => return Ok(()),
        };
        c.weights = Weights::cost(table(c, dataset, goal)?, budget);
        self.anneal(&mut c.weights);
        Ok(())
    }
}

impl LeverArgs {
    /// Sets what was given.
    pub fn apply(&self, c: &mut Config) {
        let source = match (&self.teacher, &self.teacher_checkpoint) {
            (Some(hidden), _) => {
                let epochs = self.teacher_epochs.unwrap_or((c.epochs / 2).max(1));
                Some(TeacherSource::Train { hidden: hidden.clone(), epochs })
            }
            (_, Some(path)) => Some(TeacherSource::Saved { path: path.clone() }),
            _ => None,
        };
        if let Some(source) = source {
            c.teacher = Some(Teacher { source, share: 0.7, temperature: 3.0 });
        }
        if let Some(teacher) = &mut c.teacher {
            teacher.share = self.teacher_share.unwrap_or(teacher.share);
            teacher.temperature = self.temperature.unwrap_or(teacher.temperature);
        }
        c.augment.shift = self.shift.unwrap_or(c.augment.shift);
        c.augment.rotate = self.rotate.unwrap_or(c.augment.rotate);
        c.augment.flip |= self.flip;
        c.average = self.average.unwrap_or(c.average);
    }
}

/// A line for the closing table.
pub fn cost_and_budget(config: &Config, cost: Option<f64>) -> String {
    match (&config.weights, cost) {
        (Weights::Cost { table, budget, .. }, Some(cost)) => {
            format!("{}, {} {}", thousands(cost.ceil() as u64), thousands(budget.ceil() as u64), table.unit)
        }
        _ => "-".into(),
    }
}
