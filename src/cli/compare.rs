//! `sterna compare`: networks of one shape by one recipe, a weight method each, and their circuits, in one table.

pub mod circuits;
pub mod method;
pub mod published;
pub mod runs;
pub mod show;
mod study;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sterna_hdl::delay::Delays;
use sterna_hdl::family::Family;
use sterna_trainer::config::Config;
use sterna_trainer::train::{EpochRecord, Spread};

use self::circuits::Circuit;
use self::method::{Dials, Method};
use self::published::Published;
pub use self::study::Study;
use super::data::{DataArgs, SPEC_HELP, load};
use super::estimate::parse_family;
use super::report::{Report, ReportArgs};
use super::train::Recipe;
use crate::choices::UNROLL_LIMIT;
use crate::store;
use crate::ui::{Outcome, Ui, thousands};

/// The comparison inside its folder, for `sterna report`.
pub const FILE: &str = "comparison.json";
/// Value of [`Comparison::format`].
const FORMAT: &str = "sterna-comparison";

/// Flags of `sterna compare`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna compare mnist -o mnist-methods                       all methods, one seed; about ten minutes on two cores
  sterna compare mnist --seeds 3 --synth --csv methods.csv    mean and spread over seeds, cells counted by Yosys
  sterna compare fashion-mnist --methods twn,top-k,cost --budget 8000
  sterna compare mnist --model lenet5 --epochs 10 --zeros 0.95

Every finished training and every measured circuit is a file in the folder. After a kill the same command goes on where it
was; with more seeds or methods it runs what is missing.")]
pub struct Args {
    /// Data set.
    #[arg(long_help = SPEC_HELP)]
    data: String,
    /// Folder of trainings and figures; made when it is not there.
    #[arg(short, long, default_value = "comparison", value_name = "DIR")]
    output: PathBuf,
    /// Weight methods, separated by commas [default: all that suit the model].
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LIST")]
    methods: Option<Vec<Method>>,
    /// Trainings of each method, with this many seeds from --seed on.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seeds: usize,
    /// Zeros of top-k and SCA: one fraction for all layers, or one per layer of weights.
    #[arg(long, default_value = "0.95", value_delimiter = ',', value_name = "LIST")]
    zeros: Vec<f64>,
    /// Final dead zone of the three stages over the bound of the weights.
    #[arg(long, default_value_t = 0.5, value_name = "FRACTION")]
    dead_zone: f64,
    /// Look-up tables that cost-aware training may use [default: what its cost table says of --zeros].
    #[arg(long, value_name = "LUTS")]
    budget: Option<f64>,
    /// Family of the circuits, for cost-aware training too: ice40, ecp5, gowin, xcup or xc7.
    #[arg(long, default_value = "ecp5", value_parser = parse_family)]
    family: Family,
    /// Processing elements of every folded circuit: the same for all, so that cycles compare.
    #[arg(long, default_value_t = 64, value_name = "N")]
    pes: usize,
    /// Unroll networks of up to this many additions (one for each nonzero ternary weight), too.
    #[arg(long, default_value_t = UNROLL_LIMIT as u64, value_name = "N")]
    unroll: u64,
    /// Count cells with Yosys, too.
    #[arg(long)]
    synth: bool,
    /// Write all figures to this file, a line for each circuit.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    recipe: Recipe,
    #[command(flatten)]
    source: DataArgs,
}

/// What was compared and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Says that this is a comparison.
    format: String,
    /// Name of the data set.
    pub data: String,
    /// Samples learnt from, and samples measured on.
    pub samples: [usize; 2],
    /// The recipe of all, whose weights are each method's own.
    pub recipe: Config,
    /// Family of the circuits.
    pub family: Family,
    /// Version of Yosys, where cells were counted.
    pub tool: Option<String>,
    /// A line for each method.
    pub rows: Vec<Row>,
    /// What others published on this data.
    pub published: Vec<Published>,
}

