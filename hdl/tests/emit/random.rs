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
use sterna_ir::Range;
use sterna_ir::check::check;
use sterna_ir::interpret::{Circuit, Interpreter};
use sterna_ir::netlist::{
    Bus, Memory, MemoryId, MemoryKind, Module, ModuleId, Netlist, Node, NodeId, Op, Term,
};

use crate::tools::{has, lint, run, write};

const CYCLES: usize = 50;
const NETLISTS: usize = 240;
const BATCH: usize = 40;

struct Generator {
    rng: Xoshiro256PlusPlus,
    netlist: Netlist,
    /// Among the sums, differences of complements.
    differences: bool,
}

impl Generator {
    fn below(&mut self, n: usize) -> usize {
        self.rng.random_range(0..n)
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    fn add(&mut self, op: Op, range: Range) -> NodeId {
        let id = NodeId(self.netlist.nodes.len() as u32);
        let module = match op {
            Op::Input => ModuleId::TOP,
            Op::Read { memory, .. } => self.netlist.memory(memory).module,
            _ => ModuleId(self.below(self.netlist.modules.len()) as u32),
        };
        self.netlist.nodes.push(Node { op, range, name: format!("n{}", id.0), module });
        id
    }

    /// A range of any kind: bits, whole words, points, negative only, with and without zero.
    fn range(&mut self) -> Range {
        let (a, b): (i64, i64) = (self.rng.random_range(-40..40), self.rng.random_range(-40..40));
        match self.below(8) {
            0 => Range::BIT,
            1 => Range::point(a),
            2 => Range::new(-41 - a.abs(), -1 - b.abs()),
            3 => Range::unsigned(1 + a.unsigned_abs() as u32 % 9),
            4 => Range::signed(1 + a.unsigned_abs() as u32 % 9),
            5 => Range::new(a.abs().min(b.abs()), a.abs().max(b.abs())),
            6 => Range::new(-a.abs() * 1_000_000_007, b.abs() * 999_999_937),
            _ => Range::new(a.min(b), a.max(b)),
        }
    }

    /// Sometimes wider than need be.
    fn widened(&mut self, range: Range) -> Range {
        match self.below(8) {
            0 => range.union(Range::point(range.hi + 3)),
            1 => range.union(Range::point(range.lo - 2)),
            _ => range,
        }
    }

    fn node(&mut self) -> NodeId {
        NodeId(self.below(self.netlist.nodes.len()) as u32)
    }

    fn range_of(&self, id: NodeId) -> Range {
        self.netlist.node(id).range
    }

    fn bit(&mut self) -> NodeId {
        for _ in 0..20 {
            let id = self.node();
            if Range::BIT.covers(self.range_of(id)) {
                return id;
            }
        }
        let a = self.node();
        let lo = self.below(self.range_of(a).width() as usize) as u32;
        self.add(Op::Slice { a, lo }, Range::BIT)
    }

    fn bits(&mut self) -> Vec<NodeId> {
        (0..1 + self.below(4)).map(|_| self.bit()).collect()
    }

    /// A small unsigned node that is no constant, for addresses: Yosys warns about memories with constant ones.
    fn address(&mut self) -> NodeId {
        let varies = |g: &Self, id: NodeId| match g.netlist.node(id).op {
            Op::Const(_) => false,
            Op::Slice { a, .. } | Op::Not(a) | Op::Wrap(a) => !matches!(g.netlist.node(a).op, Op::Const(_)),
            _ => true,
        };
        for _ in 0..20 {
            let id = self.node();
            if 0 <= self.range_of(id).lo && self.range_of(id).hi < 40 && varies(self, id) {
                return id;
            }
        }
        self.netlist.reset.expect("made first")
    }

    fn maybe_bit(&mut self) -> Option<NodeId> {
        self.chance(50).then(|| self.bit())
    }

    fn step(&mut self) {
        let (a, b) = (self.node(), self.node());
        let range = self.range();
        match self.below(16) {
            0 => {
                let value = range.lo;
                let range = self.widened(Range::point(value));
                self.add(Op::Const(value), range);
            }
            3 if self.differences => self.difference(),
            1..=3 => self.sum(),
            4 => {
                self.widened_bit(Op::Ge(a, b));
            }
            5 => {
                self.widened_bit(Op::Eq(a, b));
            }
            6 => {
                let op = if self.chance(50) { Op::And(self.bits()) } else { Op::Or(self.bits()) };
                self.widened_bit(op);
            }
            7 => {
                let bit = self.bit();
                self.widened_bit(Op::Not(bit));
            }
            8 => {
                let sel = self.bit();
                let range = self.range_of(a).union(self.range_of(b));
                let range = self.widened(range);
                self.add(Op::Mux { sel, zero: a, one: b }, range);
            }
            9 => {
                self.add(Op::Wrap(a), range.word());
            }
            10 => {
                let width = self.range_of(a).width();
                let lo = self.below(width as usize) as u32;
                let bits = 1 + self.below((width - lo) as usize) as u32;
                self.add(Op::Slice { a, lo }, Range::unsigned(bits));
            }
            11 => self.concat(),
            12 | 13 => self.register(),
            14 => {
                let inputs: Vec<NodeId> = (0..1 + self.below(6)).map(|_| self.bit()).collect();
                let table = self.rng.random::<u64>() >> (64 - (1u32 << inputs.len()));
                self.widened_bit(Op::Lut { inputs, table });
            }
            _ => self.memory(),
        }
    }

    fn widened_bit(&mut self, op: Op) -> NodeId {
        let range = self.widened(Range::BIT);
        self.add(op, range)
    }

    fn sum(&mut self) {
        let terms: Vec<Term> = (0..1 + self.below(3))
            .map(|_| Term { node: self.node(), shift: self.below(4) as u8, negate: self.chance(40) })
            .collect();
        let mut range = Range::point(0);
        for term in &terms {
            let factor = if term.negate { -1 } else { 1 } << term.shift;
            range = range.checked_add(self.range_of(term.node).checked_scale(factor).unwrap()).unwrap();
        }
        let range = self.widened(range);
        if range.width() <= 50 {
            self.add(Op::Sum(terms), range);
        }
    }

    /// A difference, one operand of which is held as its complement.
    fn difference(&mut self) {
        let (a, x) = (self.node(), self.node());
        let range = self.range_of(x);
        let ones = if range.is_signed() { -1 } else { (1i64 << range.width()) - 1 };
        if range.width() > 40 || self.range_of(a).width() > 40 {
            return;
        }
        let constant = |g: &mut Self, value| Term::plus(g.add(Op::Const(value), Range::point(value)));
        let all = constant(self, ones);
        let complement = Range::new(ones - range.hi, ones - range.lo);
        let own = self.widened(complement);
        let complement = self.add(Op::Sum(vec![all, Term::minus(x)]), own);
        let shift = self.below(4) as u8;
        let carry = constant(self, -ones);
        let terms = vec![Term::plus(a), Term { shift, ..Term::plus(complement) }, Term { shift, ..carry }];
        let by = |range: Range, factor: i64| range.checked_scale(factor << shift).unwrap();
        let taken = by(own, 1).checked_add(by(Range::point(-ones), 1)).unwrap();
        let range = self.range_of(a).checked_add(taken).unwrap();
        let range = self.widened(range);
        self.add(Op::Sum(terms), range);
    }

    fn concat(&mut self) {
        let parts: Vec<NodeId> = (0..1 + self.below(4)).map(|_| self.node()).collect();
        let width: u32 = parts.iter().map(|p| self.range_of(*p).width()).sum();
        if width <= 50 {
            let range = self.widened(Range::unsigned(width));
            self.add(Op::Concat(parts), range);
        }
    }

    fn register(&mut self) {
        let (d, enable) = (self.node(), self.maybe_bit());
        let reset = self.chance(50).then(|| self.rng.random_range(-5..5));
        let range = self.range_of(d).union(Range::point(0)).union(Range::point(reset.unwrap_or(0)));
        let range = self.widened(range);
        self.add(Op::Reg { d, enable, reset }, range);
    }

    fn memory(&mut self) {
        let addr = self.address();
        let depth = self.range_of(addr).hi as usize + 1 + self.below(3);
        let module = ModuleId(self.below(self.netlist.modules.len()) as u32);
        let (word, kind) = if self.chance(60) {
            let range = self.range();
            let words: Vec<i64> = (0..depth).map(|_| self.rng.random_range(range.lo..=range.hi)).collect();
            (range, MemoryKind::Rom(words))
        } else {
            let (enable, data) = (self.bit(), self.node());
            (self.range_of(data).union(Range::point(0)), MemoryKind::Ram { enable, addr, data })
        };
        let id = MemoryId(self.netlist.memories.len() as u32);
        self.netlist.memories.push(Memory { name: format!("m{}", id.0), module, depth, word, kind });
        for _ in 0..1 + self.below(2) {
            let enable = self.maybe_bit();
            let range = self.widened(word.union(Range::point(0)));
            self.add(Op::Read { memory: id, addr, enable }, range);
        }
    }
}

/// What the members of a bus may be. Where one member depends on another without a register between, Verilator sees a
/// loop through the packed word (UNOPTFLAT); real streams have no such buses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Buses {
    OfAnything,
    OfState,
}

