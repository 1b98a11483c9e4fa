//! The modules inside a top module, what their wires are for, and a top module without some of them.

use std::collections::{BTreeMap, BTreeSet};

use sterna_ir::Design;
use sterna_ir::design::Stream;

use super::flow::Ports;
use crate::mutate::scan::{Instance, Item};
use crate::mutate::tokens::Span;
use crate::mutate::{PLUSARG, read};
use crate::verilog::{Direction, Emitted, SourceFile};

/// A module inside the top module.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its name.
    pub module: String,
    /// The wires of the top module at its ports: those that it drives, and those that it reads.
    drives: Vec<String>,
    reads: Vec<String>,
    span: Span,
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
    /// All printed modules inside the top module; `None` where one of them cannot be read.
    pub fn all(files: &[SourceFile], top: &str) -> Option<Vec<Self>> {
        let file = |module: &str| files.iter().find(|f| f.name.strip_suffix(".v") == Some(module));
        let top = file(top)?;
        let printed = instances(top)
            .into_iter()
            .filter_map(|i| Some((file(&i.block).filter(|f| read(f).is_some())?, i)));
        let stage = |(file, instance): (&SourceFile, Instance)| {
            let outputs = outputs(&file.text);
            let plain = |wire: &str| wire.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let (mut drives, mut reads) = (Vec::new(), Vec::new());
            for (port, wire) in instance.ports {
                let wire = top.text[wire].trim();
                let list = if outputs.contains(&port) { &mut drives } else { &mut reads };
                list.push(Some(wire.to_string()).filter(|wire| plain(wire))?);
            }
            Some(Stage { module: instance.block, drives, reads, span: instance.span })
        };
        printed.map(stage).collect()
    }

    /// Whether `module` is this one, or somewhere inside it.
    pub fn holds(&self, module: &str, files: &[SourceFile]) -> bool {
        let mut todo = vec![self.module.clone()];
        while let Some(name) = todo.pop() {
            if name == module {
                return true;
            }
            let file = files.iter().find(|f| f.name.strip_suffix(".v") == Some(&name));
            todo.extend(file.into_iter().flat_map(instances).map(|instance| instance.block));
        }
        false
    }

    /// Whether a wire of `wires` that carries data or says when they are valid is at ports of both.
    pub fn is_beside(&self, other: &Stage, wires: &Wires) -> bool {
        let at = |stage: &Stage, wire: &String| stage.drives.contains(wire) || stage.reads.contains(wire);
        wires
            .data
            .iter()
            .flat_map(|(data, valid)| [data, valid])
            .any(|wire| at(self, wire) && at(other, wire))
    }
}

/// A top module without some of its stages.
pub struct Cut {
    pub files: Vec<SourceFile>,
    pub ports: Ports,
    /// What leaves to the stages that are gone.
    pub leaves: BTreeSet<String>,
}

/// What is left in a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The part: what enters it is the same in both runs; what leaves it must be, data while they are valid.
    Part,
    /// The rest: data that leave the part may differ while they are not valid; what enters the part must be the same.
    Rest,
}

impl Cut {
    /// The top module of `files` with no stage but those of `part`, or without these, the others being `others`.
    pub fn new(
        files: &[SourceFile],
        emitted: &Emitted,
        wires: &Wires,
        [part, others]: [&[&Stage]; 2],
        left: Left,
    ) -> Option<Self> {
        let out = if left == Left::Part { others } else { part };
        let mut files = files.to_vec();
        let top = files.iter_mut().find(|f| f.name.strip_suffix(".v") == Some(&emitted.top))?;
        let mut spans: Vec<&Span> = out.iter().map(|stage| &stage.span).collect();
        spans.sort_by_key(|span| std::cmp::Reverse(span.start));
        spans.into_iter().for_each(|span| top.text.replace_range(span.clone(), ""));
        let is_port = |wire: &String| emitted.ports.iter().any(|p| p.name == *wire);
        let drives =
            |stages: &[&Stage], wire: &String| stages.iter().any(|stage| stage.drives.contains(wire));
        // What says when data of the part are valid.
        let valid = |wire: &String| wires.data.get(wire).filter(|valid| drives(part, valid)).cloned();
        let mut ports = Ports { always: true, ..wires.of_top(emitted) };
        let mut leaves = BTreeSet::new();
        for wire in out.iter().flat_map(|stage| &stage.drives) {
            // An output of the top module that nothing drives would be lost.
            if is_port(wire) {
                return None;
            }
            if wires.data.contains_key(wire) {
                ports.data.insert(wire.clone(), if left == Left::Rest { valid(wire) } else { None });
            }
        }
        for wire in out.iter().flat_map(|stage| &stage.reads) {
            if is_port(wire) || drives(out, wire) {
                continue;
            }
            leaves.insert(wire.clone());
            if let Some(valid) = valid(wire).filter(|_| left == Left::Part) {
                ports.while_valid.insert(wire.clone(), valid.clone());
                leaves.insert(valid);
            }
        }
        Some(Cut { files, ports, leaves })
    }
}

/// What a printed module is made of.
fn instances(file: &SourceFile) -> Vec<Instance> {
    let items = read(file).into_iter().flat_map(|module| module.items);
    items.filter_map(|item| if let Item::Instance(instance) = item { Some(instance) } else { None }).collect()
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
