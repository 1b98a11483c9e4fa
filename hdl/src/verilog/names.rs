//! Free text made into identifiers and comments, once, the same way every time.
//!
//! An identifier is lower-case ASCII letters, digits and single underscores, starts with a letter, ends with a letter or
//! digit, is no reserved word, and differs from every other of its scope even where case is ignored.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::keywords::is_reserved;

/// Longest name taken over as it is.
const MAX_NAME: usize = 48;

/// Longest comment line taken from user text.
const MAX_COMMENT: usize = 90;

/// Most lines of one remark.
const MAX_LINES: usize = 4;

/// The names of one scope: the modules of a netlist, or everything inside one module.
#[derive(Debug, Default)]
pub struct Names {
    taken: HashSet<String>,
    /// Last suffix tried per base, so that thousands of equal names do not cost a search each.
    suffix: HashMap<String, u32>,
}

impl Names {
    /// An identifier for `text` that nobody else of this scope has.
    pub fn claim(&mut self, text: &str) -> String {
        let base = identifier(text);
        if self.taken.insert(base.clone()) {
            return base;
        }
        let suffix = self.suffix.entry(base.clone()).or_insert(1);
        loop {
            *suffix += 1;
            let name = format!("{base}_{suffix}");
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

/// `text` as an identifier; equal texts give equal identifiers, different ones may clash.
pub fn identifier(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_alphanumeric() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        // Nothing past the limit can matter but for the hash below.
        if MAX_NAME + 1 < name.len() {
            break;
        }
    }
    let mut name = name.trim_end_matches('_').to_string();
    if name.is_empty() {
        name.push_str("unnamed");
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, 'n');
    }
    if MAX_NAME < name.len() {
        let digest = Sha256::digest(text.as_bytes());
        let tail: String = digest[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        name.truncate(MAX_NAME - 9);
        name = format!("{}_{tail}", name.trim_end_matches('_'));
    }
    // The suffix makes a word that is in none of the lists, and reads as "value of".
    if is_reserved(&name) { name + "_v" } else { name }
}

/// `text` as the insides of up to four comment lines, broken at spaces; what is longer is cut, and so are long words.
pub fn comments(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let line = lines.last_mut().expect("there is one");
        match line.len() {
            0 => line.push_str(word),
            used if used + 1 + word.len() <= MAX_COMMENT => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    if MAX_LINES < lines.len() {
        lines.truncate(MAX_LINES);
        lines[MAX_LINES - 1].push_str(" and so on");
    }
    lines.iter().map(|line| comment(line)).collect()
}

/// `text` as the inside of one comment line: printable ASCII, no end of a block comment, no line continuation, nothing
/// that a tool could take for a directive.
pub fn comment(text: &str) -> String {
    let printable = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    let mut line: String = text.chars().take(MAX_COMMENT + 1).map(printable).collect();
    if MAX_COMMENT < line.len() {
        line.truncate(MAX_COMMENT - 3);
        line.push_str("...");
    }
    for (bad, good) in [("\\", "/"), ("*/", "* /"), ("/*", "/ *"), ("`", "'")] {
        line = line.replace(bad, good);
    }
    let line = line.trim().to_string();
    // Tools read a comment that starts with their name as a directive, whatever follows.
    let lower = line.to_ascii_lowercase();
    if DIRECTIVES.iter().any(|word| lower.starts_with(word)) { format!("\"{line}\"") } else { line }
}

const DIRECTIVES: [&str; 8] =
    ["verilator", "synthesis", "synopsys", "pragma", "translate", "cadence", "xilinx", "verilint"];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn legal(name: &str) -> bool {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && !name.contains("__")
            && !name.ends_with('_')
            && name.len() <= MAX_NAME + 8
            && !is_reserved(name)
    }

    #[test]
    fn awkward_names() {
        for (text, name) in [
            ("n3_sum", "n3_sum"),
            ("FC 1", "fc_1"),
            ("--help", "help"),
            ("a;b\n`c", "a_b_c"),
            ("3x", "n3x"),
            ("module", "module_v"),
            ("Signal", "signal_v"),
            ("\\esc $display(\"x\")", "esc_display_x"),
            ("a__b_", "a_b"),
            ("größe", "gr_e"),
            ("", "unnamed"),
            ("数字", "unnamed"),
        ] {
            assert_eq!(identifier(text), name, "{text}");
        }
        assert_eq!(identifier(&"a".repeat(10_000)).len(), MAX_NAME);
        assert_ne!(identifier(&"a".repeat(10_000)), identifier(&"a".repeat(10_001)));
        let mut names = Names::default();
        let claimed: Vec<String> = ["a", "A", "a_2", "a", "a-"].iter().map(|t| names.claim(t)).collect();
        assert_eq!(claimed, ["a", "a_2", "a_2_2", "a_3", "a_4"]);
    }

    #[test]
    fn awkward_comments() {
        for (text, line) in [
            ("4 lanes, lane 0 in the low bits", "4 lanes, lane 0 in the low bits"),
            ("ends */ here \\", "ends * / here /"),
            ("a\nendmodule", "a?endmodule"),
            ("verilator lint_off WIDTH", "\"verilator lint_off WIDTH\""),
            ("Verilator_2 : x", "\"Verilator_2 : x\""),
            ("`define x", "'define x"),
        ] {
            assert_eq!(comment(text), line);
        }
        assert_eq!(comment(&"x".repeat(10_000)).len(), MAX_COMMENT);
        let text = format!("{} `end {}", "word ".repeat(20), "x".repeat(100));
        let lines = comments(&text);
        assert_eq!(lines[..2], ["word ".repeat(18).trim(), "word word 'end"]);
        assert_eq!((lines.len(), lines[2].len()), (3, MAX_COMMENT));
        assert_eq!(comments(""), [""]);
        assert_eq!(comments(&"word ".repeat(1000)).len(), MAX_LINES);
    }

    proptest! {
        #[test]
        fn every_text_becomes_a_legal_name_of_its_own(texts in proptest::collection::vec("\\PC{0,60}|[aA_ 1]{0,4}|(?s).{0,8}", 1..40)) {
            let mut names = Names::default();
            let mut seen = HashSet::new();
            for text in texts.iter().chain(&texts) {
                let name = names.claim(text);
                prop_assert!(legal(&name), "{text:?} became {name:?}");
                prop_assert!(seen.insert(name));
            }
        }

        #[test]
        fn every_text_becomes_one_comment_line(text in "(?s).{0,200}") {
            let line = comment(&text);
            prop_assert!(line.len() <= MAX_COMMENT + 50 && line.chars().all(|c| c == ' ' || c.is_ascii_graphic()));
            prop_assert!(!line.contains("*/") && !line.ends_with('\\') && !line.contains('`'));
        }
    }
}
