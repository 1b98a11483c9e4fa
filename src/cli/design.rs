//! The flags by which every command compiles a network.

use std::path::Path;

use anyhow::{Result, bail};
use sterna_hdl::family::Family;
use sterna_hdl::{Folding, Options, Style, matrix};
use sterna_ir::{Network, Task};

use super::estimate::parse_family;
use super::ranges;
use crate::build::{self, Build};
use crate::ui::Ui;
use crate::{choices, store};

/// How to turn a network into hardware.
#[derive(Clone, Debug, clap::Args)]
pub struct DesignArgs {
    /// All neurons of a layer in one adder graph: a new sample every cycle. Default for networks of up to 20,000 nonzero
    /// weights.
    #[arg(long, conflicts_with_all = ["pes", "style"])]
    unrolled: bool,
    /// Fold onto N processing elements in all, at least one per dense layer or convolution, shared out so that the slowest
    /// layer is fastest. Default, with N = 64, for larger networks.
    #[arg(long, value_name = "N", conflicts_with = "style")]
    pes: Option<usize>,
    /// One style per dense layer or convolution, separated by commas: `unrolled`, `serial:1`, `serial:2` or `serial:4` for
    /// adders of so many bits per cycle, a number of processing elements, or baselines: `dense:N` for N that do not skip
    /// zeros, `xnor:N` for N that take up to 16 binary weights at once.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    style: Option<Vec<Style>>,
    /// Adder levels between pipeline registers of unrolled layers [default: 2].
    #[arg(long, value_name = "N")]
    levels_per_stage: Option<u32>,
    /// Clock of the circuit, such as 150MHz (no unit: MHz). With --target ice40 or ecp5 the registers of unrolled layers are
    /// placed to reach it after place and route, by the delay model, in place of every N levels. Timing constraints name it;
    /// a board that has another oscillator needs a PLL [default: the board's, else 100].
    #[arg(long, value_name = "CLOCK", value_parser = parse_clock)]
    pub clock: Option<f64>,
    /// Input elements per beat [default: all for an unrolled first layer, 1 for a folded one, the channels of a pixel for
    /// images].
    #[arg(long, value_name = "N")]
    input_lanes: Option<usize>,
    /// Family whose look-up tables and carry chains the circuit is mapped to: ice40, ecp5, gowin, xcup or xc7. Default: the
    /// board's, else plain operators that every tool understands.
    #[arg(long, value_name = "FAMILY", value_parser = parse_family)]
    pub target: Option<Family>,
    /// Effort of the search for sums that neurons of an unrolled layer can share: 0 is quick, 10 takes its time, `off`
    /// gives every neuron adders of its own [default: 1].
    #[arg(long, value_name = "EFFORT", value_parser = parse_sharing)]
    sharing: Option<Sharing>,
    /// Range of the inputs of a bare matrix (.npy): s8 or u8, any width, or LO:HI such as -5:5. For inputs that differ, one
    /// for each with commas between them, or @FILE that holds them, with commas, blanks or line ends between.
    #[arg(long = "input", value_name = "RANGE", value_parser = ranges::parse, allow_hyphen_values = true)]
    input_ranges: Option<ranges::Given>,
    /// Leave out the inputs of a bare matrix that no output reads, which are ports otherwise; the others keep their order.
    #[arg(long, requires = "input_ranges")]
    drop_unused: bool,
    /// Name of the top module [default: from the network].
    #[arg(long, value_name = "NAME")]
    pub top: Option<String>,
}

/// How hard to search for shared sums, or not at all.
#[derive(Clone, Copy, Debug)]
struct Sharing(Option<u32>);

fn parse_sharing(text: &str) -> Result<Sharing, String> {
    match text.parse::<u32>() {
        _ if text == "off" => Ok(Sharing(None)),
        Ok(effort @ 0..=1000) => Ok(Sharing(Some(effort))),
        _ => Err(format!("{text:?}; want 0 to 1000, or off")),
    }
}

/// A frequency in MHz.
fn parse_clock(text: &str) -> Result<f64, String> {
    let lower = text.trim().to_ascii_lowercase();
    let units = [("ghz", 1e3), ("mhz", 1.0), ("khz", 1e-3), ("hz", 1e-6)];
    let with_unit = units.iter().find_map(|(unit, factor)| Some((lower.strip_suffix(unit)?, *factor)));
    let (number, factor) = with_unit.unwrap_or((&lower, 1.0));
    let mhz = number.trim().parse::<f64>().ok().map(|n| n * factor);
    mhz.filter(|mhz| (0.001..=10_000.0).contains(mhz))
        .ok_or_else(|| format!("{text:?}; want 0.001 to 10000 MHz, such as 150MHz or 12.5"))
}

impl DesignArgs {
    /// Opens a build folder, or compiles a network file in memory.
    pub fn open(&self, input: &Path, ui: &Ui) -> Result<Build> {
        if !input.is_dir() {
            let network = self.network(input, ui)?;
            let options = self.options(&network.0)?;
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

    /// Reads what is to be compiled: a network, or a bare matrix.
    pub fn network(&self, path: &Path, ui: &Ui) -> Result<(Network, Task)> {
        let is_matrix = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy"));
        match (is_matrix, &self.input_ranges) {
            (true, Some(ranges)) => {
                let mut network = store::read_matrix(path, ranges.read()?)?;
                if self.drop_unused {
                    let (smaller, dropped) = matrix::without_unused(network);
                    ui.note(format!("inputs that nothing reads, left out: {dropped:?}"));
                    network = smaller;
                }
                Ok((network, Task::default()))
            }
            (true, None) => {
                bail!("{} is a matrix: give the range of its inputs, such as --input s8", path.display())
            }
            (false, Some(_)) => {
                bail!("--input goes with a matrix (.npy); a network knows the range of its inputs")
            }
            (false, None) => store::read_network(path),
        }
    }

    /// Whether a folding was asked for.
    pub fn folds(&self) -> bool {
        self.unrolled || self.pes.is_some() || self.style.is_some()
    }

    /// The same flags, mapped to `family` unless something was chosen.
    pub fn with_target(&self, family: Option<Family>) -> Self {
        DesignArgs { target: self.target.or(family), ..self.clone() }
    }

    fn is_given(&self) -> bool {
        let numbers = self.pes.is_some() || self.levels_per_stage.is_some() || self.input_lanes.is_some();
        let numbers = numbers || self.clock.is_some();
        let mapping = self.target.is_some() || self.sharing.is_some() || self.input_ranges.is_some();
        self.unrolled || numbers || mapping || self.style.is_some() || self.top.is_some()
    }

    /// The compiler's options for `network`.
    pub fn options(&self, network: &Network) -> Result<Options> {
        let (clock_khz, levels_per_stage) =
            choices::registers(self.target, self.clock, self.levels_per_stage)?;
        let folding = match (&self.style, self.pes) {
            (Some(styles), _) => Folding::PerLayer(styles.clone()),
            (None, Some(pes)) => Folding::Pes(pes),
            (None, None) if self.unrolled => Folding::Unrolled,
            (None, None) => choices::default_folding(network),
        };
        let defaults = Options::default();
        Ok(Options {
            folding,
            clock_khz,
            levels_per_stage,
            input_lanes: self.input_lanes,
            sharing: self.sharing.map_or(defaults.sharing, |s| s.0),
            family: self.target,
            top: self.top.clone(),
            ..defaults
        })
    }
}
