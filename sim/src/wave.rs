//! Waveforms: a circuit that writes what it does to a file, as VCD (IEEE 1364, section 18) or FST (GTKWave's format, which
//! Surfer and `wellen` read, too).

mod fst;
mod vcd;

use crate::{Error, Result};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use sterna_ir::Netlist;
use sterna_ir::interpret::Circuit;
use sterna_ir::netlist::{ModuleId, NodeId, Op};

/// Time units, of 1 ns, in a cycle.
pub const PERIOD: u64 = 10;

/// What modules and nodes are called in a waveform.
#[derive(Clone, Debug)]
pub struct Names {
    /// The instance of each module, in the order of the netlist.
    pub modules: Vec<String>,
    /// Nodes that can be shown.
    pub nodes: HashMap<NodeId, String>,
    /// The clock.
    pub clock: String,
}

impl Names {
    /// Names of the netlist itself: every named node but constants.
    pub fn of(netlist: &Netlist) -> Self {
        let is_shown =
            |id: &NodeId| !matches!(netlist.node(*id).op, Op::Const(_)) && !netlist.node(*id).name.is_empty();
        let node = |id: NodeId| (id, netlist.node(id).name.clone());
        Names {
            modules: netlist.modules.iter().map(|m| m.name.clone()).collect(),
            nodes: netlist.ids().filter(is_shown).map(node).collect(),
            clock: "clk".into(),
        }
    }

    /// Where each node is: `top.instance.name`, in arena order.
    pub fn paths(&self, netlist: &Netlist) -> Vec<(NodeId, String)> {
        let mut modules: Vec<String> = Vec::new();
        for (name, module) in self.modules.iter().zip(&netlist.modules) {
            let above = module.parent.map(|p| modules[p.index()].clone() + ".");
            modules.push(above.unwrap_or_default() + &legal(name));
        }
        let shown = netlist.ids().filter_map(|id| Some((id, self.nodes.get(&id)?)));
        shown
            .map(|(id, name)| (id, format!("{}.{}", modules[netlist.node(id).module.index()], legal(name))))
            .collect()
    }

    /// Leaves only the signals in `scopes`, each a path of a module or a signal; all of them if there are none.
    ///
    /// # Errors
    /// The first scope that holds nothing.
    pub fn within(mut self, netlist: &Netlist, scopes: &[String]) -> std::result::Result<Self, String> {
        let paths = self.paths(netlist);
        let is_in = |path: &str, scope: &str| {
            path.strip_prefix(scope).is_some_and(|p| p.is_empty() || p.starts_with('.'))
        };
        if let Some(empty) = scopes.iter().find(|scope| !paths.iter().any(|(_, path)| is_in(path, scope))) {
            return Err(empty.clone());
        }
        let is_out = |path: &str| !scopes.is_empty() && !scopes.iter().any(|scope| is_in(path, scope));
        let out = paths.iter().filter(|(_, path)| is_out(path));
        out.for_each(|(id, _)| _ = self.nodes.remove(id));
        Ok(self)
    }
}

/// A file format. Signals are numbered in the order of their declarations.
trait Sink {
    fn scope(&mut self, name: &str) -> std::io::Result<()>;
    fn signal(&mut self, name: &str, width: u32, is_state: bool) -> std::io::Result<()>;
    fn up(&mut self) -> std::io::Result<()>;
    fn end_of_header(&mut self) -> std::io::Result<()>;
    fn time(&mut self, time: u64) -> std::io::Result<()>;
    /// The low `width` bits of `value`, as declared.
    fn change(&mut self, signal: usize, value: i64) -> std::io::Result<()>;
    /// Writes out what is left; the time is the end of the waveform.
    fn finish(self: Box<Self>) -> std::io::Result<()>;
}

struct Trace {
    node: NodeId,
    shown: Option<i64>,
}

/// A circuit with a waveform. Cycle `c`, counted from the first settling (reset included), lasts from `10 c` ns to
/// `10 (c + 1)` ns: the clock rises at its begin and falls in its middle, and the values are the settled ones.
pub struct Wave<C> {
    circuit: C,
    sink: Box<dyn Sink>,
    /// Signals 1 and up; 0 is the clock.
    traces: Vec<Trace>,
    cycle: u64,
    window: std::ops::Range<u64>,
    error: Option<std::io::Error>,
    file: tempfile::NamedTempFile,
    path: PathBuf,
}

fn is_fst(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("fst"))
}

