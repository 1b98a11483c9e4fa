//! The comparison for people: one table of what was run here, and a block of what others published. And as CSV.

use std::path::Path;

use anyhow::{Context, Result};
use sterna_trainer::train::Spread;

use super::circuits::{Area, Circuit};
use super::published::Published;
use super::{Comparison, Row};
use crate::store;
use crate::ui::{Ui, percent, table, thousands};

/// Header of the table of others.
pub const PUBLISHED: [&str; 9] =
    ["method", "accuracy", "LUT", "FF", "BRAM", "MHz", "latency, ns", "what is counted", "source"];

/// Prints both blocks.
pub fn show(c: &Comparison, ui: &Ui) -> Result<()> {
    let rows: Vec<Vec<String>> = c.rows.iter().flat_map(lines).collect();
    ui.say(table(&header(c), &rows))?;
    c.notes().iter().try_for_each(|note| ui.say(note))?;
    if c.published.is_empty() {
        return Ok(());
    }
    ui.say(format!(
        "\nPublished by others on {}, each with its own convention: not comparable line by line.",
        c.data
    ))?;
    ui.say(table(&PUBLISHED, &c.published.iter().map(published).collect::<Vec<_>>()))?;
    Ok(())
}

/// Header of the table of methods.
pub fn header(c: &Comparison) -> Vec<&'static str> {
    let mut header =
        vec!["weights", "accuracy", "zeros %", "kB plain", "coded", "design", "additions", "adders"];
    let areas: [[&str; 3]; 2] = [["LUT", "FF", "BRAM"], ["LUT est/Yosys", "FF est/Yosys", "BRAM est/Yosys"]];
    header.extend(areas[usize::from(c.tool.is_some())]);
    header.extend(["latency", "cycles", "rate/s", "energy"]);
    header
}

/// A line of the table of others.
pub fn published(p: &Published) -> Vec<String> {
    let number = |v: Option<u64>| v.map_or(String::new(), thousands);
    let decimal = |v: Option<f64>| v.map_or(String::new(), |v| v.to_string());
    let cells = [number(p.lut), number(p.ff), number(p.bram), decimal(p.mhz), decimal(p.latency_ns)];
    let words = [p.convention.clone(), p.source.clone()];
    [p.method.clone(), percent(p.accuracy)].into_iter().chain(cells).chain(words).collect()
}

/// One line for each circuit of a network; what belongs to the network stands in the first.
pub fn lines(row: &Row) -> Vec<Vec<String>> {
    let kilobytes = |bits: f64| format!("{:.1}", bits / 8000.0);
    let zeros: Vec<String> = row.zeros.iter().map(|z| format!("{:.0}", 100.0 * z)).collect();
    let network = [
        row.method.name().to_string(),
        row.accuracy.as_ref().map_or("-".into(), accuracy),
        zeros.join(" "),
        format!("{} at {}", kilobytes(row.plain_bits as f64), row.bits_per_weight),
        row.coded_bits.map_or("-".into(), kilobytes),
    ];
    let empty = vec![String::new(); network.len()];
    let circuit = |(index, c): (usize, &Circuit)| {
        let mut line = if index == 0 { network.to_vec() } else { empty.clone() };
        let pair = |of: fn(&Area) -> f64| {
            let count = |area: &Area| thousands(of(area).round() as u64);
            c.measured
                .as_ref()
                .map_or(count(&c.estimate), |m| format!("{} / {}", count(&c.estimate), count(m)))
        };
        line.extend([c.design.clone(), thousands(c.additions), thousands(c.adders)]);
        line.extend([pair(|a| a.lut), pair(|a| a.ff), pair(|a| a.bram)]);
        line.extend([thousands(c.latency), thousands(c.interval)]);
        line.push(c.rate().map_or("-".into(), |r| thousands(r.round() as u64)));
        line.push(thousands(c.energy().round() as u64));
        line
    };
    row.circuits.iter().enumerate().map(circuit).collect()
}

/// `98.29 %`, and the standard deviation where there are several seeds.
pub fn accuracy(spread: &Spread) -> String {
    match spread.count {
        0 | 1 => percent(spread.mean),
        _ => format!("{:.2} ± {:.2} %", 100.0 * spread.mean, 100.0 * spread.deviation),
    }
}

/// Writes all figures to `path`, a line for each circuit.
pub fn csv(c: &Comparison, path: &Path) -> Result<()> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record([
        "data",
        "method",
        "seeds",
        "accuracy_mean",
        "accuracy_deviation",
        "zeros",
        "weights",
        "nonzeros",
        "plain_bits",
        "one_bit",
        "two_bit",
        "coded_bits",
        "family",
        "design",
        "additions",
        "adders",
        "lut_estimate",
        "ff_estimate",
        "bram_estimate",
        "lut_yosys",
        "ff_yosys",
        "bram_yosys",
        "latency_cycles",
        "interval_cycles",
        "mhz_estimate",
        "samples_per_second",
        "energy_proxy",
    ])?;
    for row in &c.rows {
        for circuit in &row.circuits {
            out.write_record(fields(c, row, circuit))?;
        }
    }
    let bytes = out.into_inner().with_context(|| path.display().to_string())?;
    store::replace(path, &bytes)
}

fn fields(c: &Comparison, row: &Row, circuit: &Circuit) -> Vec<String> {
    let optional = |v: Option<f64>| v.map_or(String::new(), |v| v.to_string());
    let area = |a: Option<Area>| [a.map(|a| a.lut), a.map(|a| a.ff), a.map(|a| a.bram)].map(optional);
    let zeros: f64 = 1.0 - row.nonzeros / row.weights as f64;
    let accuracy = |of: fn(&Spread) -> f64| optional(row.accuracy.as_ref().map(of));
    let mut out = vec![c.data.clone(), row.method.name().to_string(), row.seeds.len().to_string()];
    out.extend([accuracy(|s| s.mean), accuracy(|s| s.deviation), zeros.to_string()]);
    out.extend([row.weights.to_string(), row.nonzeros.to_string(), row.plain_bits.to_string()]);
    out.extend([row.weights.to_string(), (2 * row.weights).to_string(), optional(row.coded_bits)]);
    out.extend([c.family.to_string(), circuit.design.clone()]);
    out.extend([circuit.additions.to_string(), circuit.adders.to_string()]);
    out.extend(area(Some(circuit.estimate)));
    out.extend(area(circuit.measured));
    out.extend([circuit.latency.to_string(), circuit.interval.to_string()]);
    out.extend([optional(circuit.mhz), optional(circuit.rate()), circuit.energy().to_string()]);
    out
}
