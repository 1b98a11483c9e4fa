//! A plot as SVG text: dots over two logarithmic axes.

use std::fmt::Write;

use crate::ui::thousands;

/// Size of the picture and of the border around the plot, in pixels.
const SIZE: [f64; 2] = [720.0, 440.0];
const BORDER: f64 = 80.0;

/// A logarithmic axis from one power of ten to another.
struct Axis {
    first: i32,
    last: i32,
}

impl Axis {
    fn around(values: impl Iterator<Item = f64> + Clone) -> Self {
        let power = |v: f64| v.max(1.0).log10();
        let first = values.clone().map(power).fold(f64::INFINITY, f64::min).floor();
        let last = values.map(power).fold(f64::NEG_INFINITY, f64::max).ceil();
        match first.is_finite() {
            true => Axis { first: first as i32, last: (last as i32).max(first as i32 + 1) },
            false => Axis { first: 0, last: 1 },
        }
    }

    /// Where `value` lies, 0 to 1.
    fn at(&self, value: f64) -> f64 {
        (value.max(1.0).log10() - f64::from(self.first)) / f64::from(self.last - self.first)
    }
}

/// Dots at (x, y), all at least 1. A line joins those that no other lies left of and below.
pub fn svg(title: &str, [x_text, y_text]: &[String; 2], dots: &[(f64, f64)]) -> String {
    let (x_axis, y_axis) = (Axis::around(dots.iter().map(|d| d.0)), Axis::around(dots.iter().map(|d| d.1)));
    let [width, height] = SIZE;
    let x = |v: f64| BORDER + x_axis.at(v) * (width - 2.0 * BORDER);
    let y = |v: f64| height - BORDER - y_axis.at(v) * (height - 2.0 * BORDER);
    let (left, right, top, bottom) = (BORDER, width - BORDER, BORDER, height - BORDER);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"{left}\" y=\"32\" font-size=\"16\">{}</text>\n\
         <text x=\"{right}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\n\
         <text x=\"{left}\" y=\"52\">{}</text>\n",
        escape(title),
        bottom + 44.0,
        escape(&format!("{x_text} (log scale)")),
        escape(&format!("{y_text} (log scale)"))
    );
    let mut line = |x1: f64, y1: f64, x2: f64, y2: f64, text: (f64, f64, &str, String)| {
        let (tx, ty, anchor, label) = text;
        let _ = writeln!(
            out,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#ccc\"/>\n\
             <text x=\"{tx:.1}\" y=\"{ty:.1}\" text-anchor=\"{anchor}\">{label}</text>"
        );
    };
    for power in x_axis.first..=x_axis.last {
        let value = 10f64.powi(power);
        line(x(value), top, x(value), bottom, (x(value), bottom + 18.0, "middle", thousands(value as u64)));
    }
    for power in y_axis.first..=y_axis.last {
        let value = 10f64.powi(power);
        line(left, y(value), right, y(value), (left - 6.0, y(value) + 4.0, "end", thousands(value as u64)));
    }
    let beats = |a: &(f64, f64), b: &(f64, f64)| a != b && a.0 <= b.0 && a.1 <= b.1;
    let mut edge: Vec<&(f64, f64)> =
        dots.iter().filter(|d| !dots.iter().any(|other| beats(other, d))).collect();
    edge.sort_by(|a, b| a.0.total_cmp(&b.0));
    let path: Vec<String> = edge.iter().map(|d| format!("{:.1},{:.1}", x(d.0), y(d.1))).collect();
    let _ = writeln!(out, "<polyline points=\"{}\" fill=\"none\" stroke=\"#27c\"/>", path.join(" "));
    for dot in dots {
        let _ =
            writeln!(out, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\" fill=\"#27c\"/>", x(dot.0), y(dot.1));
    }
    out.push_str("</svg>\n");
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_lie_inside_the_axes_and_text_is_no_markup() {
        let axes = ["cycles".to_string(), "LUT".to_string()];
        let text = svg("a < b & c", &axes, &[(10.0, 4000.0), (1000.0, 150.0)]);
        assert!(text.contains("a &lt; b &amp; c") && text.ends_with("</svg>\n"));
        assert!(text.contains("cx=\"80.0\"") && text.contains("cx=\"640.0\""), "{text}");
        assert_eq!(text.matches("<circle").count(), 2);
        assert!(svg("nothing", &axes, &[]).contains("<polyline"));
    }
    #[test]
    fn the_line_passes_dots_that_are_worse_than_another() {
        let axes = ["cycles".to_string(), "LUT".to_string()];
        let text = svg("corner", &axes, &[(10.0, 4000.0), (1000.0, 5000.0), (1000.0, 150.0)]);
        let (_, line) = text.split_once("<polyline points=\"").unwrap();
        let (points, _) = line.split_once('"').unwrap();
        assert_eq!((points.split(' ').count(), text.matches("<circle").count()), (2, 3));
    }
}
