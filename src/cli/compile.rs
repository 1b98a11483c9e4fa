//! `sterna compile`, and the flags by which every command compiles a network.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::builder::PossibleValuesParser;
use serde_json::json;
use sterna_hdl::family::Family;
use sterna_hdl::{Folding, Options, Style, matrix};
use sterna_ir::{Network, Task, format};

use super::budget::{BudgetArgs, choose};
use super::estimate::parse_family;
use super::ranges;
use super::report::{Report, ReportArgs};
use crate::build::{self, Build, Extras, StageInfo, Target};
use crate::ui::{Outcome, Ui, counted, percent, table, thousands};
use crate::{board, choices, record, store};

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
    /// One style per dense layer or convolution, separated by commas: `unrolled`, a number of processing elements, or
    /// baselines: `dense:N` for N that do not skip zeros, `xnor:N` for N that take up to 16 binary weights at once.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = parse_style)]
    style: Option<Vec<Style>>,
    /// Adder levels between pipeline registers of unrolled layers [default: 2].
    #[arg(long, value_name = "N")]
    levels_per_stage: Option<u32>,
    /// Clock of the circuit, such as 150MHz (no unit: MHz). With --target ice40 or ecp5 the registers of unrolled layers are
    /// placed to reach it after place and route, by the delay model, in place of every N levels. Timing constraints name it;
    /// a board that has another oscillator needs a PLL [default: the board's, else 100].
    #[arg(long, value_name = "CLOCK", value_parser = parse_clock)]
    clock: Option<f64>,
    /// Input elements per beat [default: all for an unrolled first layer, 1 for a folded one, the channels of a pixel for
    /// images].
    #[arg(long, value_name = "N")]
    input_lanes: Option<usize>,
    /// Family whose look-up tables and carry chains the circuit is mapped to: ice40, ecp5, gowin, xcup or xc7. Default: the
    /// board's, else plain operators that every tool understands.
    #[arg(long, value_name = "FAMILY", value_parser = parse_family)]
    target: Option<Family>,
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
    top: Option<String>,
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

