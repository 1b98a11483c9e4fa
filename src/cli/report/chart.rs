//! Charts as SVG: lines, points, bars, histograms and passages over time, each with axes, units and a legend beside it.
//!
//! A chart is drawn at the width of a phone, so that its text stays readable there; wider pages put several in a row. Its
//! colours are names for the style sheet, which has a light and a dark value for each.

mod curves;
mod rows;

use anyhow::{Result, anyhow};
use maud::{Markup, PreEscaped, html};
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

pub use curves::{frontier, histogram, lines};
pub use rows::{bars, passages};

/// Width of every chart, in pixels of its own.
pub const WIDTH: u32 = 380;
const HEIGHT: u32 = 250;
/// Height of text; the SVG backend divides it by 1.24.
const TEXT: f64 = 15.0;
/// Left of the plot, for the numbers and the name of the axis.
const LEFT: u32 = 58;
/// Below the plot, for the same.
const BELOW: u32 = 44;

const INK: RGBColor = RGBColor(0, 0, 0);
const AXIS: RGBColor = RGBColor(0x88, 0x88, 0x88);
const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
/// The palette of Okabe and Ito (2008), told apart by the colour-blind, its black and yellow replaced; then the same in
/// dashes.
const SERIES: [RGBColor; 8] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x7a, 0x5c, 0x3e),
    RGBColor(0x55, 0x55, 0x55),
];

/// Named values.
pub struct Series {
    /// For the legend.
    pub name: String,
    /// In the order of the horizontal axis.
    pub points: Vec<(f64, f64)>,
}

/// Names and units of both axes.
#[derive(Clone, Copy)]
pub struct Axes<'a> {
    /// Horizontal.
    pub x: &'a str,
    /// Vertical.
    pub y: &'a str,
}

/// Rules that give the colours their values; the dark ones are lighter.
pub fn colours() -> String {
    let dark = ["5aa9e6", "ff8c42", "3fcf9f", "e79ac6", "9ad8ff", "ffc94d", "c4a27f", "b0b0b0"];
    let hex = |c: &RGBColor| format!("#{:02X}{:02X}{:02X}", c.0, c.1, c.2);
    let light: String = SERIES.iter().enumerate().map(|(i, c)| format!("--s{i}:{};", hex(c))).collect();
    let dark: String = dark.iter().enumerate().map(|(i, c)| format!("--s{i}:#{c};")).collect();
    let named = SERIES.iter().enumerate().map(|(i, c)| (hex(c), format!("s{i}")));
    let fixed = [(INK, "ink"), (AXIS, "axis"), (GRID, "grid")].map(|(c, name)| (hex(&c), name.to_string()));
    let rule = |(hex, name): (String, String)| {
        format!("svg [fill=\"{hex}\"]{{fill:var(--{name})}}svg [stroke=\"{hex}\"]{{stroke:var(--{name})}}")
    };
    let rules: String = named.chain(fixed).map(rule).collect();
    let swatches: String = (0..SERIES.len()).map(|i| format!(".c{i}{{background:var(--s{i})}}")).collect();
    format!(
        ":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}@media print{{:root{{{light}}}}}{rules}{swatches}"
    )
}

/// A figure with its title and the names of its series, when there are several.
fn figure(title: &str, names: &[String], svg: String) -> Markup {
    html! {
        figure {
            figcaption { (title) }
            (PreEscaped(svg))
            @if names.len() > 1 {
                ul.legend {
                    @for (i, name) in names.iter().enumerate() {
                        li { i class={ "c" (i % SERIES.len()) @if i >= SERIES.len() { " dashed" } } {} (name) }
                    }
                }
            }
        }
    }
}

fn draw(height: u32, paint: impl FnOnce(&Area) -> Result<()>) -> Result<String> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
    paint(&area)?;
    area.present().map_err(|e| anyhow!("chart: {e}"))?;
    drop(area);
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn fault(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("chart: {error}")
}

fn text() -> TextStyle<'static> {
    ("sans-serif", TEXT).into_font().color(&INK)
}

/// Numbers on an axis: `0`, `250`, `4k`, `1.5M`.
fn short(v: &f64) -> String {
    let trimmed = |v: f64| {
        let text = format!("{v:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    };
    match v.abs() {
        1e6.. => format!("{}M", trimmed(v / 1e6)),
        1e4.. => format!("{}k", trimmed(v / 1e3)),
        _ => trimmed(*v),
    }
}

/// A chart with coordinates of these kinds.
type Chart<'a, X, Y> = ChartContext<
    'a,
    SVGBackend<'a>,
    Cartesian2d<<X as AsRangedCoord>::CoordDescType, <Y as AsRangedCoord>::CoordDescType>,
>;

/// Axes with their names, and the chart to draw into.
fn axes<'a, X, Y>(
    area: &Area<'a>,
    axes: Axes,
    x: X,
    y: Y,
    number: fn(&f64) -> String,
) -> Result<Chart<'a, X, Y>>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64> + Ranged<ValueType = f64>,
    Y::CoordDescType: ValueFormatter<f64> + Ranged<ValueType = f64>,
{
    let mut chart = ChartBuilder::on(area)
        .margin_top(10)
        .margin_right(22)
        .margin_left(8)
        .x_label_area_size(BELOW)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(x, y)
        .map_err(fault)?;
    let mut mesh = chart.configure_mesh();
    mesh.label_style(text()).axis_desc_style(text()).axis_style(AXIS).bold_line_style(GRID);
    mesh.light_line_style(TRANSPARENT).x_labels(6).y_labels(6).x_desc(axes.x).y_desc(axes.y);
    mesh.x_label_formatter(&short).y_label_formatter(&number).draw().map_err(fault)?;
    Ok(chart)
}

/// The least and the most of the values, with a little room; never empty.
fn span(values: impl Iterator<Item = f64> + Clone) -> std::ops::Range<f64> {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let most = values.fold(f64::NEG_INFINITY, f64::max);
    if least > most {
        return 0.0..1.0;
    }
    let room = if most > least { 0.05 * (most - least) } else { 0.05 * most.abs().max(1.0) };
    least - room..most + room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_on_axes_are_short() {
        let cases =
            [(0.0, "0"), (0.25, "0.25"), (250.0, "250"), (9_000.0, "9000"), (12_500.0, "12.5k"), (3e6, "3M")];
        for (value, text) in cases {
            assert_eq!(short(&value), text);
        }
    }

    #[test]
    fn charts_without_values_are_drawn_too() {
        let axes = Axes { x: "epoch", y: "loss" };
        assert!(lines("none", axes, &[]).is_ok() && histogram("none", axes, &[]).is_ok());
        assert!(bars("none", "LUT", &[], &[]).is_ok() && frontier("none", axes, &[]).is_ok());
        let one = Series { name: "one".into(), points: vec![(1.0, 2.0)] };
        assert!(lines("one", axes, &[one]).is_ok());
    }
}
