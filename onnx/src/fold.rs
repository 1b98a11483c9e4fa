//! Nodes that read constants only, computed as an ONNX runtime does: in single precision, one operation at a time. So weights
//! are quantised to the integers that the model itself uses.

use std::sync::Arc;

use crate::constant::{Constant, Quantised};
use crate::exact::{as_integer, ratio};
use crate::model::Node;
use crate::proto::kind;
use crate::quantiser::{self, Codes};
use crate::shapes;
use crate::stairs::Params;
use crate::tensor::{Data, Tensor};

/// The outcome of a node over constants; `None` where its operator is not known for constants.
pub fn fold(node: &Node, inputs: &[Option<Constant>]) -> Result<Option<Constant>, String> {
    let input = |i: usize| inputs.get(i).and_then(Option::as_ref).ok_or(format!("input {i} is missing"));
    Ok(Some(match node.op.as_str() {
        "Constant" => constant(node)?,
        "Identity" | "Cast" | "Dropout" => input(0)?.clone(),
        "Transpose" => {
            let axes = shapes::permutation(node.ints("perm"), input(0)?.shape().len())?;
            let shape = input(0)?.shape();
            let sizes = axes.iter().map(|a| shape[*a]).collect();
            laid_out(input(0)?, sizes, Some(&shapes::permuted(shape, &axes)))?
        }
        "Reshape" => {
            let keeps_zeros = node.int("allowzero") == Some(1);
            let sizes = shapes::reshaped(input(0)?.shape(), &input(1)?.integers()?, keeps_zeros)?;
            laid_out(input(0)?, sizes, None)?
        }
        "Flatten" => {
            let shape = input(0)?.shape();
            let axis = shapes::cut(node.int("axis").unwrap_or(1), shape.len())?;
            let sizes = vec![shape[..axis].iter().product(), shape[axis..].iter().product()];
            laid_out(input(0)?, sizes, None)?
        }
        "Squeeze" | "Unsqueeze" => {
            let axes = match node.ints("axes") {
                Some(axes) => axes.to_vec(),
                None => input(1)?.integers()?,
            };
            let sizes = shapes::squeezed(input(0)?.shape(), &axes, node.op == "Unsqueeze")?;
            laid_out(input(0)?, sizes, None)?
        }
        "Concat" => {
            let parts: Vec<Vec<i64>> =
                (0..inputs.len()).map(|i| input(i)?.integers()).collect::<Result<_, _>>()?;
            Constant::Plain(Arc::new(Tensor::ints(parts.concat())))
        }
        "Gather" => {
            let (values, at) = (input(0)?.integers()?, input(1)?.integers()?);
            let value = |i: &i64| shapes::axis(*i, values.len()).map(|i| values[i]);
            let data = Data::Int(at.iter().map(value).collect::<Result<_, _>>()?);
            Constant::Plain(Arc::new(Tensor { shape: input(1)?.shape().to_vec(), kind: kind::INT64, data }))
        }
        "Add" | "Sub" | "Mul" | "Div" => arithmetic(&node.op, plain(input(0)?)?, plain(input(1)?)?)?,
        "Neg" | "Sqrt" => {
            let of = |v: f32| if node.op == "Neg" { -v } else { v.sqrt() };
            let tensor = plain(input(0)?)?;
            let values = tensor.floats().into_iter().map(of).collect();
            Constant::Plain(Arc::new(Tensor::of_floats(tensor.shape.clone(), values)))
        }
        "Quant" | "IntQuant" => {
            let codes = Codes::of_node(node, input(3)?)?;
            quantise(plain(input(0)?)?, input(1)?, input(2)?, &codes)?
        }
        "BipolarQuant" => bipolar(plain(input(0)?)?, input(1)?)?,
        "QuantizeLinear" => {
            let zero = inputs.get(2).and_then(Option::as_ref);
            Constant::Plain(Arc::new(quantise_linear(node, plain(input(0)?)?, input(1)?, zero)?))
        }
        "DequantizeLinear" => dequantise(node, input(0)?, input(1)?, inputs.get(2).and_then(Option::as_ref))?,
        _ => return Ok(None),
    }))
}

