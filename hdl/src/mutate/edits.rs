//! What can be broken in a statement.

use super::Kind;
use super::literal::{self, Literal};
use super::scan::{Instance, Item};
use super::tokens::{Span, Token, TokenKind, tokens};

/// One or more ways to break one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    pub kind: Kind,
    pub span: Span,
    pub change: Change,
}

/// The text that takes the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    To(String),
    /// The literal with one of these bits inverted.
    Flip(Vec<u8>),
}

impl Site {
    /// Ways to break it.
    pub fn variants(&self) -> usize {
        match &self.change {
            Change::To(_) => 1,
            Change::Flip(bits) => bits.len(),
        }
    }

    /// The new text in way `variant`.
    pub fn replacement(&self, text: &str, variant: usize) -> String {
        match &self.change {
            Change::To(new) => new.clone(),
            Change::Flip(bits) => Literal::parse(&text[self.span.clone()])
                .expect("only literals have bits to flip")
                .flipped(1 << bits[variant]),
        }
    }
}

/// The outputs of a block with their widths, which may be a parameter; `None` for a module of the circuit.
pub fn outputs(block: &str) -> Option<&'static [(&'static str, Width)]> {
    Some(match block {
        "LUT6" | "MUXF7" | "MUXF8" => &[("O", Width::Bits(1))],
        "LUT6_2" => &[("O6", Width::Bits(1)), ("O5", Width::Bits(1))],
        "sterna_add2" | "sterna_add3" => &[("y", Width::Parameter)],
        _ => return None,
    })
}

/// Width of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    Bits(u32),
    /// The parameter `WIDTH`.
    Parameter,
}

impl Width {
    /// In bits, for one instance.
    pub fn of(self, text: &str, instance: &Instance) -> Option<u32> {
        match self {
            Width::Bits(bits) => Some(bits),
            Width::Parameter => {
                let (_, span) = instance.parameters.iter().find(|(name, _)| name == "WIDTH")?;
                text[span.clone()].trim().parse().ok()
            }
        }
    }
}

/// Everything that can be broken in `item`.
pub fn sites(text: &str, item: &Item) -> Vec<Site> {
    let mut out = Edits { text, sites: Vec::new() };
    match item {
        Item::Value { expression } => out.expression(expression),
        Item::Table { literal, .. } => out.flip(Kind::Table, literal, |_| true),
        Item::Word { literal } => out.flip(Kind::Rom, literal, |_| true),
        Item::Condition { expression, reset: true } => out.to(Kind::Reset, expression, "1'b0"),
        Item::Condition { expression, .. } => {
            out.to(Kind::Enable, expression, "1'b1");
            out.to(Kind::Enable, expression, "1'b0");
        }
        Item::Transfer { expression, reset: true, .. } => out.flip(Kind::Reset, expression, |_| true),
        Item::Transfer { target, expression, .. } => {
            let held = text[target.clone()].to_string();
            out.to(Kind::Enable, expression, &held);
            out.expression(expression);
        }
        Item::Instance(instance) => out.instance(instance),
    }
    out.sites
}

struct Edits<'a> {
    text: &'a str,
    sites: Vec<Site>,
}

