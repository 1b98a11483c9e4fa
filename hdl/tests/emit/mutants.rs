//! One operand, one sign, one bit of a table or one constant changed at random places of the mapped text. The test bench
//! plays every sample that there is under Icarus Verilog: a change that it does not find is proved to change nothing.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use sterna_hdl::family::Family;
use sterna_hdl::testbench::testbench;
use sterna_hdl::verilog::{Emitted, PrintOptions, SourceFile, print};
use sterna_hdl::{Options, lower};
use sterna_ir::eval::evaluate;
use sterna_ir::{Dense, Input, Layer, LayerOp, Network, Range, Threshold};

use crate::tools::{has, run, write};

/// Changes of each kind in each design.
const PLACES: usize = 5;

/// A layer whose weights have no pattern, with so many thresholds per row.
fn network((inputs, outputs): (usize, usize), range: Range, largest: i16, levels: usize) -> Network {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(inputs as u64);
    let weights = (0..inputs * outputs).map(|_| rng.random_range(-largest..=largest)).collect();
    let mut ops = vec![LayerOp::Dense(Dense { inputs, outputs, weights, bias: vec![] })];
    if levels > 0 {
        let thresholds = (0..outputs).flat_map(|c| (0..levels).map(move |k| (c % 3 + 2 * k) as i64 - 2));
        let thresholds = thresholds.collect();
        let (channels, falling) = (outputs, vec![]);
        let one = Threshold { channels, positions: 1, levels, thresholds, falling, thermometer: false };
        ops.push(LayerOp::Threshold(one));
    }
    let layers = ops.into_iter().map(|op| Layer { name: "l".into(), op }).collect();
    Network { name: "mapped".into(), input: Input::new(vec![inputs], range), layers }
}

/// Every sample that there is.
fn all_samples(network: &Network) -> Vec<Vec<i64>> {
    let Range { lo, hi } = network.input.range();
    let (values, inputs) = (hi - lo + 1, network.input.elements() as u32);
    let sample = |index: i64| (0..inputs).map(|k| lo + index / values.pow(k) % values).collect::<Vec<i64>>();
    (0..values.pow(inputs)).map(sample).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Operand,
    Sign,
    TableBit,
    Constant,
}

/// Text to put in place of a part of the layer's.
#[derive(Clone, Debug)]
struct Change {
    at: std::ops::Range<usize>,
    new: String,
}

struct Case {
    emitted: Emitted,
    bench: SourceFile,
}

impl Case {
    fn new(network: &Network, family: Option<Family>) -> Self {
        let design = lower(network, &Options { family, ..Options::default() }).unwrap();
        let emitted =
            print(&design.netlist, &PrintOptions { version: false, visible: vec![], family }).unwrap();
        let samples = all_samples(network);
        let results: Vec<Vec<i64>> =
            samples.iter().map(|s| evaluate(network, s).unwrap().pop().unwrap()).collect();
        let bench = testbench(&design, &emitted, &samples, &results).unwrap();
        Case { emitted, bench }
    }

    fn layer(&self) -> &str {
        &self.emitted.files.iter().find(|f| f.name == "mapped_layer0.v").unwrap().text
    }

    /// Whether the bench passes with the layer's text changed.
    fn passes(&self, change: Option<&Change>) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let mut files = self.emitted.files.clone();
        if let Some(Change { at, new }) = change {
            let layer = files.iter_mut().find(|f| f.name == "mapped_layer0.v").unwrap();
            layer.text.replace_range(at.clone(), new);
        }
        files.push(self.bench.clone());
        write(folder.path(), &files);
        let mut args = vec!["-g2005", "-o", "out"];
        args.extend(files.iter().map(|f| f.name.as_str()));
        let (ok, text) = run(folder.path(), "iverilog", &args);
        assert!(ok, "{text}\n{change:?}");
        let (ok, text) = run(folder.path(), "vvp", &["-N", "out"]);
        assert_eq!(ok, text.contains("PASS"), "{text}");
        ok
    }

    /// Of some changes of one kind at random places those that show, and all.
    fn mutate(&self, kind: Kind, rng: &mut Xoshiro256PlusPlus) -> (usize, usize) {
        let mut changes = changes(self.layer(), kind, rng);
        changes.shuffle(rng);
        changes.truncate(PLACES);
        (changes.iter().filter(|change| !self.passes(Some(change))).count(), changes.len())
    }
}

/// Statements with a place each, without comments and those of registers' blocks.
fn statements(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut start = None;
    let mut at = 0;
    let mut in_block = false;
    for line in text.split_inclusive('\n') {
        let code = line.split("//").next().unwrap();
        let word = code.split_whitespace().next().unwrap_or("");
        in_block |= code.contains("always @");
        let opens = matches!(word, "wire" | "assign" | "localparam") || word.starts_with(['L', 'M', 's']);
        if start.is_none() && opens && code.starts_with("    ") && !in_block {
            start = Some(at);
        }
        if let (Some(from), Some(end)) = (start, code.rfind(';')) {
            found.push(from..at + end);
            start = None;
        }
        in_block &= !line.starts_with("    end");
        at += line.len();
    }
    found
}

