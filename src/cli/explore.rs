//! `sterna explore`: the designs among which a budget chooses.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde_json::json;
use sterna_hdl::explore::{Explorer, Point};

use super::budget::{HEADER, designs, flags, row, watch};
use super::design::DesignArgs;
use crate::board;
use crate::plot;
use crate::store;
use crate::ui::{Outcome, Ui, table};

/// Flags of `sterna explore`.
#[derive(Debug, clap::Args)]
#[command(mut_args(|arg| match arg.get_id().as_str() {
    // What is explored.
    "unrolled" | "pes" | "style" => arg.hide(true),
    _ => arg,
}))]
#[command(after_help = "\
Examples:
  sterna explore digits.sterna --target ecp5                cycles against cells, from one element to unrolled
  sterna explore digits.sterna --target ice40 --svg f.svg   the same as a plot
  sterna compile digits.sterna --target ice40 --max-luts 5000   that of the fewest cycles that fits")]
pub struct Args {
    /// Network file, or a matrix of small integers, [inputs, outputs] in a .npy.
    network: PathBuf,
    /// File for the table as comma-separated values.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// File for a plot of look-up tables against cycles.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    design: DesignArgs,
}

/// Runs `sterna explore`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    if args.design.folds() {
        bail!("explore tries all foldings; drop --unrolled, --pes and --style");
    }
    for path in args.csv.iter().chain(&args.svg) {
        store::ensure_writable(path)?;
    }
    let (network, _) = args.design.network(&args.network, ui)?;
    let options = args.design.options(&network)?;
    let Some(family) = options.family else {
        bail!("explore counts cells of a family: give --target ice40, ecp5, gowin, xcup or xc7");
    };
    let bar = designs(ui);
    let points = Explorer::new(&network, &options, &watch(&bar))?.frontier()?;
    bar.finish_and_clear();
    let clock = args.design.clock;
    let rows: Vec<Vec<String>> = points.iter().map(|p| row(p, clock)).collect();
    ui.say(table(&HEADER, &rows))?;
    ui.say(format!(
        "{family}: cells by the cost model, LUT = {}; cycles are exact; each design is better than every other in \
         cycles, LUT or BRAM",
        family.lut_convention()
    ))?;
    if let Some(largest) = board::largest(family) {
        let over = points.iter().filter(|p| !largest.lacks(&p.cells).is_empty()).count();
        if over > 0 {
            let name = &largest.name;
            ui.note(format!(
                "{over} of them are more than the largest board of {family} known here, {name}, holds"
            ));
        }
    }
    if let Some(path) = &args.csv {
        store::replace(path, csv(&points).as_bytes())?;
    }
    if let Some(path) = &args.svg {
        let dots: Vec<(f64, f64)> = points.iter().map(|p| (p.timing.interval as f64, p.cells.lut)).collect();
        let axes = ["cycles between samples".to_string(), format!("LUT ({family}, estimate)")];
        store::replace(path, plot::svg(&network.name, &axes, &dots).as_bytes())?;
    }
    ui.object(&json!({ "family": family, "points": points }))?;
    Ok(Outcome::Done)
}

fn csv(points: &[Point]) -> String {
    let mut out = String::from("interval,latency,lut,ff,bram,mhz,flags\n");
    for point in points {
        let Point { timing, cells, mhz, .. } = point;
        let mhz = mhz.map_or(String::new(), |mhz| mhz.to_string());
        let numbers =
            [timing.interval, timing.latency, cells.lut.round() as u64, cells.ff as u64, cells.bram as u64];
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        out.push_str(&format!("{},{mhz},\"{}\"\n", numbers.join(","), flags(point)));
    }
    out
}
