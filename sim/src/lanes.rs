//! What the test bench asks of a machine that simulates several copies of a circuit side by side.

use crate::mask::Mask;
use crate::packed::Field;
use sterna_ir::netlist::NodeId;

/// A compiled netlist.
pub(crate) trait Compiled: Sync {
    /// The lanes of a stream, prepared for loading and packing.
    type Port: Sync;
    /// Where a node is; panics when nothing watches it.
    fn at(&self, node: NodeId) -> usize;
    /// Prepares `fields`, which are sorted by their place.
    fn port(&self, fields: &[Field]) -> Self::Port;
}

/// The state of [`Lanes::LANES`] circuits.
///
/// Packed words lie word by word: bit `b` of lane `l` is bit `b % 64` of `words[b / 64 * LANES + l]`.
pub(crate) trait Lanes {
    /// Number of circuits.
    const LANES: usize;
    /// What they are circuits of.
    type Program: Compiled;
    /// Power-up.
    fn new(program: &Self::Program) -> Self;
    /// Sets the bit at `at`.
    fn set(&mut self, program: &Self::Program, at: usize, bits: &Mask);
    /// The bit at `at`.
    fn get(&self, program: &Self::Program, at: usize) -> Mask;
    /// Sets inputs from packed words.
    fn load(&mut self, program: &Self::Program, port: &<Self::Program as Compiled>::Port, words: &[u64]);
    /// Packs values into words.
    fn pack(&self, program: &Self::Program, port: &<Self::Program as Compiled>::Port, words: &mut [u64]);
    /// Settles the combinational nodes.
    fn settle(&mut self, program: &Self::Program);
    /// One rising clock edge.
    fn clock(&mut self, program: &Self::Program);
}
