//! Which operators are known, and what helps where one is not.

use crate::error::Refusal;
use crate::model::Node;

/// Operators that are known, in the domain of ONNX.
const STANDARD: &[&str] = &[
    "Add",
    "ArgMax",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Concat",
    "Constant",
    "Conv",
    "DequantizeLinear",
    "Div",
    "Dropout",
    "Flatten",
    "Gather",
    "Gemm",
    "GlobalAveragePool",
    "Identity",
    "LogSoftmax",
    "MatMul",
    "MaxPool",
    "Mul",
    "Neg",
    "Pad",
    "QuantizeLinear",
    "ReduceMean",
    "Relu",
    "Reshape",
    "Round",
    "Shape",
    "Sign",
    "Softmax",
    "Sqrt",
    "Squeeze",
    "Sub",
    "TopK",
    "Transpose",
    "Unsqueeze",
];

/// Operators of QONNX, in whichever of its domains.
const QUANTISED: &[&str] = &["BipolarQuant", "IntQuant", "MultiThreshold", "Quant", "Trunc"];

/// The domains that QONNX has had.
const DOMAINS: &[&str] = &["qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas"];

/// The nodes whose operator is not known.
pub fn unknown(nodes: &[Node]) -> Vec<Refusal> {
    nodes.iter().filter(|n| !is_known(n)).map(refusal).collect()
}

fn is_known(node: &Node) -> bool {
    let op = node.op.as_str();
    match node.domain.as_str() {
        "" => STANDARD.contains(&op),
        domain => DOMAINS.contains(&domain) && QUANTISED.contains(&op),
    }
}

fn refusal(node: &Node) -> Refusal {
    let hint = match (node.domain.as_str(), node.op.as_str()) {
        (
            "",
            "Sigmoid" | "Tanh" | "Gelu" | "Elu" | "Selu" | "Softplus" | "Mish" | "Swish" | "HardSwish"
            | "Erf" | "Exp",
        ) => "no activation of an integer network; use Relu, Clip or HardTanh with a quantiser behind it",
        ("", "LeakyRelu" | "PRelu") => "slopes below 0 are not known; use Relu with a quantiser behind it",
        ("", "LayerNormalization" | "InstanceNormalization" | "GroupNormalization" | "LpNormalization") => {
            "depends on each sample's own mean; use BatchNormalization"
        }
        ("", "LSTM" | "GRU" | "RNN" | "Loop" | "Scan" | "If") => {
            "only straight networks are known, without loops or state"
        }
        ("", "ConvTranspose" | "Resize" | "Upsample") => "images cannot grow; use Conv and pools",
        ("", "ConvInteger" | "MatMulInteger" | "QLinearConv" | "QLinearMatMul") => {
            "export with QuantizeLinear and DequantizeLinear (QDQ) instead"
        }
        ("", "DynamicQuantizeLinear") => "scales that depend on the sample; calibrate them before the export",
        ("", _) => "this operator is not known; see the list in README.md",
        (domain, "FloatQuant") if DOMAINS.contains(&domain) => "codes that are floats; quantise to integers",
        _ => "an operator of a domain that is not known; want ONNX's own or QONNX's",
    };
    Refusal { node: node.name.clone(), op: node.op.clone(), hint: hint.into() }
}
