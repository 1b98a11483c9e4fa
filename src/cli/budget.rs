//! Automatic folding: what a design may take, and what was chosen for it.

use anyhow::{Result, bail};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use sterna_hdl::explore::{BRAM_MARGIN, Budget, Choice, Explorer, Point, margin, text};
use sterna_hdl::family::Family;
use sterna_hdl::synth::Cells;
use sterna_hdl::{Options, Style};
use sterna_ir::{Network, Task};

use super::compile::rate;
use super::synth::measure;
use crate::build;
use crate::ui::{Ui, table, thousands};

/// Designs that Yosys is asked about at most.
const TRIES: usize = 5;

/// What a design may take. Anything given here leaves the style of every layer to a search.
#[derive(Clone, Debug, clap::Args)]
pub struct BudgetArgs {
    /// Choose the design of the fewest cycles a sample that takes at most N look-up tables of the target, as Yosys counts
    /// them.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["unrolled", "pes", "style"])]
    max_luts: Option<u64>,
    /// Choose the design of the fewest cycles a sample that takes at most N block RAMs of the target (SB_RAM40_4K, DP16KD, halves of 18 kbit).
    #[arg(long, value_name = "N", allow_negative_numbers = true, conflicts_with_all = ["unrolled", "pes", "style"])]
    max_bram: Option<u64>,
    /// Choose the smallest design that takes a new sample at least every N cycles: the fewest look-up tables, a block RAM
    /// counted as so many of them as a part has for each (iCE40 240, ECP5 404, Gowin 451, UltraScale+ 369).
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["unrolled", "pes", "style"])]
    cycles: Option<u64>,
    /// The same by samples per second at the clock given with --clock.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, requires = "clock", conflicts_with_all = ["cycles", "unrolled", "pes", "style"])]
    rate: Option<f64>,
}

impl BudgetArgs {
    /// The budget in cells and cycles, if one is asked for. `mhz` is the clock.
    pub fn budget(&self, mhz: Option<f64>) -> Result<Option<Budget>> {
        let interval = match (self.rate, mhz) {
            (Some(rate), Some(mhz)) => {
                let cycles = (mhz * 1e6 / rate).floor();
                if !(rate > 0.0 && cycles >= 1.0) {
                    bail!(
                        "--rate {rate}: at {mhz} MHz want more than 0 and at most {} samples per second",
                        mhz * 1e6
                    );
                }
                Some(cycles as u64)
            }
            _ => self.cycles,
        };
        let count = |n: Option<u64>| n.map(|n| n as f64);
        let budget = Budget { lut: count(self.max_luts), bram: count(self.max_bram), interval };
        Ok((budget != Budget::default()).then_some(budget))
    }

    /// What is wrong when the clock that a rate was asked for at is above the one estimated.
    pub fn missed(&self, mhz: Option<f64>, interval: u64) -> Option<String> {
        let (wanted, mhz) = (self.rate?, mhz?);
        let reached = mhz * 1e6 / interval as f64;
        let text = format!(
            "about {mhz} MHz after place and route make {}, not the {wanted} of --rate; ask for a lower --clock",
            rate(mhz, interval)
        );
        (reached < wanted).then_some(text)
    }
}

/// A bar for the designs that a search builds.
pub fn designs(ui: &Ui) -> ProgressBar {
    ui.bar("designs", 0, "designs")
}

/// Draws how far a search is.
pub fn watch(bar: &ProgressBar) -> impl Fn(usize, usize) {
    |built, all| {
        bar.set_length(all as u64);
        bar.set_position(built as u64);
    }
}

/// A design that keeps a budget.
#[derive(Debug)]
pub struct Chosen {
    /// What builds it.
    pub options: Options,
    /// Why, for programs.
    pub object: Value,
}

