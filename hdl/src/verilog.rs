//! Netlist to Verilog-2005: one readable, lint-clean file per module.
//!
//! The subset is the one that Verilator, Icarus, Yosys and Vivado all accept, every width is written out, and the contents
//! of ROMs travel inside the text, so that a moved file can never read as zeros. What the text computes is the business of
//! the netlist alone: this part decides names and layout.

mod blocks;
mod borders;
mod clocked;
mod expr;
mod keywords;
pub(crate) mod layout;
mod module;
pub mod names;
mod ports;

use std::collections::HashMap;

use sterna_ir::Result;
use sterna_ir::check::check;
use sterna_ir::netlist::{ModuleId, Netlist, NodeId};

use crate::family::Family;
use blocks::Blocks;
use borders::Borders;
use module::{Context, Printed};
use names::{Names, comment};
pub use ports::Direction;

/// Characters of the top module's name that begin the names of the others.
const MAX_STEM: usize = 24;

/// How to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrintOptions {
    /// Names the program's version in the header; off where text is compared across versions.
    pub version: bool,
    /// Nodes that must be seen in the top module even if nothing there reads them, e.g. the streams between layers.
    pub visible: Vec<NodeId>,
    /// The family whose primitives may be instantiated; `None` for operators alone.
    pub family: Option<Family>,
}

/// One text file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// File name without folder.
    pub name: String,
    /// Contents.
    pub text: String,
}

/// A port of the top module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Name in the text.
    pub name: String,
    /// Which way it points.
    pub direction: Direction,
    /// Bits.
    pub width: u32,
    /// The nodes it carries, low bits first; none for the clock.
    pub nodes: Vec<NodeId>,
    /// Packing and order of a bus, or empty.
    pub about: String,
}

/// Where a node is seen in the top module: `width` bits of signal `name` from bit `lsb` on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopSignal {
    /// A port or wire of the top module.
    pub name: String,
    /// Lowest bit.
    pub lsb: u32,
    /// Bits of the node's word.
    pub width: u32,
}

/// Printed Verilog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// Name of the top module.
    pub top: String,
    /// One module per file, of the same name; instances come before the modules that hold them, the top is last. Models of
    /// vendor primitives are among them, empty for tools that define `SYNTHESIS`.
    pub files: Vec<SourceFile>,
    /// Ports of the top module, in printed order.
    pub ports: Vec<Port>,
    signals: HashMap<NodeId, TopSignal>,
    /// Names that nodes have in the modules that compute them; those printed inside their readers have none.
    pub names: HashMap<NodeId, String>,
    /// Name of the instance of each module, in the order of the netlist: of the top, its own; of one not printed, none.
    pub instances: Vec<Option<String>>,
}

impl Emitted {
    /// Where a node can be seen in the top module; `None` when it has no signal there. An input or output is seen at its
    /// port.
    pub fn top_signal(&self, node: NodeId) -> Option<TopSignal> {
        self.signals.get(&node).cloned()
    }

    /// The clock input, when anything is clocked.
    pub fn clock(&self) -> Option<&str> {
        self.ports.iter().find(|p| p.nodes.is_empty()).map(|p| p.name.as_str())
    }
}

/// Prints a netlist.
///
/// Nodes that nothing depends on are left out; inputs are always ports. The same netlist gives the same bytes.
///
/// # Errors
/// [`sterna_ir::Error::Netlist`] when the netlist breaks one of its guarantees.
pub fn print(netlist: &Netlist, options: &PrintOptions) -> Result<Emitted> {
    check(netlist)?;
    let borders = Borders::new(netlist, &options.visible);
    let module_names = module_names(netlist, options.family);
    let generator = match options.version {
        true => format!("sterna {}", env!("CARGO_PKG_VERSION")),
        false => "sterna".to_string(),
    };
    let mut children = vec![Vec::new(); netlist.modules.len()];
    for index in 1..netlist.modules.len() as u32 {
        let parent = netlist.module(ModuleId(index)).parent.expect("only the top module has no parent");
        if borders.is_printed(ModuleId(index)) {
            children[parent.index()].push(ModuleId(index));
        }
    }
    let mut printed: HashMap<ModuleId, Printed> = HashMap::new();
    let blocks = Blocks::new(netlist, &borders.live, options.family);
    let mut files = blocks.files();
    let (mut names, mut instances) = (HashMap::new(), vec![None; netlist.modules.len()]);
    instances[0] = Some(module_names[0].clone());
    for module in innermost_first(&children) {
        let inside = &children[module.index()];
        let context = Context { borders: &borders, module_names: &module_names, blocks: &blocks };
        let mut done = module::print(netlist, &context, module, inside, &printed, &generator);
        names.extend(done.own.drain());
        done.instances.drain(..).for_each(|(child, name)| instances[child.index()] = Some(name));
        let name = format!("{}.v", module_names[module.index()]);
        files.push(SourceFile { name, text: done.text.clone() });
        printed.insert(module, done);
    }
    let top = printed.remove(&ModuleId::TOP).expect("the top module is always printed");
    let width = |node: NodeId| netlist.node(node).range.width();
    let signals =
        top.seen.into_iter().map(|(id, (name, lsb))| (id, TopSignal { name, lsb, width: width(id) }));
    let ports = top.ports.into_iter().map(|port| Port {
        name: port.name,
        direction: port.direction,
        width: port.width,
        nodes: port.bundle.nodes,
        about: comment(&port.about),
    });
    let (ports, signals) = (ports.collect(), signals.collect());
    Ok(Emitted { top: module_names[0].clone(), files, ports, signals, names, instances })
}

/// One name per module, unique as a file name too; `<top>_tb` stays free for the test bench.
/// Modules are named after the top one, so that two circuits can stand in one project.
fn module_names(netlist: &Netlist, family: Option<Family>) -> Vec<String> {
    let mut names = Names::default();
    for name in blocks::reserved(family).chain(crate::serial::reserved()) {
        names.claim(name);
    }
    let top = names.claim(&netlist.modules[0].name);
    names.claim(&format!("{top}_tb"));
    let stem: String = top.chars().take(MAX_STEM).collect();
    let stem = stem.trim_end_matches('_');
    let others = netlist.modules[1..].iter().map(|module| names.claim(&format!("{stem}_{}", module.name)));
    std::iter::once(top).chain(others).collect()
}

fn innermost_first(children: &[Vec<ModuleId>]) -> Vec<ModuleId> {
    let mut order = Vec::new();
    let mut todo = vec![ModuleId::TOP];
    while let Some(module) = todo.pop() {
        order.push(module);
        todo.extend(&children[module.index()]);
    }
    order.reverse();
    order
}
