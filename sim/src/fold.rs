//! The running hash over the streams of a design, by which two simulators are compared without moving every value.
//!
//! Every cycle folds first the handshake bits of all streams (`valid`, then `ready`, two bits a stream, 32 streams a word),
//! then for each stream that is valid its beat: `last` where watched, then the lanes, packed low bits first into 64-bit
//! words. In the last beat of a vector the lanes that carry nothing are left out. The step `h = (rotl(h, 5) ^ w) * K` is
//! one-to-one in `h` and in `w`: a single differing word always leaves differing hashes.

use crate::lanes::{Compiled, Lanes};
use crate::mask::Mask;
use crate::packed::{Field, fields};
use multiversion::multiversion;
use sterna_ir::{Netlist, design::Stream, netlist::NodeId};

/// Cycles per reported hash.
pub const BLOCK: u64 = 1024;

/// Multiplier of [`step`], odd.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Streams per handshake word.
const PER_WORD: usize = 32;

/// Folds one word.
#[inline(always)]
fn step(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR)
}

/// One stream as it is folded.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub valid: NodeId,
    pub ready: NodeId,
    /// Values in the packed beat; empty when the data is not watched.
    fields: Vec<Field>,
    /// Words of a packed beat.
    words: usize,
    /// Beats per vector.
    beats: usize,
    /// Bits in use in the last beat.
    last_bits: usize,
}

impl Watched {
    /// A stream with its data, and `last` if wanted.
    pub fn new(netlist: &Netlist, stream: &Stream, data: bool, last: bool) -> Self {
        let first = stream.last.filter(|_| last);
        let nodes: Vec<NodeId> = first.into_iter().chain(stream.data.iter().copied()).collect();
        let nodes = if data { nodes } else { vec![] };
        let beats = stream.beats();
        let (fields, words) = fields(netlist, &nodes);
        let used = stream.order.len() - (beats - 1) * stream.data.len() + usize::from(first.is_some());
        let end = |field: &Field| field.at + field.width();
        let last_bits = fields.iter().take(used).map(end).max().unwrap_or(0);
        Watched { valid: stream.valid, ready: stream.ready, fields, words, beats, last_bits }
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
        if beat + 1 < self.beats { self.words } else { self.last_bits.div_ceil(64) }
    }
}

/// Where the parts of a watched stream are in one machine.
struct Tap<P> {
    valid: usize,
    ready: usize,
    port: P,
}

/// Hashes of all lanes of a machine.
pub(crate) struct Fold<'a, M: Lanes> {
    pub hash: Vec<u64>,
    streams: &'a [Watched],
    taps: Vec<Tap<<M::Program as Compiled>::Port>>,
    /// Beat of each lane, stream by stream.
    beats: Vec<Vec<u32>>,
    words: Vec<u64>,
}

impl<'a, M: Lanes> Fold<'a, M> {
    pub fn new(program: &M::Program, streams: &'a [Watched]) -> Self {
        let most = streams.iter().map(|s| s.words).max().unwrap_or(0).max(1);
        let tap = |s: &Watched| Tap {
            valid: program.at(s.valid),
            ready: program.at(s.ready),
            port: program.port(&s.fields),
        };
        Fold {
            hash: vec![0; M::LANES],
            streams,
            taps: streams.iter().map(tap).collect(),
            beats: vec![vec![0; M::LANES]; streams.len()],
            words: vec![0; most * M::LANES],
        }
    }

    /// Folds one settled cycle. Only the hashes of `running` lanes mean something from then on.
    pub fn cycle(&mut self, program: &M::Program, machine: &M, running: &Mask) {
        for chunk in self.taps.chunks(PER_WORD) {
            let word = &mut self.words[..M::LANES];
            word.fill(0);
            for (i, tap) in chunk.iter().enumerate() {
                let (valid, ready) = (machine.get(program, tap.valid), machine.get(program, tap.ready));
                spread(word, &valid.0, 2 * i as u32);
                spread(word, &ready.0, 2 * i as u32 + 1);
            }
            fold(&mut self.hash, word, u64::MAX);
        }
        for (i, (stream, tap)) in self.streams.iter().zip(&self.taps).enumerate() {
            let valid = machine.get(program, tap.valid) & *running;
            if valid.is_empty() || stream.words == 0 {
                continue;
            }
            let words = &mut self.words[..stream.words * M::LANES];
            machine.pack(program, &tap.port, words);
            let beats = &mut self.beats[i];
            let mut lanes = valid.lanes();
            let first = beats[lanes.next().expect("a lane is valid")];
            if running.within(&valid) && (stream.beats == 1 || lanes.all(|l| beats[l] == first)) {
                for w in 0..stream.count(first as usize) {
                    let word = &words[w * M::LANES..][..M::LANES];
                    fold(&mut self.hash, word, stream.mask(first as usize, w));
                }
            } else {
                for l in valid.lanes() {
                    let beat = beats[l] as usize;
                    for w in 0..stream.count(beat) {
                        self.hash[l] = step(self.hash[l], words[w * M::LANES + l] & stream.mask(beat, w));
                    }
                }
            }
            if stream.beats > 1 {
                for l in (valid & machine.get(program, tap.ready)).lanes() {
                    beats[l] = if beats[l] as usize + 1 == stream.beats { 0 } else { beats[l] + 1 };
                }
            }
        }
    }
}

/// Sets bit `at` of every lane's word to that lane's bit.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn spread(words: &mut [u64], bits: &[u64], at: u32) {
    for (words, bits) in words.chunks_mut(64).zip(bits) {
        for (l, word) in words.iter_mut().enumerate() {
            *word |= (bits >> l & 1) << at;
        }
    }
}

/// Folds one word into every lane's hash.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn fold(hash: &mut [u64], words: &[u64], mask: u64) {
    for (hash, word) in hash.iter_mut().zip(words) {
        *hash = step(*hash, word & mask);
    }
}
