//! Boards: the folders of `constraints/`, carried inside the program. A new board is a folder, no Rust.
//! `constraints/README.md` says what the fields mean.

use anyhow::{Context, Result, bail};
use include_dir::{Dir, include_dir};
use serde::Deserialize;
use sterna_hdl::estimate::Resources;
use sterna_hdl::explore::Budget;
use sterna_hdl::family::Family;
use sterna_hdl::verilog::SourceFile;

use crate::ui::thousands;

static BOARDS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/constraints");

/// What a board's `board.toml` says that the command needs.
#[derive(Clone, Debug, Deserialize)]
pub struct Board {
    /// Name of its folder.
    #[serde(skip)]
    pub key: String,
    /// Name for people.
    pub name: String,
    /// Family: `ice40`, `ecp5`, `gowin`, `xc7` or `xcup`.
    pub family: String,
    /// The chip, as the family's tools spell it.
    pub device: String,
    /// Its package.
    #[serde(default)]
    pub package: String,
    /// Its speed grade, where the tools ask for one.
    pub speed: Option<String>,
    /// The whole part number, where the tools ask for it.
    pub part: Option<String>,
    /// Frequency of the clock pin.
    pub clock_mhz: f64,
    /// The other clock pin, if the clock is differential.
    pub clock_pin_n: Option<String>,
    /// Level of the reset button while pressed, `high` or `low`; none where there is no button.
    pub reset_active: Option<String>,
    /// Bits per second of the serial port.
    pub baud: u32,
    /// Files with pins and timing, in the same folder.
    pub constraint_files: Vec<String>,
    /// The top module around [`sterna_hdl::serial::SHELL`], and models of primitives in it.
    pub verilog: Vec<String>,
    /// Command that loads a bitstream, its file to be added; none where the vendor's tool does it.
    pub load: Option<String>,
    /// More arguments of the packer.
    #[serde(default)]
    pub pack_options: Vec<String>,
    /// Texts of `constraint_files`, named after the board, then of `verilog`.
    #[serde(skip)]
    pub files: Vec<SourceFile>,
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

    /// A budget that the part bounds where it says nothing itself.
    pub fn bound(&self, budget: Budget) -> Budget {
        let Capacity { lut, bram, .. } = self.capacity;
        Budget { lut: budget.lut.or(Some(lut as f64)), bram: budget.bram.or(Some(bram as f64)), ..budget }
    }

    /// Clocks that a bit of the serial line takes.
    pub fn divider(&self) -> u32 {
        (self.clock_mhz * 1e6 / f64::from(self.baud)).round() as u32
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

/// The board of `family` whose part has most look-up tables.
pub fn largest(family: Family) -> Option<Board> {
    let boards = names().into_iter().filter_map(|name| find(name).ok());
    boards.filter(|b| b.family() == Some(family)).max_by_key(|b| b.capacity.lut)
}

/// The board in folder `name`.
pub fn find(name: &str) -> Result<Board> {
    let Some(folder) = BOARDS.get_dir(name).filter(|_| names().contains(&name)) else {
        bail!("no board {name:?}; there are {}", names().join(", "));
    };
    let read = |file: &str| BOARDS.get_file(folder.path().join(file)).and_then(|f| f.contents_utf8());
    let text = read("board.toml").with_context(|| format!("board {name} has no board.toml"))?;
    let mut board: Board = toml::from_str(text).with_context(|| format!("board {name}"))?;
    let constraints = board.constraint_files.iter().map(|file| (file, format!("{name}-{file}")));
    let verilog = board.verilog.iter().map(|file| (file, file.clone()));
    for (file, emitted) in constraints.chain(verilog) {
        let text =
            read(file).with_context(|| format!("board {name} names {file}, which it does not have"))?;
        board.files.push(SourceFile { name: emitted, text: text.to_string() });
    }
    board.key = name.to_string();
    Ok(board)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_hdl::serial::MIN_DIVIDER;

    #[test]
    fn every_board_can_be_read() {
        assert!(!names().is_empty());
        for name in names() {
            let board = find(name).unwrap();
            assert!(board.clock_mhz > 0.0 && board.family().is_some(), "{name}");
            assert!(board.files.len() >= 2 && board.capacity.bram_bits > 0, "{name}");
            assert!(matches!(board.reset_active.as_deref(), None | Some("high" | "low")), "{name}");
            // A receiver samples the last bit of a byte in its middle: half a bit of error over nine and a half.
            let rate = board.clock_mhz * 1e6 / f64::from(board.divider());
            assert!(board.divider() >= MIN_DIVIDER, "{name}");
            assert!((rate / f64::from(board.baud) - 1.0).abs() < 0.02, "{name}: {rate} baud");
        }
        assert!(find("../ir").unwrap_err().to_string().contains("no board"));
    }
}
