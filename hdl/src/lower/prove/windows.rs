//! The addressing of a window unit, which is the same for all data: the unit is cut out of the finished netlist and run on
//! images of marked pixels, under stalls on both sides, and every element of every window must carry the mark of its pixel.
//! Marks are hashed words, on as many images as it takes for [`MARK`] bits a pixel: a wrong place would have to carry the
//! same in all of them.

use std::collections::HashMap;

use sterna_ir::Range;
use sterna_ir::bench::Stall;
use sterna_ir::interpret::{Circuit, Interpreter};
use sterna_ir::netlist::{Netlist, NodeId, Op};

use super::Difference;
use crate::lower::cone::Cone;
use crate::lower::windows::{Built, Windows};

/// Bits of a mark.
const MARK: u32 = 32;
/// Cycles out of 256 in which either side stalls.
const STALLS: u8 = 48;

/// Runs the unit and compares every window.
pub fn prove(netlist: &Netlist, unit: &Windows, built: &Built) -> Result<(), Difference> {
    let Built { x, gate, y } = built;
    let window = &unit.window;
    let taps = (window.kernel[0] * window.kernel[1]) as u32;
    if x.positions != window.input[1] * window.input[2] || x.order.len() != x.data.len() {
        return Err(("pixels".into(), "other pixels arrive than the window slides over".into()));
    }
    let ports: Vec<NodeId> = y.data.iter().copied().chain([y.valid, gate.ready]).collect();
    let cut: Vec<NodeId> = x.data.iter().copied().chain([x.valid, gate.y_ready]).collect();
    let cone = Cone::new(netlist, &ports, &cut);
    let mut circuit = cone.started();
    let pin = |node: NodeId| cone.find(node).filter(|at| cone.netlist.node(*at).op == Op::Input);
    let set = |circuit: &mut Interpreter, node: NodeId, value: i64| {
        if let Some(at) = pin(node) {
            circuit.set(at, value);
        }
    };
    let words = |node: &NodeId| netlist.node(*node).range.hi - netlist.node(*node).range.lo + 1;
    let narrowest = x.data.iter().map(words).filter(|n| *n > 1).min().unwrap_or(2);
    let images = MARK.div_ceil(narrowest.ilog2()) as usize;

    let mut draw = Stall::new(1, STALLS);
    let wanted = Wanted::new(unit, built);
    let (mut images_in, mut images_out, mut pixel, mut at, mut offered) = (0, 0, 0, 0, false);
    let patience = 64 + 8 * (window.input[1] + taps as usize) * (window.input[2] + taps as usize);
    let mut idle = 0;
    while images_out < images {
        let (hold_in, hold_out) = (draw.draw(), draw.draw());
        let valid = offered || !hold_in;
        set(&mut circuit, x.valid, i64::from(valid));
        set(&mut circuit, gate.y_ready, i64::from(!hold_out));
        for node in &x.data {
            set(&mut circuit, *node, mark(netlist, *node, images_in, pixel));
        }
        circuit.settle();
        let ready = circuit.get(cone.at(gate.ready)) == 1;
        idle += 1;
        if circuit.get(cone.at(y.valid)) == 1 && !hold_out {
            idle = 0;
            for (k, node) in y.data.iter().enumerate() {
                let (lane, pixel) = wanted.source(k, at);
                let word = pixel.map_or(0, |pixel| mark(netlist, lane, images_out, pixel));
                if circuit.get(cone.at(*node)) != word {
                    let element = y.order[k];
                    let place = format!("window {at}, channel {}, place {}", element / taps, element % taps);
                    return Err((place, "another pixel than the network's".into()));
                }
            }
            at += 1;
            if at == y.positions {
                (at, images_out) = (0, images_out + 1);
            }
        }
        circuit.clock();
        offered = valid && !ready;
        if valid && ready {
            pixel += 1;
            if pixel == x.positions {
                (pixel, images_in) = (0, images_in + 1);
            }
        }
        if idle > patience {
            return Err((format!("window {at}"), "never comes".into()));
        }
    }
    Ok(())
}

/// The word of a pixel in a lane: a hash of all that tells it from others (Steele, Lea and Flood 2014, splitmix64).
fn mark(netlist: &Netlist, lane: NodeId, image: usize, pixel: usize) -> i64 {
    let Range { lo, hi } = netlist.node(lane).range;
    let mut z = (image as u64) << 56 ^ u64::from(lane.0) << 24 ^ pixel as u64;
    z = z.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    lo + ((z >> 32) % (hi - lo + 1) as u64) as i64
}

/// Which pixel each element of each window is to be.
struct Wanted {
    /// By place in a window and window, the pixel; none in the padding.
    pixels: Vec<Vec<Option<usize>>>,
    /// By element that leaves, its lane and its place in the window.
    elements: Vec<(NodeId, usize)>,
}

impl Wanted {
    fn new(unit: &Windows, built: &Built) -> Self {
        let [rows, columns] = unit.window.kernel;
        let taps = rows * columns;
        let mut pixels = vec![vec![None; unit.window.positions()]; taps];
        for (tap, pixels) in pixels.iter_mut().enumerate() {
            unit.window.each([tap / columns, tap % columns], |window, pixel| pixels[window] = Some(pixel));
        }
        let lanes: HashMap<u32, NodeId> =
            built.x.order.iter().copied().zip(built.x.data.iter().copied()).collect();
        let element = |e: &u32| (lanes[&(e / taps as u32)], *e as usize % taps);
        Wanted { pixels, elements: built.y.order.iter().map(element).collect() }
    }

