//! Models for tests.

use prost::Message;

use crate::proto::{self, kind};

/// A model under construction. Tensor `x` is its input, `y` its output.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    pub graph: proto::Graph,
}

impl Builder {
    /// A model that takes float samples of this shape.
    pub fn new(shape: &[i64]) -> Self {
        let mut builder = Builder::default();
        builder.graph.name = Some("made".into());
        builder.graph.input.push(value("x", &[&[1], shape].concat()));
        builder.graph.output.push(value("y", &[1, 1]));
        builder
    }

    /// A constant.
    pub fn floats(mut self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        self.graph.initializer.push(floats(name, dims, values));
        self
    }

    /// A node, its inputs separated by spaces; `Quant` and its like are QONNX's.
    pub fn node(mut self, op: &str, inputs: &str, output: &str, attributes: &[(&str, Attr)]) -> Self {
        let quantised = ["Quant", "BipolarQuant", "Trunc", "MultiThreshold"].contains(&op);
        self.graph.node.push(proto::Node {
            input: inputs.split(' ').map(String::from).collect(),
            output: vec![output.into()],
            name: Some(format!("{op}_{output}")),
            op_type: Some(op.into()),
            attribute: attributes.iter().map(|(name, value)| value.proto(name)).collect(),
            domain: quantised.then(|| "qonnx.custom_op.general".into()),
        });
        self
    }

    /// The bytes of its file.
    pub fn bytes(&self) -> Vec<u8> {
        let set = |domain: &str, version| proto::OperatorSet {
            domain: Some(domain.into()),
            version: Some(version),
        };
        let model = proto::Model {
            ir_version: Some(8),
            opset_import: vec![set("", 16), set("qonnx.custom_op.general", 1)],
            producer_name: None,
            graph: Some(self.graph.clone()),
            metadata_props: Vec::new(),
        };
        model.encode_to_vec()
    }
}

/// A float tensor.
pub fn floats(name: &str, dims: &[i64], values: &[f32]) -> proto::Tensor {
    proto::Tensor {
        dims: dims.to_vec(),
        data_type: Some(kind::FLOAT),
        raw_data: Some(values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        name: Some(name.into()),
        ..proto::Tensor::default()
    }
}

/// An input or output of floats.
pub fn value(name: &str, dims: &[i64]) -> proto::ValueInfo {
    let dim = dims.iter().map(|d| proto::Dim { dim_value: Some(*d), dim_param: None }).collect();
    let tensor_type = proto::TensorType { elem_type: Some(kind::FLOAT), shape: Some(proto::Shape { dim }) };
    proto::ValueInfo { name: Some(name.into()), r#type: Some(proto::Type { tensor_type: Some(tensor_type) }) }
}

/// The value of an attribute.
pub enum Attr {
    Int(i64),
    Ints(&'static [i64]),
    Text(&'static str),
}

impl Attr {
    fn proto(&self, name: &str) -> proto::Attribute {
        let mut attribute = proto::Attribute { name: Some(name.into()), ..proto::Attribute::default() };
        match self {
            Attr::Int(i) => attribute.i = Some(*i),
            Attr::Ints(v) => attribute.ints = v.to_vec(),
            Attr::Text(s) => attribute.s = Some(s.as_bytes().to_vec()),
        }
        attribute
    }
}
