//! A comparison: the frontier, the methods side by side, and what others published.

use anyhow::Result;
use maud::{Markup, html};

use super::chart::{Axes, Series, bars, frontier, lines};
use super::page::{charts, notes, table, table_of_words};
use crate::cli::compare::show::{PUBLISHED, header, lines as rows, published};
use crate::cli::compare::{Comparison, Row, circuits::Circuit};

/// What was run here.
pub fn compared(c: &Comparison) -> Result<Markup> {
    let series = |of: &dyn Fn(&Row) -> Vec<(f64, f64)>| -> Vec<Series> {
        c.rows.iter().map(|row| Series { name: row.method.name().into(), points: of(row) }).collect()
    };
    let accuracy = |row: &Row| row.accuracy.map(|a| 100.0 * a.mean);
    let cost = |row: &Row, of: &dyn Fn(&Circuit) -> f64, unrolled: bool| -> Vec<(f64, f64)> {
        let own = row.circuits.iter().filter(|c| (c.design == "unrolled") == unrolled);
        own.filter_map(|c| Some((of(c), accuracy(row)?))).collect()
    };
    let lut = |c: &Circuit| c.measured.unwrap_or(c.estimate).lut;
    let kind = if c.tool.is_some() { "counted by Yosys" } else { "estimated" };
    let luts = format!("LUT on {}, {kind}", c.family);
    let axes = |x| Axes { x, y: "test accuracy, %" };
    let coded = |row: &Row| {
        let bits = row.coded_bits.unwrap_or(row.plain_bits as f64);
        accuracy(row).map(|a| (bits / 8000.0, a)).into_iter().collect()
    };
    let mut drawn = Vec::new();
    if c.rows.iter().any(|row| row.circuits.iter().any(|c| c.design == "unrolled")) {
        let points = series(&|row| cost(row, &lut, true));
        drawn.push(frontier("Accuracy over LUT, unrolled", axes(&luts), &points)?);
    }
    let cycles = series(&|row| cost(row, &|c| c.interval as f64, false));
    drawn.push(frontier("Accuracy over LUT, folded", axes(&luts), &series(&|row| cost(row, &lut, false)))?);
    drawn.push(frontier("Accuracy over cycles, folded", axes("cycles between samples"), &cycles)?);
    drawn.push(frontier("Accuracy over size", axes("weights, kB (coded where ternary)"), &series(&coded))?);
    let validation = |row: &Row| {
        let point =
            |r: &sterna_trainer::train::EpochRecord| Some((r.epoch as f64, 100.0 * r.validation_accuracy?));
        row.history.iter().filter_map(point).collect::<Vec<_>>()
    };
    let epochs = Axes { x: "epoch", y: "validation accuracy, %" };
    drawn.push(lines("Training, first seed", epochs, &series(&validation))?);
    let share =
        |row: &Row| (row.method.name().to_string(), vec![100.0 * (1.0 - row.nonzeros / row.weights as f64)]);
    let zeros: Vec<_> = c.rows.iter().map(share).collect();
    drawn.push(bars("Zeros", "zero weights, %", &zeros, &["zeros"])?);
    if c.tool.is_some() {
        let pair = |row: &Row, c: &Circuit| {
            let found = c.measured.map_or(0.0, |m| m.lut);
            (format!("{} {}", row.method.name(), c.design), vec![c.estimate.lut.round(), found])
        };
        let pairs: Vec<_> = c.rows.iter().flat_map(|r| r.circuits.iter().map(move |c| pair(r, c))).collect();
        drawn.push(bars(
            "Estimate and count",
            &format!("LUT on {}", c.family),
            &pairs,
            &["estimate", "Yosys"],
        )?);
    }
    Ok(html! {
        (table(&header(c), &c.rows.iter().flat_map(rows).collect::<Vec<_>>()))
        (notes(&c.notes()))
        (charts(&drawn))
    })
}

/// What others published on the same data.
pub fn others(c: &Comparison) -> Markup {
    html! {
        (notes(&["Each with its own convention, as its source prints it: not comparable line by line, nor with the table above.".into()]))
        (table_of_words(&PUBLISHED, &c.published.iter().map(published).collect::<Vec<_>>()))
    }
}
