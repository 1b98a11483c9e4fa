//! Models branch, networks are chains. A tensor that is read once more, when other layers have come behind it, is added to
//! zeros of its sizes and so becomes what the last layer gives. In hardware its stream forks and waits in a queue.

use std::collections::HashMap;

use sterna_ir::{Layer, LayerOp};

use crate::signal::Signal;

use super::sparse::{blank, sparse};
use super::{Importer, Value};

const FLOATS: &str =
    "reads an input of floats; quantise it first, or say which integers stand for it (--input)";

/// What a layer that gives another's integers once more is called, behind that one's name.
const AGAIN: &str = " again";

impl Importer<'_> {
    /// Makes the integers of `x` those of the last layer, as the next layer reads them.
    pub(super) fn bring(&mut self, x: &Signal) -> Result<(), String> {
        if is_unnamed(x) {
            return Err(FLOATS.into());
        }
        if x.layer == self.last() {
            return Ok(());
        }
        let from = match x.layer {
            Some(layer) => layer,
            None => {
                self.seat_input()?;
                0
            }
        };
        let zeros = blank(self.sizes_of(self.last()), self.sizes_of(Some(from)))?;
        let weights = match &zeros {
            LayerOp::Conv2d(c) => c.weights.len(),
            LayerOp::Dense(d) => d.weights.len(),
            _ => 0,
        };
        self.spend(weights + self.values.len())?;
        let name = self.layers[from].name.trim_end_matches(AGAIN).to_string();
        self.push_named(format!("zeros for {name}"), zeros);
        let again = self.push_named(name + AGAIN, LayerOp::Add { from });
        // The next to read it need not let it wait from the beginning.
        self.renumber(|layer| if layer == Some(from) { Some(again) } else { layer });
        self.waits += 1;
        Ok(())
    }

    /// Signals with the layers that they are made of. No layer can add the input itself: where one is that, a first layer
    /// passes it on.
    pub(super) fn seated(&mut self, mut signals: Vec<Signal>) -> Result<Vec<(usize, Signal)>, String> {
        if signals.iter().any(is_unnamed) {
            return Err(FLOATS.into());
        }
        if signals.iter().any(|x| x.layer.is_none()) {
            self.seat_input()?;
            signals.iter_mut().for_each(|x| x.layer = Some(behind_input(x.layer)));
        }
        Ok(signals.into_iter().map(|x| (x.layer.expect("the input has a layer by now"), x)).collect())
    }

    fn seat_input(&mut self) -> Result<(), String> {
        let outputs = self.input[0];
        let op = sparse(&self.input, outputs, (0..outputs).map(|c| (c, c, 1)), Vec::new())?;
        self.layers.insert(0, Layer { name: self.model.input.name.clone(), op });
        self.sizes.insert(0, self.input.clone());
        for layer in &mut self.layers {
            if let LayerOp::Add { from } = &mut layer.op {
                *from += 1;
            }
        }
        let edges: HashMap<_, _> = self.edges.drain().map(|(layer, edges)| (layer + 1, edges)).collect();
        self.edges = edges;
        self.traces.clear();
        self.renumber(|layer| Some(behind_input(layer)));
        Ok(())
    }

    /// Gives the layers that tensors are made of other numbers.
    fn renumber(&mut self, number: impl Fn(Option<usize>) -> Option<usize>) {
        for value in self.values.values_mut() {
            if let Value::Signal(x) | Value::Class(x) = value
                && !is_unnamed(x)
            {
                x.layer = number(x.layer);
            }
        }
    }
}

/// The number of a layer once there is one for the input.
fn behind_input(layer: Option<usize>) -> usize {
    layer.map_or(0, |layer| layer + 1)
}

/// Whether it is an input of floats that no quantiser has made integers of yet.
fn is_unnamed(x: &Signal) -> bool {
    x.layer.is_none() && x.codes.is_none()
}
