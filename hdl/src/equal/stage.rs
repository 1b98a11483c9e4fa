//! The modules inside a top module, and which of their ports carry data.

use std::collections::BTreeMap;

use sterna_ir::Design;
use sterna_ir::design::Stream;

use super::flow::Ports;
use crate::mutate::scan::{Instance, Item};
use crate::mutate::{PLUSARG, read};
use crate::verilog::{Direction, Emitted, SourceFile};

/// A module inside the top module.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its name.
    pub module: String,
    /// Its ports, with the wires of the top module at them.
    pins: Vec<(String, String)>,
    instance: Instance,
}

/// What the top module's wires are for.
#[derive(Debug)]
pub struct Wires {
    reset: Option<String>,
    /// Data, with the wire that says when they are valid.
    data: BTreeMap<String, String>,
}

impl Wires {
    pub fn new(design: &Design, emitted: &Emitted) -> Self {
        let name = |node| emitted.top_signal(node).map(|signal| signal.name);
        let probes = design.probes.iter().map(|p| &p.stream);
        let streams: Vec<&Stream> = probes.chain([&design.input, &design.output]).collect();
        let mut data = BTreeMap::new();
        for stream in &streams {
            let Some(valid) = name(stream.valid) else { continue };
            let is_output = *stream == &design.output;
            let carried = stream.data.iter().copied().chain(stream.last.filter(|_| is_output));
            data.extend(carried.filter_map(name).map(|wire| (wire, valid.clone())));
        }
        // A wire that carries more than data is none of theirs.
        for stream in streams {
            let control =
                [Some(stream.valid), Some(stream.ready), stream.last.filter(|_| stream == &design.input)];
            control.into_iter().flatten().filter_map(name).for_each(|wire| _ = data.remove(&wire));
        }
        let reset = design.netlist.reset.and_then(|r| emitted.ports.iter().find(|p| p.nodes == [r]));
        Wires { reset: reset.map(|port| port.name.clone()), data }
    }

    /// What the top module's own ports are for.
    pub fn of_top(&self, emitted: &Emitted) -> Ports {
        let mut ports = Ports { reset: self.reset.clone(), switch: PLUSARG.into(), ..Ports::default() };
        for port in &emitted.ports {
            match (self.data.get(&port.name), port.direction) {
                (Some(_), Direction::Input) => _ = ports.data.insert(port.name.clone(), None),
                (Some(valid), Direction::Output) => {
                    _ = ports.while_valid.insert(port.name.clone(), valid.clone());
                }
                (None, _) => {}
            }
        }
        ports
    }
}

impl Stage {
    /// The module of the top module that `file` is in or is; `None` for the top module itself and what cannot be read.
    pub fn of(file: &str, files: &[SourceFile], top: &str) -> Option<Self> {
        let mut module = file.strip_suffix(".v")?.to_string();
        loop {
            let inside = |instance: &Instance| instance.block == module;
            let (parent, instance) = files.iter().find_map(|f| {
                let items = read(f)?.items.into_iter();
                let instances = items.filter_map(|i| if let Item::Instance(i) = i { Some(i) } else { None });
                Some((f, instances.into_iter().find(inside)?))
            })?;
            if parent.name.strip_suffix(".v")? == top {
                let wire = |span: &std::ops::Range<usize>| parent.text[span.clone()].trim().to_string();
                let pins: Vec<_> =
                    instance.ports.iter().map(|(port, span)| (port.clone(), wire(span))).collect();
                let plain = |wire: &str| wire.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                return pins.iter().all(|(_, wire)| plain(wire)).then_some(Stage { module, pins, instance });
            }
            module = parent.name.strip_suffix(".v")?.to_string();
        }
    }

    /// What its ports are for. All that enters is the same; what leaves must be, data while they are valid.
    pub fn ports(&self, wires: &Wires) -> Ports {
        let port_of = |wire: &str| self.pins.iter().find(|(_, w)| w == wire).map(|(port, _)| port.clone());
        let mut ports = Ports { reset: None, switch: PLUSARG.into(), always: true, ..Ports::default() };
        ports.reset = wires.reset.as_deref().and_then(port_of);
        for (port, wire) in &self.pins {
            if let Some(valid) = wires.data.get(wire) {
                // Of a port only one of the two will be found.
                ports.data.insert(port.clone(), None);
                ports.while_valid.extend(port_of(valid).map(|valid| (port.clone(), valid)));
            }
        }
        ports
    }

    /// The files with a top module from which it is taken out: what it drives enters. Data that enter so while they are not
    /// valid may differ, and what it would read must be the same; the names of that.
    pub fn rest(
        &self,
        files: &[SourceFile],
        emitted: &Emitted,
        wires: &Wires,
    ) -> Option<(Vec<SourceFile>, Ports, Vec<String>)> {
        let mut files = files.to_vec();
        let outputs = outputs(&files.iter().find(|f| f.name.strip_suffix(".v") == Some(&self.module))?.text);
        let top = files.iter_mut().find(|f| f.name.strip_suffix(".v") == Some(&emitted.top))?;
        top.text.replace_range(self.instance.span.clone(), "");
        let mut ports = Ports { always: true, ..wires.of_top(emitted) };
        let driven = |port: &str| outputs.iter().any(|o| o == port);
        let drives = |wire: &str| self.pins.iter().any(|(port, w)| w == wire && driven(port));
        let mut read = Vec::new();
        for (port, wire) in &self.pins {
            let is_port = emitted.ports.iter().any(|p| p.name == *wire);
            match wires.data.get(wire) {
                // An output of the top module that nothing drives would be lost.
                _ if driven(port) && is_port => return None,
                Some(valid) if driven(port) => {
                    ports.data.insert(wire.clone(), drives(valid).then(|| valid.clone()));
                }
                _ if driven(port) || is_port => {}
                _ => read.push(wire.clone()),
            }
        }
        Some((files, ports, read))
    }
}

/// The output ports in the head of a printed module.
fn outputs(text: &str) -> Vec<String> {
    let head = text.split_once("\n);").map_or("", |(head, _)| head);
    let lines = head.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
    let outputs = lines.filter(|line| line.starts_with("output "));
    outputs
        .filter_map(|line| Some(line.trim_end_matches(',').split_whitespace().last()?.to_string()))
        .collect()
}
