//! Truth tables as nodes: each one once.

use std::collections::HashMap;

use sterna_ir::build::Builder;
use sterna_ir::netlist::NodeId;

use crate::lower::pipe::{Pipe, Timed};

/// Inputs of a node of the netlist.
const LUT_INPUTS: usize = 6;

/// The tables built so far.
#[derive(Debug, Default)]
pub struct Tables {
    known: HashMap<(Vec<NodeId>, u64), NodeId>,
}

impl Tables {
    /// The function `table` of the bits `inputs`: entry `i`, where input `k` is bit `k` of `i`. Inputs that make no
    /// difference are left out; past six the table is split.
    pub fn node(
        &mut self,
        b: &mut Builder,
        pipe: &mut Pipe,
        inputs: &[Timed],
        table: &[bool],
        name: &str,
    ) -> Timed {
        let (inputs, table) = reduced(inputs, table);
        match table[..] {
            [value] => return Pipe::input(b.constant(i64::from(value))),
            [false, true] => return inputs[0],
            _ => {}
        }
        let (nodes, time, level) = pipe.meet(b, &inputs);
        Timed { node: self.build(b, &nodes, &table, name), time, level }
    }

    fn build(&mut self, b: &mut Builder, nodes: &[NodeId], table: &[bool], name: &str) -> NodeId {
        let (nodes, table) = reduced(nodes, table);
        match table[..] {
            [value] => return b.constant(i64::from(value)),
            [false, true] => return nodes[0],
            _ => {}
        }
        if nodes.len() <= LUT_INPUTS {
            let word = table.iter().enumerate().map(|(i, bit)| u64::from(*bit) << i).sum();
            let new = || b.lut(&nodes, word, name);
            return *self.known.entry((nodes.clone(), word)).or_insert_with(new);
        }
        // The selecting input that leaves the fewest inputs to the halves.
        let left = |k: &usize| {
            [false, true].map(|bit| reduced(&nodes, &half(&table, *k, bit)).0.len()).iter().sum::<usize>()
        };
        let k = (0..nodes.len()).min_by_key(left).expect("there are inputs");
        let mut others = nodes.clone();
        let sel = others.remove(k);
        let zero = self.build(b, &others, &half(&table, k, false), &format!("{name}_z"));
        let one = self.build(b, &others, &half(&table, k, true), &format!("{name}_o"));
        b.mux(sel, zero, one, name)
    }
}

/// The entries in which input `k` is `bit`.
fn half(table: &[bool], k: usize, bit: bool) -> Vec<bool> {
    let entries = table.iter().enumerate().filter(|(i, _)| (i >> k & 1 == 1) == bit);
    entries.map(|(_, value)| *value).collect()
}

/// The same function of those inputs alone that make a difference.
fn reduced<T: Copy>(inputs: &[T], table: &[bool]) -> (Vec<T>, Vec<bool>) {
    let (mut inputs, mut table) = (inputs.to_vec(), table.to_vec());
    for k in (0..inputs.len()).rev() {
        let zero = half(&table, k, false);
        if zero == half(&table, k, true) {
            table = zero;
            inputs.remove(k);
        }
    }
    (inputs, table)
}
