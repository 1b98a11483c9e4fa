//! Charts over two axes of numbers: curves, frontiers and histograms.

use anyhow::Result;
use maud::Markup;
use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;

use super::{AXIS, Axes, HEIGHT, SERIES, Series, axes, draw, fault, figure, short, span};

/// Lines through the points of each series.
pub fn lines(title: &str, of: Axes, series: &[Series]) -> Result<Markup> {
    let points = || series.iter().flat_map(|s| &s.points);
    let svg = draw(HEIGHT, |area| {
        let x = span(points().map(|p| p.0));
        let mut chart = axes(area, of, x, span(points().map(|p| p.1)), short)?;
        for (i, Series { points, .. }) in series.iter().enumerate() {
            let style = SERIES[i % SERIES.len()].stroke_width(2);
            let points = points.iter().copied();
            match points.len() {
                1 => chart.draw_series(points.map(|p| Circle::new(p, 3, style.filled()))).map(drop),
                _ if i < SERIES.len() => chart.draw_series(LineSeries::new(points, style)).map(drop),
                _ => chart.draw_series(DashedLineSeries::new(points, 5, 3, style)).map(drop),
            }
            .map_err(fault)?;
        }
        Ok(())
    })?;
    Ok(figure(title, &names(series), svg))
}

/// The points of each series over a logarithmic axis, and the frontier: what no point beats in both.
pub fn frontier(title: &str, of: Axes, series: &[Series]) -> Result<Markup> {
    let mut all: Vec<(f64, f64)> = series.iter().flat_map(|s| s.points.iter().copied()).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let svg = draw(HEIGHT, |area| {
        let least = all.first().map_or(1.0, |p| p.0).max(1e-6) / 1.6;
        let most = all.last().map_or(10.0, |p| p.0).max(2.0 * least) * 1.6;
        let x = (least..most).log_scale().with_key_points(round_numbers(least, most));
        let mut chart = axes(area, of, x, span(all.iter().map(|p| p.1)), short)?;
        let mut steps: Vec<(f64, f64)> = Vec::new();
        for (x, y) in all.iter().copied() {
            match steps.last() {
                Some((_, best)) if y <= *best => {}
                Some((_, best)) => steps.extend([(x, *best), (x, y)]),
                None => steps.push((x, y)),
            }
        }
        chart.draw_series(DashedLineSeries::new(steps, 4, 3, AXIS.stroke_width(1))).map_err(fault)?;
        for (i, Series { points, .. }) in series.iter().enumerate() {
            let colour = SERIES[i % SERIES.len()];
            let dots = points.iter().map(|p| Circle::new(*p, 5, colour.filled()));
            chart.draw_series(dots).map_err(fault)?;
        }
        Ok(())
    })?;
    Ok(figure(title, &names(series), svg))
}

/// How often each number occurs, in at most 24 bins.
pub fn histogram(title: &str, of: Axes, values: &[usize]) -> Result<Markup> {
    let (least, most) =
        (values.iter().min().copied().unwrap_or(0), values.iter().max().copied().unwrap_or(0));
    let step = (most - least + 1).div_ceil(24);
    let mut counts = vec![0usize; (most - least) / step + 1];
    values.iter().for_each(|v| counts[(v - least) / step] += 1);
    let highest = counts.iter().max().copied().unwrap_or(1) as f64;
    let svg = draw(HEIGHT - 40, |area| {
        let end = least + counts.len() * step;
        // A single bin would fill the whole width.
        let (from, to) =
            if counts.len() < 8 { (least.saturating_sub(4 * step), end + 4 * step) } else { (least, end) };
        let mut chart = axes(area, of, from as f64..to as f64, 0.0..highest * 1.1, whole)?;
        let bar = |(i, count): (usize, &usize)| {
            let x = (least + i * step) as f64;
            let mut bar = Rectangle::new([(x, 0.0), (x + step as f64, *count as f64)], SERIES[0].filled());
            bar.set_margin(0, 0, 1, 1);
            bar
        };
        chart.draw_series(counts.iter().enumerate().map(bar)).map_err(fault)?;
        Ok(())
    })?;
    Ok(figure(title, &[], svg))
}

/// Round numbers for a logarithmic axis: 1, 2 and 5 times powers of ten, or the powers alone where those are many.
fn round_numbers(least: f64, most: f64) -> Vec<f64> {
    let decades = least.log10().floor() as i32..=most.log10().ceil() as i32;
    let factors: &[f64] = if most / least < 200.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let all = decades.flat_map(|d| factors.iter().map(move |f| f * 10f64.powi(d)));
    all.filter(|v| (least..=most).contains(v)).collect()
}

/// Counts on an axis: nothing between them.
fn whole(v: &f64) -> String {
    if v.fract() == 0.0 { short(v) } else { String::new() }
}

fn names(series: &[Series]) -> Vec<String> {
    series.iter().map(|s| s.name.clone()).collect()
}
