//! Pools: a largest element passes through functions that rise, a mean is a sum with another scale.

use sterna_ir::{LayerOp, Window};

use crate::constant::Constant;
use crate::exact::{Ratio, whole};
use crate::model::Node;
use crate::shapes;
use crate::signal::{Signal, zero};

use super::Importer;
use super::linear::window;

impl Importer<'_> {
    pub(super) fn max_pool(&mut self, node: &Node, x: Signal) -> Result<Signal, String> {
        let window = pool(node, &x)?;
        if !x.rises() {
            return Err(
                "the largest of values that fall as their integers rise; put the pool behind a quantiser"
                    .into(),
            );
        }
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
        let window = if node.op == "AveragePool" { pool(node, &x)? } else { whole_image(node, &x, axes)? };
        let (scale, offset) = x.scaled()?;
        let taps = whole((window.kernel[0] * window.kernel[1]) as i64);
        let scale: Vec<Ratio> = scale.iter().map(|s| s / &taps).collect();
        let y = self.pooled(node, &x, window, LayerOp::SumPool(window))?;
        let y = if keeps { y } else { y.reshape(vec![window.input[0]]) };
        y.affine(scale, zero())?.affine(crate::signal::one(), offset.clone())
    }

    fn pooled(&mut self, node: &Node, x: &Signal, window: Window, op: LayerOp) -> Result<Signal, String> {
        let channels = window.input[0];
        if !channels.is_multiple_of(x.parts()) {
            return Err("elements of an image with scales of their own; want them by channel at most".into());
        }
        self.is_last(x)?;
        let [height, width] = window.output();
        let layer = self.push(node, op);
        Ok(Signal::new(Some(layer), vec![channels, height, width], None))
    }
}

/// The windows of a pool, which must all lie within the image.
fn pool(node: &Node, x: &Signal) -> Result<Window, String> {
    let window = window(node, x, None)?;
    if window.padding != [0, 0] {
        return Err(format!("a pool with padding {:?}; want none", window.padding));
    }
    window.check(x.len(), window.input[0], window.kernel[0] * window.kernel[1])?;
    let is_cut = |axis: usize| (window.input[axis + 1] - window.kernel[axis]) % window.stride[axis] != 0;
    if node.int("ceil_mode").unwrap_or(0) != 0 && (is_cut(0) || is_cut(1)) {
        return Err("windows beyond the image (ceil_mode); want them within".into());
    }
    Ok(window)
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
