//! Executes a netlist on planes: `B` words of 64 lanes for every bit of every value.

use crate::lanes::Lanes;
use crate::mask::Mask;
use crate::planes::{Gate, Planes, Port, Step};
use multiversion::multiversion;

/// The state of `64 * B` circuits.
#[derive(Clone, Debug)]
pub(crate) struct Sliced<const B: usize> {
    planes: Vec<[u64; B]>,
}

impl<const B: usize> Lanes for Sliced<B> {
    const LANES: usize = 64 * B;
    type Program = Planes;

    fn new(program: &Planes) -> Self {
        let plane = |bit: &bool| [if *bit { u64::MAX } else { 0 }; B];
        Sliced { planes: program.start.iter().map(plane).collect() }
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
        for (planes, words) in port.words.iter().zip(words.chunks_exact(64 * B)) {
            let bits = transpose(gather(words));
            for (plane, bits) in planes.iter().zip(bits) {
                self.planes[*plane as usize] = bits;
            }
        }
    }

    fn pack(&self, _: &Planes, port: &Port, words: &mut [u64]) {
        for (planes, words) in port.words.iter().zip(words.chunks_exact_mut(64 * B)) {
            let mut bits = [[0; B]; 64];
            for (bits, plane) in bits.iter_mut().zip(planes) {
                *bits = self.planes[*plane as usize];
            }
            let bits = transpose(bits);
            for (b, words) in words.chunks_exact_mut(64).enumerate() {
                words.iter_mut().zip(&bits).for_each(|(word, bits)| *word = bits[b]);
            }
        }
    }

    fn settle(&mut self, program: &Planes) {
        execute(&program.settle, 0, &program.reads, &mut self.planes);
    }

    fn clock(&mut self, program: &Planes) {
        let reset = program.reset.map(|plane| self.planes[plane as usize]);
        let from = program.settle.last().map_or(0, |step| step.end as usize);
        execute(&program.clock, from, &program.reads, &mut self.planes);
        for (plane, value) in &program.resets {
            let plane = &mut self.planes[*plane as usize];
            for (word, reset) in plane.iter_mut().zip(reset.into_iter().flatten()) {
                *word = if *value { *word | reset } else { *word & !reset };
            }
        }
    }
}

/// The words of 64 lanes after each other, side by side.
fn gather<const B: usize>(words: &[u64]) -> [[u64; B]; 64] {
    std::array::from_fn(|lane| std::array::from_fn(|b| words[64 * b + lane]))
}

/// Transposes `B` matrices of 64 by 64 bits (Warren, Hacker's Delight, 2nd ed., 7-3).
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn transpose<const B: usize>(mut rows: [[u64; B]; 64]) -> [[u64; B]; 64] {
    let mut mask = 0x0000_0000_ffff_ffffu64;
    let mut gap = 32;
    while gap > 0 {
        for i in (0..64).filter(|i| i & gap == 0) {
            for b in 0..B {
                let (low, high) = (rows[i][b], rows[i + gap][b]);
                let swap = (low >> gap ^ high) & mask;
                rows[i][b] = low ^ swap << gap;
                rows[i + gap][b] = high ^ swap;
            }
        }
        gap /= 2;
        mask ^= mask << gap;
    }
    rows
}

#[inline(always)]
fn map<const B: usize>(f: impl Fn(usize) -> u64) -> [u64; B] {
    std::array::from_fn(f)
}

/// Where `sel` is 1 `one`, else `zero`.
#[inline(always)]
fn choose<const B: usize>(sel: [u64; B], zero: [u64; B], one: [u64; B]) -> [u64; B] {
    map(|b| sel[b] & one[b] | !sel[b] & zero[b])
}

