//! The proof, in two steps: the planned rows are compared with the network, and what was built is read back from the netlist
//! and compared with the rows.
//!
//! Unrolled stages are walked with exact integer linear forms over the stage's inputs and comparisons, which gives every
//! neuron's weights and thresholds back; every path must hold as many registers as the stage says. Folded stages are decoded
//! from the words of their ROMs. Window units are cut out and run on marked pixels. The proof shares no code with the
//! builders beyond the layout of a ROM word.

mod digit_serial;
mod forms;
mod maxima;
mod network;
mod roms;
mod tables;
mod walk;
mod windows;

use sterna_ir::{Netlist, Network};

use crate::lower::digit_serial::DigitSerial;
use crate::lower::folded::{self, Folded};
use crate::lower::maxima::{Built as BuiltMaxima, Maxima};
use crate::lower::plan::Plan;
use crate::lower::restore;
use crate::lower::table::{self, Table};
use crate::lower::unrolled::{self, Unrolled};
use crate::lower::windows::{Built as BuiltWindows, Windows};
use crate::{Error, Result};

/// A unit as it was meant and as it was built.
#[derive(Clone, Debug)]
pub enum Claim {
    /// Adder trees.
    Unrolled {
        /// Module.
        place: String,
        /// What it computes.
        unit: Unrolled,
        /// Where its nodes are.
        built: unrolled::Built,
    },
    /// Adders of digits.
    Serial {
        /// Module.
        place: String,
        /// What it computes.
        unit: DigitSerial,
        /// Where its nodes are.
        built: crate::lower::digit_serial::Built,
    },
    /// Pixels to windows.
    Windows {
        /// Module.
        place: String,
        /// What it gives.
        unit: Windows,
        /// Where its ports are.
        built: BuiltWindows,
    },
    /// Largest elements.
    Maxima {
        /// Module.
        place: String,
        /// What it computes.
        unit: Maxima,
        /// Where its nodes are.
        built: BuiltMaxima,
    },
    /// Constants by position.
    Table {
        /// Module.
        place: String,
        /// What it computes.
        unit: Table,
        /// Where its words are.
        built: table::Built,
    },
    /// Processing elements.
    Folded {
        /// Module.
        place: String,
        /// What it computes.
        unit: Folded,
        /// Where its words are.
        built: folded::Built,
    },
    /// Elements back in order.
    Restore {
        /// Module.
        place: String,
        /// Where its words are.
        built: restore::Built,
    },
}

/// Refuses a plan whose rows are not the network's.
pub fn prove_plan(network: &Network, plan: &Plan) -> Result<()> {
    network::prove(network, plan).map_err(|(place, what)| Error::Proof { place, what })
}

/// Refuses a netlist that does not compute what is claimed, naming module and neuron.
pub fn prove(netlist: &Netlist, claims: &[Claim]) -> Result<()> {
    for claim in claims {
        let (place, result) = match claim {
            Claim::Unrolled { place, unit, built } => (place, walk::prove(netlist, unit, built)),
            Claim::Serial { place, unit, built } => (place, digit_serial::prove(netlist, unit, built)),
            Claim::Windows { place, unit, built } => (place, windows::prove(netlist, unit, built)),
            Claim::Maxima { place, unit, built } => (place, maxima::prove(netlist, unit, built)),
            Claim::Table { place, unit, built } => (place, roms::prove_table(netlist, unit, built)),
            Claim::Folded { place, unit, built } => (place, roms::prove_schedule(netlist, unit, built)),
            Claim::Restore { place, built } => (place, roms::prove_places(netlist, built)),
        };
        result.map_err(|(neuron, what)| Error::Proof { place: format!("{place}, {neuron}"), what })?;
    }
    Ok(())
}

