//! From a model to an integer network: nodes are walked in order, and each becomes a function on the integers of a layer
//! ([`Signal`]), a layer, or a refusal.

mod join;
mod layout;
mod linear;
mod pool;
mod result;

use std::collections::HashMap;

use num_traits::{One, Zero};
use sterna_ir::{Input, Layer, LayerOp, Network, Range};

use crate::constant::Constant;
use crate::error::{Refusal, shown};
use crate::exact::{Ratio, Rounding, ratio, sqrt};
use crate::fold::{along_axis, fold};
use crate::model::{Model, Node};
use crate::quantiser::{self, Codes, type_range};
use crate::signal::{Signal, one, zero};
use crate::stairs::{Stairs, Step, trim};
use crate::{Error, Result, operators};

/// What is asked of an import.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Name of the network; by default that of the graph.
    pub name: Option<String>,
    /// Which integers samples are, where the model does not say so by quantising its input.
    pub input: Option<InputCodes>,
    /// Keep the scores as the output instead of the class.
    pub scores: bool,
}

/// Integers that stand for the values of a model's input: `value = scale * integer + offset`.
#[derive(Clone, Debug, PartialEq)]
pub struct InputCodes {
    /// Smallest and largest integer.
    pub range: Range,
    scale: Ratio,
    offset: Ratio,
}

impl InputCodes {
    /// `scale` and `offset` are decimal numbers, or fractions such as `1/255`.
    ///
    /// ```
    /// use sterna_onnx::InputCodes;
    /// use sterna_ir::Range;
    /// assert!(InputCodes::new(Range::new(0, 255), "1/255", "-0.5").is_some());
    /// assert!(InputCodes::new(Range::new(0, 255), "0", "0").is_none());
    /// ```
    pub fn new(range: Range, scale: &str, offset: &str) -> Option<Self> {
        let number = |text: &str| match text.split_once('/') {
            Some((n, d)) => {
                Some(crate::exact::decimal(n)? / crate::exact::decimal(d).filter(|d| !d.is_zero())?)
            }
            None => crate::exact::decimal(text),
        };
        let scale = number(scale).filter(|s| *s > Ratio::zero())?;
        Some(InputCodes { range, scale, offset: number(offset)? })
    }
}

/// What came out of an import.
#[derive(Clone, Debug)]
pub struct Import {
    /// The network.
    pub network: Network,
    /// What is worth knowing of how the model was read, a sentence each.
    pub notes: Vec<String>,
    /// From a value of the model's input to the network's integer.
    encoder: Encoder,
}

/// From values of the model's input to codes: `lowest` and one more for each step that is reached.
#[derive(Clone, Debug, PartialEq)]
struct Encoder {
    steps: Vec<Step>,
    stairs: Stairs,
    lowest: i64,
}

impl Import {
    /// The network's integers for a sample of the model, its values as floats; `None` where one is not finite.
    pub fn encode(&self, sample: &[f32]) -> Option<Vec<i64>> {
        let Encoder { steps, stairs, lowest } = &self.encoder;
        let code = |v: &f32| {
            let value = steps.iter().fold(ratio(*v)?, |v, s| s.apply(&v, 0, 1));
            Some(lowest + stairs.edges[0].partition_point(|e| e.holds(&value)) as i64)
        };
        sample.iter().map(code).collect()
    }
}

/// What a name stands for.
#[derive(Clone, Debug)]
enum Value {
    Constant(Constant),
    Signal(Signal),
    /// The index of the largest element of a signal.
    Class(Signal),
    /// Cannot be known, because of a refusal or this reason.
    Unknown(Option<&'static str>),
}

/// Turns `model` into an integer network.
///
/// Errors with all nodes that it cannot hold, or when the network that comes out does not check.
pub fn import(model: &Model, options: &Options) -> Result<Import> {
    let unknown = operators::unknown(&model.nodes);
    if !unknown.is_empty() {
        return Err(Error::Refused(unknown));
    }
    Importer::new(model, options).run()
}

struct Importer<'a> {
    model: &'a Model,
    options: &'a Options,
    values: HashMap<&'a str, Value>,
    layers: Vec<Layer>,
    /// Range of the input's integers, once it is known.
    range: Option<Range>,
    encoder: Option<Encoder>,
    /// Elements that constants may still be folded to.
    budget: usize,
    notes: Vec<String>,
}

