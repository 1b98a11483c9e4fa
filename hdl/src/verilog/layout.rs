//! Lines: alignment, wrapping, and lint waivers around the fewest lines.

use std::fmt::Write;

/// Where an expression may be broken; printed as a space or as a new line.
pub const BREAK: char = '\u{1}';

/// Longest line, where the names in it allow.
const MAX_LINE: usize = 100;

/// Widest column that names are padded to.
const MAX_PAD: usize = 20;

/// One declaration or assignment.
#[derive(Debug)]
pub struct Line {
    /// `wire signed`, `reg`, `assign`.
    pub head: &'static str,
    /// Bits of the word; `None` for an assignment.
    pub width: Option<u32>,
    /// What is declared or assigned, with any array bounds.
    pub name: String,
    /// Its value, with [`BREAK`]s.
    pub value: Option<String>,
    /// Remark behind the line, dropped where there is no room.
    pub remark: Option<String>,
    /// Whether some bits are never read.
    pub unused: bool,
}

/// `[7:0]`, with the number padded to `digits`; nothing for a single bit.
pub fn bounds(width: u32, digits: usize) -> String {
    if width == 1 { String::new() } else { format!("[{:>digits$}:0]", width - 1) }
}

/// Digits needed for the bounds of the widest of `widths`.
pub fn digits(widths: impl Iterator<Item = u32>) -> usize {
    widths.max().map_or(1, |w| (w - 1).to_string().len())
}

/// `first`, then `text` broken at its [`BREAK`]s, continued lines indented by `indent`.
pub fn wrap(first: &str, text: &str, indent: usize) -> String {
    let mut out = first.to_string();
    let mut column = first.len();
    for (i, piece) in text.split(BREAK).enumerate() {
        if 0 < i {
            if MAX_LINE < column + 1 + piece.len() {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent));
                column = indent;
            } else {
                out.push(' ');
                column += 1;
            }
        }
        out.push_str(piece);
        column += piece.len();
    }
    out
}

/// Prints aligned lines, one waiver pair around each run of lines with unused bits.
pub fn block(out: &mut String, lines: &[Line]) {
    let digits = digits(lines.iter().filter_map(|l| l.width));
    let heads: Vec<String> = lines
        .iter()
        .map(|l| match l.width {
            Some(width) => format!("{} {}", l.head, bounds(width, digits)).trim_end().to_string(),
            None => l.head.to_string(),
        })
        .collect();
    let head_pad = heads.iter().map(String::len).max().unwrap_or(0);
    let valued = lines.iter().filter(|l| l.value.is_some());
    let name_pad = valued.map(|l| l.name.len()).max().unwrap_or(0).min(MAX_PAD);
    let mut waiver = Waiver::default();
    for (line, head) in lines.iter().zip(&heads) {
        waiver.before(out, line.unused);
        let text = match &line.value {
            None => format!("    {head:head_pad$} {};", line.name),
            Some(value) => {
                let first = format!("    {head:head_pad$} {:name_pad$} = ", line.name);
                wrap(&first, &format!("{value};"), 8)
            }
        };
        out.push_str(&text);
        if let Some(remark) = &line.remark
            && !text.contains('\n')
            && text.len() + remark.len() + 5 <= MAX_LINE
        {
            let _ = write!(out, "  // {remark}");
        }
        out.push('\n');
    }
    waiver.before(out, false);
}

/// Whether the lint waiver for unused bits is open.
#[derive(Default)]
pub struct Waiver {
    open: bool,
}

impl Waiver {
    /// Opens or closes the waiver before a line that needs it or not.
    pub fn before(&mut self, out: &mut String, needed: bool) {
        if self.open != needed {
            let verb = if needed { "lint_off" } else { "lint_on" };
            let _ = writeln!(out, "    // verilator {verb} UNUSEDSIGNAL");
        }
        self.open = needed;
    }
}
