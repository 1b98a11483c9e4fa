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
        return Resources { bram: blocks(depth, width, family) as f64, rom_bits, ..Resources::default() };
    }
    let (depth, width) = (depth as f64, width as f64);
    let lut = match (family, rom) {
        // A random table of 2^k bits takes one k-input table; deeper ones a multiplexer on top.
        (_, true) => {
            let inputs = f64::from(family.lut_inputs());
            let tables = (depth / inputs.exp2()).ceil();
            width * (tables + (tables - 1.0) / 2.0)
        }
        (Family::Ecp5 | Family::Gowin, false) => 4.0 * (depth / 16.0).ceil() * (width / 4.0).ceil(),
        (Family::Xcup, false) => 8.0 * (depth / 64.0).ceil() * (width / 7.0).ceil(),
        // No distributed RAM: a register per bit, a write decoder and a read multiplexer.
        (Family::Ice40, false) => depth * (1.0 + width),
    };
    let ff = if family == Family::Ice40 && !rom { depth * width } else { 0.0 };
    Resources { lut, ff, rom_bits, ..Resources::default() }
}

/// Block RAMs for `depth` words of `width` bits: the cheapest of the shapes a block can take.
fn blocks(depth: u64, width: u64, family: Family) -> u64 {
    let shapes: &[(u64, u64)] = match family {
        Family::Ice40 => &[(256, 16), (512, 8), (1024, 4), (2048, 2)],
        Family::Ecp5 | Family::Gowin => &[(512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)],
        Family::Xcup => &[(512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)],
    };
    shapes.iter().map(|(d, w)| depth.div_ceil(*d) * width.div_ceil(*w)).min().expect("there are shapes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_take_the_cheapest_shape() {
        assert_eq!(blocks(256, 16, Family::Ice40), 1);
        assert_eq!(blocks(1568, 8, Family::Ice40), 4);
        assert_eq!(blocks(1568, 8, Family::Ecp5), 1);
        assert_eq!(blocks(2400, 6, Family::Xcup), 2);
    }
}
