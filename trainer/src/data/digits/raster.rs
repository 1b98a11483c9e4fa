//! A pen on a small grey canvas.

use super::strokes::Point;

/// Side of the canvas in pixels.
pub(super) const SIDE: usize = 28;

/// Straight pieces between two control points of a curve.
const PIECES: usize = 6;

/// Coverage of each pixel, `0.0..=1.0`, row-major. Pixel `(row, column)` has its centre at `(column + 0.5, row + 0.5)`.
pub(super) struct Canvas(Vec<f64>);

impl Canvas {
    /// An empty canvas.
    pub(super) fn new() -> Self {
        Canvas(vec![0.0; SIDE * SIDE])
    }

    /// Coverage of the pixels.
    pub(super) fn pixels(&self) -> &[f64] {
        &self.0
    }

    /// Draws through points with a round pen of the given radius, along a Catmull-Rom spline (Catmull and Rom, "A class
    /// of local interpolating splines", 1974) when `round`, else along straight lines.
    pub(super) fn curve(&mut self, points: &[Point], radius: f64, round: bool) {
        let last = points.len() - 1;
        let closed = points.len() > 3 && distance(points[0], points[last]) < 2.0;
        for i in 0..last {
            let (b, c) = (points[i], points[i + 1]);
            if !round {
                self.line(b, c, radius);
                continue;
            }
            // Beyond the ends a closed curve goes on where it began; an open one repeats its end.
            let a = if i > 0 { points[i - 1] } else { points[if closed { last - 1 } else { 0 }] };
            let d = if i + 2 <= last { points[i + 2] } else { points[if closed { 1 } else { last }] };
            let mut from = b;
            for piece in 1..=PIECES {
                let t = piece as f64 / PIECES as f64;
                let to = (spline([a.0, b.0, c.0, d.0], t), spline([a.1, b.1, c.1, d.1], t));
                self.line(from, to, radius);
                from = to;
            }
        }
    }

    /// Draws a straight line; the edge of the pen fades over one pixel.
    fn line(&mut self, from: Point, to: Point, radius: f64) {
        let reach = radius + 0.5;
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length2 = dx * dx + dy * dy;
        let pixels = |p: f64, q: f64| {
            let lo = (p.min(q) - reach - 0.5).ceil().max(0.0) as usize;
            let hi = ((p.max(q) + reach - 0.5).floor() + 1.0).clamp(0.0, SIDE as f64) as usize;
            lo..hi
        };
        for row in pixels(from.1, to.1) {
            for column in pixels(from.0, to.0) {
                let p = (column as f64 + 0.5, row as f64 + 0.5);
                let along = (p.0 - from.0) * dx + (p.1 - from.1) * dy;
                let t = if length2 > 0.0 { (along / length2).clamp(0.0, 1.0) } else { 0.0 };
                let cover = (reach - distance(p, (from.0 + t * dx, from.1 + t * dy))).clamp(0.0, 1.0);
                let pixel = &mut self.0[row * SIDE + column];
                *pixel = pixel.max(cover);
            }
        }
    }

    /// Mixes the canvas with itself smoothed by the 3x3 binomial kernel; `share` in `0.0..=1.0` is that of the smooth one.
    pub(super) fn blur(&mut self, share: f64) {
        let smooth = |pixels: &[f64], stride: usize| -> Vec<f64> {
            let position = |i: usize| i / stride % SIDE;
            let at = |i: usize| {
                let before = if position(i) > 0 { pixels[i - stride] } else { 0.0 };
                let after = if position(i) + 1 < SIDE { pixels[i + stride] } else { 0.0 };
                0.25 * before + 0.5 * pixels[i] + 0.25 * after
            };
            (0..pixels.len()).map(at).collect()
        };
        let smoothed = smooth(&smooth(&self.0, 1), SIDE);
        for (pixel, smooth) in self.0.iter_mut().zip(smoothed) {
            *pixel += share * (smooth - *pixel);
        }
    }
}

fn distance(p: Point, q: Point) -> f64 {
    let (dx, dy) = (p.0 - q.0, p.1 - q.1);
    (dx * dx + dy * dy).sqrt()
}

/// The Catmull-Rom polynomial between the second and the third value.
fn spline([a, b, c, d]: [f64; 4], t: f64) -> f64 {
    let linear = c - a;
    let square = 2.0 * a - 5.0 * b + 4.0 * c - d;
    let cube = 3.0 * (b - c) + d - a;
    b + 0.5 * t * (linear + t * (square + t * cube))
}