#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn execute<const B: usize>(steps: &[Step], mut begin: usize, reads: &[u32], planes: &mut [[u64; B]]) {
    for step in steps {
        let read = &reads[begin..step.end as usize];
        begin = step.end as usize;
        let out = step.out as usize;
        match step.gate {
            Gate::Add => ripple::<B, false>(read, planes, out),
            Gate::Subtract => ripple::<B, true>(read, planes, out),
            Gate::Ge => {
                let mut carry = [u64::MAX; B];
                for pair in read.chunks_exact(2) {
                    let (x, y) = (planes[pair[0] as usize], planes[pair[1] as usize]);
                    carry = map(|b| x[b] & !y[b] | carry[b] & (x[b] | !y[b]));
                }
                planes[out] = carry;
            }
            Gate::Eq => {
                let mut equal = [u64::MAX; B];
                for pair in read.chunks_exact(2) {
                    let (x, y) = (planes[pair[0] as usize], planes[pair[1] as usize]);
                    equal = map(|b| equal[b] & !(x[b] ^ y[b]));
                }
                planes[out] = equal;
            }
            Gate::And => {
                let mut all = [u64::MAX; B];
                for plane in read {
                    let x = planes[*plane as usize];
                    all = map(|b| all[b] & x[b]);
                }
                planes[out] = all;
            }
            Gate::Or => {
                let mut any = [0; B];
                for plane in read {
                    let x = planes[*plane as usize];
                    any = map(|b| any[b] | x[b]);
                }
                planes[out] = any;
            }
            Gate::Not => {
                let x = planes[read[0] as usize];
                planes[out] = map(|b| !x[b]);
            }
            Gate::Lut(table) => planes[out] = lut(table, read, planes),
            Gate::Mux => {
                let sel = planes[read[0] as usize];
                for (i, pair) in read[1..].chunks_exact(2).enumerate() {
                    planes[out + i] = choose(sel, planes[pair[0] as usize], planes[pair[1] as usize]);
                }
            }
            Gate::Copy => {
                for (i, plane) in read.iter().enumerate() {
                    planes[out + i] = planes[*plane as usize];
                }
            }
            Gate::Keep => {
                let enable = planes[read[0] as usize];
                if enable == [u64::MAX; B] {
                    for (i, plane) in read[1..].iter().enumerate() {
                        planes[out + i] = planes[*plane as usize];
                    }
                } else if enable != [0; B] {
                    for (i, plane) in read[1..].iter().enumerate() {
                        planes[out + i] = choose(enable, planes[out + i], planes[*plane as usize]);
                    }
                }
            }
        }
    }
}

/// Sum or difference, the carry in a register.
#[inline(always)]
fn ripple<const B: usize, const MINUS: bool>(read: &[u32], planes: &mut [[u64; B]], out: usize) {
    let invert = if MINUS { u64::MAX } else { 0 };
    let mut carry = [invert; B];
    for (i, pair) in read.chunks_exact(2).enumerate() {
        let (x, y) = (planes[pair[0] as usize], planes[pair[1] as usize]);
        let y: [u64; B] = map(|b| y[b] ^ invert);
        planes[out + i] = map(|b| x[b] ^ y[b] ^ carry[b]);
        carry = map(|b| x[b] & y[b] | carry[b] & (x[b] | y[b]));
    }
}

/// A truth table by its halves, quarters and so on: the last input chooses between the halves.
#[inline(always)]
fn lut<const B: usize>(table: u64, read: &[u32], planes: &[[u64; B]]) -> [u64; B] {
    // The first input decides pairs of entries: nothing, itself inverted, itself, or all.
    let first = planes[read[0] as usize];
    let leaves: [[u64; B]; 4] = [[0; B], map(|b| !first[b]), first, [u64::MAX; B]];
    let mut values = [[0; B]; 32];
    let mut count = 1 << (read.len() - 1);
    for (i, value) in values[..count].iter_mut().enumerate() {
        *value = leaves[(table >> (2 * i) & 3) as usize];
    }
    for plane in &read[1..] {
        let sel = planes[*plane as usize];
        count /= 2;
        for i in 0..count {
            values[i] = choose(sel, values[2 * i], values[2 * i + 1]);
        }
    }
    values[0]
}