    fn source(&self, element: usize, window: usize) -> (NodeId, Option<usize>) {
        let (lane, tap) = self.elements[element];
        (lane, self.pixels[tap][window])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::prove::{Claim, prove as prove_all};
    use crate::lower::{build, plan};
    use crate::{Error, Options};
    use sterna_ir::netlist::MemoryKind;
    use sterna_ir::{Conv2d, Input, Layer, LayerOp, Network, Window};

    /// Two channels of 8 bits in rows long enough for memories, every place of the window read.
    fn network(padding: [usize; 2], stride: [usize; 2]) -> Network {
        let window = Window { input: [2, 5, 13], kernel: [3, 3], stride, padding };
        let weights = (0..18).map(|i| [1, -1][i % 2]).collect();
        let conv = Conv2d { window, outputs: 1, groups: 1, weights, bias: vec![] };
        let layers = vec![Layer { name: "conv".into(), op: LayerOp::Conv2d(conv) }];
        Network { name: "walk".into(), input: Input::new(vec![2, 5, 13], Range::signed(8)), layers }
    }

    fn built(network: &Network) -> (Netlist, Vec<Claim>) {
        let options = Options::default();
        let mut plan = plan::plan(network, &options).unwrap();
        plan.share(&options, &mut plan::Searched::default());
        let (design, claims, _) = build(network, &options, &plan);
        prove_all(&design.netlist, &claims).unwrap();
        assert!(design.netlist.memories.iter().any(|m| matches!(m.kind, MemoryKind::Ram { .. })));
        (design.netlist, claims)
    }

    #[test]
    fn every_changed_number_selection_and_register_of_the_walk_is_refused() {
        let mut mutants = 0;
        for (padding, stride) in [([0, 0], [1, 1]), ([1, 1], [1, 3]), ([2, 0], [3, 1]), ([0, 1], [1, 3])] {
            let (netlist, claims) = built(&network(padding, stride));
            let of_walk: Vec<Claim> =
                claims.into_iter().filter(|c| matches!(c, Claim::Windows { .. })).collect();
            let Claim::Windows { built, .. } = &of_walk[0] else { unreachable!("filtered") };
            let ports: Vec<NodeId> =
                built.y.data.iter().copied().chain([built.y.valid, built.gate.ready]).collect();
            let cut: Vec<NodeId> =
                built.x.data.iter().copied().chain([built.x.valid, built.gate.y_ready]).collect();
            let cone = Cone::new(&netlist, &ports, &cut);
            let inside: Vec<NodeId> =
                netlist.ids().filter(|id| cone.find(*id).is_some() && !cut.contains(id)).collect();
            let compared = |id: NodeId| {
                let by = |other: &NodeId| matches!(&netlist.node(*other).op, Op::Eq(_, c) | Op::Ge(_, c) if *c == id);
                inside.iter().any(by)
            };
            for &id in &inside {
                let node = netlist.node(id);
                // Where a memory's address begins its round does not matter, only how long the round is; more columns of
                // padding before the first image are as good, and phases count anew with it.
                let free = ["line_at", "column", "column_phase", "row_phase"].contains(&node.name.as_str());
                if node.module.index() == 0 || (free && matches!(node.op, Op::Reg { .. })) {
                    continue;
                }
                let change = match node.op.clone() {
                    Op::Const(value) if compared(id) => Op::Const(value - 1),
                    Op::Mux { sel, zero, one } => Op::Mux { sel, zero: one, one: zero },
                    Op::Reg { d, enable, reset: Some(value) } => {
                        Op::Reg { d, enable, reset: Some(if value == 0 { 1.min(node.range.hi) } else { 0 }) }
                    }
                    Op::Reg { d, enable, reset: None } => match netlist.node(d).op {
                        Op::Reg { d, .. } => Op::Reg { d, enable, reset: None },
                        _ => continue,
                    },
                    Op::Not(a) => Op::And(vec![a]),
                    _ => continue,
                };
                let mut bad = netlist.clone();
                if let Op::Const(value) = change {
                    bad.nodes[id.index()].range = Range::point(value);
                }
                bad.nodes[id.index()].op = change;
                mutants += 1;
                let result = prove_all(&bad, &of_walk);
                assert!(matches!(result, Err(Error::Proof { .. })), "{padding:?} {stride:?} {id:?} {node:?}");
            }
            for k in 1..built.y.data.len() {
                let mut bad = of_walk.clone();
                let Claim::Windows { built, .. } = &mut bad[0] else { unreachable!("filtered") };
                built.y.data.swap(k - 1, k);
                assert!(prove_all(&netlist, &bad).is_err(), "places {} and {k}", k - 1);
            }
        }
        assert!(mutants > 100, "{mutants}");
    }

    #[test]
    fn a_plan_with_another_window_is_refused() {
        let network = network([1, 1], [1, 2]);
        let plan = plan::plan(&network, &Options::default()).unwrap();
        for change in 0..4 {
            let mut bad = plan.clone();
            let windows = bad.stages[0].units.iter_mut().find_map(|unit| match unit {
                plan::Unit::Windows(windows) => Some(&mut windows.window),
                _ => None,
            });
            let window = windows.unwrap();
            match change {
                0 => window.stride = [2, 2],
                1 => window.padding = [1, 0],
                2 => window.kernel = [3, 2],
                _ => window.input = [2, 4, 13],
            }
            assert!(crate::lower::prove::prove_plan(&network, &bad).is_err(), "change {change}");
        }
    }
}
