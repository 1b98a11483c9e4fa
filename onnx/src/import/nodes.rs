//! What a node makes of its inputs, of which one depends on the sample, or several that it joins, or none.

use num_traits::{One, Zero};

use crate::constant::Constant;
use crate::exact::{Ratio, Rounding, ratio, sqrt};
use crate::fold::{along_axis, fold};
use crate::model::Node;
use crate::quantiser::{self, Codes};
use crate::signal::{Signal, one, zero};

use super::{Importer, Outcome, Value};

impl<'a> Importer<'a> {
    /// What a node makes of its inputs.
    pub(super) fn node(&mut self, node: &'a Node) -> Outcome {
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
            (Some(first), Some(second)) if JOINS.contains(&node.op.as_str()) => {
                let mut joined = Vec::new();
                for (at, x) in [first, second].into_iter().chain(signals) {
                    joined.push(self.coded(node, &node.inputs[at], x)?);
                }
                if joined.len() < node.inputs.len() {
                    return Err(
                        "joins a constant with tensors that depend on the sample; want such alone".into()
                    );
                }
                let y = if node.op == "Add" { self.add(node, joined)? } else { self.concat(node, joined)? };
                self.spend(y.parts())?;
                Ok(vec![Value::Signal(y)])
            }
            _ => Err("two tensors that depend on the sample; only Add and Concat join such".into()),
        }
    }

    /// A node over one tensor that depends on the sample, its input number `at`.
    fn on_signal(&mut self, node: &'a Node, at: usize, x: Signal, constants: &[Option<Constant>]) -> Outcome {
        let input = |i: usize| constants.get(i).and_then(Option::as_ref);
        let need = |i: usize| input(i).ok_or(format!("input {i} is no constant"));
        let op = node.op.as_str();
        let swaps = matches!(op, "Add" | "Mul" | "Sub");
        if at != 0 && !swaps {
            return Err(format!("input {at} depends on the sample; want that of input 0 alone to"));
        }
        let other = 1 - at.min(1);
        let x = if ADDERS.contains(&op) { self.coded(node, &node.inputs[at], x)? } else { x };
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
            "Round" => x.round(Rounding::HalfEven)?,
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
            "BatchNormalization" => {
                let measured = self.options.ternarise.is_some().then(|| self.moments(&x)).transpose()?;
                batch_norm(node, x, need, measured)?
            }
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
            "Pad" => self.pad(node, x, constants)?,
            "MaxPool" => self.max_pool(node, x)?,
            "AveragePool" | "GlobalAveragePool" | "ReduceMean" => self.average_pool(node, x, input(1))?,
            "Concat" if node.inputs.len() == 1 => x,
            "Concat" => {
                return Err(
                    "joins a constant with a tensor that depends on the sample; want such alone".into()
                );
            }
            "Gather" => return Err("picks elements of a sample; leave them out of the input instead".into()),
            _ => return Err("this operator is known for constants only".into()),
        };
        Ok(vec![Value::Signal(y)])
    }
}

/// Operators over several tensors that depend on the sample.
const JOINS: &[&str] = &["Add", "Concat"];

/// Operators that add up or compare elements, as layers do.
const ADDERS: &[&str] =
    &["AveragePool", "Conv", "Gemm", "GlobalAveragePool", "MatMul", "MaxPool", "Pad", "ReduceMean"];

/// `gamma * (x - mean) / sqrt(var + epsilon) + beta`, with the means and variances of training time, or those `measured`.
fn batch_norm<'c>(
    node: &Node,
    x: Signal,
    need: impl Fn(usize) -> Result<&'c Constant, String>,
    measured: Option<Vec<(f32, f32)>>,
) -> Result<Signal, String> {
    if node.int("training_mode").unwrap_or(0) != 0 {
        return Err("batch norm of training; export the model for inference".into());
    }
    let epsilon = node.float("epsilon").unwrap_or(1e-5);
    let epsilon = ratio(epsilon).ok_or("an epsilon that is not finite")?;
    let [gamma, beta, mean, var] = [1, 2, 3, 4].map(|i| x.channel_params(need(i)?));
    let (gamma, beta, mut mean, mut var) = (gamma?, beta?, mean?, var?);
    if let Some(measured) = measured {
        let exact =
            |of: fn(&(f32, f32)) -> f32| measured.iter().map(|m| ratio(of(m))).collect::<Option<Vec<_>>>();
        (mean, var) = exact(|m| m.0).zip(exact(|m| m.1)).ok_or("values that are not finite")?;
    }
    if var.iter().any(|v| v + &epsilon <= Ratio::zero()) {
        return Err("a variance below 0".into());
    }
    let spread: Vec<Ratio> = var.iter().map(|v| sqrt(&(v + &epsilon)).recip()).collect();
    let negative = mean.iter().map(|m| -m).collect();
    x.affine(one(), negative)?.affine(spread, zero())?.affine(gamma, beta)
}
