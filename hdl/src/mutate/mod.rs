//! Mutation: the printed Verilog broken in one place at a time, to see whether a check notices.
//!
//! All mutants can stand in one text in which a number chooses, a *schema* (Untch, Offutt and Harrold, "Mutation analysis
//! using mutant schemata", ISSTA 1993): one build then serves thousands of them.

mod edits;
mod literal;
pub(crate) mod scan;
mod schema;
pub(crate) mod tokens;

use std::collections::BTreeSet;

use serde::Serialize;
use sterna_ir::bench::Stall;

use crate::verilog::SourceFile;
use edits::{Site, sites};
use scan::{Item, Module};
use tokens::Span;

pub(crate) use schema::switched;
pub use schema::{PLUSARG, schema};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An operand is left out of a sum, or an input of a table tied to 0: a weight becomes zero.
    Weight,
    /// An operand is subtracted instead of added, or the reverse.
    Sign,
    /// The constant of a comparison is one off.
    Threshold,
    /// `>=` becomes `>`, `==` becomes `!=`.
    Compare,
    /// Another constant is one off.
    Constant,
    /// A bit of a truth table is flipped.
    Table,
    /// A bit of a primitive's INIT is flipped.
    Init,
    /// A bit of a word of a ROM is flipped.
    Rom,
    /// A register or memory is always or never enabled, or holds its value.
    Enable,
    /// A bit of a reset value is flipped, or the reset is left out.
    Reset,
    /// AND becomes OR, the reverse, or an inversion or an operand is left out.
    Logic,
    /// A multiplexer chooses the other operand.
    Select,
}

/// Text broken in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mutant {
    /// What is broken.
    pub kind: Kind,
    /// Name of the file.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// The expression or instance as it was printed.
    pub before: String,
    /// The same broken.
    pub after: String,
    #[serde(skip)]
    item: usize,
    #[serde(skip)]
    span: Span,
    #[serde(skip)]
    text: String,
}

impl Mutant {
    /// The files with this change.
    pub fn apply(&self, files: &[SourceFile]) -> Vec<SourceFile> {
        let mut files = files.to_vec();
        if let Some(file) = files.iter_mut().find(|f| f.name == self.file) {
            file.text.replace_range(self.span.clone(), &self.text);
        }
        files
    }
}

/// Characters of an expression that are shown.
const SHOWN: usize = 160;

/// Every way in which printed files can be broken.
#[derive(Debug)]
pub struct Mutants<'a> {
    files: &'a [SourceFile],
    /// File, item and place.
    sites: Vec<(usize, usize, Site)>,
    modules: Vec<Option<Module>>,
}

impl<'a> Mutants<'a> {
    /// Reads the files. Blocks written by hand and models of primitives are left alone: they have tests of their own.
    pub fn of(files: &'a [SourceFile]) -> Self {
        let modules: Vec<Option<Module>> = files.iter().map(read).collect();
        let mut all = Vec::new();
        for (file, module) in modules.iter().enumerate() {
            for (item, found) in module.iter().flat_map(|m| m.items.iter().enumerate()) {
                all.extend(sites(&files[file].text, found).into_iter().map(|site| (file, item, site)));
            }
        }
        Mutants { files, sites: all, modules }
    }

    /// How many there are of each kind.
    pub fn counts(&self) -> std::collections::BTreeMap<Kind, usize> {
        let mut counts = std::collections::BTreeMap::new();
        for (_, _, site) in &self.sites {
            *counts.entry(site.kind).or_insert(0) += site.variants();
        }
        counts
    }

    /// `count` different ones, all if there are fewer: as many of each kind as of any other, where there are so many. The
    /// same files, count and seed give the same; in the order of the text.
    pub fn draw(&self, count: usize, seed: u64) -> Vec<Mutant> {
        let quotas = quotas(&self.counts().into_iter().collect::<Vec<_>>(), count);
        let mut dice = Stall::new(seed, 0);
        // The first states of neighbouring seeds are alike.
        (0..4).for_each(|_| _ = dice.draw());
        let mut below = |n: usize| {
            dice.draw();
            (dice.state % n as u64) as usize
        };
        let mut chosen = BTreeSet::new();
        for (kind, quota) in quotas {
            let of_kind: Vec<usize> =
                (0..self.sites.len()).filter(|s| self.sites[*s].2.kind == kind).collect();
            let mut ends = Vec::new();
            let mut total = 0;
            for site in &of_kind {
                total += self.sites[*site].2.variants();
                ends.push(total);
            }
            // Floyd's algorithm ("A sample of brilliance", CACM 1987): `quota` different numbers below `total`.
            let mut numbers = BTreeSet::new();
            for last in total - quota..total {
                let number = below(last + 1);
                numbers.insert(if numbers.contains(&number) { last } else { number });
            }
            for number in numbers {
                let at = ends.partition_point(|end| *end <= number);
                let first = if at == 0 { 0 } else { ends[at - 1] };
                chosen.insert((of_kind[at], number - first));
            }
        }
        chosen.into_iter().map(|(site, variant)| self.mutant(site, variant)).collect()
    }

