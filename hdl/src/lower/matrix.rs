//! A bare matrix: its products alone, without thresholds or classes, as a network or as logic without a clock.

use sterna_ir::build::Builder;
use sterna_ir::check::check;
use sterna_ir::netlist::{NodeId, Term};
use sterna_ir::{Dense, Input, Layer, LayerOp, Netlist, Network, Ranges, Threshold};

use crate::lower::pipe::Pipe;
use crate::lower::prove::{Claim, prove};
use crate::lower::rows::Row;
use crate::lower::sums::Sums;
use crate::lower::unrolled::{Built, Unrolled};
use crate::{Error, Options};

/// The network that computes `y[o] = sum_i weights[o][i] * x[i]`, to be compiled like any other.
///
/// `weights` is row-major `[outputs][inputs]`, every `x[i]` lies in its range of `x`. Outputs are exact sums.
///
/// Errors when sizes do not fit, or when a range or a sum is too wide.
///
/// ```
/// use sterna_hdl::{Options, lower, matrix};
/// use sterna_ir::Range;
/// let network = matrix::network("difference", 2, 1, vec![1, -1], Range::signed(8))?;
/// let design = lower(&network, &Options::default())?;
/// assert_eq!(design.output.data.len(), 1);
/// # Ok::<(), sterna_hdl::Error>(())
/// ```
pub fn network(
    name: &str,
    inputs: usize,
    outputs: usize,
    weights: Vec<i16>,
    x: impl Into<Ranges>,
) -> crate::Result<Network> {
    let op = LayerOp::Dense(Dense { inputs, outputs, weights, bias: Vec::new() });
    let layers = vec![Layer { name: name.into(), op }];
    let network = Network { name: name.into(), input: Input::new(vec![inputs], x), layers };
    network.check()?;
    Ok(network)
}

/// The network of a matrix without the inputs that no output reads, and which those are. One stays where none is read.
pub fn without_unused(mut network: Network) -> (Network, Vec<usize>) {
    let [Layer { name, op: LayerOp::Dense(dense) }] = &mut network.layers[..] else {
        return (network, Vec::new());
    };
    let is_read = |i: &usize| (0..dense.outputs).any(|o| dense.row(o)[*i] != 0);
    let (mut kept, mut unused): (Vec<usize>, Vec<usize>) = (0..dense.inputs).partition(is_read);
    if kept.is_empty() {
        kept.push(unused.remove(0));
    }
    if !unused.is_empty() {
        let weights = (0..dense.outputs).flat_map(|o| kept.iter().map(move |i| (o, *i)));
        dense.weights = weights.map(|(o, i)| dense.row(o)[i]).collect();
        dense.inputs = kept.len();
        network.input.shape = vec![kept.len()];
        if let Ranges::ByChannel(ranges) = &mut network.input.ranges {
            *ranges = kept.iter().map(|i| ranges[*i]).collect();
        }
        let list: Vec<String> = unused.iter().map(usize::to_string).collect();
        *name = format!("{name} without inputs {}", list.join(", "));
    }
    (network, unused)
}

/// The same product as pure logic: ports `x` and `y` carry all elements side by side, the first in the low bits. Of the
/// options, `top`, `family`, `sharing` and `depth` count. Unused inputs stay ports.
///
/// The netlist is proved against the weights and checked before it is returned.
///
/// Errors as [`network`] does.
pub fn combinational(
    name: &str,
    inputs: usize,
    outputs: usize,
    weights: Vec<i16>,
    x: impl Into<Ranges>,
    options: &Options,
) -> crate::Result<Netlist> {
    logic(&network(name, inputs, outputs, weights, x)?, None, options)
}

