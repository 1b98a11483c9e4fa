//! The guarantees of a netlist. A pass that breaks one is at fault; every compile runs this before it prints.
//!
//! - operands exist, and those of combinational nodes come earlier in the arena (so there is no combinational loop);
//! - every node's range covers what its operands can produce; only [`Op::Wrap`] cuts;
//! - selects, enables and logic operands are bits; addresses are unsigned; ROMs hold `depth` words inside their range;
//! - inputs are in the top module; a memory and its ports share a module; a node is in at most one bus.

use crate::build::sum_range;
use crate::netlist::{Memory, MemoryKind, ModuleId, Netlist, Node, NodeId, Op};
use crate::range::MAX_WIDTH;
use crate::{Error, Range, Result};

/// Refuses a netlist that breaks a guarantee, naming the node.
pub fn check(netlist: &Netlist) -> Result<()> {
    if netlist.modules.first().is_none_or(|top| top.parent.is_some()) {
        return Err(Error::Netlist { node: "-".into(), what: "the first module must be the top".into() });
    }
    for id in netlist.ids() {
        let node = netlist.node(id);
        check_node(netlist, id)
            .map_err(|what| Error::Netlist { node: format!("{} ({})", id.0, node.name), what })?;
    }
    for memory in &netlist.memories {
        check_memory(netlist, memory).map_err(|what| Error::Netlist { node: memory.name.clone(), what })?;
    }
    check_ports(netlist)
}

fn check_node(netlist: &Netlist, id: NodeId) -> std::result::Result<(), String> {
    let node = netlist.node(id);
    if let Some(bad) = node.op.operands().iter().find(|o| o.index() >= netlist.nodes.len()) {
        return Err(format!("operand {} does not exist", bad.0));
    }
    if !node.op.is_sequential()
        && let Some(late) = node.op.operands().iter().find(|o| **o >= id)
    {
        return Err(format!("combinational operand {} comes later", late.0));
    }
    if node.range.lo > node.range.hi || node.range.width() > MAX_WIDTH {
        return Err(format!("range {} is empty or wider than {MAX_WIDTH} bits", node.range));
    }
    let produced = produced(netlist, node)?;
    if !node.range.covers(produced) {
        return Err(format!("range {} does not cover {produced}", node.range));
    }
    Ok(())
}

/// What the operands can produce, after checking their kinds.
fn produced(netlist: &Netlist, node: &Node) -> std::result::Result<Range, String> {
    let range = |id: NodeId| netlist.node(id).range;
    let bit = |id: NodeId| match Range::BIT.covers(range(id)) {
        true => Ok(()),
        false => Err(format!("operand {} of range {} is not a bit", id.0, range(id))),
    };
    Ok(match &node.op {
        Op::Input if node.module != ModuleId::TOP => return Err("an input outside the top module".into()),
        Op::Input => node.range,
        Op::Const(value) => Range::point(*value),
        Op::Sum(terms) if !(1..=3).contains(&terms.len()) => return Err(format!("{} terms", terms.len())),
        Op::Sum(terms) => sum_range(netlist, terms).ok_or("the sum may overflow")?,
        Op::Ge(..) | Op::Eq(..) => Range::BIT,
        Op::And(bits) | Op::Or(bits) => {
            bits.iter().try_for_each(|b| bit(*b))?;
            if bits.is_empty() {
                return Err("no operands".into());
            }
            Range::BIT
        }
        Op::Lut { inputs, table } => {
            inputs.iter().try_for_each(|b| bit(*b))?;
            if !(1..=6).contains(&inputs.len()) {
                return Err(format!("a table of {} inputs", inputs.len()));
            }
            if inputs.len() < 6 && table >> (1u32 << inputs.len()) != 0 {
                return Err(format!("table {table:#x} is too long for {} inputs", inputs.len()));
            }
            Range::BIT
        }
        Op::Not(a) => bit(*a).map(|()| Range::BIT)?,
        Op::Mux { sel, zero, one } => bit(*sel).map(|()| range(*zero).union(range(*one)))?,
        Op::Wrap(_) if node.range != node.range.word() => {
            return Err(format!("{} is not a whole word", node.range));
        }
        Op::Wrap(_) => node.range,
        Op::Slice { a, lo } => {
            let width = node.range.width();
            if lo + width > range(*a).width() {
                return Err(format!("bits {lo}+{width} of a word of {} bits", range(*a).width()));
            }
            Range::unsigned(width)
        }
        Op::Concat(parts) => {
            let width: u32 = parts.iter().map(|p| range(*p).width()).sum();
            if !(1..=MAX_WIDTH).contains(&width) {
                return Err(format!("{width} bits side by side"));
            }
            Range::unsigned(width)
        }
        Op::Reg { d, enable, reset } => {
            enable.map_or(Ok(()), bit)?;
            if reset.is_some() && netlist.reset.is_none() {
                return Err("a reset value, but the netlist has no reset".into());
            }
            reset.map_or(range(*d), |value| range(*d).union(Range::point(value)))
        }
        Op::Read { memory, addr, enable } => {
            enable.map_or(Ok(()), bit)?;
            let memory = netlist.memories.get(memory.index()).ok_or("the memory does not exist")?;
            if memory.module != node.module || range(*addr).is_signed() {
                return Err("a read port outside its memory's module, or with a signed address".into());
            }
            memory.word
        }
    })
}

fn check_memory(netlist: &Netlist, memory: &Memory) -> std::result::Result<(), String> {
    match &memory.kind {
        MemoryKind::Rom(words) if words.len() != memory.depth || words.is_empty() => {
            Err(format!("{} words for a depth of {}", words.len(), memory.depth))
        }
        MemoryKind::Rom(words) => match words.iter().find(|w| !memory.word.contains(**w)) {
            Some(word) => Err(format!("word {word} is outside {}", memory.word)),
            None => Ok(()),
        },
        MemoryKind::Ram { enable, addr, data } => {
            let range =
                |id: &NodeId| netlist.nodes.get(id.index()).map(|n| n.range).ok_or("a port does not exist");
            if !Range::BIT.covers(range(enable)?)
                || range(addr)?.is_signed()
                || !memory.word.covers(range(data)?)
            {
                return Err(
                    "a write enable that is no bit, a signed address, or a word that does not fit".into()
                );
            }
            Ok(())
        }
    }
}

fn check_ports(netlist: &Netlist) -> Result<()> {
    let mut bus_of = vec![None; netlist.nodes.len()];
    for bus in &netlist.buses {
        for id in &bus.nodes {
            if let Some(other) = bus_of[id.index()].replace(&bus.name) {
                let what = format!("is in bus {other} and in bus {}", bus.name);
                return Err(Error::Netlist { node: netlist.node(*id).name.clone(), what });
            }
        }
    }
    Ok(())
}
