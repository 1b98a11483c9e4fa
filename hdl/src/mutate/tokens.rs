//! Printed Verilog as words, literals and operators.

use std::ops::Range;

/// A place in the text, in bytes.
pub type Span = Range<usize>;

/// A word, a literal or an operator, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub span: Span,
    pub kind: TokenKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An identifier or keyword.
    Word,
    /// `12`, `8'h3f`, `4'sd5`.
    Number,
    /// An operator or bracket, of two characters where Verilog has such a one.
    Sign,
}

/// The tokens of a piece of text that lies at `base`; comments and directives are left out.
pub fn tokens(text: &str, base: usize) -> Vec<Token> {
    let bytes = text.as_bytes();
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$');
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let rest = &text[at..];
        let start = at;
        let kind = match bytes[at] {
            b if b.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'`' => {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            _ if rest.starts_with("//") => {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            b if b.is_ascii_digit() => {
                let more = |b: u8| word(b) || b == b'\'';
                at += bytes[at..].iter().take_while(|b| more(**b)).count();
                TokenKind::Number
            }
            b if word(b) => {
                at += bytes[at..].iter().take_while(|b| word(**b)).count();
                TokenKind::Word
            }
            _ => {
                let two = ["<=", ">=", "=="].iter().any(|sign| rest.starts_with(sign));
                // Names may hold anything in comments only: elsewhere all is ASCII.
                at += if two { 2 } else { rest.chars().next().map_or(1, char::len_utf8) };
                TokenKind::Sign
            }
        };
        found.push(Token { span: base + start..base + at, kind });
    }
    found
}
