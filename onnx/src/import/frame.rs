//! Where windows lie on an image. The network pads both sides alike and knows no gaps between the places of a kernel; both
//! become zeros in a larger kernel, which cost nothing in a circuit.

use sterna_ir::{Conv2d, LayerOp, Window};

use crate::constant::Constant;
use crate::error::shown;
use crate::exact::Ratio;
use crate::model::Node;
use crate::signal::Signal;

use super::Importer;

/// Windows as ONNX has them; pairs are height, then width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub input: [usize; 3],
    /// Places of the kernel.
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    /// From one place to the next.
    pub dilation: [usize; 2],
    /// Rows above and columns left of the image.
    pub before: [usize; 2],
    /// Rows below and columns right of it.
    pub after: [usize; 2],
}

/// Rows, columns and strides past this are no image's.
const MOST: usize = sterna_ir::MAX_ELEMENTS;

impl Frame {
    /// The windows of a convolution or pool; `kernel` by weights, or else by attribute.
    pub fn new(node: &Node, x: &Signal, kernel: Option<[usize; 2]>) -> Result<Self, String> {
        let input = image(x)?;
        let sizes = |name: &str, count: usize, default: i64| -> Result<Vec<usize>, String> {
            let given = node.ints(name).unwrap_or_default();
            let given = if given.is_empty() { vec![default; count] } else { given.to_vec() };
            let small = |v: &i64| usize::try_from(*v).ok().filter(|v| *v <= MOST);
            let sizes: Vec<usize> = given.iter().filter_map(small).collect();
            if sizes.len() == count {
                Ok(sizes)
            } else {
                Err(format!("{name} {given:?}; want {count} sizes"))
            }
        };
        let pair =
            |name: &str, default: i64| Ok::<_, String>(sizes(name, 2, default)?.try_into().expect("two"));
        let kernel: [usize; 2] = kernel.map_or_else(|| pair("kernel_shape", 0), Ok)?;
        let (stride, dilation): ([usize; 2], [usize; 2]) = (pair("strides", 1)?, pair("dilations", 1)?);
        for (axis, name) in ["height", "width"].into_iter().enumerate() {
            let (kernel, stride, dilation) = (kernel[axis], stride[axis], dilation[axis]);
            if !(1..=MOST).contains(&kernel) || stride == 0 || dilation == 0 || kernel * dilation > MOST {
                return Err(format!(
                    "a kernel of {name} {kernel}, a stride of {stride} and a dilation of {dilation}; want 1 to {MOST}"
                ));
            }
        }
        let mut frame = Frame { input, kernel, stride, dilation, before: [0; 2], after: [0; 2] };
        match node.text("auto_pad").as_deref().unwrap_or("NOTSET") {
            "NOTSET" | "" => {
                let pads = sizes("pads", 4, 0)?;
                (frame.before, frame.after) = ([pads[0], pads[1]], [pads[2], pads[3]]);
            }
            "VALID" => {}
            same @ ("SAME_UPPER" | "SAME_LOWER") => {
                for axis in 0..2 {
                    // As many windows as strides begin within the image.
                    let last = (input[axis + 1].div_ceil(stride[axis]) - 1) * stride[axis];
                    let all = (last + frame.extent(axis)).saturating_sub(input[axis + 1]);
                    let less = all / 2;
                    let ends = if same == "SAME_UPPER" { [less, all - less] } else { [all - less, less] };
                    [frame.before[axis], frame.after[axis]] = ends;
                }
            }
            other => return Err(format!("auto_pad {:?}; want pads", shown(other))),
        }
        Ok(frame)
    }

    /// With rows and columns that a node before has put around the image: above, left, below, right.
    pub fn padded(mut self, more: Option<&[usize; 4]>) -> Self {
        let [top, left, bottom, right] = more.copied().unwrap_or_default();
        self.before = [self.before[0] + top, self.before[1] + left];
        self.after = [self.after[0] + bottom, self.after[1] + right];
        self
    }

    /// Whether anything lies around the image.
    pub fn has_pads(&self) -> bool {
        (self.before, self.after) != ([0; 2], [0; 2])
    }

    /// Rows or columns past the last window within, where a window begins that `ceil_mode` counts.
    pub fn beyond(&self, axis: usize) -> usize {
        let (size, stride) = (self.input[axis + 1], self.stride[axis]);
        let all = size + self.before[axis] + self.after[axis];
        let Some(rest) = all.checked_sub(self.extent(axis)) else { return 0 };
        // A window that begins behind the image has nothing on it.
        let next = (rest / stride + 1) * stride;
        if rest % stride != 0 && next < size + self.before[axis] { next + self.extent(axis) - all } else { 0 }
    }

