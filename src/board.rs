//! Boards: the folders of `constraints/`, carried inside the program. A new board is a folder, no Rust.

use anyhow::{Context, Result, bail};
use include_dir::{Dir, include_dir};
use serde::Deserialize;
use sterna_hdl::estimate::Resources;
use sterna_hdl::family::Family;
use sterna_hdl::verilog::SourceFile;

use crate::ui::thousands;

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
    /// What the part holds.
    pub capacity: Capacity,
}

/// Cells of a part, as the family counts them.
#[derive(Clone, Debug, Deserialize)]
pub struct Capacity {
    /// Look-up tables.
    pub lut: u64,
    /// Flip-flops.
    pub ff: u64,
    /// Block RAMs.
    pub bram: u64,
    /// Bits of one block RAM.
    pub bram_bits: u64,
}

impl Board {
    /// The family whose cost model fits; all Xilinx parts here have LUT6 and carry chains.
    pub fn family(&self) -> Option<Family> {
        Family::from_name(&self.family)
    }

    /// What of `need` the part does not hold, as text for people; nothing when all fits.
    pub fn lacks(&self, need: &Resources) -> Vec<String> {
        // The cost model counts Xilinx block RAMs in halves of 18 Kbit.
        let halves = if self.family() == Some(Family::Xcup) { 2 } else { 1 };
        let rows = [
            ("LUT", need.lut, self.capacity.lut),
            ("FF", need.ff, self.capacity.ff),
            ("block RAM", need.bram, self.capacity.bram * halves),
        ];
        let over = rows.into_iter().filter(|(_, need, have)| *need > *have as f64);
        over.map(|(what, need, have)| {
            format!("about {} {what} of {}", thousands(need.round() as u64), thousands(have))
        })
        .collect()
    }
}

/// Names of all boards, sorted.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = BOARDS.dirs().filter_map(|d| d.path().file_name()?.to_str()).collect();
    names.sort();
    names
}

/// A board and its constraint files.
pub fn find(name: &str) -> Result<(Board, Vec<SourceFile>)> {
    let Some(folder) = BOARDS.get_dir(name).filter(|_| names().contains(&name)) else {
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
            let (board, files) = find(name).unwrap();
            assert!(board.clock_mhz > 0.0 && board.family().is_some(), "{name}");
            assert_eq!(files.len(), board.constraint_files.len(), "{name}");
        }
        assert!(find("../ir").unwrap_err().to_string().contains("no board"));
    }
}
