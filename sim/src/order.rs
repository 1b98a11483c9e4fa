//! The order in which the clock edge updates state in place.
//!
//! All state changes at once, so whoever reads a register must be served before the register is overwritten. Where that
//! is impossible (two registers that swap their values) the register's value is copied aside first, as one more
//! combinational node, and its readers take the copy.

use std::collections::BTreeMap;
use sterna_ir::netlist::{MemoryId, MemoryKind, Netlist, NodeId, Op};

/// One state change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    /// A register or read port takes its next value.
    Update(NodeId),
    /// A memory is written.
    Write(MemoryId),
}

/// The state changes in an order that is safe in place.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    /// Waves of actions; those of one wave do not read each other.
    pub waves: Vec<Vec<Action>>,
    /// Registers whose value is read through a copy.
    pub copied: Vec<NodeId>,
}

/// What an action reads at the clock edge.
pub(crate) fn reads(netlist: &Netlist, action: Action) -> Vec<NodeId> {
    match action {
        Action::Update(id) => netlist.node(id).op.operands(),
        Action::Write(memory) => match &netlist.memory(memory).kind {
            MemoryKind::Ram { enable, addr, data } => vec![*enable, *addr, *data],
            MemoryKind::Rom(_) => vec![],
        },
    }
}

/// The memory that a read port reads.
pub(crate) fn memory(netlist: &Netlist, action: Action) -> Option<MemoryId> {
    match action {
        Action::Update(id) => match netlist.node(id).op {
            Op::Read { memory, .. } => Some(memory),
            _ => None,
        },
        Action::Write(_) => None,
    }
}

/// Orders `actions`: readers of a register before the register, read ports of a memory before its write. `reads` are the
/// registers that an action reads, among other nodes; `memory` the memory that it reads.
pub(crate) fn schedule(
    actions: &[Action],
    mut reads: impl FnMut(Action) -> Vec<NodeId>,
    memory: impl Fn(Action) -> Option<MemoryId>,
) -> Schedule {
    let position: BTreeMap<Action, usize> = actions.iter().enumerate().map(|(i, a)| (*a, i)).collect();
    // after[x]: actions that must wait for x; an edge through a value can be cut by copying, one through a memory cannot.
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); actions.len()];
    let mut waits = vec![0usize; actions.len()];
    for (i, action) in actions.iter().enumerate() {
        let values = reads(*action).into_iter().map(Action::Update);
        let write = memory(*action).map(Action::Write);
        for target in values.chain(write).filter_map(|a| position.get(&a).copied()).filter(|t| *t != i) {
            after[i].push(target);
            waits[target] += 1;
        }
    }
    let mut result = Schedule::default();
    let mut done = vec![false; actions.len()];
    let mut copied = vec![false; actions.len()];
    let mut ready: Vec<usize> = (0..actions.len()).filter(|i| waits[*i] == 0).collect();
    let mut left = actions.len();
    let mut first = 0;
    while left > 0 {
        if ready.is_empty() {
            let stuck = (first..actions.len())
                .find(|i| !done[*i] && !copied[*i] && matches!(actions[*i], Action::Update(_)))
                .expect("only values close a circle of waiting actions");
            first = stuck;
            copied[stuck] = true;
            if let Action::Update(id) = actions[stuck] {
                result.copied.push(id);
            }
            ready.push(stuck);
        }
        let wave = std::mem::take(&mut ready);
        for &i in &wave {
            done[i] = true;
            left -= 1;
            for &target in &after[i] {
                waits[target] -= 1;
                if waits[target] == 0 && !copied[target] {
                    ready.push(target);
                }
            }
        }
        result.waves.push(wave.into_iter().map(|i| actions[i]).collect());
    }
    result
}