/// A checked netlist with feedback through registers, nested modules and buses.
fn random_netlist(seed: u64, buses: Buses) -> Netlist {
    let top = Module { name: format!("t{seed}"), parent: None, about: vec![] };
    let netlist = Netlist { modules: vec![top], ..Netlist::default() };
    let differences = buses == Buses::OfAnything;
    let mut g = Generator { rng: Xoshiro256PlusPlus::seed_from_u64(seed), netlist, differences };
    for i in 0..g.below(5) {
        let parent = Some(ModuleId(g.below(g.netlist.modules.len()) as u32));
        g.netlist.modules.push(Module { name: format!("t{seed}_m{i}"), parent, about: vec![] });
    }
    g.netlist.reset = Some(g.add(Op::Input, Range::BIT));
    for _ in 0..2 + g.below(6) {
        let range = g.range();
        g.add(Op::Input, range);
    }
    // Registers whose input comes later.
    let loops: Vec<NodeId> = (0..g.below(4))
        .map(|_| {
            let range = g.range().word().union(Range::point(0)).word();
            let (enable, reset) = (g.maybe_bit(), g.chance(50).then_some(range.hi));
            g.add(Op::Reg { d: NodeId(0), enable, reset }, range)
        })
        .collect();
    for _ in 0..10 + g.below(50) {
        g.step();
    }
    for register in loops {
        let from = g.node();
        let next = g.add(Op::Wrap(from), g.range_of(register));
        let Op::Reg { d, .. } = &mut g.netlist.nodes[register.index()].op else { unreachable!() };
        *d = next;
    }
    let count = g.netlist.nodes.len();
    g.netlist.outputs = (0..3 + g.below(8)).map(|_| NodeId(g.below(count) as u32)).collect();
    let mut free: Vec<NodeId> = g.netlist.ids().skip(1).collect();
    if buses == Buses::OfState {
        let is_state = |op: &Op| op.is_sequential() || *op == Op::Input;
        free.retain(|id| is_state(&g.netlist.node(*id).op));
    }
    for i in 0..g.below(5) {
        let size = (1 + g.below(5)).min(free.len());
        let nodes = (0..size).map(|_| free.swap_remove(g.below(free.len()))).collect();
        g.netlist.buses.push(Bus { name: format!("b{i}_data"), nodes, about: String::new() });
    }
    check(&g.netlist).expect("the generator keeps the guarantees");
    g.netlist
}

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
    for seed in 1000..1019 {
        lint(&emit(&random_netlist(seed, Buses::OfState), seed));
    }
}