/// The outcome of a node: what its outputs stand for, or why it cannot be held.
type Outcome = std::result::Result<Vec<Value>, String>;

impl<'a> Importer<'a> {
    fn new(model: &'a Model, options: &'a Options) -> Self {
        let constants = model.constants.iter();
        let constant = |t: &crate::tensor::Tensor| Value::Constant(Constant::Plain(t.clone().into()));
        let mut values: HashMap<&str, Value> = constants.map(|(n, t)| (n.as_str(), constant(t))).collect();
        let all: usize = model.constants.values().map(crate::tensor::Tensor::len).sum();
        let mut input = Signal::new(None, model.input.shape.clone(), None);
        let of_type = type_range(model.input.kind).map(|(lo, hi)| Range::new(lo, hi));
        let given = options.input.as_ref();
        let codes = given.cloned().or(of_type.map(|range| InputCodes {
            range,
            scale: Ratio::one(),
            offset: Ratio::zero(),
        }));
        let mut encoder = None;
        if let Some(InputCodes { range, scale, offset }) = &codes {
            let (scale, offset) = (vec![scale.clone()], vec![offset.clone()]);
            let back = Step::Affine { scale: vec![scale[0].recip()], offset: vec![-&offset[0] / &scale[0]] };
            let steps = vec![back, Step::Round(Rounding::HalfEven)];
            encoder = Some(Encoder { steps, stairs: Stairs::integers(range.lo, range.hi), lowest: range.lo });
            input.steps = vec![Step::Affine { scale, offset }];
            input.codes = Some((range.lo, range.hi));
        }
        values.insert(&model.input.name, Value::Signal(input));
        let range = codes.map(|c| c.range);
        // Every constant may be laid out anew a few times; a file must not ask for more than it holds.
        let budget = 8 * all + (1 << 16);
        Importer { model, options, values, layers: Vec::new(), range, encoder, budget, notes: Vec::new() }
    }

    fn run(mut self) -> Result<Import> {
        let mut refusals = Vec::new();
        let model = self.model;
        for node in &model.nodes {
            let refusal = |hint| Refusal { node: node.name.clone(), op: node.op.clone(), hint };
            let outcome = self.node(node).unwrap_or_else(|hint| {
                refusals.push(refusal(hint));
                Vec::new()
            });
            let mut outcome = outcome.into_iter();
            for name in &node.outputs {
                self.values.insert(name, outcome.next().unwrap_or(Value::Unknown(None)));
            }
        }
        if !refusals.is_empty() {
            return Err(Error::Refused(refusals));
        }
        self.finish()
    }

    fn finish(mut self) -> Result<Import> {
        let output = self.model.output.as_str();
        let refuse = |hint| {
            let last = self.model.nodes.last().map_or(String::new(), |n| n.op.clone());
            Error::Refused(vec![Refusal { node: output.into(), op: last, hint }])
        };
        let outcome = match self.values.remove(output) {
            Some(Value::Class(scores)) => self.class(scores),
            Some(Value::Signal(scores)) if self.options.scores => self.scores(scores),
            Some(Value::Signal(scores)) => self.class(scores),
            Some(Value::Unknown(Some(reason))) => Err(reason.into()),
            _ => Err("the output does not depend on the input".into()),
        };
        outcome.map_err(refuse)?;
        let (Some(range), Some(encoder)) = (self.range, self.encoder.take()) else {
            return Err(refuse("the output does not depend on the input".into()));
        };
        let name = self.options.name.clone().unwrap_or_else(|| self.model.name.clone());
        let input = Input { shape: self.model.input.shape.clone(), range };
        let mut network = Network { name, input, layers: self.layers };
        let ranges = network.ranges()?;
        for index in 0..network.layers.len() {
            let first = vec![range; if index == 0 { network.input.elements() } else { 0 }];
            if let LayerOp::Threshold(t) = &mut network.layers[index].op {
                trim(t, index.checked_sub(1).map_or(&first, |before| &ranges[before]));
            }
        }
        network.check()?;
        Ok(Import { network, notes: self.notes, encoder })
    }

