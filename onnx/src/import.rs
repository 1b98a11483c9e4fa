//! From a model to an integer network: nodes are walked in order, and each becomes a function on the integers of a layer
//! ([`Signal`]), a layer, or a refusal.

mod frame;
mod join;
mod layout;
mod linear;
mod nodes;
mod pool;
mod quantise;
mod result;
mod ternarise;
mod weigh;

pub use ternarise::Ternarise;

use std::collections::HashMap;
use std::sync::Arc;

use num_traits::{One, Zero};
use sterna_ir::{Input, Layer, LayerOp, Network, Range, eval};

use crate::constant::Constant;
use crate::error::{Refusal, shown};
use crate::exact::{Ratio, Rounding};
use crate::fold::fold;
use crate::model::{Model, Node};
use crate::quantiser::type_range;
use crate::signal::Signal;
use crate::stairs::{Stairs, Step, trim};
use crate::tensor::Tensor;
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
    /// Make weights of floats ternary, and quantise activations that are not.
    pub ternarise: Option<Ternarise>,
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
    /// What the outputs of a network that ends in scores stand for.
    pub scores: Option<Scores>,
    /// From a value of the model's input to the network's integer.
    pub(crate) encoder: Encoder,
    /// By threshold layer, the numbers that its thresholds were rounded from.
    pub(crate) edges: HashMap<usize, Vec<f64>>,
}

/// From values of the model's input to codes: `lowest` and one more for each step that is reached.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Encoder {
    pub steps: Vec<Step>,
    pub stairs: Stairs,
    pub lowest: i64,
}

/// The model's scores: `scale * output + offset`.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The same for all.
    pub scale: f64,
    /// One for each output.
    pub offset: Vec<f64>,
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
    /// By threshold layer, the numbers that its thresholds were rounded from.
    edges: HashMap<usize, Vec<f64>>,
    /// Rows and columns around tensors that only convolutions read: above, left, below, right.
    pads: HashMap<String, [usize; 4]>,
    /// Of each sample to measure on, the vectors of the layers so far.
    traces: Vec<eval::Trace>,
    /// Numbers that may still be computed.
    budget: usize,
    notes: Vec<String>,
    scores: Option<Scores>,
    /// Name of the last layer.
    class_name: String,
}

/// The outcome of a node: what its outputs stand for, or why it cannot be held.
type Outcome = std::result::Result<Vec<Value>, String>;

impl<'a> Importer<'a> {
    fn new(model: &'a Model, options: &'a Options) -> Self {
        let constants = model.constants.iter();
        let constant = |t: &Arc<Tensor>| Value::Constant(Constant::Plain(t.clone()));
        let mut values: HashMap<&str, Value> = constants.map(|(n, t)| (n.as_str(), constant(t))).collect();
        let all: usize = model.constants.values().map(|t| t.len()).sum();
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
        // Every constant may be laid out anew, and passed on, a few times.
        let budget = 8 * all + (1 << 22);
        Importer {
            model,
            options,
            values,
            layers: Vec::new(),
            range,
            encoder,
            edges: HashMap::new(),
            pads: HashMap::new(),
            traces: Vec::new(),
            budget,
            notes: Vec::new(),
            scores: None,
            class_name: "class".into(),
        }
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
        if self.options.ternarise.is_some() {
            self.notes.push("weights were made ternary and activations quantised, without training".into());
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
        let input = Input::new(self.model.input.shape.clone(), range);
        let mut network = Network { name, input, layers: self.layers };
        let ranges = network.ranges()?;
        for index in 0..network.layers.len() {
            let first = vec![range; if index == 0 { network.input.elements() } else { 0 }];
            if let LayerOp::Threshold(t) = &mut network.layers[index].op {
                trim(t, index.checked_sub(1).map_or(&first, |before| &ranges[before]));
            }
        }
        network.check()?;
        Ok(Import { network, notes: self.notes, scores: self.scores, encoder, edges: self.edges })
    }

    /// What a node makes of its inputs.
    fn node(&mut self, node: &'a Node) -> Outcome {
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
                self.spend(size)?;
                Ok(vec![Value::Constant(folded)])
            }
            (Some((at, x)), None) => {
                let outcome = self.on_signal(node, at, x, &constants)?;
                for value in &outcome {
                    if let Value::Signal(y) = value {
                        self.spend(y.parts() + y.order.as_ref().map_or(0, Vec::len))?;
                    }
                }
                Ok(outcome)
            }
            (Some((_, a)), Some((_, b))) if node.op == "Add" => {
                Ok(vec![Value::Signal(self.add(node, a, b)?)])
            }
            _ => {
                Err("two tensors that depend on the sample; only Add joins such (the network is a chain)"
                    .into())
            }
        }
    }

    /// Counts numbers that a node computes: a file must not ask for much more than it holds.
    fn spend(&mut self, numbers: usize) -> std::result::Result<(), String> {
        let left = self.budget.checked_sub(numbers);
        self.budget = left.ok_or("constants that grow; export the model with them folded")?;
        Ok(())
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
}
