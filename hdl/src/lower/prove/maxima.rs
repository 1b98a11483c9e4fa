//! Which inputs an output is the largest of, read off the tree that computes it.

use std::collections::{BTreeSet, HashMap};

use sterna_ir::Range;
use sterna_ir::netlist::{Netlist, NodeId, Op};

use super::{Difference, walk};
use crate::lower::maxima::{Built, Maxima};

/// The inputs that a node is the largest of, and how many clock edges it lies behind them; constants have no age.
type Value = (BTreeSet<NodeId>, Option<u32>);

/// Compares every output with the elements of its channel.
pub fn prove(netlist: &Netlist, unit: &Maxima, built: &Built) -> Result<(), Difference> {
    let mut values: HashMap<NodeId, Value> = HashMap::new();
    for node in &built.x.data {
        let constant = matches!(netlist.node(*node).op, Op::Const(_));
        values.insert(*node, ([*node].into(), (!constant).then_some(0)));
    }
    let channel = |element: &u32| element / unit.taps as u32;
    let arriving: BTreeSet<u32> = built.x.order.iter().map(channel).collect();
    if !arriving.iter().eq(&built.y.order) {
        return Err(("channels".into(), "others leave than arrive".into()));
    }
    for (&wanted, &node) in built.y.order.iter().zip(&built.y.data) {
        let place = || format!("channel {wanted}");
        let inputs = built.x.order.iter().zip(&built.x.data);
        let inputs: BTreeSet<NodeId> =
            inputs.filter(|(e, _)| channel(e) == wanted).map(|(_, node)| *node).collect();
        if let Op::Const(value) = netlist.node(node).op {
            let largest = inputs.iter().map(|id| netlist.node(*id).range.hi).max();
            if largest == Some(value) && inputs.iter().all(|id| values[id].1.is_none()) {
                continue;
            }
        }
        let (found, age) =
            walk(netlist, built.gate.ready, &mut values, node).map_err(|what| (place(), what))?;
        if found != inputs {
            return Err((place(), "is the largest of other elements than the window's".into()));
        }
        if age.is_some_and(|age| age != built.latency) {
            return Err((place(), "comes in another cycle than its valid bit".into()));
        }
    }
    walk::prove_valid(netlist, built.gate.ready, (built.x.valid, built.gate.state), built.latency)
}

/// The value of a node; trees are a few levels deep.
fn walk(
    netlist: &Netlist,
    ce: NodeId,
    values: &mut HashMap<NodeId, Value>,
    node: NodeId,
) -> Result<Value, String> {
    if let Some(value) = values.get(&node) {
        return Ok(value.clone());
    }
    let name = &netlist.node(node).name;
    let is_bit = |id: &NodeId| Range::BIT.covers(netlist.node(*id).range);
    let parts = match &netlist.node(node).op {
        Op::Reg { d, enable, reset: None } if *enable == Some(ce) && d.index() < node.index() => {
            let (inputs, age) = walk(netlist, ce, values, *d)?;
            values.insert(node, (inputs.clone(), age.map(|age| age + 1)));
            return Ok((inputs, age.map(|age| age + 1)));
        }
        Op::Or(bits) if bits.iter().all(is_bit) => bits.clone(),
        Op::Mux { sel, zero, one } if netlist.node(*sel).op == Op::Ge(*one, *zero) => vec![*zero, *one],
        other => return Err(format!("{name} is no part of a tree of maxima: {other:?}")),
    };
    let mut all: Value = (BTreeSet::new(), None);
    for part in parts {
        let (inputs, age) = walk(netlist, ce, values, part)?;
        if let (Some(a), Some(b)) = (all.1, age)
            && a != b
        {
            return Err(format!("{name} mixes values of different cycles"));
        }
        all = (&all.0 | &inputs, all.1.or(age));
    }
    values.insert(node, all.clone());
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::prove::{Claim, prove as prove_all};
    use crate::lower::{build, plan};
    use crate::{Error, Options};
    use sterna_ir::{Input, Layer, LayerOp, Network, Window};

    #[test]
    fn every_changed_operand_and_register_of_a_tree_is_refused() {
        let mut mutants = 0;
        let of_tree = |name: &str| name.starts_with("c0_") || name.starts_with("c1_");
        for range in [Range::BIT, Range::signed(3)] {
            let window = Window { input: [2, 6, 7], kernel: [3, 4], stride: [2, 3], padding: [0, 0] };
            let layers = vec![Layer { name: "pool".into(), op: LayerOp::MaxPool(window) }];
            let network = Network { name: "pool".into(), input: Input::new(vec![2, 6, 7], range), layers };
            let options = Options { levels_per_stage: 1, ..Options::default() };
            let plan = plan::plan(&network, &options).unwrap();
            let (design, claims, _) = build(&network, &options, &plan);
            let netlist = design.netlist;
            let maxima: Vec<Claim> =
                claims.into_iter().filter(|c| matches!(c, Claim::Maxima { .. })).collect();
            assert_eq!(maxima.len(), 2);
            prove_all(&netlist, &maxima).unwrap();
            for id in netlist.ids().filter(|id| of_tree(&netlist.node(*id).name)) {
                let change = match netlist.node(id).op.clone() {
                    Op::Or(mut bits) => {
                        bits[0] = bits[1];
                        Op::Or(bits)
                    }
                    Op::Mux { sel, zero, one } => Op::Mux { sel, zero: one, one: zero },
                    Op::Ge(a, _) => Op::Ge(a, a),
                    Op::Reg { d, .. } => Op::Wrap(d),
                    _ => continue,
                };
                let mut bad = netlist.clone();
                bad.nodes[id.index()].op = change;
                mutants += 1;
                let result = prove_all(&bad, &maxima);
                assert!(matches!(result, Err(Error::Proof { .. })), "{id:?} {:?}", netlist.node(id));
            }
        }
        assert!(mutants > 30, "{mutants}");
    }
}
