//! Registers and memories: their declarations and `always` blocks.

use sterna_ir::netlist::{MemoryKind, Netlist, NodeId, Op};

use super::expr::{literal, side_by_side};
use super::layout::{BREAK, Line, wrap};
use super::module::Writer;
use super::names::comment;

/// Whether the node's own signal is a `reg`: every register, and every read port as wide as its memory. A wider read
/// port keeps the memory's word in a register and is extended from there.
pub fn is_reg(netlist: &Netlist, id: NodeId) -> bool {
    let node = netlist.node(id);
    match node.op {
        Op::Reg { .. } => true,
        Op::Read { memory, .. } => netlist.memory(memory).word.width() == node.range.width(),
        _ => false,
    }
}

/// The declarations of memories and of widened read ports, and the text of all clocked blocks.
pub fn print(w: &mut Writer<'_>, clocked: &[NodeId]) -> (Vec<Line>, String) {
    let mut out = String::new();
    registers(w, clocked, &mut out);
    let mut declarations = Vec::new();
    for memory in w.memories() {
        let reads: Vec<NodeId> = clocked
            .iter()
            .copied()
            .filter(|id| matches!(w.netlist.node(*id).op, Op::Read { memory: m, .. } if m.index() == memory))
            .collect();
        memory_block(w, memory, &reads, &mut declarations, &mut out);
    }
    (declarations, out)
}

/// One block per (enable, whether reset, whether one of several copies), in order of first appearance.
fn registers(w: &mut Writer<'_>, clocked: &[NodeId], out: &mut String) {
    type Key = (Option<NodeId>, bool, bool);
    let mut groups: Vec<(Key, Vec<NodeId>)> = Vec::new();
    let mut position = std::collections::HashMap::new();
    for id in clocked {
        if let Op::Reg { enable, reset, .. } = &w.netlist.node(*id).op {
            let key = (*enable, reset.is_some(), w.netlist.copies.contains(id));
            let at = *position.entry(key).or_insert(groups.len());
            if at == groups.len() {
                groups.push((key, Vec::new()));
            }
            groups[at].1.push(*id);
        }
    }
    for ((enable, has_reset, are_copies), members) in groups {
        let mut resets = Vec::new();
        let mut loads = Vec::new();
        for id in members {
            let node = w.netlist.node(id);
            let Op::Reg { d, reset, .. } = &node.op else { unreachable!("grouped above") };
            let value = w.scope.word(*d, 0, node.range.width());
            loads.push((w.scope.name(id).to_string(), value));
            if let Some(reset) = reset {
                resets.push((w.scope.name(id).to_string(), literal(*reset as u64, node.range.width())));
            }
        }
        let enable = enable.map(|e| w.scope.bit(e));
        let reset = w.netlist.reset.filter(|_| has_reset).map(|r| w.scope.bit(r));
        let attribute = match are_copies {
            true => "// One register for each reader, to lie near it.\n    (* keep *) ",
            false => "",
        };
        *out += &format!("\n    {attribute}always @(posedge {}) begin\n", w.clock());
        let open = match (&reset, &enable) {
            (Some(reset), _) => {
                *out += &format!("        if ({reset}) begin\n");
                *out += &transfers(&resets, 12);
                match &enable {
                    Some(enable) => format!("        end else if ({enable}) begin\n"),
                    None => "        end else begin\n".to_string(),
                }
            }
            (None, Some(enable)) => format!("        if ({enable}) begin\n"),
            (None, None) => String::new(),
        };
        *out += &open;
        *out += &transfers(&loads, if open.is_empty() { 8 } else { 12 });
        if !open.is_empty() {
            *out += "        end\n";
        }
        *out += "    end\n";
    }
}

fn transfers(list: &[(String, String)], indent: usize) -> String {
    let pad = list.iter().map(|(name, _)| name.len()).max().unwrap_or(0).min(20);
    let line = |(name, value): &(String, String)| {
        wrap(&format!("{:indent$}{name:pad$} <= ", ""), &format!("{value};\n"), indent + 4)
    };
    list.iter().map(line).collect()
}

