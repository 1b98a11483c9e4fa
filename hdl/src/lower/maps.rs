//! Which vectors are images: channels with a value at every position, which stream position by position.

use std::borrow::Cow;

use sterna_ir::{Layer, LayerOp, Network, Threshold, Window};

use crate::lower::plan::clean;
use crate::{Error, Result};

/// Positions of a channel in front of every layer, and at the end those behind the last: `height * width` of an image, 1 for
/// a vector, whose elements are its channels.
///
/// Errors for layers that read a vector as an image or an image in other pieces than its channels.
pub fn positions(network: &Network) -> Result<Vec<usize>> {
    let mut all = vec![of_input(network)];
    for (layer, Layer { name, op }) in network.layers.iter().enumerate() {
        let fail = |what| Err(Error::Unsupported { layer, name: clean(name), what });
        let before = all[layer];
        all.push(match op {
            LayerOp::Dense(_) | LayerOp::ArgMax => 1,
            LayerOp::Conv2d(c) if area(&c.window) != before => return fail("a convolution of a vector"),
            LayerOp::Conv2d(c) => c.window.positions(),
            LayerOp::MaxPool(w) | LayerOp::SumPool(w) if area(w) != before => {
                return fail("a pool over a vector");
            }
            LayerOp::MaxPool(w) | LayerOp::SumPool(w) => w.positions(),
            LayerOp::Add { from } if all[from + 1] != before => return fail("a sum of images of two sizes"),
            LayerOp::Add { .. } => before,
            LayerOp::Threshold(t) if t.positions == before => before,
            LayerOp::Threshold(t) if t.positions == 1 || (before == 1 && !t.thermometer) => 1,
            LayerOp::Threshold(_) => return fail("thresholds shared by parts of a vector or an image"),
        });
    }
    Ok(all)
}

/// A sample is an image if a window slides over it before a matrix mixes its elements.
fn of_input(network: &Network) -> usize {
    let first = network.layers.iter().find_map(|l| match &l.op {
        LayerOp::Conv2d(c) => Some(area(&c.window)),
        LayerOp::MaxPool(w) | LayerOp::SumPool(w) => Some(area(w)),
        LayerOp::Dense(_) => Some(1),
        _ => None,
    });
    first.unwrap_or(1)
}

fn area(window: &Window) -> usize {
    window.input[1] * window.input[2]
}

/// The elements of `channels` of an image, position by position: the order of a stream.
pub fn stream_order(channels: &[u32], positions: usize) -> Vec<u32> {
    let at = |p: usize| channels.iter().map(move |c| c * positions as u32 + p as u32);
    (0..positions).flat_map(at).collect()
}

/// The elements of `channels` of an image, channel by channel: their order in the network.
pub fn elements_of(channels: &[u32], positions: usize) -> Vec<u32> {
    let n = positions as u32;
    channels.iter().flat_map(|c| c * n..(c + 1) * n).collect()
}

/// `t` as it applies to channels of `positions` elements: one that is shared over a vector names every element.
pub fn regroup(t: &Threshold, positions: usize) -> Cow<'_, Threshold> {
    if positions > 1 || t.positions == 1 {
        return Cow::Borrowed(t);
    }
    let each = |c: usize| std::iter::repeat_n(c, t.positions);
    let channels = || (0..t.channels).flat_map(each);
    Cow::Owned(Threshold {
        channels: t.channels * t.positions,
        positions: 1,
        levels: t.levels,
        thresholds: channels().flat_map(|c| t.of(c)).copied().collect(),
        falling: if t.falling.is_empty() { vec![] } else { channels().map(|c| t.is_falling(c)).collect() },
        thermometer: t.thermometer,
    })
}
