//! Boards: the folders of `constraints/`, carried inside the program. A new board is a folder, no Rust.

use anyhow::{Context, Result, bail};
use include_dir::{Dir, include_dir};
use serde::Deserialize;
use sterna_hdl::verilog::SourceFile;

static BOARDS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/constraints");

/// What a board's `board.toml` says that the command needs.
#[derive(Clone, Debug, Deserialize)]
pub struct Board {
    /// Name for people.
    pub name: String,
    /// Family: `ice40`, `ecp5`, `xc7` or `xcup`.
    pub family: String,
    /// Frequency of the clock pin.
    pub clock_mhz: f64,
    /// Files with pins and timing, in the same folder.
    pub constraint_files: Vec<String>,
}

/// Names of all boards, sorted.
pub fn names() -> Vec<String> {
    let folder = |d: &Dir<'_>| d.path().file_name().map(|n| n.to_string_lossy().into_owned());
    let mut names: Vec<String> = BOARDS.dirs().filter_map(folder).collect();
    names.sort();
    names
}

/// A board and its constraint files.
pub fn find(name: &str) -> Result<(Board, Vec<SourceFile>)> {
    let Some(folder) = BOARDS.get_dir(name).filter(|_| names().iter().any(|n| n == name)) else {
        bail!("no board {name:?}; there are {}", names().join(", "));
    };
    let read = |file: &str| BOARDS.get_file(folder.path().join(file)).and_then(|f| f.contents_utf8());
    let text = read("board.toml").with_context(|| format!("board {name} has no board.toml"))?;
    let board: Board = toml::from_str(text).with_context(|| format!("board {name}"))?;
    let mut files = Vec::new();
    for file in &board.constraint_files {
        let text =
            read(file).with_context(|| format!("board {name} names {file}, which it does not have"))?;
        files.push(SourceFile { name: format!("{name}-{file}"), text: text.to_string() });
    }
    Ok((board, files))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_board_can_be_read() {
        assert!(!names().is_empty());
        for name in names() {
            let (board, files) = find(&name).unwrap();
            assert!(board.clock_mhz > 0.0 && !board.family.is_empty(), "{name}");
            assert_eq!(files.len(), board.constraint_files.len(), "{name}");
        }
        assert!(find("../ir").unwrap_err().to_string().contains("no board"));
    }
}