fn memory_block(w: &mut Writer<'_>, index: usize, reads: &[NodeId], lines: &mut Vec<Line>, out: &mut String) {
    let memory = &w.netlist.memories[index];
    let word = memory.word.width();
    let name = w.names.claim(&memory.name);
    let index_width = (memory.depth as u64).next_power_of_two().trailing_zeros().max(1);
    lines.push(Line {
        head: "reg",
        width: Some(word),
        name: format!("{name} [0:{}]", memory.depth - 1),
        value: None,
        remark: None,
        unused: false,
    });
    if let MemoryKind::Rom(words) = &memory.kind {
        let title = comment(&format!("{name}: constant, {} x {word} bit", memory.depth));
        *out += &format!("\n    // {title}\n{}", rom_blocks(&name, words, word));
    }
    *out += &format!("\n    always @(posedge {}) begin\n", w.clock());
    if let MemoryKind::Ram { enable, addr, data } = memory.kind {
        let (enable, addr) = (w.scope.bit(enable), w.scope.word(addr, 0, index_width));
        let data = w.scope.word(data, 0, word);
        let text = format!("if ({enable}){BREAK}{name}[{addr}] <={BREAK}{data};\n");
        *out += &wrap("        ", &text, 12);
    }
    for id in reads {
        let Op::Read { addr, enable, .. } = w.netlist.node(*id).op else {
            unreachable!("filtered by the caller")
        };
        let target = match is_reg(w.netlist, *id) {
            true => w.scope.name(*id).to_string(),
            false => widened(w, *id, word, memory.word.is_signed(), lines),
        };
        let addr = w.scope.word(addr, 0, index_width);
        let guard = enable.map_or(String::new(), |e| format!("if ({}){BREAK}", w.scope.bit(e)));
        *out += &wrap("        ", &format!("{guard}{target} <= {name}[{addr}];\n"), 12);
    }
    *out += "    end\n";
}

/// Contents of a ROM as assignments, several per line, in blocks of [`ROM_BLOCK`].
fn rom_blocks(name: &str, words: &[i64], width: u32) -> String {
    let digits = width.div_ceil(4) as usize;
    let assign = |(i, value): (usize, &i64)| match *value as u64 & (u64::MAX >> (64 - width)) {
        bit if width == 1 => format!("{name}[{i}] = 1'b{bit};"),
        word => format!("{name}[{i}] = {width}'h{word:0digits$x};"),
    };
    let assigns: Vec<String> = words.iter().enumerate().map(assign).collect();
    let block = |lines: &[String]| {
        let lines = wrap("        ", &lines.join(&BREAK.to_string()), 8);
        format!("    initial begin\n{lines}\n    end\n")
    };
    assigns.chunks(ROM_BLOCK).map(block).collect()
}

/// Words per `initial` block: Yosys 0.23 takes time quadratic in the length of a block (16,384 words: 97 s in one block,
/// 4 s in blocks of 256).
const ROM_BLOCK: usize = 256;

/// Declares the register behind a read port that is wider than the memory, and its extension; returns its name.
fn widened(w: &mut Writer<'_>, id: NodeId, word: u32, is_signed: bool, lines: &mut Vec<Line>) -> String {
    let raw = w.names.claim(&format!("{}_word", w.scope.name(id)));
    let extra = w.netlist.node(id).range.width() - word;
    let high = match is_signed {
        true => format!(
            "{{{extra}{{{raw}{}}}}}",
            if word == 1 { String::new() } else { format!("[{}]", word - 1) }
        ),
        false => format!("{extra}'b0"),
    };
    lines.push(Line {
        head: "reg",
        width: Some(word),
        name: raw.clone(),
        value: None,
        remark: None,
        unused: false,
    });
    let line = w.line(["wire", "wire signed"], id, Some(side_by_side(vec![high, raw.clone()])));
    lines.push(match w.is_exported(id) {
        true => Line { head: "assign", width: None, unused: false, ..line },
        false => line,
    });
    raw
}