    /// What a node makes of its inputs.
    fn node(&mut self, node: &Node) -> Outcome {
        let value = |name: &String| match name.as_str() {
            "" => Ok(None),
            name => match &self.values[name] {
                Value::Unknown(Some(reason)) => Err(reason.to_string()),
                value => Ok(Some(value.clone())),
            },
        };
        let inputs: Vec<Option<Value>> =
            node.inputs.iter().map(value).collect::<std::result::Result<_, _>>()?;
        if inputs.iter().any(|v| matches!(v, Some(Value::Unknown(_)))) {
            return Ok(Vec::new());
        }
        let constants: Vec<Option<Constant>> = inputs
            .iter()
            .map(|v| match v {
                Some(Value::Constant(c)) => Some(c.clone()),
                _ => None,
            })
            .collect();
        let mut signals = inputs.into_iter().enumerate().filter_map(|(i, v)| match v {
            Some(Value::Signal(s)) => Some((i, s)),
            _ => None,
        });
        let class = node.inputs.first().and_then(|n| match self.values.get(n.as_str()) {
            Some(Value::Class(s)) => Some(s.clone()),
            _ => None,
        });
        if let Some(class) = class {
            return match node.op.as_str() {
                "Identity" | "Cast" | "Squeeze" | "Unsqueeze" | "Reshape" | "Flatten" => {
                    Ok(vec![Value::Class(class)])
                }
                _ => Err("computes with the class; the class is the last that a network gives".into()),
            };
        }
        match (signals.next(), signals.next()) {
            (None, _) => {
                let folded = fold(node, &constants)?.ok_or("this operator is not known for constants")?;
                let size = folded.shape().iter().product::<usize>().max(1);
                let left = self.budget.checked_sub(size);
                self.budget = left.ok_or("constants that grow; export the model with them folded")?;
                Ok(vec![Value::Constant(folded)])
            }
            (Some((at, x)), None) => self.on_signal(node, at, x, &constants),
            (Some((_, a)), Some((_, b))) if node.op == "Add" => {
                Ok(vec![Value::Signal(self.add(node, a, b)?)])
            }
            _ => {
                Err("two tensors that depend on the sample; only Add joins such (the network is a chain)"
                    .into())
            }
        }
    }