/// Searches for a design of `network` within `budget`, by the cost model and its margin or, if `by_yosys`, by what Yosys
/// counts. When there is none, says what comes nearest.
pub fn choose(
    network: &(Network, Task),
    options: &Options,
    budget: &Budget,
    by_yosys: bool,
    ui: &Ui,
) -> Result<Option<Chosen>> {
    let Some(family) = options.family else {
        bail!(
            "automatic folding counts cells of a family: give --target ice40, ecp5, gowin, xcup or xc7, or --board"
        );
    };
    let bar = designs(ui);
    let watch = watch(&bar);
    let mut explorer = Explorer::new(&network.0, options, &watch)?;
    let mut aim = if by_yosys { *budget } else { budget.with_margin(family) };
    let mut last = None;
    for _ in 0..if by_yosys { TRIES } else { 1 } {
        let point = match explorer.choose(&aim)? {
            Choice::Fits(point) => point,
            Choice::Nearest(points) => {
                nearest(network, &points, last.as_ref(), &counting(budget, family, by_yosys), ui)?;
                return Ok(None);
            }
        };
        let options = point.options(options);
        let cells = match by_yosys {
            true => {
                let build = build::compile(network.clone(), options.clone())?;
                Some(measure(&build, family, tempfile::tempdir()?.path())?)
            }
            false => None,
        };
        let over =
            |most: Option<f64>, have: u64| most.map(|most| have as f64 / most).filter(|over| *over > 1.0);
        let (lut, bram) = match &cells {
            Some(cells) => (over(budget.lut, cells.lut), over(budget.bram, cells.bram)),
            None => (None, None),
        };
        if lut.is_none() && bram.is_none() {
            report(&network.0, family, &point, cells.as_ref(), ui)?;
            if budget.lut.or(budget.bram).is_some() {
                ui.say(format!("within the budget {}", counting(budget, family, by_yosys)))?;
            }
            let object = json!({ "point": point, "yosys": cells });
            return Ok(Some(Chosen { options, object }));
        }
        // As much less as Yosys finds too much.
        aim.lut = lut.map(|over| point.cells.lut / over).or(aim.lut);
        aim.bram = bram.map(|over| (point.cells.bram / over).min(point.cells.bram - 1.0)).or(aim.bram);
        last = Some(point);
    }
    nearest(network, &Vec::from_iter(last), None, &counting(budget, family, by_yosys), ui)?;
    Ok(None)
}

fn report(network: &Network, family: Family, point: &Point, cells: Option<&Cells>, ui: &Ui) -> Result<()> {
    for (((name, _), style), reason) in build::weights(network).zip(&point.styles).zip(&point.reasons) {
        ui.say(format!("{name}: {}: {reason}", text(*style)))?;
    }
    let block = family.luts_of_a_block();
    ui.say(format!("cheap is what takes few LUT, a block RAM counted as {block:.0}"))?;
    let count = |n: f64| thousands(n.round() as u64);
    let found = match cells {
        Some(cells) => format!("; Yosys: {} LUT, {} block RAM", thousands(cells.lut), thousands(cells.bram)),
        None => String::new(),
    };
    let Point { cells, .. } = point;
    ui.say(format!("estimate: {} LUT, {} block RAM{found}", count(cells.lut), count(cells.bram)))?;
    ui.say(format!("the same as {}", flags(point)))?;
    Ok(())
}

/// How cells are counted.
fn counting(budget: &Budget, family: Family, by_yosys: bool) -> String {
    let margin = match (budget.lut, budget.bram) {
        _ if by_yosys => return "as Yosys counts".into(),
        (Some(_), _) => margin(family),
        (None, Some(_)) => BRAM_MARGIN,
        (None, None) => return "by exact cycles".into(),
    };
    format!("by the estimate and {:.0} % for its error (--synth asks Yosys instead)", 100.0 * margin)
}

/// Says that nothing keeps the budget, and what comes near.
fn nearest(
    network: &(Network, Task),
    points: &[Point],
    tried: Option<&Point>,
    counting: &str,
    ui: &Ui,
) -> Result<()> {
    let points: Vec<&Point> = points.iter().chain(tried).collect();
    ui.say(format!(
        "no design of {} keeps the budget, {counting}; nearest, by the estimate:",
        network.0.name
    ))?;
    let rows: Vec<Vec<String>> = points.iter().map(|p| row(p, None)).collect();
    ui.say(table(&HEADER, &rows))?;
    ui.object(&json!({ "fits": false, "nearest": points }))?;
    Ok(())
}

/// Columns of [`row`].
pub const HEADER: [&str; 7] = ["cycles a sample", "latency", "LUT", "FF", "BRAM", "rate", "compile with"];

/// A design as a row of a table; its rate at `mhz`, or at the clock that the delay model expects.
pub fn row(point: &Point, mhz: Option<f64>) -> Vec<String> {
    let count = |n: f64| thousands(n.round() as u64);
    let Point { timing, cells, .. } = point;
    vec![
        thousands(timing.interval),
        thousands(timing.latency),
        count(cells.lut),
        count(cells.ff),
        count(cells.bram),
        mhz.or(point.mhz).map_or("-".into(), |mhz| format!("{} at {mhz} MHz", rate(mhz, timing.interval))),
        flags(point),
    ]
}

/// The flags of `compile` that build a design.
pub fn flags(point: &Point) -> String {
    let styles: Vec<String> = point.styles.iter().map(Style::to_string).collect();
    let lanes = point.input_lanes.map_or(String::new(), |lanes| format!(" --input-lanes {lanes}"));
    format!("--style {}{lanes}", styles.join(","))
}
