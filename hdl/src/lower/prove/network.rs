//! The rows that the stages claim to compute, compared with the layers of the original network: simplification and planning
//! may leave out only inputs with one possible value, and must account for that value.

use sterna_ir::{Dense, LayerOp, Network, Range, Threshold};

use super::Difference;
use crate::lower::plan::{Plan, Unit};
use crate::lower::rows::{Levels, Row};
use crate::lower::table::Table;

/// Compares every row of the plan with the network.
pub fn prove(network: &Network, plan: &Plan) -> Result<(), Difference> {
    let ranges = network.ranges().map_err(|e| ("the network".to_string(), e.to_string()))?;
    let start = vec![network.input.range; network.input.elements()];
    for stage in &plan.stages {
        let x = stage.first.checked_sub(1).map_or(&start, |before| &ranges[before]);
        let threshold = match &network.layers[stage.layer].op {
            LayerOp::Threshold(t) => Some(t),
            _ => None,
        };
        let dense = match &network.layers[stage.first].op {
            LayerOp::Dense(d) => Some(d),
            _ => None,
        };
        let mut done: &[Row] = &[];
        for unit in &stage.units {
            let rows = match unit {
                Unit::Unrolled(unit) => &unit.rows[..],
                Unit::Folded(unit) => &unit.rows[..],
                Unit::Table(table) => {
                    let original = threshold.filter(|_| dense.is_none());
                    table_follows(table, done, original).map_err(|what| (stage.name.clone(), what))?;
                    continue;
                }
                _ => continue,
            };
            done = rows;
            for row in rows {
                let result = match (dense, threshold) {
                    (Some(d), _) => dense_row(d, threshold, row, x),
                    (None, Some(t)) => encoder_row(t, row),
                    (None, None) => Err("rows without weights or thresholds"),
                };
                let place = || format!("{}, neuron {}", stage.name, row.element);
                result.map_err(|what| (place(), what.to_string()))?;
            }
        }
    }
    Ok(())
}

fn dense_row(d: &Dense, t: Option<&Threshold>, row: &Row, x: &[Range]) -> Result<(), &'static str> {
    let o = row.element as usize;
    let turned = match (t, &row.levels) {
        (Some(t), Some(levels)) => t.is_falling(o) && !levels.falling,
        _ => false,
    };
    let sign = if turned { -1 } else { 1 };
    let mut left_out = d.bias(o);
    let mut terms = row.terms.iter().peekable();
    for (i, (&weight, range)) in d.row(o).iter().zip(x).enumerate() {
        let weight = i64::from(weight);
        let used = terms.next_if(|(element, _)| *element as usize == i).map_or(0, |(_, w)| sign * w);
        if used != weight {
            if used != 0 || range.lo != range.hi {
                return Err("a weight is not the network's");
            }
            left_out += weight * range.lo;
        }
    }
    if terms.next().is_some() {
        return Err("an input twice, or one that does not exist");
    }
    match (t, &row.levels) {
        (None, None) if row.bias == left_out => Ok(()),
        (Some(t), Some(levels)) if row.bias == 0 => {
            let same = levels.falling == (t.is_falling(o) && !turned)
                && levels.thresholds.iter().map(|v| sign * v).eq(t.of(o).iter().map(|v| v - left_out));
            if same { Ok(()) } else { Err("a threshold is not the network's") }
        }
        _ => Err("the bias is not the network's"),
    }
}

fn encoder_row(t: &Threshold, row: &Row) -> Result<(), &'static str> {
    let plain = row.terms == [(row.element, 1)] && row.bias == 0;
    match row.levels == Some(Levels::of(t, row.element as usize, 0)) && plain {
        true => Ok(()),
        false => Err("a threshold is not the network's"),
    }
}

/// A table holds what the rows before it left to it, or a threshold layer as it is.
fn table_follows(table: &Table, rows: &[Row], original: Option<&Threshold>) -> Result<(), String> {
    let wrong = |element: u32| Err(format!("neuron {element}: the table is not the network's"));
    match (table, original) {
        (Table::Threshold { levels, .. }, Some(t)) => {
            match (0..t.channels).find(|c| levels.get(*c) != Some(&Levels::of(t, *c, 0))) {
                Some(c) => wrong(c as u32),
                None => Ok(()),
            }
        }
        (Table::Threshold { levels, .. }, None) => {
            match rows.iter().find(|r| levels.get(r.element as usize) != r.levels.as_ref()) {
                Some(row) => wrong(row.element),
                None => Ok(()),
            }
        }
        (Table::Bias { bias, .. }, _) => {
            match rows.iter().find(|r| bias.get(r.element as usize) != Some(&r.bias)) {
                Some(row) => wrong(row.element),
                None => Ok(()),
            }
        }
    }
}
