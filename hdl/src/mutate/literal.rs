//! Literals of printed Verilog, and their neighbours.

use super::tokens::{Token, TokenKind};

/// `WIDTH'sdVALUE`, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Literal<'a> {
    /// Bits, 64 at most.
    pub width: u32,
    /// Up to the base: `4'sd`.
    prefix: &'a str,
    digits: &'a str,
    value: u64,
}

impl<'a> Literal<'a> {
    /// Reads a literal with a width.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (width, rest) = text.split_once('\'')?;
        let width = width.parse().ok().filter(|w| (1..=64).contains(w))?;
        let base = rest.find(['d', 'h', 'b'])?;
        let digits = &rest[base + 1..];
        let radix = match rest.as_bytes()[base] {
            b'd' => 10,
            b'h' => 16,
            _ => 2,
        };
        let value = u64::from_str_radix(digits, radix).ok()?;
        Some(Literal { width, prefix: &text[..text.len() - digits.len()], digits, value })
    }

    /// The same with the bits of `mask` inverted.
    pub fn flipped(&self, mask: u64) -> String {
        self.with(self.value ^ mask)
    }

    /// Their difference bit by bit, and no difference, as the two operands behind a `?`.
    pub fn unlike(&self, other: &Literal) -> String {
        let (width, flips) = (self.width, self.value ^ other.value);
        format!("{width}'h{flips:x} : {width}'h0")
    }

    /// The same, so much higher, modulo its width.
    pub fn plus(&self, step: u64) -> String {
        self.with(self.value.wrapping_add(step) & (u64::MAX >> (64 - self.width)))
    }

    fn with(&self, value: u64) -> String {
        let digits = self.digits.len();
        match self.prefix.as_bytes().last() {
            Some(b'h') => format!("{}{value:0digits$x}", self.prefix),
            Some(b'b') => format!("{}{value:0digits$b}", self.prefix),
            _ => format!("{}{value}", self.prefix),
        }
    }
}

/// The literal at a token, if it is one with a width.
pub fn at<'a>(text: &'a str, token: &Token) -> Option<Literal<'a>> {
    (token.kind == TokenKind::Number).then(|| Literal::parse(&text[token.span.clone()])).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_keep_width_and_base() {
        let literal = |text: &'static str| Literal::parse(text).unwrap();
        assert_eq!(literal("4'sd7").plus(1), "4'sd8");
        assert_eq!(literal("4'd15").plus(1), "4'd0");
        assert_eq!(literal("6'd0").plus(u64::MAX), "6'd63");
        assert_eq!(literal("64'h00000000000000e8").flipped(1), "64'h00000000000000e9");
        assert_eq!(literal("5'h1f").flipped(16), "5'h0f");
        assert_eq!(literal("1'b0").flipped(1), "1'b1");
        assert_eq!(
            (Literal::parse("12"), Literal::parse("70'h0"), Literal::parse("4'hz")),
            (None, None, None)
        );
    }
}