    fn mutant(&self, site: usize, variant: usize) -> Mutant {
        let (file, item, site) = &self.sites[site];
        let text = &self.files[*file].text;
        let new = site.replacement(text, variant);
        let module = self.modules[*file].as_ref().expect("only files that were read have sites");
        let whole = extent(&module.items[*item]);
        let after = [&text[whole.start..site.span.start], &new, &text[site.span.end..whole.end]].concat();
        Mutant {
            kind: site.kind,
            file: self.files[*file].name.clone(),
            line: text[..site.span.start].matches('\n').count() + 1,
            before: squeeze(&text[whole]),
            after: squeeze(&after),
            item: *item,
            span: site.span.clone(),
            text: new,
        }
    }
}

/// A file printed from a netlist; `None` for others.
pub(crate) fn read(file: &SourceFile) -> Option<Module> {
    file.text.contains("// Generated by sterna").then(|| scan::module(&file.text)).flatten()
}

/// The part of an item that is shown, and doubled in a schema.
fn extent(item: &Item) -> Span {
    match item {
        Item::Value { expression }
        | Item::Condition { expression, .. }
        | Item::Transfer { expression, .. } => expression.clone(),
        Item::Table { literal, .. } | Item::Word { literal } => literal.clone(),
        Item::Instance(instance) => instance.span.clone(),
    }
}

/// On one line, cut where it is long.
fn squeeze(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text,
    }
}

/// Shares `count` out over kinds that have so many: what one cannot give, the others do.
fn quotas(kinds: &[(Kind, usize)], count: usize) -> Vec<(Kind, usize)> {
    let mut by_size: Vec<(Kind, usize)> = kinds.to_vec();
    by_size.sort_by_key(|(_, all)| *all);
    let mut left = count;
    let mut quotas: Vec<(Kind, usize)> = Vec::new();
    for (i, (kind, all)) in by_size.iter().enumerate() {
        let share = (left / (by_size.len() - i)).min(*all);
        quotas.push((*kind, share));
        left -= share;
    }
    quotas.sort();
    quotas
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> SourceFile {
        let text = "// m\n// Generated by sterna.  Do not edit.\nmodule m (\n    input wire clk\n);\n    \
            wire [3:0] s = a +\n        b;\n    reg [2:0] rom [0:1];\n    initial begin\n        rom[0] = 3'h5; rom[1] = 3'h0;\n    \
            end\nendmodule\n";
        SourceFile { name: "m.v".into(), text: text.into() }
    }

    #[test]
    fn a_draw_is_even_over_kinds_and_without_repetition() {
        let files = [file()];
        let all = Mutants::of(&files);
        let counts: Vec<(Kind, usize)> = all.counts().into_iter().collect();
        assert_eq!(counts, [(Kind::Weight, 2), (Kind::Sign, 1), (Kind::Rom, 6)]);
        let mutants = all.draw(5, 3);
        assert_eq!(mutants, all.draw(5, 3));
        let of = |kind: Kind| mutants.iter().filter(|m| m.kind == kind).count();
        assert_eq!((of(Kind::Sign), of(Kind::Weight), of(Kind::Rom)), (1, 2, 2));
        let every = all.draw(100, 1);
        assert_eq!(every.len(), 9);
        let texts: BTreeSet<String> = every.iter().map(|m| m.apply(&files)[0].text.clone()).collect();
        assert_eq!(texts.len(), 9);
        let sign = every.iter().find(|m| m.kind == Kind::Sign).unwrap();
        assert_eq!((sign.line, sign.before.as_str(), sign.after.as_str()), (6, "a + b", "a - b"));
    }

    #[test]
    fn files_written_by_hand_are_left_alone() {
        let files =
            [SourceFile { name: "LUT6.v".into(), text: "module LUT6; assign O = a + b; endmodule".into() }];
        assert!(Mutants::of(&files).draw(10, 1).is_empty());
    }
}
