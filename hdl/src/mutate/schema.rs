//! All mutants in one text, chosen by a number when the simulation starts.

use std::collections::BTreeMap;

use super::edits::outputs;
use super::literal::Literal;
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
    let text = |file: &SourceFile| text(file, mutants, &declaration());
    files.iter().map(|file| SourceFile { name: file.name.clone(), text: text(file) }).collect()
}

/// The files with `mutant` in them behind a wire `sterna_mutant` that nothing drives: 1 chooses it. For tools that read what
/// can be synthesised; `None` where a word of a memory is broken whose reads are not found.
pub fn switched(files: &[SourceFile], mutant: &Mutant) -> Option<Vec<SourceFile>> {
    let wire = format!("\n    wire {PLUSARG};\n");
    let mut files = files.to_vec();
    let file = files.iter_mut().find(|f| f.name == mutant.file)?;
    let module = read(file)?;
    file.text = match &module.items[mutant.item] {
        Item::Word { literal } => word(&file.text, &module, literal, mutant, &wire)?,
        Item::Table { .. } | Item::Instance(_) => text(file, std::slice::from_ref(mutant), &wire),
        // A constant alone, where it is one, so that the choice is not among expressions over data.
        _ => match Literal::parse(&file.text[mutant.span.clone()]) {
            Some(_) => {
                let old = &file.text[mutant.span.clone()];
                let choice = format!("({PLUSARG} ? {} : {old})", mutant.text);
                replaced(&file.text, vec![(mutant.span.clone(), choice), (module.body..module.body, wire)])
            }
            None => text(file, std::slice::from_ref(mutant), &wire),
        },
    };
    Some(files)
}

/// A word of a memory is broken where it is read: contents must be constant.
fn word(text: &str, module: &Module, literal: &Span, mutant: &Mutant, wire: &str) -> Option<String> {
    let target = text[..literal.start].trim_end().strip_suffix('=')?.trim_end();
    let (memory, index) = target.strip_suffix(']')?.rsplit_once('[')?;
    let memory =
        &memory[memory.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1)..];
    let flip = Literal::parse(&text[literal.clone()])?.unlike(&Literal::parse(&mutant.text)?);
    let mut edits: Vec<(Span, String)> = vec![(module.body..module.body, wire.to_string())];
    let (mut mentions, named) = (0, format!("{memory}["));
    for item in &module.items {
        match item {
            Item::Word { literal } => {
                let target = text[..literal.start].rsplit(';').next()?;
                mentions += usize::from(target.contains(&format!(" {named}")));
            }
            Item::Transfer { expression, .. } | Item::Value { expression } => {
                let read = text[expression.clone()].trim();
                let Some(address) = read.strip_prefix(&named).and_then(|rest| rest.strip_suffix(']')) else {
                    continue;
                };
                mentions += 1;
                let broken = format!("{read} ^ ({PLUSARG} && {address} == {index} ? {flip})");
                edits.push((expression.clone(), broken));
            }
            _ => {}
        }
    }
    // Its declaration has no bracket behind the name without a space.
    let all = text.match_indices(&named).filter(|(at, _)| text[..*at].ends_with([' ', '\n'])).count();
    (all == mentions && edits.len() > 1).then(|| replaced(text, edits))
}

fn text(file: &SourceFile, mutants: &[Mutant], declaration: &str) -> String {
    let mut versions: BTreeMap<usize, Vec<Version>> = BTreeMap::new();
    for (i, mutant) in mutants.iter().enumerate().filter(|(_, m)| m.file == file.name) {
        versions.entry(mutant.item).or_default().push(Version { number: i + 1, mutant });
    }
    let Some(module) = read(file).filter(|_| !versions.is_empty()) else { return file.text.clone() };
    let mut edits: Vec<(Span, String)> = vec![(module.body..module.body, declaration.to_string())];
    for (item, versions) in versions {
        edits.extend(choice(&file.text, &module, item, &versions));
    }
    replaced(&file.text, edits)
}

fn replaced(text: &str, mut edits: Vec<(Span, String)>) -> String {
    let mut out = text.to_string();
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