fn parse_style(text: &str) -> Result<Style, String> {
    let pes = |text: &str| text.parse::<usize>().ok().filter(|pes| *pes > 0);
    let dense = text.strip_prefix("dense:").and_then(pes).map(|pes| Style::Dense { pes });
    let xnor = text.strip_prefix("xnor:").and_then(pes).map(|pes| Style::Xnor { pes });
    let folded = pes(text).map(|pes| Style::Folded { pes });
    let unrolled = (text == "unrolled").then_some(Style::Unrolled);
    unrolled.or(folded).or(dense).or(xnor).ok_or_else(|| {
        format!("{text:?}; want `unrolled`, a number of processing elements, or `dense:` or `xnor:` and one")
    })
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

    /// The clock asked for, in MHz.
    pub fn clock(&self) -> Option<f64> {
        self.clock
    }

    /// The same, mapped to `family` unless something was chosen.
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

/// Flags of `sterna compile`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna compile digits.sterna -o build                 unrolled when small, 64 processing elements when not
  sterna compile digits.sterna --pes 16 -o build        folded onto 16 processing elements in all
  sterna compile digits.sterna --style 32,8,unrolled    one choice per layer
  sterna compile digits.sterna --target ecp5 --max-luts 8000   the fastest design that fits
  sterna compile digits.sterna --board ulx3s-85f --rate 5000 --clock 50MHz  the smallest that is fast enough
  sterna compile digits.sterna --unrolled --target xcup  look-up tables and carry chains of a family
  sterna compile digits.sterna --target ecp5 --clock 150MHz  registers where the clock needs them
  sterna compile digits.sterna --board ulx3s-85f         family, clock and pins of a board
  sterna compile digits.sterna --cocotb --package        also for cocotb, FuseSoC, Vivado, VHDL and rust-hdl
  sterna compile w.npy --input s8                        a bare matrix, y = x @ w
  sterna compile w.npy --input s8,u4,-3:5                its inputs differ: one range for each")]
pub struct Args {
    /// Network file, as `sterna train` writes it, or a matrix of small integers, [inputs, outputs] in a .npy.
    network: PathBuf,
    /// Build folder to write. One that exists is brought up to date; any other folder is left alone.
    #[arg(short, long, default_value = "build", value_name = "DIR")]
    output: PathBuf,
    /// Overwrite files in the build folder that were edited since they were compiled.
    #[arg(long)]
    force: bool,
    /// Board, for its clock and pins.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(board::names()))]
    board: Option<String>,
    /// Add a cocotb 2 test of the circuit, for Icarus and Verilator, and its vectors.
    #[arg(long)]
    cocotb: bool,
    /// Add a file list, a FuseSoC core file, a script that packages the core with Vivado, a VHDL component, and a block for
    /// designs in rust-hdl.
    #[arg(long)]
    package: bool,
    /// Count the cells of a design that a budget chooses with Yosys, and step back while they are too many.
    #[arg(long)]
    synth: bool,
    #[command(flatten)]
    budget: BudgetArgs,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    design: DesignArgs,
}

/// Runs `sterna compile`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    args.report.check()?;
    let extras = Extras { cocotb: args.cocotb, package: args.package };
    let target = Target::choose(args.board.as_deref(), args.design.clock)?.with(extras);
    let family = target.board.as_ref().and_then(|b| b.family());
    if let (Some(asked), Some(family), Some(board)) = (args.design.target, family, &target.board)
        && asked != family
    {
        bail!("--target {asked}: {} is of {family}; leave --target out", board.name);
    }
    let design = args.design.with_target(family);
    let network = design.network(&args.network, ui)?;
    let options = design.options(&network.0)?;
    let budget = args.budget.budget(args.design.clock)?;
    let bound = |budget| target.board.as_ref().map_or(budget, |board| board.bound(budget));
    let chosen = match budget.map(bound) {
        Some(budget) => match choose(&network, &options, &budget, args.synth, ui)? {
            Some(chosen) => Some(chosen),
            None => return Ok(Outcome::CheckFailed),
        },
        None if args.synth => {
            bail!("--synth checks a budget: give --max-luts, --max-bram, --cycles or --rate")
        }
        None => None,
    };
    let options = chosen.as_ref().map_or(options, |chosen| chosen.options.clone());
    let training = record::of(&args.network, &format::write(&network.0, &network.1));
    let mut build = build::compile(network, options)?;
    build.training = training;
    if let Some(board) = &target.board {
        build.mount(board)?;
    }
    let files = build::write(&build, &target, &args.output, args.force)?;
    report(&build, ui)?;
    let place = target.board.as_ref().map_or(String::new(), |b| format!("{}, ", b.name));
    ui.say(format!("{} files in {}; {place}{} MHz", files.len(), args.output.display(), target.mhz()))?;
    if let Some(board) = &target.board {
        let most = rate(board.clock_mhz, build.design.timing.interval);
        ui.say(format!(
            "at the {} MHz of the board at most {most}, beside the serial port",
            board.clock_mhz
        ))?;
    }
    clock_notes(&build, &target, args.design.clock, ui);
    if let Some(top) = args.design.top.as_ref().filter(|top| **top != build.emitted.top) {
        ui.note(format!("the top module is {}, which every tool takes, instead of {top}", build.emitted.top));
    }
    let lacks = match (&target.board, family) {
        (Some(board), Some(family)) => board.lacks(&build.estimate(family).total),
        _ => Vec::new(),
    };
    if !lacks.is_empty() {
        ui.note(format!(
            "this will hardly fit the board: {}; fold it, or onto fewer PEs: --pes N",
            lacks.join(", ")
        ));
    }
    let missed = args.budget.missed(build.estimated_mhz(), build.design.timing.interval);
    if let Some(missed) = &missed {
        ui.say(missed)?;
    }
    let linked = Some((args.output.as_path(), &files[..]));
    args.report.write(&Report { files: linked, ..Report::of(&build) }, ui)?;
    ui.object(&json!({
        "folder": args.output, "top": build.emitted.top, "files": files,
        "board": args.board, "clock_mhz": target.mhz(), "exceeds_board": lacks,
        "latency": build.design.timing.latency, "interval": build.design.timing.interval,
        "estimated_mhz": build.estimated_mhz(), "stages": build.stages()?,
        "choice": chosen.map(|chosen| chosen.object), "missed": missed,
    }))?;
    Ok(if missed.is_some() { Outcome::CheckFailed } else { Outcome::Done })
}

/// What there is to know about the clock that was asked for.
fn clock_notes(build: &Build, target: &Target, asked: Option<f64>, ui: &Ui) {
    if let (Some(asked), Some(board)) = (asked, &target.board)
        && asked != board.clock_mhz
    {
        ui.note(format!(
            "the top level runs the circuit at the {} MHz of the board's oscillator; a PLL there could make {asked} MHz",
            board.clock_mhz
        ));
    }
    match (asked, build.options.clock_khz, build.estimated_mhz()) {
        (None, None, Some(mhz)) if target.board.is_none() && mhz < target.mhz() => {
            let default = target.mhz();
            ui.note(format!(
                "the constraints ask for {default} MHz, the estimate is about {mhz}: give --clock for what you need"
            ));
        }
        (Some(_), None, _) => ui.note("the clock is in the constraints alone: registers can be placed for it with --target ice40 or ecp5"),
        (Some(asked), Some(_), Some(mhz)) if mhz < asked => {
            ui.note(format!("the estimate stays below that clock: about {mhz} of {asked} MHz after place and route"));
        }
        _ => {}
    }
}

