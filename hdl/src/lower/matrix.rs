//! A bare matrix: its products alone, without thresholds or classes, as a network or as logic without a clock.

use sterna_ir::build::Builder;
use sterna_ir::check::check;
use sterna_ir::netlist::{NodeId, Term};
use sterna_ir::{Dense, Input, Layer, LayerOp, Netlist, Network, Range, Threshold};

use crate::lower::pipe::Pipe;
use crate::lower::prove::{Claim, prove};
use crate::lower::rows::Row;
use crate::lower::sums::Sums;
use crate::lower::unrolled::{Built, Unrolled};
use crate::{Error, Options};

/// The network that computes `y[o] = sum_i weights[o][i] * x[i]`, to be compiled like any other.
///
/// `weights` is row-major `[outputs][inputs]`, every `x[i]` lies in `x`. Outputs are exact sums.
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
    x: Range,
) -> crate::Result<Network> {
    let op = LayerOp::Dense(Dense { inputs, outputs, weights, bias: Vec::new() });
    let layers = vec![Layer { name: name.into(), op }];
    let network = Network { name: name.into(), input: Input { shape: vec![inputs], range: x }, layers };
    network.check()?;
    Ok(network)
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
    x: Range,
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
    x: Range,
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
    let (name, x) = (network.name.as_str(), network.input.range);
    let LayerOp::Dense(dense) = &network.layers[0].op else { unreachable!("built as one") };
    let (inputs, outputs) = (dense.inputs, dense.outputs);
    let columns: Vec<u32> = (0..inputs as u32).collect();
    let row = |o| Row::linear((dense.row(o), dense.bias(o)), threshold, o, &columns, o as u32);
    let rows: Vec<Row> = (0..outputs).map(row).collect();
    if rows.iter().any(|row| row.partial_sums(|_| x).is_none()) {
        return Err(Error::TooWide { layer: 0, name: name.into() });
    }
    let sums = Sums::new(&rows, false, |_| x, options);
    let mut about =
        vec![format!("{outputs} x {inputs} weights, {} nonzeros, inputs of {x}.", dense.nonzeros())];
    about.extend(sums.about());

    let mut b = Builder::new(options.top.clone().unwrap_or_else(|| name.into()), about);
    let ports: Vec<NodeId> = (0..inputs).map(|i| b.input(format!("x{i}"), x)).collect();
    b.bus("x", ports.clone(), "elements side by side, the first in the low bits");
    let node_of = columns.iter().copied().zip(ports.iter().copied()).collect();
    // Without registers there is no enable; the pipe never asks for one.
    let mut pipe = Pipe::new(ports[0], u32::MAX);
    let unit = Unrolled { rows, thermometer: false, x: vec![x; inputs], sums };
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
