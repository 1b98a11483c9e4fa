//! The running hash over the streams of a design, by which two simulators are compared without moving every value.
//!
//! Every cycle folds first the handshake bits of all streams (`valid`, then `ready`, two bits a stream, 32 streams a word),
//! then for each stream that is valid its beat: `last` where watched, then the lanes, packed low bits first into 64-bit
//! words. In the last beat of a vector the lanes that carry nothing are left out. The step `h = (rotl(h, 5) ^ w) * K` is
//! one-to-one in `h` and in `w`: a single differing word always leaves differing hashes.

use crate::program::Program;
use crate::word::Word;
use multiversion::multiversion;
use sterna_ir::{Netlist, design::Stream};

/// Cycles per reported hash.
pub const BLOCK: u64 = 1024;

/// Multiplier of [`step`], odd.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Streams per handshake word.
const PER_WORD: usize = 32;

/// Folds one word.
#[inline(always)]
pub(crate) fn step(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR)
}

/// A node's place in a packed word: shifted left, or right where negative.
#[derive(Clone, Copy, Debug)]
struct Field {
    slot: u32,
    width: u8,
    shift: i8,
}

/// One stream as it is folded.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub valid: usize,
    pub ready: usize,
    /// Fields of each word; empty when the data is not watched.
    words: Vec<Vec<Field>>,
    /// Beats per vector.
    beats: usize,
    /// Bits in use in the last beat.
    last_bits: usize,
}

impl Watched {
    /// A stream with its data, and `last` if wanted.
    pub fn new(program: &Program, netlist: &Netlist, stream: &Stream, data: bool, last: bool) -> Self {
        let mut words: Vec<Vec<Field>> = Vec::new();
        let mut at = 0;
        let nodes = stream.last.filter(|_| last).into_iter().chain(stream.data.iter().copied());
        for id in nodes.filter(|_| data) {
            let width = netlist.node(id).range.width() as usize;
            let field = |shift: i8| Field { slot: program.at(id) as u32, width: width as u8, shift };
            words.resize_with((at + width).div_ceil(64), Vec::new);
            words[at / 64].push(field((at % 64) as i8));
            if at % 64 + width > 64 {
                words[at / 64 + 1].push(field((at % 64) as i8 - 64));
            }
            at += width;
        }
        let beats = stream.beats();
        let used = stream.order.len() - (beats - 1) * stream.data.len();
        let unused: usize =
            stream.data[used..].iter().map(|id| netlist.node(*id).range.width() as usize).sum();
        let last_bits = at - if data { unused } else { 0 };
        Watched { valid: program.at(stream.valid), ready: program.at(stream.ready), words, beats, last_bits }
    }

    /// Bits of a full beat's word `word` that count in beat `beat`.
    fn mask(&self, beat: usize, word: usize) -> u64 {
        match self.last_bits.saturating_sub(64 * word) {
            _ if beat + 1 < self.beats => u64::MAX,
            bits if bits >= 64 => u64::MAX,
            bits => (1 << bits) - 1,
        }
    }

    /// Words that are folded in beat `beat`.
    fn count(&self, beat: usize) -> usize {
        if beat + 1 < self.beats { self.words.len() } else { self.last_bits.div_ceil(64) }
    }
}

/// Hashes of `L` lanes.
#[derive(Clone, Debug)]
pub(crate) struct Fold<const L: usize> {
    pub hash: [u64; L],
    beats: Vec<[u32; L]>,
    words: Vec<[u64; L]>,
}

impl<const L: usize> Fold<L> {
    pub fn new(streams: &[Watched]) -> Self {
        let most = streams.iter().map(|s| s.words.len()).max().unwrap_or(0);
        Fold { hash: [0; L], beats: vec![[0; L]; streams.len()], words: vec![[0; L]; most] }
    }

    /// Folds one settled cycle of every lane.
    pub fn cycle<T: Word>(&mut self, streams: &[Watched], values: &[[T; L]]) {
        for chunk in streams.chunks(PER_WORD) {
            let mut word = [0u64; L];
            for (i, s) in chunk.iter().enumerate() {
                let (valid, ready) = (&values[s.valid], &values[s.ready]);
                for l in 0..L {
                    word[l] |= (valid[l].wide() as u64 | (ready[l].wide() as u64) << 1) << (2 * i);
                }
            }
            for (hash, word) in self.hash.iter_mut().zip(word) {
                *hash = step(*hash, word);
            }
        }
        for (i, stream) in streams.iter().enumerate() {
            let (valid, ready) = (values[stream.valid], values[stream.ready]);
            if valid.iter().all(|v| *v == T::ZERO) {
                continue;
            }
            let words = &mut self.words[..stream.words.len()];
            pack(&stream.words, values, words);
            for l in (0..L).filter(|l| valid[*l] == T::ONE) {
                let beat = self.beats[i][l] as usize;
                for (w, word) in words.iter().enumerate().take(stream.count(beat)) {
                    self.hash[l] = step(self.hash[l], word[l] & stream.mask(beat, w));
                }
                if ready[l] == T::ONE {
                    self.beats[i][l] = if beat + 1 == stream.beats { 0 } else { beat as u32 + 1 };
                }
            }
        }
    }
}

#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn pack<T: Word, const L: usize>(fields: &[Vec<Field>], values: &[[T; L]], words: &mut [[u64; L]]) {
    for (word, fields) in words.iter_mut().zip(fields) {
        let mut packed = [0u64; L];
        for field in fields {
            let value = &values[field.slot as usize];
            let mask = (1u64 << field.width) - 1;
            if field.shift >= 0 {
                for l in 0..L {
                    packed[l] |= (value[l].wide() as u64 & mask) << field.shift;
                }
            } else {
                for l in 0..L {
                    packed[l] |= (value[l].wide() as u64 & mask) >> -field.shift;
                }
            }
        }
        *word = packed;
    }
}
