//! The fast simulator equals the interpreter on every node in every cycle.

use crate::common::random::{Dice, netlist};
use proptest::prelude::*;
use sterna_ir::Netlist;
use sterna_ir::interpret::{Circuit, Interpreter};
use sterna_ir::netlist::Op;
use sterna_sim::dual::{Difference, Dual};
use sterna_sim::{Bitwise, Program, Simulator, Watch, WordSize};

/// Drives both with random inputs, reset now and then.
fn race(netlist: &Netlist, simulator: impl Circuit, seed: u64, cycles: usize) -> Option<Difference> {
    let mut dice = Dice(seed);
    let mut dual = Dual::new(netlist, Interpreter::new(netlist), simulator);
    for cycle in 0..cycles {
        for id in netlist.ids().filter(|id| netlist.node(*id).op == Op::Input) {
            let value = if Some(id) == netlist.reset {
                i64::from(cycle < 2 || dice.below(8) == 0)
            } else {
                dice.value(netlist.node(id).range)
            };
            dual.set(id, value);
        }
        dual.settle();
        if dual.difference.is_some() {
            return dual.difference;
        }
        dual.clock();
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_node_of_a_random_netlist(seed: u64, size in 5usize..120, width in prop::sample::select(vec![8u32, 14, 30, 31, 56])) {
        let netlist = netlist(seed, size, width);
        for size in [WordSize::W16, WordSize::W32, WordSize::W64] {
            let program = Program::new(&netlist, Watch::All).at_least(size);
            let simulator = Simulator::with(&netlist, program);
            prop_assert_eq!(race(&netlist, simulator, seed ^ 1, 60), None);
        }
    }

    #[test]
    fn every_node_bit_by_bit(seed: u64, size in 5usize..120, width in prop::sample::select(vec![8u32, 14, 30, 56])) {
        let netlist = netlist(seed, size, width);
        let simulator = Bitwise::new(&netlist, Watch::All);
        prop_assert_eq!(race(&netlist, simulator, seed ^ 1, 60), None);
    }

    #[test]
    fn dropping_dead_nodes_changes_no_output(seed: u64, size in 5usize..120) {
        let netlist = netlist(seed, size, 20);
        outputs(&netlist, Simulator::new(&netlist, Watch::Nodes(&[])), seed)?;
        outputs(&netlist, Bitwise::new(&netlist, Watch::Nodes(&[])), seed)?;
    }
}

/// Compares the outputs alone.
fn outputs(netlist: &Netlist, mut fast: impl Circuit, seed: u64) -> Result<(), TestCaseError> {
    let mut slow = Interpreter::new(netlist);
    let mut dice = Dice(seed);
    for cycle in 0..60 {
        for id in netlist.ids().filter(|id| netlist.node(*id).op == Op::Input) {
            let value = if Some(id) == netlist.reset {
                i64::from(cycle < 2)
            } else {
                dice.value(netlist.node(id).range)
            };
            fast.set(id, value);
            slow.set(id, value);
        }
        fast.settle();
        slow.settle();
        for id in &netlist.outputs {
            prop_assert_eq!(fast.get(*id), slow.get(*id));
        }
        fast.clock();
        slow.clock();
    }
    Ok(())
}

#[test]
fn narrow_values_take_narrow_words_and_dead_nodes_no_slot() {
    let narrow = Program::new(&netlist(3, 40, 8), Watch::All);
    let wide = Program::new(&netlist(3, 80, 56), Watch::All);
    assert_eq!((narrow.word_size(), wide.word_size()), (WordSize::W16, WordSize::W64));
    let all = netlist(5, 100, 20);
    assert!(Program::new(&all, Watch::Nodes(&[])).len() < Program::new(&all, Watch::All).len());
}

/// The comparison itself must be able to fail: a simulator of a netlist with one changed constant.
#[test]
fn a_dual_run_names_the_first_differing_node() {
    let right = netlist(7, 60, 20);
    let mut wrong = right.clone();
    let constant = right.ids().find(|id| right.node(*id).op == Op::Const(5)).unwrap();
    wrong.nodes[constant.index()].op = Op::Const(4);
    let found = race(&right, Simulator::new(&wrong, Watch::All), 1, 10).unwrap();
    assert_eq!((found.node.as_str(), found.cycle, found.expected, found.found), ("c5", 0, 5, 4));
}