/// How a waveform of this name begins: with the header block of FST, of a fixed length, or a command of VCD.
pub fn beginning(path: &Path) -> &'static [u8] {
    if is_fst(path) { &[0; 7] } else { b"$" }
}

impl<C: Circuit> Wave<C> {
    /// Begins the file: FST where the name ends in `.fst`, else VCD. It is there once it is finished. All nodes in `names`
    /// must be readable in `circuit`. Only cycles in `window` are written.
    ///
    /// # Errors
    /// When writing fails.
    pub fn create(
        netlist: &Netlist,
        circuit: C,
        names: &Names,
        window: std::ops::Range<u64>,
        path: &Path,
    ) -> Result<Self> {
        let fail = || Error::io(path.display().to_string());
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::NamedTempFile::new_in(folder).map_err(fail())?;
        let out: BufWriter<File> = BufWriter::new(file.reopen().map_err(fail())?);
        let is_fst = is_fst(path);
        let start = || -> std::io::Result<_> {
            let mut sink: Box<dyn Sink> =
                if is_fst { Box::new(fst::Fst::new(out)?) } else { Box::new(vcd::Vcd::new(out)?) };
            let mut scopes = Scopes { netlist, names, sink: &mut *sink, traces: vec![] };
            scopes.module(ModuleId::TOP)?;
            let traces = scopes.traces;
            sink.end_of_header()?;
            Ok((sink, traces))
        };
        let (sink, traces) = start().map_err(fail())?;
        Ok(Wave { circuit, sink, traces, cycle: 0, window, error: None, file, path: path.to_path_buf() })
    }

    /// Ends the last cycle and puts the file in its place.
    ///
    /// # Errors
    /// The first failure to write.
    pub fn finish(mut self) -> Result<()> {
        let name = self.path.display().to_string();
        let end = || -> std::io::Result<()> {
            self.error.take().map_or(Ok(()), Err)?;
            if self.window.start < self.cycle.min(self.window.end) {
                self.sink.time(self.cycle.min(self.window.end) * PERIOD)?;
            }
            self.sink.finish()?;
            // Temporary files are private; a waveform is like any other file.
            #[cfg(unix)]
            self.file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
            self.file.persist(&self.path).map_err(|e| e.error)?;
            Ok(())
        };
        end().map_err(Error::io(name))
    }

    fn write(&mut self) -> std::io::Result<()> {
        self.sink.time(self.cycle * PERIOD)?;
        self.sink.change(0, 1)?;
        for (signal, trace) in self.traces.iter_mut().enumerate() {
            let value = self.circuit.get(trace.node);
            if trace.shown.replace(value) != Some(value) {
                self.sink.change(signal + 1, value)?;
            }
        }
        self.sink.time(self.cycle * PERIOD + PERIOD / 2)?;
        self.sink.change(0, 0)
    }
}

struct Scopes<'a> {
    netlist: &'a Netlist,
    names: &'a Names,
    sink: &'a mut dyn Sink,
    traces: Vec<Trace>,
}

impl Scopes<'_> {
    /// Declares a module and those inside it; the clock first.
    fn module(&mut self, id: ModuleId) -> std::io::Result<()> {
        let mut names = BTreeSet::new();
        self.sink.scope(&legal(&self.names.modules[id.index()]))?;
        if id == ModuleId::TOP {
            self.sink.signal(unique(&mut names, &legal(&self.names.clock), 0), 1, false)?;
        }
        for node in self.netlist.ids().filter(|n| self.netlist.node(*n).module == id) {
            let Some(name) = self.names.nodes.get(&node) else { continue };
            let name = unique(&mut names, &legal(name), node.0).to_string();
            let Node { width, is_state } = Node::of(self.netlist, node);
            self.sink.signal(&name, width, is_state)?;
            self.traces.push(Trace { node, shown: None });
        }
        for inner in (0..self.netlist.modules.len() as u32).map(ModuleId) {
            if self.netlist.module(inner).parent == Some(id) && self.is_shown(inner) {
                self.module(inner)?;
            }
        }
        self.sink.up()
    }

    /// Whether anything in a module is shown.
    fn is_shown(&self, module: ModuleId) -> bool {
        let inside = |id: &NodeId| self.netlist.is_within(self.netlist.node(*id).module, module);
        self.names.nodes.keys().any(inside)
    }
}

struct Node {
    width: u32,
    is_state: bool,
}

impl Node {
    fn of(netlist: &Netlist, id: NodeId) -> Self {
        let node = netlist.node(id);
        Node { width: node.range.width(), is_state: node.op.is_sequential() }
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

impl<C: Circuit> Circuit for Wave<C> {
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
