//! Printed Verilog taken apart: the statements of a module, with the places of their expressions.
//!
//! This reads what [`crate::verilog`] prints and no more: a declaration, assignment or transfer a statement, `if` without
//! loops, instances with named connections.

use std::collections::HashMap;

use super::tokens::{Span, Token, tokens};

/// A part of a module that can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// `wire [3:0] n = EXPRESSION;` or `assign n = EXPRESSION;`.
    Value { expression: Span },
    /// `localparam [7:0] n = LITERAL;`: a truth table.
    Table { head: Span, literal: Span },
    /// `memory[i] = LITERAL;`.
    Word { literal: Span },
    /// The expression of an `if`; of the reset when that is what it names.
    Condition { expression: Span, reset: bool },
    /// `target <= EXPRESSION;`, under reset or not.
    Transfer { target: Span, expression: Span, reset: bool },
    /// `block #(.P(V)) name (.port(EXPRESSION));`.
    Instance(Instance),
}

/// An instance of a block or of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    pub span: Span,
    pub block: String,
    pub name: String,
    pub parameters: Vec<(String, Span)>,
    pub ports: Vec<(String, Span)>,
}

/// A module: where its statements begin, and its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Behind the port list.
    pub body: usize,
    pub items: Vec<Item>,
}

/// Reads a printed file: one module.
pub fn module(text: &str) -> Option<Module> {
    let tokens = tokens(text, 0);
    let pairs = pairs(text, &tokens)?;
    let mut parser = Parser { text, tokens: &tokens, pairs, at: 0, items: Vec::new() };
    parser.to("module")?;
    parser.to(";")?;
    let body = tokens[parser.at - 1].span.end;
    while parser.word() != "endmodule" {
        parser.item()?;
    }
    Some(Module { body, items: parser.items })
}

/// For each opening bracket its closing one.
fn pairs(text: &str, tokens: &[Token]) -> Option<HashMap<usize, usize>> {
    let (mut open, mut pairs) = (Vec::new(), HashMap::new());
    for (at, token) in tokens.iter().enumerate() {
        match &text[token.span.clone()] {
            "(" | "[" | "{" => open.push(at),
            ")" | "]" | "}" => {
                pairs.insert(open.pop()?, at);
            }
            _ => {}
        }
    }
    open.is_empty().then_some(pairs)
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    pairs: HashMap<usize, usize>,
    at: usize,
    items: Vec<Item>,
}