    /// Places along `axis`, gaps included.
    pub fn extent(&self, axis: usize) -> usize {
        (self.kernel[axis] - 1) * self.dilation[axis] + 1
    }

    /// The windows with as many zeros on both sides. A kernel that begins, or ends, with places more than the model's lies
    /// as the model's does.
    pub fn window(&self) -> Window {
        let (mut kernel, mut padding) = ([0; 2], [0; 2]);
        for axis in 0..2 {
            let (before, after) = (self.before[axis], self.after[axis]);
            kernel[axis] = self.extent(axis) + before.abs_diff(after);
            padding[axis] = before.max(after);
        }
        Window { input: self.input, kernel, stride: self.stride, padding }
    }

    /// The weights of that larger kernel, all others 0.
    pub fn spread(&self, weights: &[i16]) -> Vec<i16> {
        let [height, width] = self.window().kernel;
        let first = |axis: usize| self.after[axis].saturating_sub(self.before[axis]);
        let at = |axis: usize, place: usize| first(axis) + place * self.dilation[axis];
        let [rows, columns] = self.kernel;
        let mut all = vec![0; weights.len() / (rows * columns) * height * width];
        for (i, weight) in weights.iter().enumerate() {
            let (plane, row, column) = (i / (rows * columns), i / columns % rows, i % columns);
            all[(plane * height + at(0, row)) * width + at(1, column)] = *weight;
        }
        all
    }
}

/// The sizes of a sample that is an image in the layout of the network.
fn image(x: &Signal) -> Result<[usize; 3], String> {
    let &[channels, height, width] = x.shape.as_slice() else {
        return Err(format!(
            "windows over a tensor of shape {:?} a sample; want [channels, height, width]",
            x.shape
        ));
    };
    match x.order {
        None => Ok([channels, height, width]),
        Some(_) => Err("images in another layout than NCHW".into()),
    }
}

impl Importer<'_> {
    /// `Pad`: zeros around an image, which become those of the convolutions behind it, or a layer that puts them there.
    pub(super) fn pad(
        &mut self,
        node: &Node,
        x: Signal,
        constants: &[Option<Constant>],
    ) -> Result<Signal, String> {
        let input = |i: usize| constants.get(i).and_then(Option::as_ref);
        let mode = node.text("mode").unwrap_or_default();
        let value = input(2).map_or_else(|| Ok(Ratio::default()), Constant::scalar)?;
        if !["", "constant"].contains(&mode.as_str()) || value != Ratio::default() || input(3).is_some() {
            return Err("pads with other values than zeros around all; want mode constant and 0".into());
        }
        let all = input(1).ok_or("input 1 is no constant")?.integers()?;
        let small = |v: &i64| usize::try_from(*v).ok().filter(|v| *v <= MOST);
        let sizes: Vec<usize> = all.iter().filter_map(small).collect();
        let &[0, 0, top, left, 0, 0, bottom, right] = sizes.as_slice() else {
            return Err(format!("pads {all:?}; want zeros around the rows and columns of images"));
        };
        image(&x)?;
        let output = node.outputs.first().map_or("", String::as_str);
        let mut readers = self.model.nodes.iter().filter(|n| n.inputs.iter().any(|i| i == output));
        if readers.all(|n| n.op == "Conv" && n.inputs[0] == output) && self.model.output != output {
            self.pads.insert(output.into(), [top, left, bottom, right]);
            return Ok(x);
        }
        let x = if x.is_centred() { x } else { self.centre(node, x)? };
        self.surrounded(node, x, [top, left], [bottom, right])
    }

    /// A layer that puts integers of 0 around an image.
    pub(super) fn surrounded(
        &mut self,
        node: &Node,
        x: Signal,
        before: [usize; 2],
        after: [usize; 2],
    ) -> Result<Signal, String> {
        let input = image(&x)?;
        let channels = input[0];
        // A kernel with a single weight, that of the place which lies on the image when all behind it lie beyond.
        let padding = [0, 1].map(|axis| before[axis] + after[axis]);
        let window = Window { input, kernel: padding.map(|p| p + 1), stride: [1, 1], padding };
        window.check(x.len(), channels, window.kernel[0] * window.kernel[1])?;
        x.within_channels(channels)?;
        self.bring(&x)?;
        let [height, width] = window.kernel;
        let mut weights = vec![0; channels * height * width];
        (0..channels).for_each(|c| weights[(c * height + after[0]) * width + after[1]] = 1);
        let [rows, columns] = window.output();
        let conv = Conv2d { window, outputs: channels, groups: channels, weights, bias: Vec::new() };
        let codes = x.codes.map(|(lo, hi)| (lo.min(0), hi.max(0)));
        let layer = self.push(node, LayerOp::Conv2d(conv));
        Ok(Signal { layer: Some(layer), shape: vec![channels, rows, columns], codes, ..x })
    }
}
