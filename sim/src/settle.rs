//! Settling the combinational nodes of a machine of words.

use crate::program::{Args, Kind, Part, Program};
use crate::word::Word;
use multiversion::multiversion;

/// Computes every run in turn.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
pub(crate) fn settle<T: Word, const L: usize>(program: &Program, values: &mut [[T; L]]) {
    for run in &program.settle {
        let args = &program.args[run.args.clone()];
        let (src, rest) = values.split_at_mut(run.first);
        let dst = &mut rest[..args.len()];
        match run.kind {
            Kind::Sum { terms: 1, minus: 0, shifted: false } => map1(args, src, dst, |_, a| a),
            Kind::Sum { terms: 1, minus: 1, shifted: false } => map1(args, src, dst, |_, a| T::ZERO.minus(a)),
            Kind::Sum { terms: 2, minus: 0, shifted: false } => map2(args, src, dst, |_, a, b| a.plus(b)),
            Kind::Sum { terms: 2, minus: 1, shifted: false } => map2(args, src, dst, |_, a, b| a.minus(b)),
            Kind::Sum { terms: 2, shifted: false, .. } => {
                map2(args, src, dst, |_, a, b| T::ZERO.minus(a).minus(b));
            }
            Kind::Sum { terms: 2, minus: 0, .. } => {
                map2(args, src, dst, |x, a, b| sh(x, 0, a).plus(sh(x, 1, b)));
            }
            Kind::Sum { terms: 2, minus: 1, .. } => {
                map2(args, src, dst, |x, a, b| sh(x, 0, a).minus(sh(x, 1, b)));
            }
            Kind::Sum { terms: 3, minus: 0, shifted: false } => {
                map3(args, src, dst, |_, a, b, c| a.plus(b).plus(c));
            }
            Kind::Sum { terms: 3, minus: 1, shifted: false } => {
                map3(args, src, dst, |_, a, b, c| a.plus(b).minus(c));
            }
            Kind::Sum { terms: 3, minus: 2, shifted: false } => {
                map3(args, src, dst, |_, a, b, c| a.minus(b).minus(c));
            }
            Kind::Sum { terms, minus, .. } => sum(args, src, dst, terms, minus),
            Kind::Ge => map2(args, src, dst, |_, a, b| T::bit(a >= b)),
            Kind::Eq => map2(args, src, dst, |_, a, b| T::bit(a == b)),
            Kind::And2 => map2(args, src, dst, |_, a, b| a.and(b)),
            Kind::Or2 => map2(args, src, dst, |_, a, b| a.or(b)),
            Kind::And => list(args, &program.parts, src, dst, T::ONE, |_, all, a| all.and(a)),
            Kind::Or => list(args, &program.parts, src, dst, T::ZERO, |_, any, a| any.or(a)),
            Kind::Not => map1(args, src, dst, |_, a| T::ONE.minus(a)),
            Kind::Lut => lut(args, &program.parts, src, dst),
            Kind::Mux => map3(args, src, dst, |_, sel, zero, one| T::select(sel, zero, one)),
            Kind::WrapSigned => map1(args, src, dst, |x, a| {
                let gap = T::BITS - u32::from(x.small[0]);
                a.left(gap).right(gap)
            }),
            Kind::WrapUnsigned => map1(args, src, dst, |x, a| a.and(T::mask(u32::from(x.small[0])))),
            Kind::Slice => map1(args, src, dst, |x, a| {
                a.right(u32::from(x.small[0])).and(T::mask(u32::from(x.small[1])))
            }),
            Kind::Concat => list(args, &program.parts, src, dst, T::ZERO, |part, word, a| {
                word.or(a.and(T::mask(u32::from(part.width))).left(u32::from(part.shift)))
            }),
            Kind::Reg | Kind::RegEnable | Kind::Read | Kind::ReadEnable | Kind::Write => {
                unreachable!("state changes at the clock edge")
            }
        }
    }
}

#[inline(always)]
fn sh<T: Word>(args: &Args, i: usize, value: T) -> T {
    value.left(u32::from(args.small[i]))
}

#[inline(always)]
fn map1<T: Word, const L: usize>(
    args: &[Args],
    src: &[[T; L]],
    dst: &mut [[T; L]],
    f: impl Fn(&Args, T) -> T,
) {
    for (out, x) in dst.iter_mut().zip(args) {
        let a = &src[x.at[0] as usize];
        for l in 0..L {
            out[l] = f(x, a[l]);
        }
    }
}

#[inline(always)]
fn map2<T: Word, const L: usize>(
    args: &[Args],
    src: &[[T; L]],
    dst: &mut [[T; L]],
    f: impl Fn(&Args, T, T) -> T,
) {
    for (out, x) in dst.iter_mut().zip(args) {
        let (a, b) = (&src[x.at[0] as usize], &src[x.at[1] as usize]);
        for l in 0..L {
            out[l] = f(x, a[l], b[l]);
        }
    }
}

#[inline(always)]
fn map3<T: Word, const L: usize>(
    args: &[Args],
    src: &[[T; L]],
    dst: &mut [[T; L]],
    f: impl Fn(&Args, T, T, T) -> T,
) {
    for (out, x) in dst.iter_mut().zip(args) {
        let (a, b, c) = (&src[x.at[0] as usize], &src[x.at[1] as usize], &src[x.at[2] as usize]);
        for l in 0..L {
            out[l] = f(x, a[l], b[l], c[l]);
        }
    }
}

/// Sums of the rarer shapes.
#[inline(always)]
fn sum<T: Word, const L: usize>(args: &[Args], src: &[[T; L]], dst: &mut [[T; L]], terms: u8, minus: u8) {
    for (out, x) in dst.iter_mut().zip(args) {
        *out = [T::ZERO; L];
        for i in 0..usize::from(terms) {
            let a = &src[x.at[i] as usize];
            if i < usize::from(terms - minus) {
                for l in 0..L {
                    out[l] = out[l].plus(sh(x, i, a[l]));
                }
            } else {
                for l in 0..L {
                    out[l] = out[l].minus(sh(x, i, a[l]));
                }
            }
        }
    }
}

/// Folds a list of operands.
#[inline(always)]
fn list<T: Word, const L: usize>(
    args: &[Args],
    parts: &[Part],
    src: &[[T; L]],
    dst: &mut [[T; L]],
    start: T,
    f: impl Fn(&Part, T, T) -> T,
) {
    for (out, x) in dst.iter_mut().zip(args) {
        let mut folded = [start; L];
        for part in &parts[x.at[0] as usize..x.at[1] as usize] {
            let a = &src[part.slot as usize];
            for l in 0..L {
                folded[l] = f(part, folded[l], a[l]);
            }
        }
        *out = folded;
    }
}

/// Looks each lane's combination of bits up in the table.
#[inline(always)]
fn lut<T: Word, const L: usize>(args: &[Args], parts: &[Part], src: &[[T; L]], dst: &mut [[T; L]]) {
    for (out, x) in dst.iter_mut().zip(args) {
        let mut index = [T::ZERO; L];
        let begin = x.at[0] as usize;
        for part in &parts[begin..begin + usize::from(x.small[0])] {
            let bit = &src[part.slot as usize];
            for l in 0..L {
                index[l] = index[l].or(bit[l].left(u32::from(part.shift)));
            }
        }
        let table = u64::from(x.at[1]) | u64::from(x.at[2]) << 32;
        for l in 0..L {
            out[l] = T::cut((table >> (index[l].wide() as u64 & 63) & 1) as i64);
        }
    }
}
