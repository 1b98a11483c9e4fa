//! `Conv`, `Gemm` and `MatMul`: integer weights as they are, scales and biases as functions behind them.

use num_traits::{One, Zero};
use sterna_ir::{Conv2d, Dense, LayerOp, MAX_ELEMENTS};

use crate::constant::{Constant, Quantised};
use crate::exact::{Ratio, as_integer, ratio, whole};
use crate::fold::transposed;
use crate::model::Node;
use crate::signal::{Signal, narrow, one, zero};
use crate::stairs::{Params, Step, of_part};

use super::Importer;
use super::frame::Frame;
use super::sparse::sparse;

impl Importer<'_> {
    /// `alpha * x @ w + beta * c`, `x` being one vector a sample.
    pub(super) fn matrix(
        &mut self,
        node: &Node,
        x: Signal,
        w: &Constant,
        c: Option<&Constant>,
    ) -> Result<Signal, String> {
        self.spend(w.shape().iter().product())?;
        let is_gemm = node.op == "Gemm";
        if is_gemm && node.int("transA").unwrap_or(0) != 0 {
            return Err("a transposed input; want transA = 0".into());
        }
        let is_by_output = is_gemm && node.int("transB").unwrap_or(0) != 0;
        let w = self.weights(w)?;
        if w.shape.len() != 2 {
            return Err(format!("weights of shape {:?}; want a matrix", w.shape));
        }
        let w = if is_by_output { w } else { transposed(&w)? };
        let (outputs, inputs) = (w.shape[0], w.shape[1]);
        if x.shape != [inputs] {
            return Err(format!("a matrix of {inputs} inputs over a tensor of shape {:?} a sample", x.shape));
        }
        if !(1..=MAX_ELEMENTS).contains(&outputs) {
            return Err(format!("a matrix of {outputs} outputs; want 1 to {MAX_ELEMENTS}"));
        }
        let scale = by_output(&w)?;
        let factor = |name: &str| {
            let value = if is_gemm { node.float(name).unwrap_or(1.0) } else { 1.0 };
            ratio(value).ok_or_else(|| format!("{name} is {value}; want a finite one"))
        };
        let (alpha, beta) = (factor("alpha")?, factor("beta")?);
        let (s, offset) = x.one_scale()?;
        let at = |j: usize| x.order.as_ref().map_or(j, |order| order[j]);
        let mut weights = vec![0i16; w.ints.len()];
        let mut moved = Vec::with_capacity(outputs);
        for (row, ints) in w.ints.chunks_exact(inputs).enumerate() {
            let mut by_part = vec![0i64; offset.len()];
            for (j, &weight) in ints.iter().enumerate() {
                weights[row * inputs + at(j)] = small(weight)?;
                by_part[at(j) * offset.len() / inputs] += weight;
            }
            moved.push(by_part.iter().zip(offset).map(|(w, o)| whole(*w) * o).sum::<Ratio>());
        }
        self.bring(&x)?;
        let layer = self.push(node, LayerOp::Dense(Dense { inputs, outputs, weights, bias: Vec::new() }));
        let scaled: Params = scale.iter().map(|w| w * &s).collect();
        let moved = crate::stairs::zip(&moved, &scale, |m, w| m * w).ok_or("scales and outputs differ")?;
        let y = Signal::new(Some(layer), vec![outputs], None)
            .affine(scaled, moved)?
            .affine(vec![alpha], zero())?;
        match c {
            None => Ok(y),
            Some(c) => {
                let bias = y.params(c)?.iter().map(|b| b * &beta).collect();
                self.biased_by(y, bias)
            }
        }
    }

    /// A convolution over images.
    pub(super) fn conv(
        &mut self,
        node: &Node,
        x: Signal,
        w: &Constant,
        bias: Option<&Constant>,
    ) -> Result<Signal, String> {
        self.spend(w.shape().iter().product())?;
        let w = self.weights(w)?;
        let (&[channels, ..], &[outputs, depth, kernel_height, kernel_width]) =
            (x.shape.as_slice(), w.shape.as_slice())
        else {
            return Err(format!("weights of shape {:?}; want two axes of a kernel", w.shape));
        };
        let frame = Frame::new(node, &x, Some([kernel_height, kernel_width]))?;
        let frame = frame.padded(self.pads.get(node.inputs[0].as_str()));
        let window = frame.window();
        window.check(x.len(), outputs, depth.saturating_mul(window.kernel[0] * window.kernel[1]))?;
        let groups = usize::try_from(node.int("group").unwrap_or(1)).ok().filter(|g| *g > 0);
        let groups = groups.filter(|g| depth.checked_mul(*g) == Some(channels) && outputs.is_multiple_of(*g));
        let groups =
            groups.ok_or(format!("groups that do not fit {channels} channels and weights {:?}", w.shape))?;
        let x = if window.padding == [0, 0] || x.is_centred() { x } else { self.centre(node, x)? };
        let (scales, offsets) = x.scaled()?;
        x.within_channels(channels)?;
        let scale = by_output(&w)?;
        let weights = w.ints.iter().map(|w| small(*w)).collect::<Result<Vec<i16>, _>>()?;
        self.spend(outputs * depth * window.kernel[0] * window.kernel[1])?;
        let weights = frame.spread(&weights);
        let (mut scaled, mut moved) = (Vec::new(), Vec::new());
        let taps = kernel_height * kernel_width;
        for (o, row) in w.ints.chunks_exact(depth * taps).enumerate() {
            let first = o / (outputs / groups) * depth;
            let of_weights = of_part(&scale, o, outputs);
            let s = of_part(scales, first, channels);
            if (first..first + depth).any(|c| of_part(scales, c, channels) != s) {
                return Err(
                    "channels with scales of their own that are added up; want one scale for all".into()
                );
            }
            let sums = row
                .chunks_exact(taps)
                .enumerate()
                .map(|(c, kernel)| whole(kernel.iter().sum()) * of_part(offsets, first + c, channels));
            moved.push(sums.sum::<Ratio>() * of_weights);
            scaled.push(s * of_weights);
        }
        self.bring(&x)?;
        let [height, width] = window.output();
        let conv = Conv2d { window, outputs, groups, weights, bias: Vec::new() };
        let layer = self.push(node, LayerOp::Conv2d(conv));
        let y = Signal::new(Some(layer), vec![outputs, height, width], None)
            .affine(narrow(scaled), narrow(moved))?;
        match bias {
            None => Ok(y),
            Some(bias) => {
                let bias = y.channel_params(bias)?;
                self.biased_by(y, bias)
            }
        }
    }

    /// `y + bias`, `y` being the sums of the layer of weights that was just made. Where values are the integers themselves,
    /// as in an exported network, integer biases stay those of the layer; others become part of what comes behind.
    fn biased_by(&mut self, y: Signal, bias: Params) -> Result<Signal, String> {
        let is_plain = y.is_centred() && y.one_scale().is_ok_and(|(scale, _)| scale.is_one());
        let integers: Option<Vec<i64>> = bias.iter().map(as_integer).collect();
        let Some(integers) = integers.filter(|_| is_plain) else { return y.affine(one(), bias) };
        match self.layers.last_mut().map(|l| &mut l.op) {
            Some(
                LayerOp::Dense(Dense { outputs, bias, .. }) | LayerOp::Conv2d(Conv2d { outputs, bias, .. }),
            ) => {
                *bias = (0..*outputs).map(|o| integers[o * integers.len() / *outputs]).collect();
            }
            _ => unreachable!("a layer of weights was just made"),
        }
        Ok(y)
    }

    /// The same values from integers of which 0 stands for 0, as padding needs it: one more layer, `m * x + b` by channel.
    pub(super) fn centre(&mut self, node: &Node, x: Signal) -> Result<Signal, String> {
        let (scales, offsets) = x.scaled()?;
        if scales.iter().any(Zero::is_zero) {
            return Err(
                "padding around constants; want values that depend on the sample in every channel".into()
            );
        }
        let zeros = crate::stairs::zip(offsets, scales, |o, s| o / s).ok_or("scales and offsets differ")?;
        let most = zeros.iter().map(Ratio::denom).max().expect("one at least").clone();
        let factor = as_integer(&Ratio::from_integer(most)).filter(|m| *m <= i64::from(i8::MAX));
        let bias: Option<Vec<i64>> =
            factor.and_then(|m| zeros.iter().map(|z| as_integer(&(z * whole(m)))).collect());
        let (Some(m), Some(bias)) = (factor, bias) else {
            return Err(
                "padding with a 0 that lies between two codes; want a zero point that is a code".into()
            );
        };
        let scale = scales.iter().map(|s| s / whole(m)).collect();
        let bias = (0..x.shape[0]).map(|c| bias[c * bias.len() / x.shape[0]]).collect();
        let y = self.multiplied(node, &x, m as i16, bias)?;
        y.affine(scale, zero())
    }

    /// The integers of `x`, all multiplied and moved by channel.
    pub(super) fn multiplied(
        &mut self,
        node: &Node,
        x: &Signal,
        by: i16,
        bias: Vec<i64>,
    ) -> Result<Signal, String> {
        if x.order.is_some() || ![1, 3].contains(&x.shape.len()) {
            return Err(format!("a tensor of shape {:?} to be rescaled; want an image or a vector", x.shape));
        }
        let channels = x.shape[0];
        let op = sparse(&x.shape, channels, (0..channels).map(|c| (c, c, by)), bias)?;
        self.bring(x)?;
        let layer = self.push(node, op);
        Ok(Signal { layer: Some(layer), steps: vec![Step::identity()], codes: None, ..x.clone() })
    }
}

/// Scales of the outputs of a matrix or convolution, whose first axis they are.
fn by_output(w: &Quantised) -> Result<Params, String> {
    if w.scale.len() == 1 || w.axis == 0 {
        return Ok(w.scale.clone());
    }
    Err("weights with a scale for each input; want one for all, or one for each output".into())
}

fn small(weight: i64) -> Result<i16, String> {
    i16::try_from(weight).map_err(|_| format!("a weight of {weight} steps; want 16 bits at most"))
}
