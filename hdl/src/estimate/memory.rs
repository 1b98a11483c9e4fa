//! Cost of one memory: block RAM, distributed RAM, or tables of logic.

use sterna_ir::netlist::{Memory, MemoryKind};

use super::Resources;
use crate::family::Family;

/// Whether Yosys puts `memory` into block RAM on `family`: its size thresholds.
pub fn is_block(memory: &Memory, family: Family) -> bool {
    let bits = memory.depth as u64 * u64::from(memory.word.width());
    let rom = matches!(memory.kind, MemoryKind::Rom(_));
    bits >= match (family, rom) {
        (Family::Ice40, _) => 256,
        (Family::Ecp5 | Family::Gowin, _) => 2048,
        (Family::Xcup, _) => 4096,
    }
}

/// Cells of `memory`, its read ports' registers aside.
pub fn cost(memory: &Memory, family: Family) -> Resources {
    let (depth, width) = (memory.depth as u64, u64::from(memory.word.width()));
    let rom = matches!(memory.kind, MemoryKind::Rom(_));
    let rom_bits = if rom { depth * width } else { 0 };
    if is_block(memory, family) {
        let (blocks, deep) = blocks(depth, width, family);
        // Those behind one another are joined bit by bit, by the high bits of the address, which must wait for the data.
        let joins = (width * (deep - 1)) as f64;
        let lut = if family == Family::Xcup { (joins / 3.0).ceil() } else { joins };
        let ff = f64::from(deep.next_power_of_two().ilog2());
        return Resources { bram: blocks as f64, lut, ff, rom_bits, ..Resources::default() };
    }
    let (depth, width) = (depth as f64, width as f64);
    let lut = match (family, rom) {
        // A random table of 2^k bits takes one k-input table; deeper ones a multiplexer on top, which slices have for so many.
        (_, true) => {
            let inputs = f64::from(family.lut_inputs());
            let tables = (depth / inputs.exp2()).ceil();
            let joined = match family {
                Family::Ice40 => 1.0,
                Family::Xcup => 4.0,
                Family::Ecp5 | Family::Gowin => 8.0,
            };
            width * (tables + ((tables / joined).ceil() - 1.0) / 2.0)
        }
        (Family::Ecp5 | Family::Gowin, false) => 4.0 * (depth / 16.0).ceil() * (width / 4.0).ceil(),
        (Family::Xcup, false) => 8.0 * (depth / 64.0).ceil() * (width / 7.0).ceil(),
        // No distributed RAM: a register per bit, a write decoder and a read multiplexer.
        (Family::Ice40, false) => depth * (1.0 + width),
    };
    let ff = if family == Family::Ice40 && !rom { depth * width } else { 0.0 };
    Resources { lut, ff, rom_bits, ..Resources::default() }
}

/// Block RAMs for `depth` words of `width` bits, the cheapest of the shapes a block can take, and how many lie behind one
/// another. Yosys makes an iCE40 block one bit wide by choosing among two.
fn blocks(depth: u64, width: u64, family: Family) -> (u64, u64) {
    let shapes: &[(u64, u64)] = match family {
        Family::Ice40 => &[(256, 16), (512, 8), (1024, 4), (2048, 2), (4096, 1)],
        Family::Ecp5 | Family::Gowin => &[(512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)],
        Family::Xcup => &[(512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)],
    };
    let shape = |(d, w): &(u64, u64)| (depth.div_ceil(*d) * width.div_ceil(*w), depth.div_ceil(*d));
    shapes.iter().map(shape).min().expect("there are shapes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_take_the_cheapest_shape() {
        assert_eq!(blocks(256, 16, Family::Ice40), (1, 1));
        assert_eq!(blocks(1568, 8, Family::Ice40), (4, 1));
        assert_eq!(blocks(2396, 7, Family::Ice40), (5, 5));
        assert_eq!(blocks(4087, 7, Family::Ice40), (7, 1));
        assert_eq!(blocks(1568, 8, Family::Ecp5), (1, 1));
        assert_eq!(blocks(2400, 6, Family::Xcup), (2, 1));
    }
}