fn constant(node: &Node) -> Result<Constant, String> {
    if let Some(tensor) = &node.value {
        return Ok(Constant::Plain(tensor.clone()));
    }
    let tensor = match (node.float("value_float"), node.int("value_int"), node.ints("value_ints")) {
        (Some(f), ..) => Tensor::of_floats(vec![], vec![f]),
        (_, Some(i), _) => Tensor { shape: vec![], ..Tensor::ints(vec![i]) },
        (.., Some(ints)) => Tensor::ints(ints.to_vec()),
        _ => match node.floats("value_floats") {
            Some(v) => Tensor::of_floats(vec![v.len()], v.to_vec()),
            None => return Err("a constant of no known kind; want a tensor or numbers".into()),
        },
    };
    Ok(Constant::Plain(Arc::new(tensor)))
}

fn plain(constant: &Constant) -> Result<&Tensor, String> {
    match constant {
        Constant::Plain(tensor) => Ok(tensor),
        Constant::Quantised(_) => {
            Err("arithmetic on a quantised constant; quantise its outcome instead".into())
        }
    }
}

/// The same elements under other sizes, and in another order.
fn laid_out(constant: &Constant, shape: Vec<usize>, order: Option<&[usize]>) -> Result<Constant, String> {
    fn reordered<T: Copy>(values: &[T], order: Option<&[usize]>) -> Vec<T> {
        order.map_or_else(|| values.to_vec(), |order| order.iter().map(|i| values[*i]).collect())
    }
    Ok(match constant {
        Constant::Plain(t) => {
            let data = match &t.data {
                Data::Float(v) => Data::Float(reordered(v, order)),
                Data::Int(v) => Data::Int(reordered(v, order)),
            };
            Constant::Plain(Arc::new(Tensor { shape, kind: t.kind, data }))
        }
        Constant::Quantised(q) => {
            let ints = reordered(&q.ints, order);
            let (scale, mut axis) = (q.scale.clone(), 0);
            if scale.len() > 1 {
                // Where the scaled axis went: the elements of a marked tensor tell.
                let inner: usize = q.shape.iter().skip(q.axis + 1).product();
                let marks: Vec<usize> = (0..q.ints.len()).map(|i| i / inner % scale.len()).collect();
                let marks = reordered(&marks, order);
                let goes = |axis: &usize| {
                    let inner: usize = shape.iter().skip(axis + 1).product();
                    shape[*axis] == scale.len()
                        && marks.iter().enumerate().all(|(i, m)| i / inner % scale.len() == *m)
                };
                axis = (0..shape.len())
                    .find(goes)
                    .ok_or("a reshape across the axis that has scales of its own")?;
            }
            Constant::Quantised(Arc::new(Quantised { shape, ints, axis, scale }))
        }
    })
}

/// A matrix of integers with its axes swapped.
pub fn transposed(matrix: &Arc<Quantised>) -> Result<Arc<Quantised>, String> {
    let shape = &matrix.shape;
    let order = shapes::permuted(shape, &[1, 0]);
    match laid_out(&Constant::Quantised(matrix.clone()), vec![shape[1], shape[0]], Some(&order))? {
        Constant::Quantised(matrix) => Ok(matrix),
        Constant::Plain(_) => unreachable!("a layout changes no kind"),
    }
}

/// By element, the index of the value of a constant that goes with it.
fn spread(constant: &[usize], shape: &[usize]) -> Result<impl Fn(usize) -> usize + use<>, String> {
    let axis = shapes::varying_axis(constant, shape)?;
    let inner: usize = axis.map_or(1, |a| shape[a + 1..].iter().product());
    let size = axis.map_or(1, |a| shape[a]);
    Ok(move |i: usize| i / inner.max(1) % size.max(1))
}

fn arithmetic(op: &str, a: &Tensor, b: &Tensor) -> Result<Constant, String> {
    let of = |a: f32, b: f32| match op {
        "Add" => a + b,
        "Sub" => a - b,
        "Mul" => a * b,
        _ => a / b,
    };
    let (x, y) = (a.floats(), b.floats());
    let (shape, data) = if a.shape == b.shape {
        (a.shape.clone(), x.iter().zip(&y).map(|(a, b)| of(*a, *b)).collect())
    } else if b.len() <= a.len() {
        let at = spread(&b.shape, &a.shape)?;
        (a.shape.clone(), x.iter().enumerate().map(|(i, a)| of(*a, y[at(i)])).collect())
    } else {
        let at = spread(&a.shape, &b.shape)?;
        (b.shape.clone(), y.iter().enumerate().map(|(i, b)| of(x[at(i)], *b)).collect())
    };
    Ok(Constant::Plain(Arc::new(Tensor::of_floats(shape, data))))
}

