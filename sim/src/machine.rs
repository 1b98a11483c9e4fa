//! Executes a program on `L` lanes: independent copies of the circuit, side by side in one vector per value.

use crate::clock::clock;
use crate::lanes::{Compiled, Lanes};
use crate::mask::Mask;
use crate::packed::Field;
use crate::program::{Bank, Program};
use crate::settle::settle;
use crate::word::Word;
use multiversion::multiversion;
use sterna_ir::{Range, netlist::NodeId};

/// The state of `L` circuits.
#[derive(Clone, Debug)]
pub(crate) struct Machine<T, const L: usize> {
    /// Value of every slot in every lane.
    pub values: Vec<[T; L]>,
    /// Words of every memory: shared for a ROM, `L` per address for a RAM.
    memories: Vec<Vec<T>>,
}

impl<T: Word, const L: usize> Machine<T, L> {
    /// Power-up.
    pub fn new(program: &Program) -> Self {
        let memories = program.banks.iter().map(|bank| match bank {
            Bank::Rom(words) => words.iter().map(|w| T::cut(*w)).collect(),
            Bank::Ram { depth, start } => vec![T::cut(*start); depth * L],
            Bank::Unused => vec![],
        });
        let values = program.start.iter().map(|v| [T::cut(*v); L]).collect();
        Machine { values, memories: memories.collect() }
    }

    /// Settles the combinational nodes.
    pub fn settle(&mut self, program: &Program) {
        settle(program, &mut self.values);
    }

    /// One rising clock edge.
    pub fn clock(&mut self, program: &Program) {
        let reset = program.reset.map(|slot| self.values[slot as usize]);
        clock(program, &mut self.values, &mut self.memories);
        for lane in 0..L {
            if reset.is_some_and(|r| r[lane] == T::ONE) {
                for (slot, value) in &program.resets {
                    self.values[*slot as usize][lane] = T::cut(*value);
                }
            }
        }
    }
}

/// A stream's values, twice: one by one for loading, and word by word for packing.
pub(crate) struct Port {
    values: Vec<Place>,
    words: Vec<Vec<Place>>,
}

/// Bits of a slot in a packed word: shifted left, or right where negative.
struct Place {
    slot: u32,
    range: Range,
    word: u32,
    shift: i8,
}

impl Compiled for Program {
    type Port = Port;

    fn at(&self, node: NodeId) -> usize {
        self.slot(node).unwrap_or_else(|| panic!("node {} is not watched", node.0))
    }

    fn port(&self, fields: &[Field]) -> Port {
        let mut port = Port { values: vec![], words: vec![] };
        for field in fields {
            let (word, shift) = (field.at / 64, (field.at % 64) as i8);
            let place = |word: usize, shift| Place {
                slot: self.at(field.node) as u32,
                range: field.range,
                word: word as u32,
                shift,
            };
            port.values.push(place(word, shift));
            port.words.resize_with((field.at + field.width()).div_ceil(64), Vec::new);
            port.words[word].push(place(word, shift));
            if field.at % 64 + field.width() > 64 {
                port.words[word + 1].push(place(word + 1, shift - 64));
            }
        }
        port
    }
}

impl<T: Word, const L: usize> Lanes for Machine<T, L> {
    const LANES: usize = L;
    type Program = Program;

    fn new(program: &Program) -> Self {
        Machine::new(program)
    }

    fn set(&mut self, _: &Program, at: usize, bits: &Mask) {
        for (l, value) in self.values[at].iter_mut().enumerate() {
            *value = T::bit(bits.has(l));
        }
    }

    fn get(&self, _: &Program, at: usize) -> Mask {
        Mask::from_fn(L, |l| self.values[at][l] == T::ONE)
    }

    fn load(&mut self, _: &Program, port: &Port, words: &[u64]) {
        load(&port.values, words, &mut self.values);
    }

    fn pack(&self, _: &Program, port: &Port, words: &mut [u64]) {
        pack(&port.words, &self.values, words);
    }

    fn settle(&mut self, program: &Program) {
        self.settle(program);
    }

    fn clock(&mut self, program: &Program) {
        self.clock(program);
    }
}

#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn load<T: Word, const L: usize>(places: &[Place], words: &[u64], values: &mut [[T; L]]) {
    let word = |w: usize| words[w * L..].first_chunk::<L>().expect("a packed word in every lane");
    for place in places {
        let (width, shift) = (place.range.width(), place.shift as u32);
        let mask = (1u64 << width) - 1;
        // Subtracting the sign's weight from its inverse extends it.
        let sign = if place.range.is_signed() { 1u64 << (width - 1) } else { 0 };
        let out = &mut values[place.slot as usize];
        let low = word(place.word as usize);
        if shift + width <= 64 {
            for l in 0..L {
                let bits = low[l] >> shift & mask;
                out[l] = T::cut((bits ^ sign).wrapping_sub(sign) as i64);
            }
        } else {
            let high = word(place.word as usize + 1);
            for l in 0..L {
                let bits = (low[l] >> shift | high[l] << (64 - shift)) & mask;
                out[l] = T::cut((bits ^ sign).wrapping_sub(sign) as i64);
            }
        }
    }
}

#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn pack<T: Word, const L: usize>(places: &[Vec<Place>], values: &[[T; L]], words: &mut [u64]) {
    for (word, places) in words.chunks_exact_mut(L).zip(places) {
        let mut packed = [0u64; L];
        for place in places {
            let value = &values[place.slot as usize];
            let mask = (1u64 << place.range.width()) - 1;
            if place.shift >= 0 {
                for l in 0..L {
                    packed[l] |= (value[l].wide() as u64 & mask) << place.shift;
                }
            } else {
                for l in 0..L {
                    packed[l] |= (value[l].wide() as u64 & mask) >> -place.shift;
                }
            }
        }
        word.copy_from_slice(&packed);
    }
}
