//! The clock edge of a machine of words.
//!
//! Circuits side by side mostly do the same: one state machine, as long as nobody stalls one of them. Where all lanes agree
//! about an address or an enable, a whole vector moves at once.

use crate::program::{Args, Bank, Kind, Program};
use crate::word::Word;
use multiversion::multiversion;

/// Updates registers, read ports and memories, in an order that is safe in place.
#[multiversion(targets("x86_64+avx+avx2+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx+avx2"))]
pub(crate) fn clock<T: Word, const L: usize>(
    program: &Program,
    values: &mut [[T; L]],
    memories: &mut [Vec<T>],
) {
    for run in &program.clock {
        let args = program.args[run.args.clone()].iter().zip(run.first..);
        match run.kind {
            Kind::Reg => {
                for (x, slot) in args {
                    values[slot] = values[x.at[0] as usize];
                }
            }
            Kind::RegEnable => {
                for (x, slot) in args {
                    let enable = values[x.at[1] as usize];
                    let next = values[x.at[0] as usize];
                    update(&enable, &next, &mut values[slot]);
                }
            }
            Kind::Read => {
                for (x, slot) in args {
                    values[slot] = fetch(program, memories, x, &values[x.at[0] as usize]);
                }
            }
            Kind::ReadEnable => {
                for (x, slot) in args {
                    let enable = values[x.at[1] as usize];
                    if enable != [T::ZERO; L] {
                        let next = fetch(program, memories, x, &values[x.at[0] as usize]);
                        update(&enable, &next, &mut values[slot]);
                    }
                }
            }
            Kind::Write => {
                for (x, memory) in args {
                    let [enable, addr, data] = x.at.map(|slot| &values[slot as usize]);
                    if *enable != [T::ZERO; L] {
                        write(enable, addr, data, &mut memories[memory]);
                    }
                }
            }
            _ => unreachable!("combinational nodes settle"),
        }
    }
}

#[inline(always)]
fn update<T: Word, const L: usize>(enable: &[T; L], next: &[T; L], out: &mut [T; L]) {
    for l in 0..L {
        out[l] = T::select(enable[l], out[l], next[l]);
    }
}

/// The words of a memory at each lane's address.
#[inline(always)]
fn fetch<T: Word, const L: usize>(program: &Program, memories: &[Vec<T>], x: &Args, addr: &[T; L]) -> [T; L] {
    let memory = x.at[2] as usize;
    let words = &memories[memory];
    let shared = matches!(program.banks[memory], Bank::Rom(_));
    let first = addr[0].wide() as usize;
    if *addr == [addr[0]; L] {
        return match shared {
            true => [words.get(first).copied().unwrap_or(T::ZERO); L],
            false => words.as_chunks::<L>().0.get(first).copied().unwrap_or([T::ZERO; L]),
        };
    }
    let mut out = [T::ZERO; L];
    for l in 0..L {
        let address = addr[l].wide() as usize;
        let at = if shared { address } else { address * L + l };
        out[l] = words.get(at).copied().unwrap_or(T::ZERO);
    }
    out
}

/// Writes where the lanes enable it; past the end nothing happens.
#[inline(always)]
fn write<T: Word, const L: usize>(enable: &[T; L], addr: &[T; L], data: &[T; L], words: &mut [T]) {
    if *addr == [addr[0]; L] {
        if let Some(row) = words.as_chunks_mut::<L>().0.get_mut(addr[0].wide() as usize) {
            update(enable, data, row);
        }
        return;
    }
    for l in 0..L {
        if let Some(word) = words.get_mut(addr[l].wide() as usize * L + l)
            && enable[l] == T::ONE
        {
            *word = data[l];
        }
    }
}