/// As [`combinational`], but of every product only whether it is 0 or more: a layer of binary neurons.
///
/// Errors as [`network`] does.
pub fn signs(
    name: &str,
    inputs: usize,
    outputs: usize,
    weights: Vec<i16>,
    x: impl Into<Ranges>,
    options: &Options,
) -> crate::Result<Netlist> {
    let network = network(name, inputs, outputs, weights, x)?;
    let threshold = Threshold {
        channels: outputs,
        positions: 1,
        levels: 1,
        thresholds: vec![0; outputs],
        falling: Vec::new(),
        thermometer: false,
    };
    logic(&network, Some(&threshold), options)
}

/// The only layer of `network`, and maybe a threshold behind it, as pure logic.
fn logic(network: &Network, threshold: Option<&Threshold>, options: &Options) -> crate::Result<Netlist> {
    let (name, x) = (network.name.as_str(), network.input.of_elements());
    let of = |i: u32| x[i as usize];
    let LayerOp::Dense(dense) = &network.layers[0].op else { unreachable!("built as one") };
    let (inputs, outputs) = (dense.inputs, dense.outputs);
    let columns: Vec<u32> = (0..inputs as u32).collect();
    let row = |o| Row::linear((dense.row(o), dense.bias(o)), threshold, o, &columns, o as u32);
    let rows: Vec<Row> = (0..outputs).map(row).collect();
    if rows.iter().any(|row| row.partial_sums(of).is_none()) {
        return Err(Error::TooWide { layer: 0, name: name.into() });
    }
    let sums = Sums::new(&rows, false, of, options);
    let mut about = vec![format!(
        "{outputs} x {inputs} weights, {} nonzeros, inputs of {}.",
        dense.nonzeros(),
        network.input.ranges
    )];
    about.extend(sums.about());

    let mut b = Builder::new(options.top.clone().unwrap_or_else(|| name.into()), about);
    let ports: Vec<NodeId> = x.iter().enumerate().map(|(i, x)| b.input(format!("x{i}"), *x)).collect();
    b.bus("x", ports.clone(), "elements side by side, the first in the low bits");
    let node_of = columns.iter().copied().zip(ports.iter().copied()).collect();
    // Without registers there is no enable; the pipe never asks for one.
    let mut pipe = Pipe::new(ports[0], u32::MAX);
    let unit = Unrolled { rows, thermometer: false, x, sums };
    let results = unit.place(&mut b, &mut pipe, &node_of, options);
    let named = results.iter().flatten().enumerate();
    let named = named.map(|(o, y)| match threshold {
        None => b.sum(&[Term::plus(y.node)], format!("y{o}")),
        // A comparison may be a table, which is no sum.
        Some(_) => b.lut(&[y.node], 0b10, format!("y{o}")),
    });
    let outputs: Vec<NodeId> = named.collect();
    outputs.iter().for_each(|y| b.output(*y));
    b.bus("y", outputs.clone(), "products side by side, the first in the low bits");
    let netlist = b.finish();

    let inputs = ports.iter().copied().zip(columns).collect();
    let built = Built { inputs, ce: ports[0], valid: (ports[0], ports[0]), latency: 0, outputs };
    prove(&netlist, &[Claim::Unrolled { place: name.into(), unit, built }])?;
    check(&netlist)?;
    Ok(netlist)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_ir::Range;

    #[test]
    fn unused_inputs_are_left_out() {
        let of = |weights: Vec<i16>| {
            let (network, unused) = without_unused(network("w", 4, 2, weights, Range::signed(4)).unwrap());
            let LayerOp::Dense(dense) = &network.layers[0].op else { panic!("it is a matrix") };
            network.check().unwrap();
            (network.layers[0].name.clone(), dense.weights.clone(), unused)
        };
        let (name, weights, unused) = of(vec![0, 1, 0, -1, 0, 0, 0, 1]);
        assert_eq!(
            (name.as_str(), weights, unused),
            ("w without inputs 0, 2", vec![1, -1, 0, 1], vec![0, 2])
        );
        assert_eq!(of(vec![0; 8]).1, [0, 0]);
        assert!(of(vec![1, 2, 3, 4, 0, 0, 0, 0]).2.is_empty());
    }
}
