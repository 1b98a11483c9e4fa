//! A model whose graph is sound: every name is defined once, nodes come after what they read, constants are as large as they
//! say.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use prost::Message;

use crate::error::shown;
use crate::tensor::Tensor;
use crate::{Error, Result, budget, proto};

/// The oldest version of the operators that is read: `Clip` has its bounds as inputs since then.
const OLDEST: i64 = 11;

/// An ONNX model, read and checked but not yet understood.
#[derive(Clone, Debug)]
pub struct Model {
    pub(crate) name: String,
    pub(crate) input: Source,
    pub(crate) output: String,
    /// Those that the output needs, in an order in which they can run.
    pub(crate) nodes: Vec<Node>,
    pub(crate) constants: HashMap<String, Arc<Tensor>>,
    notes: Vec<proto::Entry>,
}

impl Model {
    /// Name of the graph.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the file says under `key` beside its graph.
    pub fn note(&self, key: &str) -> Option<&str> {
        self.notes.iter().find(|e| e.key.as_deref() == Some(key)).and_then(|e| e.value.as_deref())
    }
}

/// The input of a model.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub name: String,
    /// Element type, as `onnx.proto` numbers them.
    pub kind: i32,
    /// Sizes behind the batch axis.
    pub shape: Vec<usize>,
    /// Size of the batch axis where the model fixes one.
    pub batch: Option<i64>,
}

/// An operation.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub name: String,
    pub op: String,
    pub domain: String,
    /// Version of the operators of its domain.
    pub version: i64,
    /// Names of tensors; empty where an optional one is left out.
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    attributes: Vec<proto::Attribute>,
    /// The tensor that a `Constant` holds.
    pub value: Option<Arc<Tensor>>,
}

impl Node {
    fn attribute(&self, name: &str) -> Option<&proto::Attribute> {
        self.attributes.iter().find(|a| a.name.as_deref() == Some(name))
    }