impl Edits<'_> {
    fn to(&mut self, kind: Kind, span: &Span, new: &str) {
        if &self.text[span.clone()] != new {
            self.sites.push(Site { kind, span: span.clone(), change: Change::To(new.into()) });
        }
    }

    /// The bits of a literal that are `live`.
    fn flip(&mut self, kind: Kind, span: &Span, live: impl Fn(u8) -> bool) {
        if let Some(literal) = Literal::parse(&self.text[span.clone()]) {
            let bits = (0..literal.width as u8).filter(|bit| live(*bit)).collect();
            self.sites.push(Site { kind, span: span.clone(), change: Change::Flip(bits) });
        }
    }

    fn is(&self, token: &Token, signs: &[&str]) -> bool {
        token.kind == TokenKind::Sign && signs.contains(&&self.text[token.span.clone()])
    }

    /// The tokens of an expression that are in no bracket.
    fn outer(&self, span: &Span) -> Vec<Token> {
        let mut depth = 0;
        let keep = |token: &Token| {
            let opens = self.is(token, &["(", "[", "{"]);
            depth -= usize::from(self.is(token, &[")", "]", "}"]));
            let outside = depth == 0 && !opens;
            depth += usize::from(opens);
            outside
        };
        let all = tokens(&self.text[span.clone()], span.start);
        let mut keep = keep;
        all.into_iter().filter(|t| keep(t)).collect()
    }

    fn expression(&mut self, span: &Span) {
        let outer = self.outer(span);
        let has = |signs: &[&str]| outer.iter().any(|t| self.is(t, signs));
        let compares = has(&[">=", "=="]);
        let (chooses, joins) = (has(&["?"]), has(&["&", "|"]));
        if !compares && !chooses {
            self.sum(span, &outer);
        }
        if chooses {
            self.choice(span, &outer);
        }
        if joins {
            self.operands(Kind::Logic, span, &outer, &["&", "|"]);
        }
        for token in &outer {
            match &self.text[token.span.clone()] {
                ">=" => self.to(Kind::Compare, &token.span, ">"),
                "==" => self.to(Kind::Compare, &token.span, "!="),
                "&" => self.to(Kind::Logic, &token.span, "|"),
                "|" => self.to(Kind::Logic, &token.span, "&"),
                "~" => self.to(Kind::Logic, &token.span, ""),
                _ => {}
            }
            if let Some(literal) = literal::at(self.text, token) {
                let kind = if compares { Kind::Threshold } else { Kind::Constant };
                self.to(kind, &token.span, &literal.plus(1));
                if literal.width > 1 {
                    self.to(kind, &token.span, &literal.plus(u64::MAX));
                }
            }
        }
    }

    /// Signs changed and operands left out.
    fn sum(&mut self, span: &Span, outer: &[Token]) {
        for token in outer {
            let leads = token.span.start == span.start;
            match &self.text[token.span.clone()] {
                "+" => self.to(Kind::Sign, &token.span, "-"),
                "-" => self.to(Kind::Sign, &token.span, if leads { "" } else { "+" }),
                _ => {}
            }
        }
        self.operands(Kind::Weight, span, outer, &["+", "-"]);
    }

    /// Each operand with the sign before it left out; the first with a `+`, `&` or `|` behind it.
    fn operands(&mut self, kind: Kind, span: &Span, outer: &[Token], signs: &[&str]) {
        let at: Vec<&Token> = outer.iter().filter(|t| self.is(t, signs)).collect();
        let inner = at.iter().filter(|t| t.span.start != span.start).count();
        if inner == 0 {
            return;
        }
        let first = at[at.len() - inner];
        let keeps = &self.text[first.span.clone()] == "-";
        let end = if keeps { first.span.start } else { first.span.end };
        self.to(kind, &(span.start..end), "");
        for (i, token) in at.iter().enumerate().skip(at.len() - inner) {
            let end = at.get(i + 1).map_or(span.end, |next| next.span.start);
            self.to(kind, &(token.span.start..end), "");
        }
    }

    /// `c ? a : b` as `c ? b : a`.
    fn choice(&mut self, span: &Span, outer: &[Token]) {
        let place = |sign: &str| outer.iter().find(|t| self.is(t, &[sign])).map(|t| t.span.clone());
        if let (Some(question), Some(colon)) = (place("?"), place(":")) {
            let one = self.text[question.end..colon.start].trim().to_string();
            let zero = self.text[colon.end..span.end].trim().to_string();
            self.to(Kind::Select, &(question.end..span.end), &format!(" {zero} : {one}"));
        }
    }

    fn instance(&mut self, instance: &Instance) {
        let Some(outputs) = outputs(&instance.block) else { return };
        let text = self.text;
        let pin = |port: &str| instance.ports.iter().find(|(name, _)| name == port);
        let tied = |k: u32| pin(&format!("I{k}")).map(|(_, span)| &text[span.clone()]);
        // Entries that constant inputs leave out; the halves of a LUT6_2 are both read.
        let inputs = if instance.block == "LUT6_2" { 5 } else { 6 };
        let live = |entry: u8| {
            (0..inputs).all(|k| match tied(k) {
                Some("1'b0") => entry >> k & 1 == 0,
                Some("1'b1") => entry >> k & 1 == 1,
                _ => true,
            })
        };
        for (name, span) in &instance.parameters {
            match name.as_str() {
                "INIT" => self.flip(Kind::Init, span, live),
                "MINUS" => {
                    let most = if instance.block == "sterna_add3" { 3 } else { 2 };
                    (0..most).for_each(|n| self.to(Kind::Sign, span, &n.to_string()));
                }
                _ => {}
            }
        }
        for (name, span) in &instance.ports {
            let is_output = outputs.iter().any(|(output, _)| output == name);
            if is_output || text[span.clone()].starts_with("1'b") {
                continue;
            }
            match (name.as_str(), outputs[0].1) {
                ("S", _) => self.to(Kind::Select, span, &format!("~{}", &text[span.clone()])),
                (_, Width::Bits(_)) => self.to(Kind::Weight, span, "1'b0"),
                (_, width @ Width::Parameter) => {
                    if let Some(width) = width.of(text, instance) {
                        self.to(Kind::Weight, span, &format!("{{{width}{{1'b0}}}}"));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an expression becomes, one line a way.
    fn broken(expression: &str) -> Vec<String> {
        let item = Item::Value { expression: 0..expression.len() };
        let mut all = Vec::new();
        for site in sites(expression, &item) {
            for variant in 0..site.variants() {
                let mut text = expression.to_string();
                text.replace_range(site.span.clone(), &site.replacement(expression, variant));
                all.push(format!("{:?}: {}", site.kind, text.trim()));
            }
        }
        all
    }

    #[test]
    fn sums_and_comparisons() {
        let want = [
            "Sign: a - {1'b0, b} - 4'sd3",
            "Sign: a + {1'b0, b} + 4'sd3",
            "Weight: {1'b0, b} - 4'sd3",
            "Weight: a - 4'sd3",
            "Weight: a + {1'b0, b}",
            "Constant: a + {1'b0, b} - 4'sd4",
            "Constant: a + {1'b0, b} - 4'sd2",
        ];
        assert_eq!(broken("a + {1'b0, b} - 4'sd3"), want);
        assert_eq!(broken("-a - b"), ["Sign: a - b", "Sign: -a + b", "Weight: - b", "Weight: -a"]);
        assert_eq!(
            broken("s >= -4'sd2"),
            ["Compare: s > -4'sd2", "Threshold: s >= -4'sd3", "Threshold: s >= -4'sd1"]
        );
    }

    #[test]
    fn logic_and_choices() {
        assert_eq!(broken("~a & b"), ["Logic: b", "Logic: ~a", "Logic: a & b", "Logic: ~a | b"]);
        assert_eq!(broken("c ? {a[1], a} : b"), ["Select: c ? b : {a[1], a}"]);
        assert_eq!(broken("a"), [""; 0]);
    }

    #[test]
    fn only_entries_that_can_be_read_are_flipped() {
        let text = "#(.INIT(64'h2)) u (.O(y), .I0(a), .I1(b), .I2(1'b0), .I3(1'b0), .I4(1'b0), .I5(1'b0))";
        let module = super::super::scan::module(&format!("module m; LUT6 {text}; endmodule")).unwrap();
        let found = sites(&format!("module m; LUT6 {text}; endmodule"), &module.items[0]);
        let kinds: Vec<(Kind, usize)> = found.iter().map(|s| (s.kind, s.variants())).collect();
        assert_eq!(kinds, [(Kind::Init, 4), (Kind::Weight, 1), (Kind::Weight, 1)]);
        assert_eq!(found[0].change, Change::Flip(vec![0, 1, 2, 3]));
    }
}
