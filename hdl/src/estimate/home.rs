//! Where Yosys puts a memory: block RAM, distributed RAM or logic, by the costs that its `memory_libmap` weighs (Yosys 0.23,
//! the libraries `brams*.txt` and `lutrams*.txt` of each family).

use sterna_ir::netlist::{Memory, MemoryKind};

use crate::family::Family;

/// What a memory becomes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Home {
    /// Block RAMs.
    Block {
        /// All of them.
        blocks: u64,
        /// Parts of the depth that lie beside one another, among which the high address bits choose.
        deep: u64,
    },
    /// Look-up tables that can be written: words of so many in one, and tables counted for each of those.
    Distributed {
        /// Words of each.
        words: u64,
        /// Tables of each.
        luts: u64,
    },
    /// Gates, and flip-flops if it can be written.
    Logic,
}

/// A cell that can hold a memory.
struct Cell {
    /// Bits of its address when it is as narrow as can be.
    address: u32,
    /// Widths, each of half the depth of the one before.
    widths: &'static [u64],
    /// Bits that are written together at least.
    byte: u64,
    /// What it costs, and how much of that in proportion to the part of its width that is used.
    cost: f64,
    scaled: f64,
    /// Block RAMs that are counted for it, or look-up tables.
    counted: u64,
    is_block: bool,
}

const fn block(address: u32, widths: &'static [u64], byte: u64, cost: f64, counted: u64) -> Cell {
    Cell { address, widths, byte, cost, scaled: 0.0, counted, is_block: true }
}

const fn distributed(address: u32, widths: &'static [u64], cost: f64, scaled: f64, counted: u64) -> Cell {
    Cell { address, widths, byte: widths[0], cost, scaled, counted, is_block: false }
}

const ICE40: [Cell; 1] = [block(11, &[2, 4, 8, 16], 1, 64.0, 1)];
const ECP5: [Cell; 2] = [block(14, &[1, 2, 4, 9, 18, 36], 9, 128.0, 1), distributed(4, &[4], 4.0, 0.0, 4)];
const GOWIN: [Cell; 2] = [block(14, &[1, 2, 4, 9, 18, 36], 9, 128.0, 1), distributed(4, &[4], 4.0, 4.0, 4)];
const XCUP: [Cell; 4] = [
    block(14, &[1, 2, 4, 9, 18, 36], 9, 129.0, 1),
    block(15, &[1, 2, 4, 9, 18, 36, 72], 9, 257.0, 2),
    // A slice of eight tables, 32 words of 14 bits or 64 of 7.
    distributed(5, &[14], 16.0, 16.0, 8),
    distributed(6, &[7], 16.0, 16.0, 8),
];

/// Where Yosys puts a memory of whose words the bits `needed` are read.
pub fn home_of(memory: &Memory, needed: u64, family: Family) -> Home {
    let own = u64::MAX >> (64 - memory.word.width());
    let (kept, rom) = match &memory.kind {
        // Bits that are the same in all words are no part of it.
        MemoryKind::Rom(words) => (words.iter().fold(0, |moves, w| moves | (w ^ words[0]) as u64), true),
        MemoryKind::Ram { .. } => (own, false),
    };
    home(memory.depth as u64, u64::from((kept & own & needed).count_ones()), rom, family)
}

/// Where Yosys puts `depth` words of `width` bits, with a port to read and unless it is a ROM one to write.
fn home(depth: u64, width: u64, rom: bool, family: Family) -> Home {
    let (cells, rom_bit): (&[Cell], f64) = match family {
        Family::Ice40 => (&ICE40, 1.0 / 16.0),
        Family::Ecp5 => (&ECP5, 1.0 / 16.0),
        Family::Gowin => (&GOWIN, 1.0 / 16.0),
        Family::Xcup => (&XCUP, 1.0 / 64.0),
    };
    // It compares with whole numbers.
    let logic = ((depth * width) as f64 * if rom { rom_bit } else { 1.0 }).floor();
    let (mut best, mut found) = (logic, Home::Logic);
    for cell in cells.iter().filter(|cell| cell.is_block || !rom) {
        let collides = !rom && cell.is_block && delays_writes(family);
        for (narrow, unit) in cell.widths.iter().enumerate() {
            let words = 1 << (cell.address as usize - narrow);
            let deep = depth.div_ceil(words);
            let byte = if rom { 1 } else { cell.byte.min(*unit) };
            let number = (deep * width.next_multiple_of(byte)).div_ceil(*unit);
            let used = cell.scaled * (deep * width) as f64 / *unit as f64;
            let chosen = (deep - 1) * width + if rom || deep == 1 { 0 } else { deep };
            let emulated = if collides { 4.0 } else { 1.0 };
            let cost =
                (cell.cost - cell.scaled) * number as f64 + used + 0.5 * chosen as f64 + 2.0 * emulated;
            if cost < best {
                best = cost.floor();
                found = match cell.is_block {
                    true => Home::Block { blocks: number * cell.counted, deep },
                    false => Home::Distributed { words, luts: cell.counted * width.div_ceil(*unit) },
                };
            }
        }
    }
    found
}

/// Whether Yosys has to make a block RAM give the old word where it is written in the same cycle: it writes a cycle later,
/// and gives what waits to a read of that address.
pub fn delays_writes(family: Family) -> bool {
    family != Family::Xcup
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_take_the_cheapest_shape() {
        let blocks = |depth, width, family| match home(depth, width, true, family) {
            Home::Block { blocks, deep } => (blocks, deep),
            other => panic!("{other:?}"),
        };
        assert_eq!(blocks(256, 16, Family::Ice40), (1, 1));
        assert_eq!(blocks(1568, 8, Family::Ice40), (4, 1));
        assert_eq!(blocks(2396, 7, Family::Ice40), (5, 5));
        assert_eq!(blocks(4087, 7, Family::Ice40), (7, 2));
        assert_eq!(blocks(1568, 8, Family::Ecp5), (1, 1));
        assert_eq!(blocks(4101, 4, Family::Xcup), (1, 9));
    }

    #[test]
    fn small_memories_stay_out_of_blocks() {
        let block = |depth, width, rom, family| matches!(home(depth, width, rom, family), Home::Block { .. });
        assert!(block(130, 9, true, Family::Ice40));
        assert!(!block(15, 33, true, Family::Ice40));
        assert!(!block(130, 9, true, Family::Ecp5));
        assert!(!block(400, 20, true, Family::Xcup));
        assert_eq!(home(30, 2, false, Family::Ecp5), Home::Distributed { words: 16, luts: 4 });
        assert_eq!(home(30, 2, false, Family::Ice40), Home::Logic);
    }
}
