//! From an integer network to a model in QONNX whose values are the network's integers, as floats: any runtime computes the
//! same codes, and [`import`](crate::import()) gives the same network back.

use prost::Message;
use sterna_ir::{Conv2d, Dense, LayerOp, Network, Range, Threshold, Window};

use crate::error::{Error, Result, shown};
use crate::exact::Rounding;
use crate::proto::{self, attribute, kind};
use crate::quantiser::Codes;

/// Integers that a 32-bit float holds.
const EXACT: Range = Range { lo: -(1 << 24), hi: 1 << 24 };

/// The version of the operators: the newest that QONNX 1.0 prefers.
const VERSION: i64 = 16;

const QUANTISERS: &str = "qonnx.custom_op.general";

/// The bytes of a model in QONNX, for batches of `batch` samples; `notes` are kept beside the graph.
///
/// Errors for networks that do not check, and for what floats or QONNX cannot hold: integers past 24 bits, thermometer codes,
/// and inputs of more than 8 bits.
pub fn export(network: &Network, batch: usize, notes: &[(&str, &str)]) -> Result<Vec<u8>> {
    let ranges = network.ranges()?;
    let mut writer =
        Writer { graph: proto::Graph::default(), batch: batch as i64, shape: Vec::new(), counter: 0 };
    writer.graph.name = Some(network.name.clone());
    writer.shape = network.input.shape.clone();
    writer.graph.input.push(value("x", &writer.dims(), kind::FLOAT));
    // The output of every layer, behind that of the input.
    let mut made: Vec<(String, Vec<usize>)> =
        vec![(writer.input(network.input.range())?, writer.shape.clone())];
    for (index, layer) in network.layers.iter().enumerate() {
        let fail = |what: String| {
            Error::Network(sterna_ir::Error::Network { layer: index, name: shown(&layer.name), what })
        };
        let range = ranges[index].iter().copied().reduce(Range::union).unwrap_or(EXACT);
        if !EXACT.covers(range) {
            return Err(fail(format!("integers of {range}; a 32-bit float holds those up to 2^24")));
        }
        let (x, shape) = made[index].clone();
        writer.shape = shape;
        let y = match &layer.op {
            LayerOp::Dense(d) => writer.dense(&layer.name, x, d),
            LayerOp::Conv2d(c) => writer.conv(&layer.name, x, c),
            LayerOp::MaxPool(w) => writer.max_pool(&layer.name, x, w),
            LayerOp::SumPool(w) => writer.sum_pool(&layer.name, x, w),
            LayerOp::Add { from } => {
                let (other, shape) = made[from + 1].clone();
                let x = writer.reshaped(x, shape);
                writer.node(&layer.name, "Add", &[x, other], vec![])
            }
            LayerOp::Threshold(t) if t.thermometer => {
                return Err(fail("thermometer codes; QONNX has none".into()));
            }
            LayerOp::Threshold(t) if t.thresholds.iter().any(|t| !EXACT.contains(*t)) => {
                return Err(fail("thresholds past 2^24; a 32-bit float holds smaller ones".into()));
            }
            LayerOp::Threshold(t) => writer.threshold(&layer.name, x, t),
            LayerOp::ArgMax => writer.arg_max(&layer.name, x),
        };
        made.push((y, writer.shape.clone()));
    }
    let (output, _) = made.pop().expect("the input at least");
    let is_class = matches!(network.layers.last().map(|l| &l.op), Some(LayerOp::ArgMax));
    let output_kind = if is_class { kind::INT64 } else { kind::FLOAT };
    let dims = if is_class { vec![writer.batch] } else { writer.dims() };
    writer.graph.value_info.retain(|inner| inner.name.as_ref() != Some(&output));
    writer.graph.output.push(value(&output, &dims, output_kind));
    let set =
        |domain: &str, version| proto::OperatorSet { domain: Some(domain.into()), version: Some(version) };
    let entry =
        |(key, value): &(&str, &str)| proto::Entry { key: Some((*key).into()), value: Some((*value).into()) };
    let model = proto::Model {
        ir_version: Some(8),
        opset_import: vec![set("", VERSION), set(QUANTISERS, 1)],
        producer_name: Some("sterna".into()),
        graph: Some(writer.graph),
        metadata_props: notes.iter().map(entry).collect(),
    };
    Ok(model.encode_to_vec())
}

struct Writer {
    graph: proto::Graph,
    batch: i64,
    /// Sizes of the tensor at hand behind the batch axis.
    shape: Vec<usize>,
    counter: usize,
}

impl Writer {
    fn dims(&self) -> Vec<i64> {
        std::iter::once(self.batch).chain(self.shape.iter().map(|d| *d as i64)).collect()
    }

    fn name(&mut self, what: &str) -> String {
        self.counter += 1;
        format!("{what}{}", self.counter)
    }

