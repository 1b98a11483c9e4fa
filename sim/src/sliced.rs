//! Executes a netlist on planes: `B` words of 64 lanes for every bit of every value.

mod execute;
mod memories;

use crate::lanes::Lanes;
use crate::mask::Mask;
use crate::planes::{Planes, Port};
use execute::{execute, map};
use memories::Memories;
use multiversion::multiversion;
use sterna_ir::netlist::NodeId;

/// The state of `64 * B` circuits.
#[derive(Clone, Debug)]
pub(crate) struct Sliced<const B: usize> {
    planes: Vec<[u64; B]>,
    memories: Memories<B>,
}

impl Sliced<1> {
    /// Sets an input in all lanes.
    pub fn put(&mut self, program: &Planes, input: NodeId, value: i64) {
        for (i, plane) in program.of(input).iter().enumerate() {
            self.planes[*plane as usize] = [if value >> i & 1 == 1 { u64::MAX } else { 0 }];
        }
    }

    /// The bits of a node in the last lane.
    pub fn bits(&self, program: &Planes, node: NodeId) -> i64 {
        let bits = program.of(node).iter().map(|plane| (self.planes[*plane as usize][0] >> 63) as i64);
        bits.enumerate().map(|(i, bit)| bit << i).sum()
    }
}

impl<const B: usize> Lanes for Sliced<B> {
    const LANES: usize = 64 * B;
    type Program = Planes;

    fn new(program: &Planes) -> Self {
        let plane = |bit: &bool| [if *bit { u64::MAX } else { 0 }; B];
        Sliced { planes: program.start.iter().map(plane).collect(), memories: Memories::new(program) }
    }

    fn set(&mut self, _: &Planes, at: usize, bits: &Mask) {
        self.planes[at].copy_from_slice(&bits.0[..B]);
    }

    fn get(&self, _: &Planes, at: usize) -> Mask {
        let mut mask = Mask::default();
        mask.0[..B].copy_from_slice(&self.planes[at]);
        mask
    }

    fn load(&mut self, _: &Planes, port: &Port, words: &[u64]) {
        let mut bits = [[0; B]; 64];
        for (planes, words) in port.words.iter().zip(words.chunks_exact(64 * B)) {
            for (b, words) in words.chunks_exact(64).enumerate() {
                bits.iter_mut().zip(words).for_each(|(bits, word)| bits[b] = *word);
            }
            transpose(&mut bits);
            for (plane, bits) in planes.iter().zip(&bits) {
                self.planes[*plane as usize] = *bits;
            }
        }
    }

    fn pack(&self, _: &Planes, port: &Port, words: &mut [u64]) {
        let mut bits = [[0; B]; 64];
        for (planes, words) in port.words.iter().zip(words.chunks_exact_mut(64 * B)) {
            bits[planes.len()..].fill([0; B]);
            for (bits, plane) in bits.iter_mut().zip(planes) {
                *bits = self.planes[*plane as usize];
            }
            transpose(&mut bits);
            for (b, words) in words.chunks_exact_mut(64).enumerate() {
                words.iter_mut().zip(&bits).for_each(|(word, bits)| *word = bits[b]);
            }
        }
    }

    fn settle(&mut self, program: &Planes) {
        execute(&program.runs[..program.settle], 0, &program.code, &mut self.planes, &mut self.memories);
    }

    fn clock(&mut self, program: &Planes) {
        let reset = program.reset.map(|plane| self.planes[plane as usize]);
        let (settle, clock) = program.runs.split_at(program.settle);
        let begin = settle.last().map_or(0, |run| run.end as usize);
        execute(clock, begin, &program.code, &mut self.planes, &mut self.memories);
        for (plane, value) in &program.resets {
            let plane = &mut self.planes[*plane as usize];
            for (word, reset) in plane.iter_mut().zip(reset.into_iter().flatten()) {
                *word = if *value { *word | reset } else { *word & !reset };
            }
        }
    }
}

/// Transposes `B` matrices of 64 by 64 bits (Warren, Hacker's Delight, 2nd ed., 7-3).
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn transpose<const B: usize>(rows: &mut [[u64; B]; 64]) {
    let mut mask = 0x0000_0000_ffff_ffffu64;
    let mut gap = 32;
    while gap > 0 {
        for i in (0..64).filter(|i| i & gap == 0) {
            let (low, high) = (rows[i], rows[i + gap]);
            let swap: [u64; B] = map(|b| (low[b] >> gap ^ high[b]) & mask);
            rows[i] = map(|b| low[b] ^ swap[b] << gap);
            rows[i + gap] = map(|b| high[b] ^ swap[b]);
        }
        gap /= 2;
        mask ^= mask << gap;
    }
}
