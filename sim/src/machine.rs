//! Executes a program on `L` lanes: independent copies of the circuit, side by side in one vector per value.

use crate::lanes::{Compiled, Lanes};
use crate::mask::Mask;
use crate::packed::Field;
use crate::program::{Args, Bank, Kind, Part, Program};
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

#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn settle<T: Word, const L: usize>(program: &Program, values: &mut [[T; L]]) {
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

#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
fn clock<T: Word, const L: usize>(program: &Program, values: &mut [[T; L]], memories: &mut [Vec<T>]) {
    for run in &program.clock {
        for (i, x) in program.args[run.args.clone()].iter().enumerate() {
            let at = |n: usize| x.at[n] as usize;
            let slot = run.first + i;
            match run.kind {
                Kind::Reg => values[slot] = values[at(0)],
                Kind::RegEnable => {
                    let (next, enable) = (values[at(0)], values[at(1)]);
                    let out = &mut values[slot];
                    for l in 0..L {
                        out[l] = T::select(enable[l], out[l], next[l]);
                    }
                }
                Kind::Read => {
                    let word = fetch(program, memories, at(2), &values[at(0)]);
                    values[slot] = word;
                }
                Kind::ReadEnable => {
                    let enable = values[at(1)];
                    if enable.contains(&T::ONE) {
                        let word = fetch(program, memories, at(2), &values[at(0)]);
                        let out = &mut values[slot];
                        for l in 0..L {
                            out[l] = T::select(enable[l], out[l], word[l]);
                        }
                    }
                }
                Kind::Write => {
                    let (enable, addr, data) = (&values[at(0)], &values[at(1)], &values[at(2)]);
                    if !enable.contains(&T::ONE) {
                        continue;
                    }
                    for l in 0..L {
                        let word = memories[slot].get_mut(addr[l].wide() as usize * L + l);
                        if let Some(word) = word
                            && enable[l] == T::ONE
                        {
                            *word = data[l];
                        }
                    }
                }
                _ => unreachable!("combinational nodes settle"),
            }
        }
    }
}

#[inline(always)]
fn fetch<T: Word, const L: usize>(
    program: &Program,
    memories: &[Vec<T>],
    memory: usize,
    addr: &[T; L],
) -> [T; L] {
    let words = &memories[memory];
    let shared = matches!(program.banks[memory], Bank::Rom(_));
    let mut out = [T::ZERO; L];
    for l in 0..L {
        let address = addr[l].wide() as usize;
        let at = if shared { address } else { address * L + l };
        out[l] = words.get(at).copied().unwrap_or(T::ZERO);
    }
    out
}
