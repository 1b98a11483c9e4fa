//! The page around the sections: one file that asks nothing of the network and runs no script.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart;

/// Forbids every request and every script, so that none can slip in.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The whole page.
pub fn page(title: &str, about: &str, sections: &[(&str, Markup)]) -> String {
    let anchor = |name: &str| name.to_lowercase().replace(' ', "-");
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Browsers ask for an icon unless there is one.
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(include_str!("page.css"))) (PreEscaped(chart::colours())) }
            }
            body {
                header {
                    h1 { (title) }
                    p { (about) }
                    nav { @for (name, _) in sections { a href={ "#" (anchor(name)) } { (name) } " " } }
                }
                main {
                    @for (name, content) in sections {
                        section id=(anchor(name)) { h2 { (name) } (content) }
                    }
                }
                footer { "Sterna " (env!("CARGO_PKG_VERSION")) }
            }
        }
    };
    page.into_string()
}

/// Facts: names and values.
pub fn facts(rows: &[(impl AsRef<str>, String)]) -> Markup {
    html! { dl { @for (name, value) in rows { div { dt { (name.as_ref()) } dd { (value) } } } } }
}

/// A table; the first column to the left, numbers to the right. It scrolls by itself where the page is narrow.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table {
                thead { tr { @for name in header { th { (name) } } } }
                tbody { @for row in rows { tr { @for cell in row { td { (cell) } } } } }
            }
        }
    }
}

/// A table whose last columns are words: they keep to the left and break into lines.
pub fn table_of_words(header: &[&str], rows: &[Vec<String>]) -> Markup {
    html! { div.words { (table(header, rows)) } }
}

/// Charts side by side where there is room.
pub fn charts(all: &[Markup]) -> Markup {
    html! { div.charts { @for chart in all { (chart) } } }
}

/// Remarks in small print.
pub fn notes(lines: &[String]) -> Markup {
    html! { @for line in lines { p.note { (line) } } }
}