    /// A constant of integers held as floats.
    fn floats(&mut self, dims: &[usize], values: impl Iterator<Item = f64>) -> String {
        let name = self.name("c");
        self.graph.initializer.push(proto::Tensor {
            dims: dims.iter().map(|d| *d as i64).collect(),
            data_type: Some(kind::FLOAT),
            name: Some(name.clone()),
            raw_data: Some(values.flat_map(|v| (v as f32).to_le_bytes()).collect()),
            ..proto::Tensor::default()
        });
        name
    }

    /// A node named after a layer; its output, of the shape at hand, has a name of its own.
    fn node(&mut self, name: &str, op: &str, inputs: &[String], attributes: Vec<proto::Attribute>) -> String {
        let output = self.name("t");
        // Not every tool infers shapes through QONNX's quantisers.
        self.graph.value_info.push(value(&output, &self.dims(), kind::FLOAT));
        let is_quantiser = matches!(op, "Quant" | "MultiThreshold");
        self.graph.node.push(proto::Node {
            input: inputs.to_vec(),
            output: vec![output.clone()],
            name: Some(name.into()),
            op_type: Some(op.into()),
            attribute: attributes,
            domain: Some(if is_quantiser { QUANTISERS.into() } else { String::new() }),
        });
        output
    }

    fn quant(&mut self, name: &str, x: String, bits: u32, signed: bool, narrow: bool) -> String {
        let [scale, zero, bits] = [1.0, 0.0, f64::from(bits)].map(|v| self.floats(&[], std::iter::once(v)));
        let attributes =
            vec![int("signed", signed.into()), int("narrow", narrow.into()), text("rounding_mode", "ROUND")];
        self.node(name, "Quant", &[x, scale, zero, bits], attributes)
    }

    /// The quantiser that says which integers samples are.
    fn input(&mut self, range: Range) -> Result<String> {
        for bits in 1..=8 {
            for (signed, narrow) in [(false, false), (true, false), (true, true), (false, true)] {
                let codes = Codes::new(bits.into(), signed, narrow, Rounding::HalfEven);
                if codes.is_ok_and(|c| !c.bipolar && (c.lo, c.hi) == (range.lo, range.hi)) {
                    return Ok(self.quant("input", "x".into(), bits, signed, narrow));
                }
            }
        }
        if range.hi - range.lo > sterna_ir::MAX_LEVELS as i64 || range.hi == range.lo {
            let what = format!("an input of {range}; QONNX's quantisers are exported for 2 to 256 values");
            return Err(Error::Network(sterna_ir::Error::Sample(what)));
        }
        let thresholds =
            self.floats(&[1, (range.hi - range.lo) as usize], (range.lo + 1..=range.hi).map(|t| t as f64));
        Ok(self.multi_threshold("input", "x".into(), thresholds, range.lo as f32))
    }

    fn multi_threshold(&mut self, name: &str, x: String, thresholds: String, base: f32) -> String {
        let attributes = vec![text("out_dtype", "FLOAT32"), float("out_scale", 1.0), float("out_bias", base)];
        self.node(name, "MultiThreshold", &[x, thresholds], attributes)
    }

    /// The tensor under other sizes.
    fn reshaped(&mut self, x: String, shape: Vec<usize>) -> String {
        if self.shape == shape {
            return x;
        }
        self.shape = shape;
        let name = self.name("c");
        let target: Vec<i64> = std::iter::once(-1).chain(self.shape.iter().map(|d| *d as i64)).collect();
        self.graph.initializer.push(proto::Tensor {
            dims: vec![target.len() as i64],
            data_type: Some(kind::INT64),
            name: Some(name.clone()),
            raw_data: Some(target.iter().flat_map(|v| v.to_le_bytes()).collect()),
            ..proto::Tensor::default()
        });
        self.node(&format!("shape {name}"), "Reshape", &[x, name], vec![])
    }

    /// Integer weights behind a quantiser that changes nothing and tells readers how narrow they are.
    fn weights(&mut self, name: &str, dims: &[usize], weights: &[i16]) -> String {
        let range = weights.iter().map(|w| Range::point((*w).into())).fold(Range::new(-1, 1), Range::union);
        let values = self.floats(dims, weights.iter().map(|w| (*w).into()));
        let is_narrow = -range.lo < 1 << (range.width() - 1);
        let made = self.quant(&format!("{name} weights"), values, range.width(), true, is_narrow);
        let dims: Vec<i64> = dims.iter().map(|d| *d as i64).collect();
        *self.graph.value_info.last_mut().expect("that of the quantiser") = value(&made, &dims, kind::FLOAT);
        made
    }

    fn bias(&mut self, bias: &[i64]) -> Option<String> {
        (!bias.is_empty()).then(|| self.floats(&[bias.len()], bias.iter().map(|b| *b as f64)))
    }

    fn dense(&mut self, name: &str, x: String, d: &Dense) -> String {
        let x = self.reshaped(x, vec![d.inputs]);
        let mut inputs = vec![x, self.weights(name, &[d.outputs, d.inputs], &d.weights)];
        inputs.extend(self.bias(&d.bias));
        self.shape = vec![d.outputs];
        self.node(name, "Gemm", &inputs, vec![int("transB", 1)])
    }