impl Parser<'_> {
    fn get(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |t| &self.text[t.span.clone()])
    }

    fn word(&self) -> &str {
        self.get(self.at)
    }

    /// Goes behind the next `what` outside brackets.
    fn to(&mut self, what: &str) -> Option<()> {
        while self.word() != what {
            self.at = self.pairs.get(&self.at).map_or(self.at, |close| *close) + 1;
            (self.at < self.tokens.len()).then_some(())?;
        }
        self.at += 1;
        Some(())
    }

    /// From token `first` to the one before the current.
    fn span(&self, first: usize) -> Span {
        self.tokens[first].span.start..self.tokens[self.at - 1].span.end
    }

    /// What stands before the next `end`, which is passed.
    fn until(&mut self, end: &str) -> Option<Span> {
        let first = self.at;
        self.to(end)?;
        self.between(first, self.at - 1)
    }

    /// From token `first` to the one before `end`, if there is any.
    fn between(&self, first: usize, end: usize) -> Option<Span> {
        (first < end).then(|| self.tokens[first].span.start..self.tokens[end - 1].span.end)
    }

    fn item(&mut self) -> Option<()> {
        match self.word() {
            "wire" | "assign" => {
                let has_value = self.reaches("=")?;
                if has_value {
                    self.to("=")?;
                    let expression = self.until(";")?;
                    self.items.push(Item::Value { expression });
                } else {
                    self.to(";")?;
                }
            }
            "reg" => self.to(";")?,
            "localparam" => {
                let first = self.at;
                self.to("=")?;
                let head = self.tokens[first].span.clone();
                let literal = self.until(";")?;
                self.items.push(Item::Table { head, literal });
            }
            "initial" => {
                self.at += 2;
                while self.word() != "end" {
                    self.to("=")?;
                    let literal = self.until(";")?;
                    self.items.push(Item::Word { literal });
                }
                self.at += 1;
            }
            "always" => {
                self.at += 1;
                self.to("begin")?;
                self.clocked(false)?;
            }
            _ => self.instance()?,
        }
        Some(())
    }

    /// Whether `what` comes before the end of the statement.
    fn reaches(&self, what: &str) -> Option<bool> {
        let mut at = self.at;
        loop {
            match self.get(at) {
                "" => return None,
                ";" => return Some(false),
                word if word == what => return Some(true),
                _ => at = self.pairs.get(&at).map_or(at, |close| *close) + 1,
            }
        }
    }

    /// Statements up to the `end` of a block, which is passed.
    fn clocked(&mut self, reset: bool) -> Option<()> {
        while self.word() != "end" {
            self.statement(reset)?;
        }
        self.at += 1;
        Some(())
    }

    fn statement(&mut self, reset: bool) -> Option<()> {
        match self.word() {
            "if" => {
                let close = *self.pairs.get(&(self.at + 1))?;
                let expression = self.between(self.at + 2, close)?;
                self.at = close + 1;
                // Nothing but the reset has an `else`.
                let is_reset = self.word() == "begin" && self.else_follows()?;
                self.items.push(Item::Condition { expression, reset: is_reset });
                match self.word() {
                    "begin" => {
                        self.at += 1;
                        self.clocked(is_reset)?;
                    }
                    _ => self.statement(reset)?,
                }
                if self.word() == "else" {
                    self.at += 1;
                    match self.word() {
                        "begin" => {
                            self.at += 1;
                            self.clocked(false)?;
                        }
                        _ => self.statement(false)?,
                    }
                }
            }
            _ => {
                let target = self.until("<=")?;
                let expression = self.until(";")?;
                self.items.push(Item::Transfer { target, expression, reset });
            }
        }
        Some(())
    }

    /// Whether the block that begins here has an `else`. It holds no block.
    fn else_follows(&self) -> Option<bool> {
        let end = (self.at..self.tokens.len()).find(|at| self.get(*at) == "end")?;
        Some(self.get(end + 1) == "else")
    }

    fn instance(&mut self) -> Option<()> {
        let first = self.at;
        let block = self.word().to_string();
        self.at += 1;
        let parameters = match self.word() {
            "#" => {
                self.at += 1;
                self.connections()?
            }
            _ => Vec::new(),
        };
        let name = self.word().to_string();
        self.at += 1;
        let ports = self.connections()?;
        (self.word() == ";").then_some(())?;
        self.at += 1;
        let span = self.span(first);
        self.items.push(Item::Instance(Instance { span, block, name, parameters, ports }));
        Some(())
    }

    /// `(.name(EXPRESSION), ...)`.
    fn connections(&mut self) -> Option<Vec<(String, Span)>> {
        let close = *self.pairs.get(&self.at)?;
        let mut found = Vec::new();
        self.at += 1;
        while self.at < close {
            let (name, open) = (self.get(self.at + 1).to_string(), self.at + 2);
            let inner = *self.pairs.get(&open)?;
            found.push((name, self.tokens[open].span.end..self.tokens[inner].span.start));
            self.at = inner + 1 + usize::from(self.get(inner + 1) == ",");
        }
        self.at = close + 1;
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "`default_nettype none\nmodule m (\n input wire clk // a, b\n);\n\
        localparam [3:0] t_table = 4'h6;\nreg [4:0] rom [0:1];\nwire [1:0] a = x[1:0] + {1'b0, y};\nwire b;\n\
        initial begin\n rom[0] = 5'h03; rom[1] = 5'h1f;\nend\n\
        always @(posedge clk) begin\n if (rst) begin\n  q <= 1'b0;\n end else if (ce) begin\n  q <= a[0];\n end\nend\n\
        always @(posedge clk) begin\n if (ce) w <= rom[a];\nend\n\
        LUT6 #(.INIT(64'h1)) u_b (.O(b), .I0(a[1]));\nendmodule\n";

    #[test]
    fn every_kind_of_statement_is_found() {
        let module = module(TEXT).unwrap();
        assert_eq!(&TEXT[module.body - 2..module.body], ");");
        let show = |item: &Item| match item {
            Item::Value { expression } => format!("value {}", &TEXT[expression.clone()]),
            Item::Table { head, literal } => {
                format!("{} {}", &TEXT[head.clone()], &TEXT[literal.clone()])
            }
            Item::Word { literal } => format!("word {}", &TEXT[literal.clone()]),
            Item::Condition { expression, reset } => format!("if {} {reset}", &TEXT[expression.clone()]),
            Item::Transfer { target, expression, reset } => {
                format!("{} <= {} {reset}", &TEXT[target.clone()], &TEXT[expression.clone()])
            }
            Item::Instance(i) => format!("{} {} {}", i.block, i.name, i.ports.len()),
        };
        let shown: Vec<String> = module.items.iter().map(show).collect();
        let want = [
            "localparam 4'h6",
            "value x[1:0] + {1'b0, y}",
            "word 5'h03",
            "word 5'h1f",
            "if rst true",
            "q <= 1'b0 true",
            "if ce false",
            "q <= a[0] false",
            "if ce false",
            "w <= rom[a] false",
            "LUT6 u_b 2",
        ];
        assert_eq!(shown, want);
    }

    #[test]
    fn text_of_another_kind_is_refused() {
        let texts = ["", "module m (;", "module m; foo bar; endmodule", "module m; always begin x <= ("];
        let empty = ["module m; wire a = ; endmodule", "module m; always begin if () x <= y; end endmodule"];
        for text in texts.into_iter().chain(empty) {
            assert_eq!(module(text), None, "{text}");
        }
    }
}
