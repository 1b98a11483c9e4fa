//! Layers with fewer channels.

use sterna_ir::{Conv2d, Dense, LayerOp, Range, Threshold, Window};

use super::{Simplified, elements_of, regroup};

pub fn is_constant(range: Range) -> bool {
    range.lo == range.hi
}

/// The value of every element of a channel under `window`, if it has but one: zeros around it are another.
pub fn one_value(window: &Window, x: &[Range], channel: usize) -> Option<i64> {
    let size = window.input[1] * window.input[2];
    let image = &x[channel * size..(channel + 1) * size];
    let value = image[0].lo;
    let same = image.iter().all(|r| *r == Range::point(value));
    (same && (value == 0 || window.padding == [0, 0])).then_some(value)
}

/// Layer `index` on the channels that are left of its input, for those that are left of its output. `x` are the ranges of the
/// elements of the original input.
pub fn shrink(op: &LayerOp, index: usize, small: &Simplified, x: &[Range]) -> LayerOp {
    let (columns, rows) = (small.before(index), &small.kept[index]);
    let positions = small.positions[index];
    let windows = |w: &Window| Window { input: [columns.len(), w.input[1], w.input[2]], ..*w };
    match op {
        LayerOp::Dense(d) => LayerOp::Dense(dense(d, &elements_of(columns, positions), rows, x)),
        LayerOp::Conv2d(c) => {
            LayerOp::Conv2d(Conv2d { window: windows(&c.window), ..conv(c, columns, rows, x) })
        }
        LayerOp::MaxPool(w) => LayerOp::MaxPool(windows(w)),
        LayerOp::SumPool(w) => LayerOp::SumPool(windows(w)),
        LayerOp::Threshold(t) if positions > 1 && t.positions == 1 => {
            LayerOp::Threshold(threshold(t, &elements_of(columns, positions)))
        }
        LayerOp::Threshold(t) => LayerOp::Threshold(threshold(&regroup(t, positions), columns)),
        LayerOp::Add { from } => LayerOp::Add { from: *from },
        LayerOp::ArgMax => LayerOp::ArgMax,
    }
}

fn dense(d: &Dense, columns: &[u32], rows: &[u32], x: &[Range]) -> Dense {
    let mut weights = Vec::with_capacity(rows.len() * columns.len());
    let mut bias = Vec::with_capacity(rows.len());
    let constants: Vec<(usize, i64)> =
        x.iter().enumerate().filter(|(_, r)| is_constant(**r)).map(|(i, r)| (i, r.lo)).collect();
    for &o in rows {
        let row = d.row(o as usize);
        // A kept constant (bits of a thermometer, a part of an image) counts here already, so its column is zero.
        weights.extend(columns.iter().map(|&c| if is_constant(x[c as usize]) { 0 } else { row[c as usize] }));
        let fixed: i64 = constants.iter().map(|(i, value)| i64::from(row[*i]) * value).sum();
        bias.push(d.bias(o as usize) + fixed);
    }
    Dense { inputs: columns.len(), outputs: rows.len(), weights, bias: unless_zero(bias) }
}

/// In one group; the window is the caller's.
fn conv(c: &Conv2d, columns: &[u32], rows: &[u32], x: &[Range]) -> Conv2d {
    let taps = c.window.kernel[0] * c.window.kernel[1];
    let values: Vec<Option<i64>> =
        (0..c.window.input[0]).map(|channel| one_value(&c.window, x, channel)).collect();
    let mut weights = Vec::with_capacity(rows.len() * columns.len() * taps);
    let mut bias = Vec::with_capacity(rows.len());
    for &o in rows {
        let o = o as usize;
        let first = o / (c.outputs / c.groups) * c.channels();
        let group = first..first + c.channels();
        let kernel = |channel: usize| &c.row(o)[(channel - first) * taps..(channel - first + 1) * taps];
        for &column in columns {
            let channel = column as usize;
            match group.contains(&channel) && values[channel].is_none() {
                true => weights.extend_from_slice(kernel(channel)),
                false => weights.resize(weights.len() + taps, 0),
            }
        }
        let fixed = group.clone().filter_map(|channel| {
            let sum: i64 = kernel(channel).iter().map(|w| i64::from(*w)).sum();
            Some(values[channel]? * sum)
        });
        bias.push(c.bias(o) + fixed.sum::<i64>());
    }
    Conv2d { window: c.window, outputs: rows.len(), groups: 1, weights, bias: unless_zero(bias) }
}

fn unless_zero(bias: Vec<i64>) -> Vec<i64> {
    if bias.iter().all(|b| *b == 0) { Vec::new() } else { bias }
}

fn threshold(t: &Threshold, channels: &[u32]) -> Threshold {
    let channel = |c: &u32| *c as usize;
    Threshold {
        channels: channels.len(),
        positions: t.positions,
        levels: t.levels,
        thresholds: channels.iter().flat_map(|c| t.of(channel(c)).iter().copied()).collect(),
        falling: match t.falling.is_empty() {
            true => Vec::new(),
            false => channels.iter().map(|c| t.is_falling(channel(c))).collect(),
        },
        thermometer: t.thermometer,
    }
}
