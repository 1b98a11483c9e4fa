//! Pools: a largest element passes through functions that rise, a mean is a sum with another scale. The network's pools lie
//! within the image, so what lies around it is put there by a layer of its own.

use sterna_ir::{LayerOp, Window};

use crate::constant::Constant;
use crate::exact::{Ratio, whole};
use crate::model::Node;
use crate::shapes;
use crate::signal::{Signal, zero};

use super::Importer;
use super::frame::Frame;

impl Importer<'_> {
    pub(super) fn max_pool(&mut self, node: &Node, x: Signal) -> Result<Signal, String> {
        let mut frame = pool(node, &x)?;
        if node.int("ceil_mode").unwrap_or(0) != 0 {
            frame.after = [0, 1].map(|axis| frame.after[axis] + frame.beyond(axis));
        }
        if !x.rises() {
            return Err(
                "the largest of values that fall as their integers rise; put the pool behind a quantiser"
                    .into(),
            );
        }
        if frame.has_pads() && x.codes.is_none_or(|(lo, _)| lo < 0) {
            // What lies around is no candidate, as integers of 0 are none among codes from 0 on.
            return Err("a pool that reaches beyond the image over values that are no codes from 0 on; \
                        put a quantiser before it"
                .into());
        }
        let (x, window) = self.within(node, x, &frame)?;
        let codes = x.codes;
        let y = self.pooled(node, &x, window, LayerOp::MaxPool(window))?;
        Ok(Signal { steps: x.steps, codes, ..y })
    }

    /// `AveragePool`, `GlobalAveragePool`, and `ReduceMean` over an image.
    pub(super) fn average_pool(
        &mut self,
        node: &Node,
        x: Signal,
        axes: Option<&Constant>,
    ) -> Result<Signal, String> {
        let keeps = node.op != "ReduceMean" || node.int("keepdims").unwrap_or(1) != 0;
        let (x, window) = if node.op == "AveragePool" {
            let frame = pool(node, &x)?;
            if node.int("ceil_mode").unwrap_or(0) != 0 && (frame.beyond(0), frame.beyond(1)) != (0, 0) {
                return Err("means beyond the image (ceil_mode); want them within".into());
            }
            if frame.has_pads() && node.int("count_include_pad").unwrap_or(0) == 0 {
                return Err(
                    "means of fewer elements at the borders; want no pads, or count_include_pad = 1".into()
                );
            }
            let x = if frame.has_pads() && !x.is_centred() { self.centre(node, x)? } else { x };
            self.within(node, x, &frame)?
        } else {
            let window = whole_image(node, &x, axes)?;
            (x, window)
        };
        let (scale, offset) = x.scaled()?;
        let taps = whole((window.kernel[0] * window.kernel[1]) as i64);
        let scale: Vec<Ratio> = scale.iter().map(|s| s / &taps).collect();
        let y = self.pooled(node, &x, window, LayerOp::SumPool(window))?;
        let y = if keeps { y } else { y.reshape(vec![window.input[0]]) };
        y.affine(scale, zero())?.affine(crate::signal::one(), offset.clone())
    }

    /// The image with what the frame puts around it, and the windows on that.
    fn within(&mut self, node: &Node, x: Signal, frame: &Frame) -> Result<(Signal, Window), String> {
        let x = if frame.has_pads() { self.surrounded(node, x, frame.before, frame.after)? } else { x };
        let input = [x.shape[0], x.shape[1], x.shape[2]];
        let window = Window { input, kernel: frame.kernel, stride: frame.stride, padding: [0, 0] };
        window.check(x.len(), input[0], window.kernel[0] * window.kernel[1])?;
        Ok((x, window))
    }

    fn pooled(&mut self, node: &Node, x: &Signal, window: Window, op: LayerOp) -> Result<Signal, String> {
        let channels = window.input[0];
        x.within_channels(channels)?;
        self.bring(x)?;
        let [height, width] = window.output();
        let layer = self.push(node, op);
        Ok(Signal::new(Some(layer), vec![channels, height, width], None))
    }
}

/// The windows of a pool.
fn pool(node: &Node, x: &Signal) -> Result<Frame, String> {
    let frame = Frame::new(node, x, None)?;
    if frame.dilation != [1, 1] {
        return Err("a pool with gaps; want dilations of 1".into());
    }
    if (0..2).any(|axis| frame.before[axis].max(frame.after[axis]) >= frame.kernel[axis]) {
        return Err(format!(
            "a pool with pads {:?} and {:?}; want less than its kernel",
            frame.before, frame.after
        ));
    }
    // Without its surroundings, so that sizes from the file are checked before they are believed.
    let bare = Window { padding: [0, 0], ..frame.window() };
    bare.check(x.len(), 1, 1).map(|()| frame)
}

fn whole_image(node: &Node, x: &Signal, axes: Option<&Constant>) -> Result<Window, String> {
    let &[channels, height, width] = x.shape.as_slice() else {
        return Err(format!("a mean over a tensor of shape {:?} a sample; want an image", x.shape));
    };
    if x.order.is_some() {
        return Err("images in another layout than NCHW".into());
    }
    if node.op == "ReduceMean" {
        let axes = match (node.ints("axes"), axes) {
            (Some(axes), _) => axes.to_vec(),
            (None, Some(axes)) => axes.integers()?,
            (None, None) => Vec::new(),
        };
        let mut axes: Vec<usize> = axes.iter().map(|a| shapes::axis(*a, 4)).collect::<Result<_, _>>()?;
        axes.sort_unstable();
        if axes != [2, 3] {
            return Err(format!("a mean over axes {axes:?}; want height and width"));
        }
    }
    Ok(Window { input: [channels, height, width], kernel: [height, width], stride: [1, 1], padding: [0, 0] })
}
