//! What the command shows: text or one JSON object on standard output, progress and notes on standard error.

use std::io::{IsTerminal, Write};

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use terminal_size::{Width, terminal_size_of};

/// How a command ended, when nothing was wrong with its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All done, all checks held.
    Done,
    /// A check failed: exit status 1.
    CheckFailed,
}

/// Where output goes.
#[derive(Debug)]
pub struct Ui {
    /// One JSON object instead of text.
    pub json: bool,
    quiet: bool,
}

impl Ui {
    /// Output as `--json` and `--quiet` ask.
    pub fn new(json: bool, quiet: bool) -> Self {
        Ui { json, quiet }
    }

    /// A result line for people.
    pub fn say(&self, text: impl AsRef<str>) -> std::io::Result<()> {
        if self.json { Ok(()) } else { writeln!(std::io::stdout(), "{}", text.as_ref()) }
    }

    /// The result for programs.
    pub fn object(&self, value: &serde_json::Value) -> std::io::Result<()> {
        if self.json { writeln!(std::io::stdout(), "{value:#}") } else { Ok(()) }
    }

    /// A remark on the way, on standard error.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.quiet && !self.json {
            // A closed terminal is no reason to stop.
            let _ = writeln!(std::io::stderr(), "{}", text.as_ref());
        }
    }

    /// A progress bar on standard error with rate and remaining time; hidden when nobody looks.
    pub fn bar(&self, what: &str, total: u64, unit: &str) -> ProgressBar {
        if self.quiet || self.json || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
        let template = format!(
            "{{prefix:10}} {{elapsed}} {{wide_bar}} {{pos}}/{{len}} {unit} {{rate}} eta {{eta}} {{msg}}"
        );
        let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // A line that cannot be drawn is not worth an error.
            let _ = write!(out, "{:.0}/s", state.per_sec());
        };
        let style = ProgressStyle::with_template(&template).expect("the template is fixed");
        bar.set_style(style.with_key("rate", rate));
        bar.set_prefix(what.to_string());
        // Long steps without a count still show that time passes.
        bar.enable_steady_tick(std::time::Duration::from_millis(200));
        bar
    }
}

/// A rule under the header and nothing else.
const RULED: TableStyle = presets::NOTHING.header_separator(LineStyle::none().fill('─').junction('─'));

/// A plain table: a rule under the header, the first column and prose to the left, numbers to the right. Cells are broken
/// into lines where a terminal is too narrow.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    let words = |cell: &String| cell.split(' ').filter(|word| word.chars().all(char::is_alphabetic)).count();
    for (index, column) in table.column_iter_mut().enumerate().skip(1) {
        let is_prose = rows.iter().filter_map(|row| row.get(index)).any(|cell| words(cell) > 2);
        if !is_prose {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.to_string();
    let width = text.lines().map(|l| l.trim_end().chars().count()).max().unwrap_or(0);
    if let Some((Width(most), _)) = terminal_size_of(std::io::stdout())
        && width > usize::from(most)
    {
        table.load_style(RULED).set_content_arrangement(ContentArrangement::Dynamic).set_width(most);
        return table.trim_fmt();
    }
    let mut lines: Vec<String> = text.lines().map(|l| l.trim_end().to_string()).collect();
    lines.insert(1.min(lines.len()), format!(" {}", "─".repeat(width.saturating_sub(1))));
    lines.join("\n")
}

/// `12345` as `12,345`.
pub fn thousands(n: impl Into<u64>) -> String {
    let digits = n.into().to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `1 cycle`, `12,345 cycles`.
pub fn counted(n: impl Into<u64>, what: &str) -> String {
    let n = n.into();
    format!("{} {what}{}", thousands(n), if n == 1 { "" } else { "s" })
}

/// `0.9812` as `98.12 %`.
pub fn percent(fraction: f64) -> String {
    format!("{:.2} %", 100.0 * fraction)
}
