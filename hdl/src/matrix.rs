//! A bare matrix as a network: its products alone, without thresholds or classes.

use sterna_ir::{Dense, Input, Layer, LayerOp, Network, Range};

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
