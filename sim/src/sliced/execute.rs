//! What the instructions on planes do.

use super::memories::Memories;
use crate::planes::{Gate, Run, WIDEST};
use multiversion::multiversion;

#[inline(always)]
pub(super) fn map<const B: usize>(f: impl Fn(usize) -> u64) -> [u64; B] {
    std::array::from_fn(f)
}

/// Where `sel` is 1 `one`, else `zero`.
#[inline(always)]
pub(super) fn choose<const B: usize>(sel: [u64; B], zero: [u64; B], one: [u64; B]) -> [u64; B] {
    map(|b| sel[b] & one[b] | !sel[b] & zero[b])
}

#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
pub(super) fn execute<const B: usize>(
    runs: &[Run],
    mut begin: usize,
    code: &[u32],
    planes: &mut [[u64; B]],
    memories: &mut Memories<B>,
) {
    let mut digits = [[0; B]; WIDEST];
    for run in runs {
        let stride = run.stride as usize;
        let items = code[begin..run.end as usize].chunks_exact(stride);
        begin = run.end as usize;
        match run.gate {
            Gate::Sum { terms, minus } => sums::<B, false>(items, planes, terms, minus),
            Gate::SumIf { terms, minus } => sums::<B, true>(items, planes, terms, minus),
            Gate::Count => {
                for x in items {
                    count(x, planes, &mut digits);
                }
            }
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
            Gate::Read => items.for_each(|x| memories.read(x, planes)),
            Gate::Write => items.for_each(|x| memories.write(x, planes)),
        }
    }
}

/// A full adder: the sum and the carry of three bits.
#[inline(always)]
fn full<const B: usize>(a: [u64; B], b: [u64; B], c: [u64; B]) -> ([u64; B], [u64; B]) {
    let differ = map(|i| a[i] ^ b[i]);
    (map(|i| differ[i] ^ c[i]), choose(differ, a, c))
}

/// A counter of bits whose lowest digits stay in registers (the carry-save adders of Harley and Seal, as in Warren,
/// Hacker's Delight, 2nd ed., 5-2).
struct Counter<'a, const B: usize> {
    ones: [u64; B],
    twos: [u64; B],
    fours: [u64; B],
    /// The digits from eights on.
    high: &'a mut [[u64; B]],
}

impl<const B: usize> Counter<'_, B> {
    #[inline(always)]
    fn eight(&mut self, low: [[u64; B]; 4], high: [[u64; B]; 4]) {
        let (ones, a) = full(low[0], low[1], self.ones);
        let (ones, b) = full(low[2], low[3], ones);
        let (ones, c) = full(high[0], high[1], ones);
        let (ones, d) = full(high[2], high[3], ones);
        let (twos, a) = full(a, b, self.twos);
        let (twos, b) = full(c, d, twos);
        let (fours, carry) = full(a, b, self.fours);
        (self.ones, self.twos, self.fours) = (ones, twos, fours);
        self.carry(carry);
    }

    #[inline(always)]
    fn two(&mut self, a: [u64; B], b: [u64; B]) {
        let (ones, a) = full(a, b, self.ones);
        let (twos, b): ([u64; B], [u64; B]) = (map(|i| self.twos[i] ^ a[i]), map(|i| self.twos[i] & a[i]));
        let (fours, carry) = (map(|i| self.fours[i] ^ b[i]), map(|i| self.fours[i] & b[i]));
        (self.ones, self.twos, self.fours) = (ones, twos, fours);
        self.carry(carry);
    }

    #[inline(always)]
    fn carry(&mut self, mut carry: [u64; B]) {
        for digit in self.high.iter_mut() {
            let next = map(|i| digit[i] & carry[i]);
            *digit = map(|i| digit[i] ^ carry[i]);
            carry = next;
        }
    }
}

/// Counts bits, some of them inverted, from a constant on.
#[inline(always)]
fn count<const B: usize>(x: &[u32], planes: &mut [[u64; B]], digits: &mut [[u64; B]; WIDEST]) {
    let (out, width, added, constant) = (x[0] as usize, x[1] as usize, x[2] as usize, x[3] as usize);
    // The planes of the constants are the first two.
    for (column, digit) in digits.iter_mut().enumerate().take(width) {
        *digit = planes[constant >> column & 1];
    }
    let [ones, twos, fours, high @ ..] = digits;
    let mut counter =
        Counter { ones: *ones, twos: *twos, fours: *fours, high: &mut high[..width.saturating_sub(3)] };
    let (plus, minus) = x[4..].split_at(added);
    let plane = |p: u32| planes[p as usize];
    let inverse = |p: u32| {
        let plane = &planes[p as usize];
        map(|i| !plane[i])
    };
    let ((plus, more), (minus, less)) = (plus.as_chunks::<8>(), minus.as_chunks::<8>());
    for &[a, b, c, d, e, f, g, h] in plus {
        let (low, high) =
            ([plane(a), plane(b), plane(c), plane(d)], [plane(e), plane(f), plane(g), plane(h)]);
        counter.eight(low, high);
    }
    for &[a, b, c, d, e, f, g, h] in minus {
        let low = [inverse(a), inverse(b), inverse(c), inverse(d)];
        counter.eight(low, [inverse(e), inverse(f), inverse(g), inverse(h)]);
    }
    let ((more, last), (less, least)) = (more.as_chunks::<2>(), less.as_chunks::<2>());
    for &[a, b] in more {
        counter.two(plane(a), plane(b));
    }
    for &[a, b] in less {
        counter.two(inverse(a), inverse(b));
    }
    match (last, least) {
        ([], []) => {}
        ([a], []) => counter.two(plane(*a), [0; B]),
        ([], [b]) => counter.two(inverse(*b), [0; B]),
        (a, b) => counter.two(plane(a[0]), inverse(b[0])),
    }
    (*ones, *twos, *fours) = (counter.ones, counter.twos, counter.fours);
    for (plane, digit) in planes[out..out + width].iter_mut().zip(digits.iter()) {
        *plane = *digit;
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