/// A method, over all its seeds; the circuits are those of the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The method.
    pub method: Method,
    /// Seeds of the trainings.
    pub seeds: Vec<u64>,
    /// Network file of each, within the folder.
    pub networks: Vec<String>,
    /// Accuracy of the integers on the test samples; none without such samples.
    pub accuracy: Option<Spread>,
    /// Zeros of each layer of weights, mean over seeds.
    pub zeros: Vec<f64>,
    /// Weights.
    pub weights: u64,
    /// Weights that are not zero, mean over seeds.
    pub nonzeros: f64,
    /// Bits that a weight takes as it is: 8, 1 (binary) or 2 (ternary).
    pub bits_per_weight: u64,
    /// Bits of all weights as they are.
    pub plain_bits: u64,
    /// Bits in Golomb-Rice code, mean over seeds; of ternary weights.
    pub coded_bits: Option<f64>,
    /// Epochs of the first seed.
    pub history: Vec<EpochRecord>,
    /// Circuits of the first seed.
    pub circuits: Vec<Circuit>,
}

impl Comparison {
    /// What the columns of the table mean.
    pub fn notes(&self) -> Vec<String> {
        let family = self.family;
        let measured = match &self.tool {
            Some(tool) => format!("est/Yosys: by the cost model, then counted by {tool}"),
            None => "by the cost model; --synth counts them with Yosys".into(),
        };
        let one_bit = self.rows.first().map_or(0.0, |row| row.weights as f64 / 8000.0);
        let seeds = self.rows.first().map_or(0, |row| row.seeds.len());
        let spread = match seeds {
            1 => "one seed".into(),
            n => format!("mean and standard deviation over {n} seeds, circuits of the first"),
        };
        vec![
            format!("{}, {} test samples; accuracy of the exported integers, {spread}", self.data, thousands(self.samples[1] as u64)),
            format!("kB plain at 8, 1 or 2 bits a weight: {one_bit:.1} at 1 bit, {:.1} at 2; coded: Golomb-Rice", 2.0 * one_bit),
            format!("LUT, FF, BRAM on {family}: core only, encoder and arg max included; LUT = {}; {measured}", family.lut_convention()),
            "additions: of a sample, without sharing; adders: as built; latency and cycles between samples at full speed".into(),
            match Delays::are_known(family) {
                false => format!("rate: no clock, the delays of {family} could not be measured"),
                true => format!("rate: samples per second at the clock that the delay model expects after place and route on {family}"),
            },
            "energy: a proxy, (LUT + FF) x cycles between samples + ROM bits read a sample; not joules".into(),
        ]
    }

    /// Writes the comparison into its folder.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        store::write(&folder.join(FILE), text.as_bytes())
    }

    /// Reads the comparison in `folder`.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let c: Self =
            serde_json::from_str(&store::read_text(&path)?).with_context(|| path.display().to_string())?;
        if c.format != FORMAT {
            bail!("{}: format {:?}; a comparison says {FORMAT:?}", path.display(), c.format);
        }
        Ok(c)
    }
}

/// Runs `sterna compare`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    let base = args.recipe.config()?;
    let methods = match &args.methods {
        Some(methods) => methods.clone(),
        None => Method::value_variants().to_vec(),
    };
    if let Some(twice) = methods.iter().enumerate().find(|(i, m)| methods[..*i].contains(m)) {
        bail!("--methods names {} twice; once is enough", twice.1.name());
    }
    if let Some(path) = &args.csv {
        store::ensure_writable(path)?;
    }
    args.report.check()?;
    let dataset = load(&args.data, None, &args.source, ui)?;
    let dials = Dials {
        zeros: args.zeros.clone(),
        dead_zone: args.dead_zone,
        budget: args.budget,
        family: args.family,
    };
    let Args { seeds, pes, unroll, synth, .. } = *args;
    let study = Study {
        dataset: &dataset,
        base,
        methods,
        seeds,
        dials,
        pes,
        unroll,
        synth,
        folder: args.output.clone(),
    };
    let (comparison, _) = study.run(ui)?;
    comparison.write(&args.output)?;
    show::show(&comparison, ui)?;
    if let Some(path) = &args.csv {
        show::csv(&comparison, path)?;
    }
    let title = format!("{}: weight methods", comparison.data);
    args.report.write(&Report { title, comparison: Some(&comparison), ..Report::default() }, ui)?;
    ui.say(format!("networks and figures in {}", args.output.display()))?;
    ui.object(&serde_json::to_value(&comparison)?)?;
    Ok(Outcome::Done)
}
