//! Printed text against the interpreter: random netlists run under Icarus Verilog, every output compared in every cycle.
//!
//! Registers and RAMs start at zero in the interpreter and unknown in Verilog; the test gives them a start value in the
//! text it runs, and the generator keeps zero inside their ranges.

use std::collections::BTreeSet;
use std::fmt::Write;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use sterna_hdl::family::Family;
use sterna_hdl::verilog::{Direction, Emitted, PrintOptions, SourceFile, print};
use sterna_ir::interpret::{Circuit, Interpreter};
use sterna_ir::netlist::{Netlist, Op};

use crate::generator::{Buses, random_netlist};
use crate::tools::{has, lint, run, write};

const CYCLES: usize = 50;
const NETLISTS: usize = 240;
const BATCH: usize = 40;

/// Gives registers and RAMs the start value that the interpreter uses.
fn with_power_up(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let declaration = line.trim_start();
        let is_reg = declaration.starts_with("reg ") || declaration.starts_with("output reg ");
        let end = declaration.find([';', ',']).unwrap_or(declaration.len());
        match (is_reg, declaration[..end].split_once(" [0:")) {
            (false, _) => out += line,
            (true, None) => {
                let (head, tail) = declaration.split_at(end);
                out += &format!("{head} = 0{tail}");
            }
            (true, Some((head, bound))) => {
                out += line;
                let name = head.rsplit(' ').next().unwrap();
                let depth: usize = bound.trim_end_matches(']').parse().unwrap();
                if !text.contains(&format!("{name}[0] = ")) {
                    out += "\ninitial begin\n";
                    (0..=depth).for_each(|i| out += &format!("{name}[{i}] = 0;"));
                    out += "\nend";
                }
            }
        }
        out.push('\n');
    }
    out
}

/// A bench that plays `inputs` and compares `outputs`, one packed word per cycle in the order of the ports.
fn bench(index: usize, emitted: &Emitted, words: &[(String, String)]) -> String {
    let total = |d: Direction| {
        let ports = emitted.ports.iter().filter(|p| p.direction == d && !p.nodes.is_empty());
        ports.map(|p| p.width).sum::<u32>()
    };
    let (wi, wo) = (total(Direction::Input), total(Direction::Output));
    let mut text = format!(
        "module bench{index};\nreg clk = 0;\nreg [{}:0] in, ins [0:{c}];\nwire [{}:0] out;\n\
         reg [{}:0] outs [0:{c}];\ninteger i;\n{} dut (",
        wi - 1,
        wo - 1,
        wo - 1,
        emitted.top,
        c = CYCLES - 1
    );
    let (mut ati, mut ato) = (0, 0);
    let mut pins = Vec::new();
    for port in &emitted.ports {
        let (bus, at) = match port.direction {
            _ if port.nodes.is_empty() => {
                pins.push(format!(".{}(clk)", port.name));
                continue;
            }
            Direction::Input => ("in", &mut ati),
            Direction::Output => ("out", &mut ato),
        };
        pins.push(format!(".{}({bus}[{}:{at}])", port.name, *at + port.width - 1));
        *at += port.width;
    }
    let _ = writeln!(text, "{});\ninitial begin", pins.join(", "));
    for (i, (input, output)) in words.iter().enumerate() {
        let _ = writeln!(text, "ins[{i}] = {wi}'b{input}; outs[{i}] = {wo}'b{output};");
    }
    let _ = write!(
        text,
        "for (i = 0; i < {CYCLES}; i = i + 1) begin\nin = ins[i]; #1;\n\
         if (out !== outs[i]) $display(\"DIFF {} cycle %0d got %b want %b in %b\", i, out, outs[i], in);\n\
         #1 clk = 1; #1 clk = 0;\nend\n$display(\"DONE {index}\");\nend\nendmodule\n",
        emitted.top
    );
    text
}

/// What the interpreter does with random inputs: one binary word in, one out per cycle.
fn expected(netlist: &Netlist, emitted: &Emitted, seed: u64) -> Vec<(String, String)> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(!seed);
    let mut circuit = Interpreter::new(netlist);
    let mut words = Vec::new();
    for _ in 0..CYCLES {
        for id in netlist.ids().filter(|id| netlist.node(*id).op == Op::Input) {
            let range = netlist.node(id).range;
            let value = match rng.random_range(0..6) {
                0 => range.lo,
                1 => range.hi,
                _ => rng.random_range(range.lo..=range.hi),
            };
            circuit.set(
                id,
                if Some(id) == netlist.reset { i64::from(rng.random_range(0..8) == 0) } else { value },
            );
        }
        circuit.settle();
        let word = |direction: Direction| {
            let ports = emitted.ports.iter().filter(|p| p.direction == direction);
            let mut bits = Vec::new();
            for node in ports.flat_map(|p| &p.nodes) {
                let value = circuit.get(*node);
                bits.extend((0..netlist.node(*node).range.width()).map(|b| (value >> b & 1) as u8 + b'0'));
            }
            bits.reverse();
            String::from_utf8(bits).unwrap()
        };
        words.push((word(Direction::Input), word(Direction::Output)));
        circuit.clock();
    }
    words
}

/// One netlist in four with operators alone, the rest with the blocks of a family.
fn emit(netlist: &Netlist, seed: u64) -> Emitted {
    let family = [None, Some(Family::Xcup), Some(Family::Ecp5), Some(Family::Xcup)][seed as usize % 4];
    print(netlist, &PrintOptions { version: false, visible: vec![], family }).unwrap()
}

#[test]
fn printed_text_computes_what_the_interpreter_computes() {
    if !has("iverilog") || !has("vvp") {
        return;
    }
    for first in (0..NETLISTS).step_by(BATCH) {
        let folder = tempfile::tempdir().unwrap();
        let mut all = String::new();
        let mut benches = Vec::new();
        let mut files = BTreeSet::new();
        for index in first..first + BATCH {
            let netlist = random_netlist(index as u64, Buses::OfAnything);
            let emitted = emit(&netlist, index as u64);
            for file in &emitted.files {
                // Blocks are the same in all of them.
                if !file.name.starts_with('t') && !files.insert(file.name.clone()) {
                    continue;
                }
                all += &with_power_up(&file.text);
            }
            let words = expected(&netlist, &emitted, index as u64);
            all += &bench(index, &emitted, &words);
            benches.push(format!("-sbench{index}"));
        }
        write(folder.path(), &[SourceFile { name: "all.v".into(), text: all }]);
        let mut args = vec!["-g2005", "-o", "all.vvp"];
        args.extend(benches.iter().map(String::as_str));
        args.push("all.v");
        let (ok, text) = run(folder.path(), "iverilog", &args);
        assert!(ok && text.is_empty(), "{text}");
        let (ok, text) = run(folder.path(), "vvp", &["-n", "all.vvp"]);
        let done = text.lines().filter(|l| l.starts_with("DONE")).count();
        let differences: Vec<&str> = text.lines().filter(|l| !l.starts_with("DONE")).take(20).collect();
        assert!(ok && done == BATCH && differences.is_empty(), "{}", differences.join("\n"));
    }
}

#[test]
fn random_text_is_lint_clean() {
    for seed in 1000..1040 {
        lint(&emit(&random_netlist(seed, Buses::OfState), seed));
    }
}
