//! Charts with a row for each name: bars, and passages over time.

use std::ops::Range;

use anyhow::Result;
use maud::Markup;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{AXIS, Area, BELOW, Chart, GRID, SERIES, draw, fault, figure, short, text};
use crate::ui::thousands;

/// Left of the rows, for their names; about so many letters.
const NAMES: (u32, usize) = (104, 14);
/// Height of a bar.
const BAR: u32 = 17;

/// Horizontal bars: for each name a bar of every series, with its value behind it.
pub fn bars(title: &str, unit: &str, rows: &[(String, Vec<f64>)], series: &[&str]) -> Result<Markup> {
    let each = series.len().max(1) as u32;
    let height = rows.len() as u32 * (each * BAR + 8) + BELOW + 18;
    let most = rows.iter().flat_map(|r| &r.1).copied().fold(0.0, f64::max).max(1e-9);
    let svg = draw(height, |area| {
        let mut chart = named(area, rows.iter().map(|r| r.0.as_str()), most * 1.28, unit)?;
        let slot = 0.8 / f64::from(each);
        for (at, (_, values)) in rows.iter().enumerate() {
            for (i, value) in values.iter().enumerate() {
                let top = at as f64 + 0.1 + slot * i as f64;
                let bar = Rectangle::new([(0.0, top), (*value, top + slot * 0.92)], SERIES[i].filled());
                let style = text().pos(Pos::new(HPos::Left, VPos::Center));
                let label = match value {
                    v if v.fract() == 0.0 || *v >= 100.0 => thousands(v.round() as u64),
                    v => format!("{v:.1}"),
                };
                let number = EmptyElement::at((*value, top + slot / 2.0)) + Text::new(label, (4, 0), style);
                chart.draw_series([bar]).map_err(fault)?;
                chart.draw_series([number]).map_err(fault)?;
            }
        }
        Ok(())
    })?;
    Ok(figure(title, &series.iter().map(|s| s.to_string()).collect::<Vec<_>>(), svg))
}

/// From when to when, `(start, end)`, on each named row; the n-th of every row has the n-th name in the legend.
pub fn passages(
    title: &str,
    unit: &str,
    rows: &[(String, Vec<(f64, f64)>)],
    samples: &[String],
) -> Result<Markup> {
    let end = 1.01 * rows.iter().flat_map(|r| &r.1).map(|p| p.1).fold(1.0, f64::max);
    let height = rows.len() as u32 * (BAR + 8) + BELOW + 18;
    let svg = draw(height, |area| {
        let mut chart = named(area, rows.iter().map(|r| r.0.as_str()), end, unit)?;
        for (at, (_, passages)) in rows.iter().enumerate() {
            // A sample's own lane, so that overlapping ones can be told apart.
            let lane = 0.8 / passages.len().max(1) as f64;
            let bar = |(i, (from, to)): (usize, &(f64, f64))| {
                let top = at as f64 + 0.1 + lane * i as f64;
                // A single cycle is seen, too.
                let to = to.max(from + 0.006 * end);
                Rectangle::new([(*from, top), (to, top + lane)], SERIES[i % SERIES.len()].filled())
            };
            chart.draw_series(passages.iter().enumerate().map(bar)).map_err(fault)?;
        }
        Ok(())
    })?;
    Ok(figure(title, samples, svg))
}

/// A chart with a row for each name, from 0 to `end` of `unit`.
fn named<'a, 'n>(
    area: &Area<'a>,
    rows: impl ExactSizeIterator<Item = &'n str>,
    end: f64,
    unit: &str,
) -> Result<Chart<'a, Range<f64>, Range<f64>>> {
    let mut chart = ChartBuilder::on(area)
        .margin_top(8)
        .margin_right(20)
        .x_label_area_size(BELOW)
        .y_label_area_size(NAMES.0)
        .build_cartesian_2d(0.0..end, rows.len().max(1) as f64..0.0)
        .map_err(fault)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_y_mesh().y_labels(0).label_style(text()).axis_desc_style(text()).axis_style(AXIS);
    mesh.bold_line_style(GRID).light_line_style(TRANSPARENT).x_labels(5).x_desc(unit);
    mesh.x_label_formatter(&short).draw().map_err(fault)?;
    for (at, name) in rows.enumerate() {
        let (x, y) = chart.backend_coord(&(0.0, at as f64 + 0.5));
        let style = text().pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(cut(name), (x - 8, y), style)).map_err(fault)?;
    }
    Ok(chart)
}

/// A name of one line that fits beside the bars.
fn cut(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if name.chars().count() <= NAMES.1 {
        return name;
    }
    name.chars().take(NAMES.1 - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_files_are_escaped_and_cut() {
        let rows = [("<script>alert(1)</script>".to_string(), vec![1.0]), ("a\nb".to_string(), vec![2.0])];
        let svg = bars("<b>", "LUT", &rows, &["x"]).expect("a chart").into_string();
        assert!(!svg.contains("<script") && !svg.contains("<b>"), "{svg}");
        assert!(svg.contains("&lt;script&gt;alert…") && svg.contains("a b"), "{svg}");
    }
}
