//! Waveforms: a circuit that writes what it does as a value change dump (IEEE 1364, section 18).

use ::vcd::{IdCode, TimescaleUnit, Value, VarType, Writer};
use std::collections::BTreeSet;
use std::io::{Error, Result, Write};
use sterna_ir::Netlist;
use sterna_ir::interpret::Circuit;
use sterna_ir::netlist::{ModuleId, NodeId, Op};

/// Time units, of 1 ns, in a cycle.
pub const PERIOD: u64 = 10;

struct Trace {
    node: NodeId,
    code: IdCode,
    width: u32,
    shown: Option<i64>,
}

/// A circuit with a waveform. Cycle `c`, counted from the first settling (reset included), lasts from `10 c` ns to
/// `10 (c + 1)` ns: the clock rises at its begin and falls in its middle, and the values are the settled ones.
pub struct Wave<C, W: Write> {
    circuit: C,
    writer: Writer<W>,
    clock: IdCode,
    traces: Vec<Trace>,
    cycle: u64,
    window: std::ops::Range<u64>,
    error: Option<Error>,
}

impl<C: Circuit, W: Write> Wave<C, W> {
    /// Writes the header. `nodes` chooses what is shown, by default every named node but constants; all of it must be
    /// readable in `circuit`. Only cycles in `window` are written.
    ///
    /// # Errors
    /// When writing fails.
    pub fn new(
        netlist: &Netlist,
        circuit: C,
        nodes: Option<&[NodeId]>,
        window: std::ops::Range<u64>,
        out: W,
    ) -> Result<Self> {
        let chosen: BTreeSet<NodeId> = match nodes {
            Some(nodes) => nodes.iter().copied().collect(),
            None => netlist
                .ids()
                .filter(|id| {
                    !matches!(netlist.node(*id).op, Op::Const(_)) && !netlist.node(*id).name.is_empty()
                })
                .collect(),
        };
        let mut writer = Writer::new(out);
        writer.timescale(1, TimescaleUnit::NS)?;
        let mut scopes = Scopes { netlist, chosen, writer: &mut writer, traces: vec![] };
        let clock = scopes.module(ModuleId::TOP, true)?;
        let traces = scopes.traces;
        writer.enddefinitions()?;
        let clock = clock.expect("the top module has a clock");
        Ok(Wave { circuit, writer, clock, traces, cycle: 0, window, error: None })
    }

    /// Ends the last cycle.
    ///
    /// # Errors
    /// The first failure to write.
    pub fn finish(mut self) -> Result<()> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.window.start < self.cycle.min(self.window.end) {
            self.writer.timestamp(self.cycle.min(self.window.end) * PERIOD)?;
        }
        self.writer.flush()
    }

    fn write(&mut self) -> Result<()> {
        self.writer.timestamp(self.cycle * PERIOD)?;
        self.writer.change_scalar(self.clock, Value::V1)?;
        for trace in &mut self.traces {
            let value = self.circuit.get(trace.node);
            if trace.shown.replace(value) == Some(value) {
                continue;
            }
            let bit = |i: u32| Value::from(value >> i & 1 == 1);
            if trace.width == 1 {
                self.writer.change_scalar(trace.code, bit(0))?;
            } else {
                self.writer.change_vector(trace.code, (0..trace.width).rev().map(bit))?;
            }
        }
        self.writer.timestamp(self.cycle * PERIOD + PERIOD / 2)?;
        self.writer.change_scalar(self.clock, Value::V0)
    }
}

struct Scopes<'a, W: Write> {
    netlist: &'a Netlist,
    chosen: BTreeSet<NodeId>,
    writer: &'a mut Writer<W>,
    traces: Vec<Trace>,
}

impl<W: Write> Scopes<'_, W> {
    /// Declares a module and those inside it; the clock's code for the top.
    fn module(&mut self, id: ModuleId, clock: bool) -> Result<Option<IdCode>> {
        let mut names = BTreeSet::new();
        self.writer.add_module(&legal(&self.netlist.module(id).name))?;
        let code = if clock { Some(self.writer.add_wire(1, unique(&mut names, "clk", 0))?) } else { None };
        for node in self.chosen.clone().into_iter().filter(|n| self.netlist.node(*n).module == id) {
            let width = self.netlist.node(node).range.width();
            let name = legal(&self.netlist.node(node).name);
            let name = unique(&mut names, &name, node.0);
            let state = self.netlist.node(node).op.is_sequential();
            let kind = if state { VarType::Reg } else { VarType::Wire };
            let code = self.writer.add_var(kind, width, name, None)?;
            self.traces.push(Trace { node, code, width, shown: None });
        }
        for inner in (0..self.netlist.modules.len() as u32).map(ModuleId) {
            if self.netlist.module(inner).parent == Some(id) {
                self.module(inner, false)?;
            }
        }
        self.writer.upscope()?;
        Ok(code)
    }
}

/// Names in the file are separated by white space and must not look like its keywords.
fn legal(name: &str) -> String {
    let good = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let name: String = name.chars().take(200).map(good).collect();
    if name.is_empty() { "_".into() } else { name }
}

fn unique<'n>(names: &'n mut BTreeSet<String>, name: &str, number: u32) -> &'n str {
    let mut name = name.to_string();
    while names.contains(&name) {
        name = format!("{name}_{number}");
    }
    names.insert(name.clone());
    names.get(&name).expect("it was just inserted")
}

impl<C: Circuit, W: Write> Circuit for Wave<C, W> {
    fn set(&mut self, input: NodeId, value: i64) {
        self.circuit.set(input, value);
    }

    fn settle(&mut self) {
        self.circuit.settle();
        if self.window.contains(&self.cycle) && self.error.is_none() {
            self.error = self.write().err();
        }
        self.cycle += 1;
    }

    fn get(&self, node: NodeId) -> i64 {
        self.circuit.get(node)
    }

    fn clock(&mut self) {
        self.circuit.clock();
    }
}