    /// A node over one tensor that depends on the sample, its input number `at`.
    fn on_signal(&mut self, node: &Node, at: usize, x: Signal, constants: &[Option<Constant>]) -> Outcome {
        let input = |i: usize| constants.get(i).and_then(Option::as_ref);
        let need = |i: usize| input(i).ok_or(format!("input {i} is no constant"));
        let op = node.op.as_str();
        let swaps = matches!(op, "Add" | "Mul" | "Sub");
        if at != 0 && !swaps {
            return Err(format!("input {at} depends on the sample; want that of input 0 alone to"));
        }
        let other = 1 - at.min(1);
        let y = match op {
            "Shape" => return Ok(vec![Value::Constant(self.shape(&x))]),
            "ArgMax" => return Ok(vec![Value::Class(self.arg_max(node, x)?)]),
            "TopK" => {
                let values = Value::Unknown(Some("the largest score itself; only its index is given"));
                return Ok(vec![values, Value::Class(self.top_k(node, x, need(1)?)?)]);
            }
            "Softmax" | "LogSoftmax" => self.softmax(node, x)?,
            "Identity" | "Cast" | "Dropout" => x,
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => self.reshape(node, x, input(1))?,
            "Transpose" => self.transpose(node, x)?,
            "Relu" => x.clamp(Some(Ratio::zero()), None)?,
            "Clip" => {
                let bound = |i: usize| input(i).map(Constant::scalar).transpose();
                x.clamp(bound(1)?, bound(2)?)?
            }
            "Add" => {
                let c = x.params(need(other)?)?;
                x.affine(one(), c)?
            }
            "Sub" => {
                let c = x.params(need(other)?)?;
                if at == 0 {
                    x.affine(one(), c.iter().map(|c| -c).collect())?
                } else {
                    x.affine(vec![-Ratio::one()], c)?
                }
            }
            "Mul" => {
                let c = x.params(need(other)?)?;
                x.affine(c, zero())?
            }
            "Div" => {
                let c = x.params(need(1)?)?;
                if c.iter().any(Zero::is_zero) {
                    return Err("a division by 0".into());
                }
                x.affine(c.iter().map(Ratio::recip).collect(), zero())?
            }
            "Neg" => x.affine(vec![-Ratio::one()], zero())?,
            "BatchNormalization" => batch_norm(node, x, need)?,
            "Sign" => self.quantise(node, x, Vec::new(), quantiser::sign())?,
            "BipolarQuant" => {
                let scale = x.params(need(1)?)?;
                self.quantise(node, x, Vec::new(), quantiser::bipolar(&scale)?)?
            }
            "Quant" | "IntQuant" => {
                let codes = Codes::of_node(node, need(3)?)?;
                let (steps, stairs) = codes.stairs(&x.params(need(1)?)?, &x.params(need(2)?)?)?;
                self.quantise(node, x, steps, stairs)?
            }
            "MultiThreshold" => {
                let stairs = quantiser::multi_threshold(node, need(1)?)?;
                let is_vector = x.shape.len() == 1 || x.shape.len() == 3;
                let layout = node.text("data_layout").unwrap_or_default();
                if !is_vector || x.order.is_some() || !["", "NC", "NCHW"].contains(&layout.as_str()) {
                    return Err(
                        "thresholds along another axis than the channels; want layout NC or NCHW".into()
                    );
                }
                if ![1, x.shape[0]].contains(&stairs.edges.len()) {
                    return Err(format!("thresholds of {} channels over {}", stairs.edges.len(), x.shape[0]));
                }
                self.quantise(node, x, Vec::new(), stairs)?
            }
            "QuantizeLinear" => {
                let range = quantiser::linear_range(node, input(2))?;
                let scale = x.params(&along_axis(node, need(1)?, x.shape.len() + 1)?)?;
                let zero = self.zero_point(node, &x, input(2))?;
                let (steps, stairs) = quantiser::linear(&scale, &zero, range)?;
                self.quantise(node, x, steps, stairs)?
            }
            "DequantizeLinear" => {
                let scale = x.params(&along_axis(node, need(1)?, x.shape.len() + 1)?)?;
                quantiser::positive(&scale)?;
                let zero_point = self.zero_point(node, &x, input(2))?;
                x.affine(one(), zero_point.iter().map(|z| -z).collect())?.affine(scale, zero())?
            }
            "Trunc" => self.trunc(node, x, constants)?,
            "Conv" => self.conv(node, x, need(1)?, input(2))?,
            "Gemm" | "MatMul" => self.matrix(node, x, need(1)?, input(2))?,
            "MaxPool" => self.max_pool(node, x)?,
            "AveragePool" | "GlobalAveragePool" | "ReduceMean" => self.average_pool(node, x, input(1))?,
            "Concat" => return Err("joins channels; an integer network is a chain without such joins".into()),
            "Gather" => return Err("picks elements of a sample; leave them out of the input instead".into()),
            _ => return Err("this operator is known for constants only".into()),
        };
        Ok(vec![Value::Signal(y)])
    }

    fn zero_point(
        &self,
        node: &Node,
        x: &Signal,
        constant: Option<&Constant>,
    ) -> std::result::Result<crate::stairs::Params, String> {
        constant.map_or_else(|| Ok(zero()), |c| x.params(&along_axis(node, c, x.shape.len() + 1)?))
    }

    /// Adds a layer, named after a node.
    fn push(&mut self, node: &Node, op: LayerOp) -> usize {
        self.layers.push(Layer { name: node.name.clone(), op });
        self.layers.len() - 1
    }