    fn conv(&mut self, name: &str, x: String, c: &Conv2d) -> String {
        let x = self.reshaped(x, c.window.input.to_vec());
        let [height, width] = c.window.kernel;
        let mut inputs = vec![x, self.weights(name, &[c.outputs, c.channels(), height, width], &c.weights)];
        inputs.extend(self.bias(&c.bias));
        let mut attributes = window(&c.window);
        attributes.push(int("group", c.groups as i64));
        self.shape = [[c.outputs].as_slice(), &c.window.output()].concat();
        self.node(name, "Conv", &inputs, attributes)
    }

    fn max_pool(&mut self, name: &str, x: String, w: &Window) -> String {
        let x = self.reshaped(x, w.input.to_vec());
        self.shape = [[w.input[0]].as_slice(), &w.output()].concat();
        self.node(name, "MaxPool", &[x], window(w))
    }

    /// A mean, times the number of elements, rounded to the integer that it is.
    fn sum_pool(&mut self, name: &str, x: String, w: &Window) -> String {
        let x = self.reshaped(x, w.input.to_vec());
        self.shape = [[w.input[0]].as_slice(), &w.output()].concat();
        let mean = self.node(name, "AveragePool", &[x], window(w));
        let taps = self.floats(&[], std::iter::once((w.kernel[0] * w.kernel[1]) as f64));
        let sum = self.node(&format!("{name} sum"), "Mul", &[mean, taps], vec![]);
        self.node(&format!("{name} integer"), "Round", &[sum], vec![])
    }

    /// Channels that fall are turned round first.
    fn threshold(&mut self, name: &str, x: String, t: &Threshold) -> String {
        let shape = self.shape.clone();
        let is_image = shape.len() == 3 && shape[0] == t.channels;
        let is_vector = t.positions == 1;
        let mut x = if is_image {
            x
        } else if is_vector {
            self.reshaped(x, vec![t.channels])
        } else {
            self.reshaped(x, vec![t.channels, t.positions, 1])
        };
        let sign = |c: usize| if t.is_falling(c) { -1.0 } else { 1.0 };
        if t.falling.contains(&true) {
            let dims = if self.shape.len() == 3 { vec![t.channels, 1, 1] } else { vec![t.channels] };
            let signs = self.floats(&dims, (0..t.channels).map(sign));
            x = self.node(&format!("{name} sign"), "Mul", &[x, signs], vec![]);
        }
        let levels = (0..t.channels).flat_map(|c| {
            let mut levels: Vec<f64> = t.of(c).iter().map(|v| *v as f64 * sign(c)).collect();
            levels.sort_by(f64::total_cmp);
            levels
        });
        let thresholds = self.floats(&[t.channels, t.levels], levels);
        let y = self.multi_threshold(name, x, thresholds, 0.0);
        self.reshaped(y, shape)
    }

    fn arg_max(&mut self, name: &str, x: String) -> String {
        let x = self.reshaped(x, vec![self.shape.iter().product()]);
        self.shape = Vec::new();
        self.node(name, "ArgMax", &[x], vec![int("axis", 1), int("keepdims", 0)])
    }
}

fn window(w: &Window) -> Vec<proto::Attribute> {
    let pair = |[a, b]: [usize; 2]| vec![a as i64, b as i64];
    let pads = [pair(w.padding), pair(w.padding)].concat();
    vec![ints("kernel_shape", pair(w.kernel)), ints("strides", pair(w.stride)), ints("pads", pads)]
}

fn named(name: &str, kind: i32) -> proto::Attribute {
    proto::Attribute { name: Some(name.into()), kind: Some(kind), ..proto::Attribute::default() }
}

fn int(name: &str, i: i64) -> proto::Attribute {
    proto::Attribute { i: Some(i), ..named(name, attribute::INT) }
}

fn ints(name: &str, ints: Vec<i64>) -> proto::Attribute {
    proto::Attribute { ints, ..named(name, attribute::INTS) }
}

fn float(name: &str, f: f32) -> proto::Attribute {
    proto::Attribute { f: Some(f), ..named(name, attribute::FLOAT) }
}

fn text(name: &str, s: &str) -> proto::Attribute {
    proto::Attribute { s: Some(s.as_bytes().to_vec()), ..named(name, attribute::STRING) }
}

fn value(name: &str, dims: &[i64], elem_type: i32) -> proto::ValueInfo {
    let dim = dims.iter().map(|d| proto::Dim { dim_value: Some(*d), dim_param: None }).collect();
    let tensor_type = proto::TensorType { elem_type: Some(elem_type), shape: Some(proto::Shape { dim }) };
    proto::ValueInfo { name: Some(name.into()), r#type: Some(proto::Type { tensor_type: Some(tensor_type) }) }
}
