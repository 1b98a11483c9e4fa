//! Memories of many circuits, in planes.
//!
//! An address is split bit by bit into those lanes where the bit is 1 and those where it is 0. Circuits side by side mostly
//! do the same, one state machine as long as nobody stalls one of them; then there is one branch, and whole words move at
//! once.

use super::execute::{choose, map};
use crate::planes::Planes;
use crate::program::Bank;

/// The contents of all memories.
#[derive(Clone, Debug)]
pub(super) struct Memories<const B: usize> {
    banks: Vec<Contents<B>>,
    /// Branches still to be taken.
    open: Vec<Branch<B>>,
}

#[derive(Clone, Debug)]
struct Contents<const B: usize> {
    width: usize,
    words: Words<B>,
}

#[derive(Clone, Debug)]
enum Words<const B: usize> {
    /// The same in all lanes.
    Rom(Vec<i64>),
    /// The planes of one word after those of another.
    Ram(Vec<[u64; B]>),
}

/// Lanes whose addresses agree from bit `bit` on.
type Branch<const B: usize> = ([u64; B], usize, usize);

impl<const B: usize> Memories<B> {
    /// Power-up.
    pub fn new(program: &Planes) -> Self {
        let bank = |memory: &crate::planes::Memory| Contents {
            width: memory.width,
            words: match &memory.bank {
                Bank::Rom(words) => Words::Rom(words.clone()),
                Bank::Ram { depth, start } => {
                    let word = (0..memory.width).map(|i| [if start >> i & 1 == 1 { u64::MAX } else { 0 }; B]);
                    Words::Ram(word.collect::<Vec<_>>().repeat(*depth))
                }
                Bank::Unused => Words::Rom(vec![]),
            },
        };
        Memories { banks: program.memories.iter().map(bank).collect(), open: vec![] }
    }

    /// A [`crate::planes::Gate::Read`]. What is past the end reads as 0.
    #[inline(always)]
    pub fn read(&mut self, x: &[u32], planes: &mut [[u64; B]]) {
        let (out, enable) = (x[0] as usize, planes[x[2] as usize]);
        let Contents { width, words } = &self.banks[x[1] as usize];
        each(&mut self.open, &x[3..], enable, planes, |address, lanes, planes| {
            let planes = &mut planes[out..out + width];
            match words {
                Words::Rom(words) => {
                    let word = words.get(address).copied().unwrap_or(0);
                    for (i, plane) in planes.iter_mut().enumerate() {
                        let bit = 0u64.wrapping_sub((word >> i & 1) as u64);
                        *plane = choose(lanes, *plane, [bit; B]);
                    }
                }
                Words::Ram(words) => match words.get(address * width..(address + 1) * width) {
                    Some(word) if lanes == [u64::MAX; B] => planes.copy_from_slice(word),
                    Some(word) => {
                        for (plane, bits) in planes.iter_mut().zip(word) {
                            *plane = choose(lanes, *plane, *bits);
                        }
                    }
                    None => planes.iter_mut().for_each(|plane| *plane = choose(lanes, *plane, [0; B])),
                },
            }
        });
    }

    /// A [`crate::planes::Gate::Write`]. Past the end nothing happens.
    #[inline(always)]
    pub fn write(&mut self, x: &[u32], planes: &mut [[u64; B]]) {
        let enable = planes[x[2] as usize];
        let Contents { width, words } = &mut self.banks[x[1] as usize];
        let Words::Ram(words) = words else { unreachable!("nobody writes a ROM") };
        let (addr, data) = x[3..].split_at(x.len() - 3 - *width);
        each(&mut self.open, addr, enable, planes, |address, lanes, planes| {
            if let Some(word) = words.get_mut(address * *width..(address + 1) * *width) {
                for (bits, plane) in word.iter_mut().zip(data) {
                    *bits = choose(lanes, *bits, planes[*plane as usize]);
                }
            }
        });
    }
}

/// Calls `at` for every address of `lanes`, with the lanes that have it.
#[inline(always)]
fn each<const B: usize>(
    open: &mut Vec<Branch<B>>,
    addr: &[u32],
    lanes: [u64; B],
    planes: &mut [[u64; B]],
    mut at: impl FnMut(usize, [u64; B], &mut [[u64; B]]),
) {
    if lanes == [0; B] {
        return;
    }
    let (mut lanes, mut address, mut bit) = (lanes, 0, addr.len());
    loop {
        while bit > 0 {
            bit -= 1;
            let plane = &planes[addr[bit] as usize];
            let one = map(|b| lanes[b] & plane[b]);
            if one == [0; B] {
                continue;
            }
            let zero = map(|b| lanes[b] & !plane[b]);
            if zero != [0; B] {
                open.push((zero, address, bit));
            }
            (lanes, address) = (one, address | 1 << bit);
        }
        at(address, lanes, planes);
        match open.pop() {
            Some(branch) => (lanes, address, bit) = branch,
            None => return,
        }
    }
}