/// The scales of a quantiser over a tensor: exact, and the axis along which they vary.
fn scales(scale: &Constant, shape: &[usize]) -> Result<(Params, usize), String> {
    let axis = shapes::varying_axis(scale.shape(), shape)?;
    let values = scale.ratios()?;
    quantiser::positive(&values)?;
    Ok((values, axis.unwrap_or(0)))
}

fn quantise(x: &Tensor, scale: &Constant, zero: &Constant, codes: &Codes) -> Result<Constant, String> {
    let (ratios, axis) = scales(scale, &x.shape)?;
    let (s, s_at) = (plain(scale)?.floats(), spread(scale.shape(), &x.shape)?);
    let (z, z_at) = (plain(zero)?.floats(), spread(zero.shape(), &x.shape)?);
    let code = |(i, x): (usize, &f32)| -> Result<i64, String> {
        let z = z[z_at(i)];
        let code = codes.apply(x / s[s_at(i)] + z) - z;
        let integer = || ratio(code).and_then(|c| as_integer(&c));
        integer().ok_or_else(|| {
            format!("a weight of {x} with zero point {z}; want finite ones, and integer codes")
        })
    };
    let ints = x.floats().iter().enumerate().map(code).collect::<Result<_, _>>()?;
    Ok(Constant::Quantised(Arc::new(Quantised { shape: x.shape.clone(), ints, axis, scale: ratios })))
}

fn bipolar(x: &Tensor, scale: &Constant) -> Result<Constant, String> {
    let (scale, axis) = scales(scale, &x.shape)?;
    let ints = x.floats().iter().map(|v| if *v >= 0.0 { 1 } else { -1 }).collect();
    Ok(Constant::Quantised(Arc::new(Quantised { shape: x.shape.clone(), ints, axis, scale })))
}

/// The scale or zero point of `QuantizeLinear` and `DequantizeLinear`, whose only axis is that which the node names.
pub fn along_axis(node: &Node, constant: &Constant, rank: usize) -> Result<Constant, String> {
    let &[size] = constant.shape() else { return Ok(constant.clone()) };
    if size == 1 {
        return Ok(constant.clone());
    }
    if node.int("block_size").is_some_and(|n| n != 0) {
        return Err("scales of blocks; want one for all, or one along an axis".into());
    }
    let axis = shapes::axis(node.int("axis").unwrap_or(1), rank)?;
    let sizes = (0..rank).map(|a| if a == axis { size } else { 1 }).collect();
    laid_out(constant, sizes, None)
}

fn quantise_linear(
    node: &Node,
    x: &Tensor,
    scale: &Constant,
    zero: Option<&Constant>,
) -> Result<Tensor, String> {
    let (lo, hi) = quantiser::linear_range(node, zero)?;
    let scale = along_axis(node, scale, x.shape.len())?;
    scales(&scale, &x.shape)?;
    let (s, s_at) = (plain(&scale)?.floats(), spread(scale.shape(), &x.shape)?);
    let zero = zero_points(node, zero, &x.shape)?;
    let code = |(i, x): (usize, &f32)| {
        ((x / s[s_at(i)]).round_ties_even() as i64).saturating_add(zero(i)).clamp(lo, hi)
    };
    let data = Data::Int(x.floats().iter().enumerate().map(code).collect());
    Ok(Tensor { shape: x.shape.clone(), kind: kind::INT64, data })
}

fn dequantise(
    node: &Node,
    x: &Constant,
    scale: &Constant,
    zero: Option<&Constant>,
) -> Result<Constant, String> {
    let shape = x.shape();
    let (scale, axis) = scales(&along_axis(node, scale, shape.len())?, shape)?;
    let zero = zero_points(node, zero, shape)?;
    let ints = x.integers()?.iter().enumerate().map(|(i, v)| v.saturating_sub(zero(i))).collect();
    Ok(Constant::Quantised(Arc::new(Quantised { shape: shape.to_vec(), ints, axis, scale })))
}

/// By element the zero point that goes with it; 0 where there is none.
fn zero_points(
    node: &Node,
    zero: Option<&Constant>,
    shape: &[usize],
) -> Result<impl Fn(usize) -> i64 + use<>, String> {
    let none = Constant::Plain(Arc::new(Tensor::ints(vec![0])));
    let zero = along_axis(node, zero.unwrap_or(&none), shape.len())?;
    let (values, at) = (zero.integers()?, spread(zero.shape(), shape)?);
    Ok(move |i: usize| values[at(i)])
}
