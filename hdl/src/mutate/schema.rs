//! All mutants in one text, chosen by a number when the simulation starts.

use std::collections::BTreeMap;

use super::edits::outputs;
use super::scan::{Instance, Item, Module};
use super::tokens::Span;
use super::{Mutant, extent, read};
use crate::verilog::SourceFile;

/// Number of the mutant, given to a simulator as `+sterna_mutant=N`; without it, or with 0, none.
pub const PLUSARG: &str = "sterna_mutant";

/// The files with all of `mutants` in them: number `i + 1` makes them behave as `mutants[i].apply(files)`.
///
/// An expression becomes a choice among its versions, an instance is doubled, for Verilog simulators only: the number is a
/// variable of each module that is set in the first `initial`, so that no port is needed and ROMs can depend on it.
pub fn schema(files: &[SourceFile], mutants: &[Mutant]) -> Vec<SourceFile> {
    files.iter().map(|file| SourceFile { name: file.name.clone(), text: text(file, mutants) }).collect()
}

fn text(file: &SourceFile, mutants: &[Mutant]) -> String {
    let mut versions: BTreeMap<usize, Vec<Version>> = BTreeMap::new();
    for (i, mutant) in mutants.iter().enumerate().filter(|(_, m)| m.file == file.name) {
        versions.entry(mutant.item).or_default().push(Version { number: i + 1, mutant });
    }
    let Some(module) = read(file).filter(|_| !versions.is_empty()) else { return file.text.clone() };
    let mut edits: Vec<(Span, String)> = vec![(module.body..module.body, declaration())];
    for (item, versions) in versions {
        edits.extend(choice(&file.text, &module, item, &versions));
    }
    let mut out = file.text.clone();
    edits.sort_by_key(|(span, _)| span.start);
    for (span, new) in edits.into_iter().rev() {
        out.replace_range(span, &new);
    }
    out
}

/// A mutant of one item.
struct Version<'a> {
    number: usize,
    mutant: &'a Mutant,
}

impl Version<'_> {
    /// The part `whole` of the text with the change.
    fn of(&self, text: &str, whole: &Span) -> String {
        let Span { start, end } = self.mutant.span;
        [&text[whole.start..start], &self.mutant.text, &text[end..whole.end]].concat()
    }

    fn is_chosen(&self) -> String {
        format!("{PLUSARG} == 32'd{}", self.number)
    }
}

fn declaration() -> String {
    format!(
        "\n    integer {PLUSARG};\n    initial if (!$value$plusargs(\"{PLUSARG}=%d\", {PLUSARG})) {PLUSARG} = 0;\n"
    )
}

fn choice(text: &str, module: &Module, item: usize, versions: &[Version]) -> Vec<(Span, String)> {
    let item = &module.items[item];
    let whole = extent(item);
    if let Item::Instance(instance) = item {
        return vec![(whole, doubled(text, instance, versions))];
    }
    let mut chain = String::new();
    for version in versions {
        chain += &format!("({}) ? ({}) : ", version.is_chosen(), version.of(text, &whole));
    }
    let mut edits = vec![(whole.clone(), format!("{chain}({})", &text[whole]))];
    if let Item::Table { head, .. } = item {
        edits.push((head.clone(), "wire".into()));
    }
    edits
}

/// One instance a version, and a choice of what their outputs carry.
fn doubled(text: &str, instance: &Instance, versions: &[Version]) -> String {
    let ports = outputs(&instance.block).expect("only blocks have mutants");
    let mut out = String::new();
    let own = |port: &str, number: usize| format!("{}_{port}_{PLUSARG}{number}", instance.name);
    let mut put = |number: usize, version: Option<&Version>| {
        for (port, width) in ports {
            let width = width.of(text, instance).expect("the width was read when the block was broken");
            out += &format!("wire [{}:0] {};\n    ", width - 1, own(port, number));
        }
        // Outputs and the name are replaced from the back, so that places before them stay.
        let mut edits: Vec<(Span, String)> = instance
            .ports
            .iter()
            .filter(|(name, _)| ports.iter().any(|(port, _)| port == name))
            .map(|(name, span)| (span.clone(), own(name, number)))
            .collect();
        edits.extend(version.map(|v| (v.mutant.span.clone(), v.mutant.text.clone())));
        edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
        let mut copy = text[instance.span.clone()].to_string();
        for (span, new) in edits {
            copy.replace_range(span.start - instance.span.start..span.end - instance.span.start, &new);
        }
        if number > 0 {
            let name = format!(" {} ", instance.name);
            copy = copy.replacen(&name, &format!(" {}_{PLUSARG}{number} ", instance.name), 1);
        }
        out += &copy;
        out += "\n    ";
    };
    put(0, None);
    versions.iter().for_each(|v| put(v.number, Some(v)));
    for (port, _) in ports {
        let Some((_, target)) = instance.ports.iter().find(|(name, _)| name == port) else { continue };
        out += &format!("assign {} = ", &text[target.clone()]);
        for version in versions {
            out += &format!("({}) ? {} : ", version.is_chosen(), own(port, version.number));
        }
        out += &format!("{};\n    ", own(port, 0));
    }
    out
}
