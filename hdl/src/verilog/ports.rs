//! The ports of a printed module: order, groups and names.

use sterna_ir::netlist::{ModuleId, Netlist, NodeId, Op};

use super::borders::{Border, Borders, Bundle};
use super::layout::{Waiver, bounds, digits};
use super::names::{Names, comment};

/// Which way a port points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Into the module.
    Input,
    /// Out of the module.
    Output,
}

/// One port of a module.
#[derive(Clone, Debug)]
pub struct ModulePort {
    /// Name, legal and unique in the module.
    pub name: String,
    /// Which way it points.
    pub direction: Direction,
    /// The nodes in it; none for the clock.
    pub bundle: Bundle,
    /// Bits.
    pub width: u32,
    /// Whether it carries one signed word.
    pub signed: bool,
    /// Packing and order, or empty.
    pub about: String,
    /// Ports of one group stand together.
    group: String,
}

impl ModulePort {
    /// Whether the port is the clock.
    pub fn is_clock(&self) -> bool {
        self.bundle.nodes.is_empty()
    }

    /// The node that the port stands for, when it carries one alone.
    pub fn single(&self) -> Option<NodeId> {
        if let [node] = self.bundle.nodes[..] { Some(node) } else { None }
    }
}

/// Bits of a bundle.
pub fn width(netlist: &Netlist, nodes: &[NodeId]) -> u32 {
    nodes.iter().map(|n| netlist.node(*n).range.width()).sum()
}

/// The ports of `module` in printed order, named in its scope: clock, reset, one group per bus stem (`s_axis` of
/// `s_axis_tdata`) with the single nodes that share the stem, other inputs, other outputs.
pub fn ports(netlist: &Netlist, borders: &Borders, module: ModuleId, names: &mut Names) -> Vec<ModulePort> {
    let border = &borders.modules[module.index()];
    let mut ports = Vec::new();
    if border.sequential {
        ports.push(ModulePort {
            name: names.claim("clk"),
            direction: Direction::Input,
            bundle: Bundle { bus: None, nodes: vec![] },
            width: 1,
            signed: false,
            about: String::new(),
            group: String::new(),
        });
    }
    let stems = stems(netlist, border);
    let mut others: Vec<ModulePort> = Vec::new();
    for (direction, bundles) in [(Direction::Input, &border.inputs), (Direction::Output, &border.outputs)] {
        for bundle in bundles {
            let port = port(netlist, &stems, direction, bundle.clone());
            if netlist.reset.is_some() && port.single() == netlist.reset && direction == Direction::Input {
                ports.push(ModulePort { group: String::new(), ..port });
            } else {
                others.push(port);
            }
        }
    }
    let mut groups: Vec<String> = Vec::new();
    for port in &others {
        if !groups.contains(&port.group) {
            groups.push(port.group.clone());
        }
    }
    // The groups without a bus close the list.
    groups.sort_by_key(|g| [OTHER_INPUTS, OTHER_OUTPUTS].iter().position(|o| o == g).map_or(0, |at| at + 1));
    for group in &groups {
        ports.extend(others.iter().filter(|p| p.group == *group).cloned());
    }
    let clocks = usize::from(border.sequential);
    for port in &mut ports[clocks..] {
        port.name = names.claim(&port.name);
    }
    ports
}

const OTHER_INPUTS: &str = "Inputs";
const OTHER_OUTPUTS: &str = "Outputs";

/// `s_axis` of `s_axis_tdata`.
fn stem(name: &str) -> &str {
    name.rsplit_once('_').map_or(name, |(stem, _)| stem)
}

fn stems<'a>(netlist: &'a Netlist, border: &Border) -> Vec<&'a str> {
    let bundles = border.inputs.iter().chain(&border.outputs);
    bundles.filter_map(|b| b.bus).map(|bus| stem(&netlist.buses[bus].name)).collect()
}

/// A port that still has the name the user gave.
fn port(netlist: &Netlist, stems: &[&str], direction: Direction, bundle: Bundle) -> ModulePort {
    let first = netlist.node(bundle.nodes[0]);
    let bus = bundle.bus.map(|bus| &netlist.buses[bus]);
    let own = bus.map_or(&first.name, |bus| &bus.name);
    let group = match direction {
        _ if stems.contains(&stem(own)) => stem(own),
        Direction::Input => OTHER_INPUTS,
        Direction::Output => OTHER_OUTPUTS,
    };
    // An input that leaves the top module again needs a second name there.
    let passed = direction == Direction::Output && first.op == Op::Input && bundle.nodes.len() == 1;
    ModulePort {
        name: if passed { format!("{own}_out") } else { own.clone() },
        direction,
        width: width(netlist, &bundle.nodes),
        signed: bundle.nodes.len() == 1 && first.range.is_signed(),
        about: bus.map_or(String::new(), |bus| comment(&bus.about)),
        group: group.to_string(),
        bundle,
    }
}

/// Prints the port list; `is_reg` says which outputs are registers, `unused` which inputs have bits nobody reads.
pub fn print(
    out: &mut String,
    netlist: &Netlist,
    ports: &[ModulePort],
    is_reg: impl Fn(&ModulePort) -> bool,
    unused: impl Fn(&ModulePort) -> bool,
) {
    let digits = digits(ports.iter().map(|p| p.width));
    let head = |port: &ModulePort| {
        let kind = match port.direction {
            Direction::Input => "input  wire",
            Direction::Output if is_reg(port) => "output reg ",
            Direction::Output => "output wire",
        };
        let sign = if port.signed { " signed" } else { "" };
        (format!("{kind}{sign}"), bounds(port.width, digits))
    };
    let pad = ports.iter().map(|p| head(p).0.len()).max().unwrap_or(0);
    let bounds_pad = ports.iter().map(|p| head(p).1.len()).max().unwrap_or(0);
    let mut waiver = Waiver::default();
    for (i, port) in ports.iter().enumerate() {
        if i.checked_sub(1).map_or("", |before| &ports[before].group) != port.group {
            waiver.before(out, false);
            let members = ports.iter().filter(|p| p.group == port.group);
            let mut abouts: Vec<&str> = members.map(|p| p.about.as_str()).filter(|a| !a.is_empty()).collect();
            abouts.dedup();
            if abouts.is_empty() && [OTHER_INPUTS, OTHER_OUTPUTS].contains(&port.group.as_str()) {
                abouts.push(&port.group);
            }
            if 0 < i {
                out.push('\n');
            }
            for about in abouts {
                out.push_str(&format!("    // {about}\n"));
            }
        }
        waiver.before(out, unused(port));
        let (head, bounds) = head(port);
        let range = if bounds_pad == 0 { String::new() } else { format!("{bounds:bounds_pad$} ") };
        let comma = if i + 1 == ports.len() { "" } else { "," };
        let is_reset = netlist.reset.is_some() && port.single() == netlist.reset && port.group.is_empty();
        let remark = if is_reset { "  // synchronous, active high" } else { "" };
        out.push_str(&format!("    {head:pad$} {range}{}{comma}{remark}\n", port.name));
    }
    waiver.before(out, false);
}
