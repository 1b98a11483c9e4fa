//! `sterna compile`, and the flags by which every command compiles a network.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::json;
use sterna_hdl::{Folding, Options, Style};
use sterna_ir::{LayerOp, Network};

use crate::build::{self, Build, StageInfo, Target};
use crate::store;
use crate::ui::{Outcome, Ui, percent, table, thousands};

/// Networks up to this many nonzero weights are unrolled when nothing is asked for: about what fits a mid-size part.
const UNROLL_LIMIT: usize = 20_000;
/// Processing elements of a folded design when nothing is asked for.
const DEFAULT_PES: usize = 64;

/// How to turn a network into hardware.
#[derive(Clone, Debug, clap::Args)]
pub struct DesignArgs {
    /// One adder tree per neuron: a new sample every cycle. Default for networks of up to 20,000 nonzero weights.
    #[arg(long, conflicts_with_all = ["pes", "style"])]
    unrolled: bool,
    /// Fold onto N processing elements in all, at least one per dense layer, shared out so that the slowest layer is fastest. Default, with N = 64, for
    /// larger networks.
    #[arg(long, value_name = "N", conflicts_with = "style")]
    pes: Option<usize>,
    /// One style per dense layer, separated by commas: `unrolled`, or a number of processing elements.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = parse_style)]
    style: Option<Vec<Style>>,
    /// Adder levels between pipeline registers of unrolled layers [default: 2].
    #[arg(long, value_name = "N")]
    levels_per_stage: Option<u32>,
    /// Input elements per beat [default: all for an unrolled first layer, 1 for a folded one].
    #[arg(long, value_name = "N")]
    input_lanes: Option<usize>,
    /// Name of the top module [default: from the network].
    #[arg(long, value_name = "NAME")]
    top: Option<String>,
}

fn parse_style(text: &str) -> Result<Style, String> {
    match text.parse::<usize>() {
        _ if text == "unrolled" => Ok(Style::Unrolled),
        Ok(pes) if pes > 0 => Ok(Style::Folded { pes }),
        _ => Err(format!("{text:?}; want `unrolled` or a number of processing elements")),
    }
}

impl DesignArgs {
    /// Opens a build folder, or compiles a network file in memory.
    pub fn open(&self, input: &Path, ui: &Ui) -> Result<Build> {
        if !input.is_dir() {
            let network = store::read_network(input)?;
            let options = self.options(&network);
            return build::compile(network, options);
        }
        if self.is_given() {
            bail!(
                "{} is a build folder, compiled already; drop the compile flags, or give the network file",
                input.display()
            );
        }
        let build = build::open(input)?;
        for file in &build.edited {
            ui.note(format!("{file} was edited since it was compiled; Verilator and Yosys get it as it is"));
        }
        Ok(build)
    }

    fn is_given(&self) -> bool {
        let numbers = self.pes.is_some() || self.levels_per_stage.is_some() || self.input_lanes.is_some();
        self.unrolled || numbers || self.style.is_some() || self.top.is_some()
    }

    /// The compiler's options for `network`.
    pub fn options(&self, network: &Network) -> Options {
        let folding = match (&self.style, self.pes) {
            (Some(styles), _) => Folding::PerLayer(styles.clone()),
            (None, Some(pes)) => Folding::Pes(pes),
            (None, None) if self.unrolled || nonzeros(network) <= UNROLL_LIMIT => Folding::Unrolled,
            (None, None) => Folding::Pes(DEFAULT_PES),
        };
        let defaults = Options::default();
        Options {
            folding,
            levels_per_stage: self.levels_per_stage.unwrap_or(defaults.levels_per_stage),
            input_lanes: self.input_lanes,
            top: self.top.clone(),
            ..defaults
        }
    }
}

/// Nonzero weights of the whole network.
pub fn nonzeros(network: &Network) -> usize {
    let dense = network.layers.iter().filter_map(|l| match &l.op {
        LayerOp::Dense(d) => Some(d.nonzeros()),
        _ => None,
    });
    dense.sum()
}

/// Flags of `sterna compile`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna compile digits.sterna -o build                 unrolled when small, 64 processing elements when not
  sterna compile digits.sterna --pes 16 -o build        folded onto 16 processing elements in all
  sterna compile digits.sterna --style 32,8,unrolled    one choice per layer")]
pub struct Args {
    /// Network file, as `sterna train` writes it.
    network: PathBuf,
    /// Build folder to write. One that exists is brought up to date; any other folder is left alone.
    #[arg(short, long, default_value = "build", value_name = "DIR")]
    output: PathBuf,
    /// Board from `constraints/`, for its clock and pins.
    #[arg(long, value_name = "NAME")]
    board: Option<String>,
    /// Clock for the timing constraints, in MHz [default: the board's, or 100].
    #[arg(long, value_name = "MHZ")]
    clock: Option<f64>,
    #[command(flatten)]
    design: DesignArgs,
}

/// Runs `sterna compile`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    let network = store::read_network(&args.network)?;
    let options = args.design.options(&network);
    let build = build::compile(network, options)?;
    let target = Target::choose(args.board.as_deref(), args.clock)?;
    let files = build::write(&build, &target, &args.output)?;
    report(&build, ui)?;
    ui.say(format!("{} files in {}", files.len(), args.output.display()))?;
    ui.object(&json!({
        "folder": args.output, "top": build.emitted.top, "files": files,
        "latency": build.design.timing.latency, "interval": build.design.timing.interval,
        "stages": build.stages()?,
    }))?;
    Ok(Outcome::Done)
}

/// The layers of a design as a table, and its timing.
pub fn report(build: &Build, ui: &Ui) -> Result<()> {
    let row = |stage: StageInfo| {
        let zeros = percent(1.0 - stage.nonzeros as f64 / stage.weights as f64);
        let mut row = vec![stage.layer, thousands(stage.nonzeros as u64), zeros];
        row.extend(match stage.schedule {
            None => ["unrolled".into(), "1".into(), String::new(), String::new()],
            Some(s) => [
                format!("{} PE{}", s.pes, if s.pes == 1 { "" } else { "s" }),
                thousands(s.cycles as u64),
                percent(s.utilisation),
                thousands(s.rom_bits as u64),
            ],
        });
        row
    };
    let rows: Vec<Vec<String>> = build.stages()?.into_iter().map(row).collect();
    ui.say(table(&["layer", "nonzeros", "zeros", "style", "cycles", "PE use", "ROM bits"], &rows))?;
    let timing = &build.design.timing;
    ui.say(format!(
        "{}: latency {} cycles, one sample every {} cycles; proved equal to the network",
        build.emitted.top,
        thousands(timing.latency),
        thousands(timing.interval)
    ))?;
    Ok(())
}
