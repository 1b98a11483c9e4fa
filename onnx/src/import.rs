//! From a model to an integer network: nodes are walked in order, and each becomes a function on the integers of a layer
//! ([`Signal`]), a layer, or a refusal.

mod branch;
mod frame;
mod input;
mod join;
mod layout;
mod linear;
mod nodes;
mod pool;
mod quantise;
mod result;
mod sparse;
mod ternarise;
mod weigh;

pub(crate) use input::Encoder;
pub use input::InputCodes;
pub use ternarise::Ternarise;

use std::collections::HashMap;
use std::sync::Arc;

use sterna_ir::{Input, Layer, LayerOp, Network, Range, Window, eval};

use crate::constant::Constant;
use crate::error::Refusal;
use crate::model::{Model, Node};
use crate::signal::Signal;
use crate::stairs::trim;
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
    /// By layer, the sizes of what it gives: of an image its channels, height and width, else its elements.
    sizes: Vec<Vec<usize>>,
    /// Sizes of the input, as those of a layer.
    input: Vec<usize>,
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
    /// How often a tensor was read once more.
    waits: usize,
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
        let (input, range, encoder) = input::of_model(&model.input, options.input.as_ref());
        values.insert(&model.input.name, Value::Signal(input));
        let image = &model.input.shape;
        // Every constant may be laid out anew, and passed on, a few times.
        let budget = 8 * all + (1 << 22);
        Importer {
            model,
            options,
            values,
            layers: Vec::new(),
            sizes: Vec::new(),
            input: if image.len() == 3 { image.clone() } else { vec![image.iter().product()] },
            range,
            encoder,
            edges: HashMap::new(),
            pads: HashMap::new(),
            traces: Vec::new(),
            budget,
            waits: 0,
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
        if self.waits > 0 {
            self.notes.push(format!(
                "the model branches: its branches come one after the other, and {} times a tensor waits to be read once more",
                self.waits
            ));
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

    /// Counts numbers that a node computes: a file must not ask for much more than it holds.
    fn spend(&mut self, numbers: usize) -> std::result::Result<(), String> {
        let left = self.budget.checked_sub(numbers);
        self.budget = left.ok_or("constants that grow; export the model with them folded")?;
        Ok(())
    }

    /// Adds a layer, named after a node.
    fn push(&mut self, node: &Node, op: LayerOp) -> usize {
        self.push_named(node.name.clone(), op)
    }

    fn push_named(&mut self, name: String, op: LayerOp) -> usize {
        self.sizes.push(self.sizes_behind(&op));
        self.layers.push(Layer { name, op });
        self.layers.len() - 1
    }

    /// Number of the last layer; `None` where the input itself is the last that there is.
    fn last(&self) -> Option<usize> {
        self.layers.len().checked_sub(1)
    }

    /// The sizes of what a layer gives, or those of the input.
    fn sizes_of(&self, layer: Option<usize>) -> &[usize] {
        layer.map_or(&self.input, |layer| &self.sizes[layer])
    }

    /// The sizes of what one more layer would give.
    fn sizes_behind(&self, op: &LayerOp) -> Vec<usize> {
        let windows = |channels: usize, window: &Window| [[channels].as_slice(), &window.output()].concat();
        match op {
            LayerOp::Dense(d) => vec![d.outputs],
            LayerOp::Conv2d(c) => windows(c.outputs, &c.window),
            LayerOp::MaxPool(w) | LayerOp::SumPool(w) => windows(w.input[0], w),
            LayerOp::Add { from } => self.sizes[*from].clone(),
            LayerOp::Threshold(t) => match self.sizes_of(self.last()) {
                image @ &[_, height, width] if t.positions == height * width => image.to_vec(),
                // Thresholds by element take an image for a vector.
                _ => vec![t.outputs()],
            },
            LayerOp::ArgMax => vec![1],
        }
    }
}
