//! Executes a netlist on planes: `B` words of 64 lanes for every bit of every value.

use crate::lanes::Lanes;
use crate::mask::Mask;
use crate::planes::{Gate, Planes, Port, Run};
use multiversion::multiversion;
use sterna_ir::netlist::NodeId;

/// The state of `64 * B` circuits.
#[derive(Clone, Debug)]
pub(crate) struct Sliced<const B: usize> {
    planes: Vec<[u64; B]>,
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
        execute(&program.runs[..program.settle], 0, &program.code, &mut self.planes);
    }

    fn clock(&mut self, program: &Planes) {
        let reset = program.reset.map(|plane| self.planes[plane as usize]);
        let (settle, clock) = program.runs.split_at(program.settle);
        let begin = settle.last().map_or(0, |run| run.end as usize);
        execute(clock, begin, &program.code, &mut self.planes);
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
fn execute<const B: usize>(runs: &[Run], mut begin: usize, code: &[u32], planes: &mut [[u64; B]]) {
    for run in runs {
        let stride = run.stride as usize;
        let items = code[begin..run.end as usize].chunks_exact(stride);
        begin = run.end as usize;
        match run.gate {
            Gate::Sum { terms, minus } => sums::<B, false>(items, planes, terms, minus),
            Gate::SumIf { terms, minus } => sums::<B, true>(items, planes, terms, minus),
            Gate::Ge => {
                for x in items {
                    planes[x[0] as usize] =
                        fold(&x[1..], planes, |at_least, x, y| x & !y | at_least & (x | !y));
                }
            }
            Gate::Eq => {
                for x in items {
                    planes[x[0] as usize] = fold(&x[1..], planes, |equal, x, y| equal & !(x ^ y));
                }
            }
            Gate::And => {
                for x in items {
                    let all = x[1..].iter().fold([u64::MAX; B], |all, p| {
                        let next = &planes[*p as usize];
                        map(|b| all[b] & next[b])
                    });
                    planes[x[0] as usize] = all;
                }
            }
            Gate::Or => {
                for x in items {
                    let any = x[1..].iter().fold([0; B], |any, p| {
                        let next = &planes[*p as usize];
                        map(|b| any[b] | next[b])
                    });
                    planes[x[0] as usize] = any;
                }
            }
            Gate::Not => {
                for x in items {
                    let bit = planes[x[1] as usize];
                    planes[x[0] as usize] = map(|b| !bit[b]);
                }
            }
            Gate::Lut => {
                for x in items {
                    let table = u64::from(x[1]) | u64::from(x[2]) << 32;
                    planes[x[0] as usize] = lut(table, &x[3..], planes);
                }
            }
            Gate::Mux => {
                for x in items {
                    let sel = planes[x[1] as usize];
                    for (i, pair) in x[2..].chunks_exact(2).enumerate() {
                        planes[x[0] as usize + i] =
                            choose(sel, planes[pair[0] as usize], planes[pair[1] as usize]);
                    }
                }
            }
            Gate::Copy | Gate::Take => {
                for x in items {
                    take(x[0], &x[1..], planes);
                }
            }
            Gate::TakeIf => {
                for x in items {
                    let enable = planes[x[1] as usize];
                    if enable == [u64::MAX; B] {
                        take(x[0], &x[2..], planes);
                    } else if enable != [0; B] {
                        for (i, plane) in x[2..].iter().enumerate() {
                            let out = x[0] as usize + i;
                            planes[out] = choose(enable, planes[out], planes[*plane as usize]);
                        }
                    }
                }
            }
        }
    }
}

/// Instructions of a run.
type Items<'a> = std::slice::ChunksExact<'a, u32>;

#[inline(always)]
fn take<const B: usize>(out: u32, from: &[u32], planes: &mut [[u64; B]]) {
    for (i, plane) in from.iter().enumerate() {
        planes[out as usize + i] = planes[*plane as usize];
    }
}

/// Folds pairs of bits, from all ones on.
#[inline(always)]
fn fold<const B: usize>(pairs: &[u32], planes: &[[u64; B]], f: impl Fn(u64, u64, u64) -> u64) -> [u64; B] {
    pairs.chunks_exact(2).fold([u64::MAX; B], |result, pair| {
        let (x, y) = (&planes[pair[0] as usize], &planes[pair[1] as usize]);
        map(|b| f(result[b], x[b], y[b]))
    })
}

/// Sums of one shape; of registers where `IF`.
#[inline(always)]
fn sums<const B: usize, const IF: bool>(items: Items, planes: &mut [[u64; B]], terms: u8, minus: u8) {
    macro_rules! all {
        ($terms:literal, $minus:literal) => {
            for x in items {
                sum::<B, IF, $terms, $minus>(x, planes);
            }
        };
    }
    match (terms, minus) {
        (2, 0) => all!(2, 0),
        (2, 1) => all!(2, 1),
        (3, 0) => all!(3, 0),
        (3, 1) => all!(3, 1),
        (3, 2) => all!(3, 2),
        (4, 0) => all!(4, 0),
        (4, 1) => all!(4, 1),
        (4, 2) => all!(4, 2),
        (4, 3) => all!(4, 3),
        _ => unreachable!("sums have two to four terms, the first of them added"),
    }
}

/// Ripple adders behind each other, the carries in registers.
#[inline(always)]
fn sum<const B: usize, const IF: bool, const TERMS: usize, const MINUS: usize>(
    x: &[u32],
    planes: &mut [[u64; B]],
) {
    let (out, bits) = (x[0] as usize, if IF { &x[2..] } else { &x[1..] });
    let enable = if IF { planes[x[1] as usize] } else { [u64::MAX; B] };
    let always = enable == [u64::MAX; B];
    if enable == [0; B] {
        return;
    }
    let inverted = |t: usize| if t + MINUS >= TERMS { u64::MAX } else { 0 };
    let mut carries: [[u64; B]; TERMS] = std::array::from_fn(|t| [inverted(t); B]);
    for (i, bits) in bits.as_chunks::<TERMS>().0.iter().enumerate() {
        let mut total = planes[bits[0] as usize];
        for t in 1..TERMS {
            let term = &planes[bits[t] as usize];
            let carry = carries[t];
            let (a, b): ([u64; B], [u64; B]) = (total, map(|b| term[b] ^ inverted(t)));
            total = map(|i| a[i] ^ b[i] ^ carry[i]);
            carries[t] = choose(map(|i| a[i] ^ b[i]), a, carry);
        }
        let place = &mut planes[out + i];
        *place = if always { total } else { choose(enable, *place, total) };
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