/// A difference: where and what.
type Difference = (String, String);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::Family;
    use crate::lower::{self, plan};
    use crate::{DIGIT_BITS, Folding, Options, Style};
    use sterna_ir::netlist::{MemoryKind, NodeId, Op, Term};
    use sterna_ir::{Dense, Input, Layer, LayerOp, Range, Threshold};

    /// Weights without a pattern, thresholds inside the ranges, both slopes, a bias at the end.
    fn network() -> Network {
        let weight = |i: usize| [1, 0, -1, 1, -1, 0, 1, 1, 0, -1, -1][i * i % 11];
        let dense = |inputs: usize, outputs: usize, bias: Vec<i64>| {
            let weights = (0..inputs * outputs).map(|i| weight(i + outputs)).collect();
            LayerOp::Dense(Dense { inputs, outputs, weights, bias })
        };
        let threshold = LayerOp::Threshold(Threshold {
            positions: 1,
            channels: 6,
            levels: 3,
            thresholds: (0..6).flat_map(|c| [-4 + c, c, 3 + c]).collect(),
            falling: vec![false, true, false, false, true, false],
            thermometer: false,
        });
        let ops = [dense(8, 6, vec![]), threshold, dense(6, 4, vec![3, -1, 0, 2]), LayerOp::ArgMax];
        let layers = ops.into_iter().map(|op| Layer { name: "layer".into(), op }).collect();
        let input = Input::new(vec![8], Range::new(-3, 5));
        Network { name: "proof".into(), input, layers }
    }

    fn built(style: Style) -> (Netlist, Vec<Claim>) {
        let options = Options { folding: Folding::PerLayer(vec![style; 2]), ..Options::default() };
        lower::lower(&network(), &options).unwrap();
        let mut plan = plan::plan(&network(), &options).unwrap();
        plan.share(&options, &mut plan::Searched::default());
        let (design, claims, _) = lower::build(&network(), &options, &plan);
        prove(&design.netlist, &claims).unwrap();
        (design.netlist, claims)
    }

    #[test]
    fn every_changed_sign_operand_constant_and_register_of_a_tree_is_refused() {
        let (netlist, claims) = built(Style::Unrolled);
        let inside = |i: usize| netlist.module(netlist.nodes[i].module).name.starts_with("layer");
        let mut mutants = 0;
        for i in (0..netlist.nodes.len()).filter(|i| inside(*i)) {
            let mut bad = netlist.clone();
            match netlist.nodes[i].op.clone() {
                Op::Sum(mut terms) => {
                    terms[0].negate ^= true;
                    bad.nodes[i].op = Op::Sum(terms);
                }
                Op::Ge(_, t) => {
                    let Op::Const(value) = &mut bad.nodes[t.index()].op else { continue };
                    *value += 1;
                }
                // A wire in place of a register.
                Op::Reg { d, .. } if d.index() < i => bad.nodes[i].op = Op::Sum(vec![Term::plus(d)]),
                _ => continue,
            }
            mutants += 1;
            assert!(prove(&bad, &claims).is_err(), "node {i} {:?}", netlist.nodes[i]);
        }
        assert!(mutants > 50, "{mutants}");
    }

    #[test]
    fn every_changed_gate_constant_and_register_of_digits_is_refused() {
        for bits in DIGIT_BITS {
            let (netlist, claims) = built(Style::Serial { bits });
            let is_read = |id: NodeId| netlist.nodes.iter().any(|n| n.op.operands().contains(&id));
            let mut mutants = 0;
            for id in netlist.ids() {
                let node = netlist.node(id);
                // What the clock enable is made of is not the stage's.
                let module = netlist.module(node.module);
                if !module.name.starts_with("layer")
                    || !is_read(id)
                    || ["ce", "y_empty"].contains(&&*node.name)
                {
                    continue;
                }
                let digits = claims.iter().find_map(|claim| match claim {
                    Claim::Serial { place, unit, .. } if *place == module.name => Some(unit.digits),
                    _ => None,
                });
                let mut ops = Vec::new();
                match node.op.clone() {
                    // Of two digits the first alone is counted on: 1 - 0 is 0 + 1.
                    Op::Sum(_) if node.name == "digit_inc" && digits == Some(2) => {}
                    Op::Sum(mut terms) => {
                        terms[0].negate ^= true;
                        ops.push(Op::Sum(terms));
                    }
                    Op::Lut { inputs, table } => {
                        let entries = 1u64 << inputs.len();
                        ops.push(Op::Lut {
                            inputs: inputs.clone(),
                            table: !table & (u64::MAX >> (64 - entries)),
                        });
                        // No digit is both the first and the last, and none comes after the last. Of a selection among
                        // digits, some places do not matter where others select.
                        let selects =
                            |n: &sterna_ir::netlist::Node| matches!(n.op, Op::Mux { sel, .. } if sel == id);
                        let flips = match &*node.name {
                            "phase" if netlist.nodes.iter().any(selects) => 0,
                            "phase" => u64::from(digits.unwrap()),
                            name if name.ends_with("_ge") => 0,
                            _ => entries,
                        };
                        // Nor is a constant ever another one.
                        let comes = |k: &u64| {
                            inputs.iter().enumerate().all(|(at, input)| match netlist.node(*input).op {
                                Op::Const(value) => value == (k >> at & 1) as i64,
                                _ => true,
                            })
                        };
                        let entries = (0..flips).filter(comes);
                        ops.extend(
                            entries.map(|k| Op::Lut { inputs: inputs.clone(), table: table ^ 1 << k }),
                        );
                    }
                    Op::Mux { sel, zero, one } => ops.push(Op::Mux { sel, zero: one, one: zero }),
                    Op::And(list) if list.len() > 1 => ops.push(Op::Or(list)),
                    Op::Or(list) if list.len() > 1 => ops.push(Op::And(list)),
                    Op::Not(bit) => ops.push(Op::Sum(vec![Term::plus(bit)])),
                    Op::Slice { a, lo } => {
                        // Tables that say the same of every digit do not care.
                        let digits = digits.unwrap_or(0);
                        let op = Op::Slice { a, lo: if lo == 0 { 1 } else { lo - 1 } };
                        if (0..digits)
                            .any(|k| phases(&netlist, (id, &node.op), k) != phases(&netlist, (id, &op), k))
                        {
                            ops.push(op);
                        }
                    }
                    Op::Const(value) => ops.push(Op::Const(value ^ 1)),
                    Op::Reg { d, enable, reset } => {
                        ops.push(Op::Reg { d, enable: None, reset });
                        if d < id {
                            ops.push(Op::Sum(vec![Term::plus(d)]));
                        }
                        if let Some(value) = reset {
                            ops.push(Op::Reg { d, enable, reset: Some(value ^ 1) });
                            ops.push(Op::Reg { d, enable, reset: None });
                        }
                    }
                    _ => {}
                }
                for op in ops {
                    let mut bad = netlist.clone();
                    bad.nodes[id.index()].op = op;
                    mutants += 1;
                    assert!(prove(&bad, &claims).is_err(), "{bits} bits, {node:?}: {:?}", bad.node(id).op);
                }
            }
            assert!(mutants > 400, "{mutants}");
        }
    }

    /// What the readers of `id` make of its value at digit `k` when it computes `op`: of tables over bits of the digit's number
    /// their outcome, of others the value itself.
    fn phases(netlist: &Netlist, (id, op): (NodeId, &Op), k: u32) -> Vec<bool> {
        let bit = |op: &Op| match op {
            Op::Slice { lo, .. } => Some(k >> lo & 1),
            _ => None,
        };
        let of = |node: NodeId| bit(if node == id { op } else { &netlist.node(node).op });
        let readers = netlist.nodes.iter().filter(|n| n.op.operands().contains(&id));
        let value = |reader: &sterna_ir::netlist::Node| match &reader.op {
            Op::Lut { inputs, table } => {
                let places = inputs.iter().enumerate().map(|(at, i)| of(*i).map(|bit| bit << at));
                places.sum::<Option<u32>>().map(|index| table >> index & 1 == 1)
            }
            _ => None,
        };
        readers.map(|reader| value(reader).unwrap_or(bit(op) == Some(1))).collect()
    }

    /// The same network over bits, its rows as tables.
    fn mapped() -> (Netlist, Vec<Claim>) {
        let mut network = network();
        network.input.ranges = Range::BIT.into();
        network.layers.truncate(2);
        let options = Options { family: Some(Family::Xcup), ..Options::default() };
        let mut plan = plan::plan(&network, &options).unwrap();
        plan.share(&options, &mut plan::Searched::default());
        let (design, claims, _) = lower::build(&network, &options, &plan);
        prove(&design.netlist, &claims).unwrap();
        (design.netlist, claims)
    }

    #[test]
    fn every_changed_entry_and_operand_of_a_table_is_refused() {
        let (netlist, claims) = mapped();
        let is_table = |id: &NodeId| matches!(netlist.node(*id).op, Op::Lut { .. });
        let mut mutants = 0;
        for (i, node) in netlist.nodes.iter().enumerate() {
            let Op::Lut { inputs, table } = &node.op else { continue };
            let mut refuse = |op: Op| {
                let mut bad = netlist.clone();
                bad.nodes[i].op = op;
                mutants += 1;
                assert!(prove(&bad, &claims).is_err(), "node {i} {node:?}");
            };
            for k in 0..inputs.len() {
                let mut inputs = inputs.clone();
                let other = netlist.ids().find(|id| {
                    let same = netlist.node(*id).module == netlist.node(inputs[k]).module;
                    same && netlist.node(*id).op == Op::Input
                        && netlist.node(*id).range == Range::BIT
                        && !inputs.contains(id)
                });
                let Some(other) = other else { continue };
                inputs[k] = other;
                refuse(Op::Lut { inputs, table: *table });
            }
            // Entries past the codes of a group never come; those of the stage's inputs all do.
            if !inputs.iter().any(is_table) {
                for entry in 0..1 << inputs.len() {
                    refuse(Op::Lut { inputs: inputs.clone(), table: table ^ 1 << entry });
                }
            }
        }
        assert!(mutants > 50, "{mutants}");
    }

    #[test]
    fn every_changed_number_of_a_plan_is_refused() {
        for style in [Style::Unrolled, Style::Serial { bits: 2 }, Style::Folded { pes: 2 }] {
            let options = Options { folding: Folding::PerLayer(vec![style; 2]), ..Options::default() };
            let plan = plan::plan(&network(), &options).unwrap();
            prove_plan(&network(), &plan).unwrap();
            for stage in 0..2 {
                for change in 0..4 {
                    let mut bad = plan.clone();
                    let rows = bad.stages[stage].units.iter_mut().find_map(|unit| match unit {
                        plan::Unit::Unrolled(unit) => Some(&mut unit.rows),
                        plan::Unit::Serial(unit) => Some(&mut unit.rows),
                        plan::Unit::Folded(unit) => Some(&mut unit.rows),
                        _ => None,
                    });
                    let row = &mut rows.unwrap()[1];
                    match change {
                        0 => row.terms[0].1 *= -1,
                        1 => drop(row.terms.pop()),
                        2 => row.bias += 1,
                        _ => match &mut row.levels {
                            Some(levels) => levels.thresholds[1] += 1,
                            None => row.terms[0].0 += 1,
                        },
                    }
                    assert!(
                        prove_plan(&network(), &bad).is_err(),
                        "{style:?}, stage {stage}, change {change}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_changed_rom_word_is_refused() {
        changed_words(built(Style::Folded { pes: 2 }));
        changed_words(built(Style::Dense { pes: 2 }));
        changed_words(binary());
        changed_words(restored());
    }

    /// Rows of very different lengths at the end of a network, on teams of several elements and without a row for all lanes
    /// of the last.
    fn restored() -> (Netlist, Vec<Claim>) {
        let (inputs, outputs) = (24, 23);
        let length = |row: usize| row * 7 % 23 + 1;
        let weight = |i: usize| if i % inputs < length(i / inputs) { [1, -1][i % 2] } else { 0 };
        let weights = (0..inputs * outputs).map(weight).collect();
        let network = crate::matrix::network("restored", inputs, outputs, weights, Range::signed(4)).unwrap();
        let options = Options { folding: Folding::Pes(16), input_lanes: Some(inputs), ..Options::default() };
        let plan = plan::plan(&network, &options).unwrap();
        let (design, claims, _) = lower::build(&network, &options, &plan);
        prove(&design.netlist, &claims).unwrap();
        assert!(
            design.output.data.len() > 1 && design.netlist.memories.iter().any(|m| m.name == "place0_rom")
        );
        (design.netlist, claims)
    }

    /// Weights of -1 and 1 over bits; the second array waits for its results to leave.
    fn binary() -> (Netlist, Vec<Claim>) {
        let mut network = network();
        network.input.ranges = Range::BIT.into();
        for layer in &mut network.layers {
            match &mut layer.op {
                LayerOp::Dense(d) => d.weights.iter_mut().filter(|w| **w == 0).for_each(|w| *w = 1),
                LayerOp::Threshold(t) => {
                    (t.levels, t.thresholds) = (1, (0..6).map(|c| c / 3).collect());
                }
                _ => {}
            }
        }
        let options = Options {
            folding: Folding::PerLayer(vec![Style::Xnor { pes: 2 }, Style::Xnor { pes: 4 }]),
            ..Options::default()
        };
        let plan = plan::plan(&network, &options).unwrap();
        prove_plan(&network, &plan).unwrap();
        let (design, claims, _) = lower::build(&network, &options, &plan);
        prove(&design.netlist, &claims).unwrap();
        assert!(design.netlist.memories.iter().any(|m| m.name == "live_cycles"));
        (design.netlist, claims)
    }

    fn changed_words((netlist, claims): (Netlist, Vec<Claim>)) {
        let mut mutants = 0;
        for (m, memory) in netlist.memories.iter().enumerate() {
            let MemoryKind::Rom(words) = &memory.kind else { continue };
            if netlist.module(memory.module).name == "argmax" {
                continue;
            }
            for k in 0..words.len() {
                let top = 1 << (memory.word.width() - 1);
                let flips = match &*memory.name {
                    "row_begins" | "live_cycles" => vec![1],
                    // The highest bit of the first of a team begins a row.
                    _ => vec![1, 2, top],
                };
                for flip in flips {
                    let mut bad = netlist.clone();
                    let MemoryKind::Rom(words) = &mut bad.memories[m].kind else { unreachable!() };
                    words[k] ^= flip;
                    mutants += 1;
                    assert!(prove(&bad, &claims).is_err(), "{} word {k}", memory.name);
                }
            }
        }
        assert!(mutants > 50, "{mutants}");
    }
}