    /// An integer attribute; 0 where a writer leaves zeros out.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name).map(|a| a.i.unwrap_or(0))
    }

    /// A float attribute.
    pub fn float(&self, name: &str) -> Option<f32> {
        self.attribute(name).map(|a| a.f.unwrap_or(0.0))
    }

    /// A list of integers.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|a| a.ints.as_slice())
    }

    /// A list of floats.
    pub fn floats(&self, name: &str) -> Option<&[f32]> {
        self.attribute(name).map(|a| a.floats.as_slice())
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<String> {
        let bytes = self.attribute(name)?.s.as_deref().unwrap_or_default();
        Some(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// Reads a model from the bytes of its file. Tensors whose data lies in other files are refused; [`parse_in`] reads them.
///
/// Errors for bytes that are no model, for sizes that do not agree with the data, and for graphs with cycles or names that
/// are defined twice or not at all. Never panics, and needs memory in proportion to `bytes`.
pub fn parse(bytes: &[u8]) -> Result<Model> {
    read(bytes, None)
}

/// [`parse`], with data of tensors in files of `folder`, which is where the model lies.
pub fn parse_in(bytes: &[u8], folder: &Path) -> Result<Model> {
    read(bytes, Some(folder))
}

fn read(bytes: &[u8], folder: Option<&Path>) -> Result<Model> {
    budget::check(bytes)?;
    let model = proto::Model::decode(bytes).map_err(|e| Error::Format(e.to_string()))?;
    let notes = model.metadata_props;
    let graph = model.graph.ok_or_else(|| Error::Format("it holds no graph".into()))?;
    let versions: HashMap<String, i64> =
        (model.opset_import.into_iter()).map(|set| (domain(set.domain), set.version.unwrap_or(0))).collect();
    let version = versions.get("").copied().unwrap_or(0);
    if version < OLDEST {
        return Err(Error::Format(format!(
            "operators of version {version}; want {OLDEST} or newer: export it anew"
        )));
    }
    let mut constants = HashMap::new();
    for tensor in graph.initializer {
        let name = tensor.name.clone().unwrap_or_default();
        let tensor = Arc::new(Tensor::read(tensor, folder)?);
        if constants.insert(name.clone(), tensor).is_some() {
            return Err(Error::Graph(format!("tensor {} is defined twice", shown(&name))));
        }
    }
    let input = input(graph.input, &constants)?;
    let output = match graph.output.as_slice() {
        [one] => one.name.clone().unwrap_or_default(),
        several => {
            return Err(Error::Graph(format!(
                "{} outputs; want one, the scores or the class",
                several.len()
            )));
        }
    };
    let nodes = graph.node.into_iter().map(|n| node(n, &versions, folder)).collect::<Result<Vec<_>>>()?;
    let nodes = sorted(nodes, &input.name, &output, &constants)?;
    Ok(Model { name: graph.name.unwrap_or_default(), input, output, nodes, constants, notes })
}

/// The two names of the standard operators are one.
fn domain(name: Option<String>) -> String {
    name.filter(|n| n != "ai.onnx").unwrap_or_default()
}

/// The one input that is no constant: old writers list constants among the inputs too.
fn input(inputs: Vec<proto::ValueInfo>, constants: &HashMap<String, Arc<Tensor>>) -> Result<Source> {
    let is_constant = |v: &proto::ValueInfo| constants.contains_key(v.name.as_deref().unwrap_or_default());
    let mut inputs: Vec<proto::ValueInfo> = inputs.into_iter().filter(|v| !is_constant(v)).collect();
    let (Some(value), true) = (inputs.pop(), inputs.is_empty()) else {
        return Err(Error::Graph("want one input that is no constant".into()));
    };
    let name = value.name.unwrap_or_default();
    let fail = |what: String| Error::Tensor { name: name.clone(), what };
    let tensor =
        value.r#type.and_then(|t| t.tensor_type).ok_or_else(|| fail("an input without a type".into()))?;
    let dims = tensor.shape.ok_or_else(|| fail("an input without a shape; export it with one".into()))?.dim;
    let sizes: Vec<Option<i64>> =
        dims.iter().map(|d| d.dim_value.filter(|_| d.dim_param.is_none())).collect();
    // A vector has no batch axis.
    let (batch, rest) = match sizes.as_slice() {
        [batch, rest @ ..] if !rest.is_empty() => (*batch, rest),
        all => (Some(1), all),
    };
    let fixed = |size: &Option<i64>| size.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    let shape: Option<Vec<usize>> = rest.iter().map(fixed).collect();
    let shape = shape.filter(|s| !s.is_empty() && elements(s).is_some());
    let shape = shape.ok_or_else(|| {
        let listed: Vec<String> = sizes.iter().map(|s| s.map_or("?".into(), |n| n.to_string())).collect();
        fail(format!("shape [{}]; want fixed sizes behind the batch", listed.join(", ")))
    })?;
    Ok(Source { name, kind: tensor.elem_type.unwrap_or(0), shape, batch: batch.filter(|b| *b > 0) })
}

/// Elements of a shape that a network may have.
pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    let product = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    product.filter(|n| (1..=sterna_ir::MAX_ELEMENTS).contains(n))
}

fn node(node: proto::Node, versions: &HashMap<String, i64>, folder: Option<&Path>) -> Result<Node> {
    let domain = domain(node.domain);
    let version = versions.get(&domain).copied().unwrap_or(0);
    let outputs = node.output;
    let name = node.name.filter(|n| !n.is_empty()).or_else(|| outputs.first().cloned()).unwrap_or_default();
    let mut attributes = node.attribute;
    let tensor = attributes.iter_mut().find_map(|a| a.t.take());
    let value = tensor.map(|t| Tensor::read(t, folder).map(Arc::new)).transpose()?;
    let op = node.op_type.unwrap_or_default();
    Ok(Node { name, op, domain, version, inputs: node.input, outputs, attributes, value })
}

/// The nodes that `output` needs, each behind those it reads.
fn sorted(
    nodes: Vec<Node>,
    input: &str,
    output: &str,
    constants: &HashMap<String, Arc<Tensor>>,
) -> Result<Vec<Node>> {
    let mut made_by: HashMap<&str, usize> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for name in node.outputs.iter().filter(|n| !n.is_empty()) {
            let is_known = name == input || constants.contains_key(name);
            if made_by.insert(name, index).is_some() || is_known {
                return Err(Error::Graph(format!("tensor {} is defined twice", shown(name))));
            }
        }
    }
    let reads = |index: usize| nodes[index].inputs.iter().filter(|n| !n.is_empty());
    let mut needed = vec![false; nodes.len()];
    let mut open: Vec<usize> = made_by.get(output).copied().into_iter().collect();
    if open.is_empty() {
        return Err(Error::Graph(format!("no node makes the output {}", shown(output))));
    }
    while let Some(index) = open.pop() {
        if std::mem::replace(&mut needed[index], true) {
            continue;
        }
        for name in reads(index) {
            match made_by.get(name.as_str()) {
                Some(before) => open.push(*before),
                None if name == input || constants.contains_key(name) => {}
                None => {
                    let (node, name) = (shown(&nodes[index].name), shown(name));
                    let what =
                        format!("node {node} reads {name}, which no node, input or initializer defines");
                    return Err(Error::Graph(what));
                }
            }
        }
    }
    let before = |index: usize| -> BTreeSet<usize> {
        reads(index).filter_map(|name| made_by.get(name.as_str()).copied()).collect()
    };
    let mut waits: Vec<usize> = vec![0; nodes.len()];
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for index in (0..nodes.len()).filter(|i| needed[*i]) {
        let before = before(index);
        waits[index] = before.len();
        before.into_iter().for_each(|b| readers[b].push(index));
    }
    // The lowest number first, so that a file that is in order stays as it is.
    let mut ready: BTreeSet<usize> = (0..nodes.len()).filter(|i| needed[*i] && waits[*i] == 0).collect();
    let mut order = Vec::new();
    while let Some(index) = ready.pop_first() {
        order.push(index);
        for &reader in &readers[index] {
            waits[reader] -= 1;
            if waits[reader] == 0 {
                ready.insert(reader);
            }
        }
    }
    if let Some(stuck) = (0..nodes.len()).find(|i| needed[*i] && waits[*i] > 0) {
        return Err(Error::Graph(format!("node {} waits for itself: a cycle", shown(&nodes[stuck].name))));
    }
    let mut nodes: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    Ok(order.into_iter().map(|i| nodes[i].take().expect("each node is ready once")).collect())
}