    /// Refuses a signal that is not made of the last layer's integers.
    fn is_last(&self, x: &Signal) -> std::result::Result<(), String> {
        // Integers of the input that nobody has named yet.
        if x.layer.is_none() && x.codes.is_none() {
            return Err(
                "reads an input of floats; quantise it first, or say which integers stand for it (--input)"
                    .into(),
            );
        }
        if x.layer == self.layers.len().checked_sub(1) {
            return Ok(());
        }
        let what = x.layer.map_or("the input".into(), |l| shown(&self.layers[l].name));
        Err(format!(
            "reads {what} again, behind which other layers come; the network is a chain, only Add reads twice"
        ))
    }

    /// The codes of `stairs` behind `steps`: as a threshold layer, or as they are where the integers are those codes.
    fn quantise(
        &mut self,
        node: &Node,
        x: Signal,
        steps: Vec<Step>,
        stairs: Stairs,
    ) -> std::result::Result<Signal, String> {
        let x = steps.into_iter().try_fold(x, Signal::then)?;
        if x.layer.is_none() && x.codes.is_none() {
            return self.open_input(x, stairs);
        }
        let t = stairs.thresholds(&x.steps, x.len()).ok_or("channels that differ from those of the scale")?;
        if let Some((lo, hi)) = x.codes.filter(|_| t.channels == 1 && !t.is_falling(0)) {
            let code = |k: i64| t.thresholds.partition_point(|t| *t <= k) as i64;
            let shift = code(lo) - lo;
            if (lo..=hi).all(|k| code(k) - k == shift) {
                let base =
                    crate::stairs::zip(&stairs.base, &stairs.unit, |b, u| b + u * crate::exact::whole(shift));
                let step = Step::Affine { scale: stairs.unit, offset: base.ok_or("units and bases differ")? };
                return Ok(Signal { steps: vec![step], ..x });
            }
        }
        self.is_last(&x)?;
        let codes = Some((0, t.levels as i64));
        let layer = self.push(node, LayerOp::Threshold(t));
        let y = Signal { layer: Some(layer), steps: vec![Step::identity()], codes, ..x };
        y.affine(stairs.unit, stairs.base)
    }

    /// The quantiser of an input of floats: its codes are the integers that the network takes.
    fn open_input(&mut self, x: Signal, stairs: Stairs) -> std::result::Result<Signal, String> {
        if stairs.edges.len() > 1 || stairs.unit.len() > 1 || stairs.base.len() > 1 || x.parts() > 1 {
            return Err("quantises the input by channel; want one scale for all, or say --input".into());
        }
        let (unit, base) = (&stairs.unit[0], &stairs.base[0]);
        // Codes as they are multiplied, so that 0 is 0 where it can be.
        let lowest = crate::exact::as_integer(&(base / unit)).unwrap_or(0);
        let range = Range::new(lowest, lowest + stairs.levels() as i64);
        let offset = base - unit * crate::exact::whole(lowest);
        let codes = Some((range.lo, range.hi));
        let step = Step::Affine { scale: vec![unit.clone()], offset: vec![offset] };
        self.range = Some(range);
        let near = crate::exact::near(unit);
        let encoder = Encoder { steps: x.steps.clone(), stairs, lowest };
        match &self.encoder {
            Some(first) if *first != encoder => {
                return Err(
                    "quantises the input a second time, in another way; want one quantiser for all".into()
                );
            }
            Some(_) => {}
            None => self.notes.push(format!(
                "samples are the codes of the model's input quantiser, {range}, each {near:.6e} wide"
            )),
        }
        self.encoder = Some(encoder);
        Ok(Signal { steps: vec![step], codes, ..x })
    }