/// Names in a statement and where they stand; not those behind a quote, a dot or a digit.
fn names(text: &str) -> Vec<(usize, &str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(from) = text[at..].find(is_name).map(|k| at + k) {
        let end = text[from..].find(|c| !is_name(c)).map_or(text.len(), |k| from + k);
        let before = text[..from].chars().next_back().unwrap_or(' ');
        if !matches!(before, '\'' | '.') && text[from..end].starts_with(|c: char| c.is_ascii_lowercase()) {
            found.push((from, &text[from..end]));
        }
        at = end;
    }
    found
}

/// What `wire signed [8:0] s0` or `reg x1` says before the name, and the name.
fn declaration(line: &str) -> Option<(String, &str)> {
    let code = line.trim_start().split(['=', ';']).next()?;
    let rest = code.strip_prefix("wire").or_else(|| code.strip_prefix("reg"))?;
    let name = rest.split_whitespace().next_back()?;
    let kind = rest.split_whitespace().take_while(|w| *w != name).collect();
    Some((kind, name))
}

/// Every change of a kind that the text offers.
fn changes(text: &str, kind: Kind, rng: &mut Xoshiro256PlusPlus) -> Vec<Change> {
    let statements = statements(text);
    let mut found = Vec::new();
    for at in &statements {
        let own = &text[at.clone()];
        let mut put = |from: usize, to: usize, new: String| {
            found.push(Change { at: at.start + from..at.start + to, new })
        };
        match kind {
            Kind::Sign => {
                for (from, sign) in own.match_indices(['+', '-']) {
                    if own[from + 1..].starts_with(char::is_whitespace) && own[..from].ends_with(' ') {
                        put(from, from + 1, if sign == "+" { "-" } else { "+" }.into());
                    }
                }
                for (from, mark) in own.match_indices(".MINUS(") {
                    let digit = from + mark.len();
                    put(digit, digit + 1, if own[digit..].starts_with('0') { "1" } else { "0" }.into());
                }
            }
            Kind::TableBit => {
                if let Some(mark) = own.find("'h") {
                    let digits: String =
                        own[mark + 2..].chars().take_while(char::is_ascii_hexdigit).collect();
                    let bits: u32 =
                        own[..mark].rsplit(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
                    let idle = own.matches("(1'b").count() as u32;
                    let entry =
                        rng.random_range(0..if own.contains("LUT6") { 1 << (6 - idle) } else { bits });
                    let value = u64::from_str_radix(&digits, 16).unwrap() ^ 1 << entry;
                    put(mark + 2, mark + 2 + digits.len(), format!("{value:0w$x}", w = digits.len()));
                }
            }
            Kind::Constant => {
                for (mark, quote) in own.match_indices("'d").chain(own.match_indices("'sd")) {
                    let from = mark + quote.len();
                    let digits: String = own[from..].chars().take_while(char::is_ascii_digit).collect();
                    let value: u64 = digits.parse().unwrap();
                    put(from, from + digits.len(), (value ^ 1).to_string());
                }
            }
            Kind::Operand => {
                let declared: Vec<(String, &str)> = text.lines().filter_map(declaration).collect();
                let kind_of = |name: &str| declared.iter().find(|d| d.1 == name).map(|d| &d.0);
                // Inputs and registers, which close no loop.
                let is_safe = |name: &str| name.starts_with('x') || name.contains("_d");
                let rest = own.find('=').or_else(|| own.find('(')).unwrap_or(own.len());
                let is_driven =
                    |from: usize| [".y(", ".O(", ".O5(", ".O6("].iter().any(|o| own[..from].ends_with(o));
                for (from, name) in
                    names(own).into_iter().filter(|(from, _)| *from > rest && !is_driven(*from))
                {
                    let Some(own_kind) = kind_of(name) else { continue };
                    let others: Vec<&str> = declared
                        .iter()
                        .filter(|(kind, other)| kind == own_kind && *other != name && is_safe(other))
                        .map(|(_, other)| *other)
                        .collect();
                    if !others.is_empty() {
                        let other = others[rng.random_range(0..others.len())];
                        put(from, from + name.len(), other.into());
                    }
                }
            }
        }
    }
    found
}

/// Changes at random places in the text of a family.
#[track_caller]
fn all_found(family: Option<Family>) {
    if !has("iverilog") || !has("vvp") {
        return;
    }
    let cases = [
        network((9, 5), Range::BIT, 1, 1),
        network((11, 4), Range::BIT, 1, 0),
        network((4, 5), Range::signed(3), 1, 3),
        network((4, 6), Range::signed(3), 3, 0),
    ];
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    for kind in [Kind::Operand, Kind::Sign, Kind::TableBit, Kind::Constant] {
        let (mut killed, mut tried) = (0, 0);
        for network in &cases {
            let case = Case::new(network, family);
            assert!(case.passes(None));
            let (k, n) = case.mutate(kind, &mut rng);
            (killed, tried) = (killed + k, tried + n);
        }
        println!("{family:?}, {kind:?}: {killed} of {tried} show");
        // Rows over bits are adders where there is no family.
        let least = if family.is_none() && kind == Kind::TableBit { 0 } else { PLACES };
        assert!(tried >= least && 4 * killed >= 3 * tried, "{kind:?}: {killed} of {tried} show");
    }
}

#[test]
fn operators() {
    all_found(None);
}

#[test]
fn ice40() {
    all_found(Some(Family::Ice40));
}

#[test]
fn ecp5() {
    all_found(Some(Family::Ecp5));
}

#[test]
fn xilinx() {
    all_found(Some(Family::Xcup));
}

#[test]
fn gowin() {
    all_found(Some(Family::Gowin));
}