/// Samples per second at this clock, for people.
pub fn rate(mhz: f64, interval: u64) -> String {
    let rate = mhz * 1e6 / interval as f64;
    match rate {
        1e6.. => format!("{:.1} million samples per second", rate / 1e6),
        _ => format!("{} samples per second", thousands(rate as u64)),
    }
}

/// The layers of a design as a table, and its timing.
pub fn report(build: &Build, ui: &Ui) -> Result<()> {
    let asked: &[Style] = match &build.options.folding {
        Folding::PerLayer(styles) => styles,
        _ => &[],
    };
    let row = |(index, stage): (usize, &StageInfo)| {
        let kind = match asked.get(index) {
            Some(Style::Dense { .. }) => ", dense",
            Some(Style::Xnor { .. }) => ", XNOR",
            _ => "",
        };
        let zeros = percent(1.0 - stage.nonzeros as f64 / stage.weights as f64);
        let mut row = vec![stage.label(), thousands(stage.nonzeros as u64), zeros];
        let uses = stage.uses();
        row.extend(match stage.hardware.schedule {
            None => ["unrolled".into(), thousands(uses as u64), String::new(), String::new()],
            Some(s) => [
                format!("{} PE{}{kind}", s.pes, if s.pes == 1 { "" } else { "s" }),
                thousands((uses * s.cycles) as u64),
                percent(s.utilisation),
                thousands(s.rom_bits as u64),
            ],
        });
        row.push(stage.hardware.windows.map_or(String::new(), |w| {
            let text = |[y, x]: [usize; 2]| format!("{y}x{x}");
            let (kernel, stride, padding) = (text(w.kernel), text(w.stride), text(w.padding));
            let (windows, bits) = (thousands(w.windows as u64), thousands(w.line_bits));
            format!("{windows} of {kernel}, stride {stride}, padding {padding}, {bits} bits")
        }));
        row
    };
    let stages = build.stages()?;
    let rows: Vec<Vec<String>> = stages.iter().enumerate().map(row).collect();
    ui.say(table(
        &["layer", "nonzeros", "zeros", "style", "cycles", "PE use", "schedule bits", "windows"],
        &rows,
    ))?;
    let timing = &build.design.timing;
    let proof =
        if build.edited.is_empty() { "proved equal to the network" } else { "edited since it was proved" };
    ui.say(format!(
        "{}: latency {}, one sample every {}; {proof}",
        build.emitted.top,
        counted(timing.latency, "cycle"),
        counted(timing.interval, "cycle")
    ))?;
    if let (Some(family), Some(mhz)) = (build.options.family, build.estimated_mhz()) {
        // The model's delays are those of the fast parts; UP parts have others.
        let parts = if family == Family::Ice40 { " HX (an UP is slower)" } else { "" };
        ui.say(format!(
            "{family}{parts}: about {mhz} MHz after place and route, {}",
            rate(mhz, timing.interval)
        ))?;
    }
    let schedules: Vec<_> =
        stages.iter().filter_map(|s| Some((s.hardware.schedule.as_ref()?, s.uses()))).collect();
    let beats = build.design.input.beats() as u64;
    if !schedules.is_empty()
        && schedules.iter().all(|(s, uses)| ((s.cycles * uses) as u64) < timing.interval)
        && beats == timing.interval
        && beats > 1
    {
        ui.note(format!("the input sets the pace: {beats} beats a sample; fewer PEs would do as well"));
    }
    const MOST: &str = "a layer takes at most one per neuron, or channel of a convolution";
    if let Folding::Pes(asked) = build.options.folding {
        let used: usize = schedules.iter().map(|(s, _)| s.pes).sum();
        if used < asked {
            ui.note(format!("{used} of {asked} PEs used: {MOST}"));
        }
    }
    for (stage, style) in stages.iter().zip(asked) {
        if let (Some(schedule), Style::Folded { pes } | Style::Dense { pes } | Style::Xnor { pes }) =
            (&stage.hardware.schedule, style)
            && schedule.pes < *pes
        {
            ui.note(format!("{}: {} of {pes} PEs used: {MOST}", stage.layer, schedule.pes));
        }
    }
    Ok(())
}