    /// `Trunc` of QONNX: drops low bits.
    fn trunc(
        &mut self,
        node: &Node,
        x: Signal,
        constants: &[Option<Constant>],
    ) -> std::result::Result<Signal, String> {
        let need =
            |i: usize| constants.get(i).and_then(Option::as_ref).ok_or(format!("input {i} is no constant"));
        let (scale, zero_point) = (need(1)?.scalar()?, need(2)?.scalar()?);
        quantiser::positive(std::slice::from_ref(&scale))?;
        let mode = quantiser::rounding(node, "FLOOR")?;
        let (dropped, range, out) = if node.version >= 2 {
            let out = need(4)?.scalar()?;
            quantiser::positive(std::slice::from_ref(&out))?;
            let signed = node.int("signed").unwrap_or(1) != 0;
            let narrow = node.int("narrow").unwrap_or(0) != 0;
            let codes = Codes::new(quantiser::width(need(5)?)?, signed, narrow, mode)?;
            (crate::exact::log2(&(&out / &scale))?, Some((codes.lo, codes.hi)), out)
        } else {
            (quantiser::width(need(3)?)? - quantiser::width(need(4)?)?, None, scale.clone())
        };
        if !(0..=32).contains(&dropped) {
            return Err(format!("drops {dropped} bits; want 0 to 32"));
        }
        let factor = Ratio::from_integer((1i64 << dropped).into());
        let moved = x.affine(vec![scale.recip()], vec![zero_point.clone()])?.round(Rounding::HalfEven)?;
        let y = moved.affine(vec![factor.recip()], zero())?;
        let (lo, hi) = match range {
            Some(range) => range,
            // Nothing saturates: as many codes as the integers can reach.
            None => self.bounds(&y)?,
        };
        quantiser::few(lo, hi)?;
        let base = if node.version >= 2 { &zero_point / &factor } else { zero_point };
        let base = vec![(crate::exact::whole(lo) - base) * &out];
        let stairs = Stairs { unit: vec![out], base, ..Stairs::integers(lo, hi.max(lo + 1)) };
        self.quantise(node, y, vec![Step::Round(mode)], stairs)
    }

    /// The integers around all values of `x`.
    fn bounds(&self, x: &Signal) -> std::result::Result<(i64, i64), String> {
        let range = self.range.ok_or("truncates an input of floats; quantise it first")?;
        let input = Input { shape: vec![self.model.input.shape.iter().product()], range };
        let network = Network { name: String::new(), input, layers: self.layers.clone() };
        let ranges = match x.layer {
            None => vec![range],
            Some(layer) => network.ranges().map_err(|e| e.to_string())?.swap_remove(layer),
        };
        let all = ranges.into_iter().reduce(Range::union).ok_or("no values")?;
        let ends = [all.lo, all.hi].map(crate::exact::whole);
        let parts = x.parts();
        let mut values: Vec<Ratio> = Vec::new();
        for part in 0..parts {
            for end in &ends {
                values.push(x.steps.iter().fold(end.clone(), |v, s| s.apply(&v, part, parts)));
            }
        }
        let lo = values.iter().min().map(Ratio::floor).and_then(|v| crate::exact::as_integer(&v));
        let hi = values.iter().max().map(Ratio::ceil).and_then(|v| crate::exact::as_integer(&v));
        lo.zip(hi).ok_or_else(|| "values past 60 bits".into())
    }
}

/// `gamma * (x - mean) / sqrt(var + epsilon) + beta`, with the sums of training time.
fn batch_norm<'c>(
    node: &Node,
    x: Signal,
    need: impl Fn(usize) -> std::result::Result<&'c Constant, String>,
) -> std::result::Result<Signal, String> {
    if node.int("training_mode").unwrap_or(0) != 0 {
        return Err("batch norm of training; export the model for inference".into());
    }
    let epsilon = node.float("epsilon").unwrap_or(1e-5);
    let epsilon = ratio(epsilon).ok_or("an epsilon that is not finite")?;
    let [gamma, beta, mean, var] = [1, 2, 3, 4].map(|i| x.channel_params(need(i)?));
    let (gamma, beta, mean, var) = (gamma?, beta?, mean?, var?);
    if var.iter().any(|v| v + &epsilon <= Ratio::zero()) {
        return Err("a variance below 0".into());
    }
    let spread: Vec<Ratio> = var.iter().map(|v| sqrt(&(v + &epsilon)).recip()).collect();
    let negative = mean.iter().map(|m| -m).collect();
    x.affine(one(), negative)?.affine(spread, zero())?.affine(gamma, beta)
}
