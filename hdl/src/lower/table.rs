//! What follows a folded layer, or a threshold on its own, on a stream of several beats: one unit per lane, whose constants
//! come from tables over the beat counter.

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::{MemoryKind, Netlist, NodeId, Op, Term};

use crate::lower::pipe::{Gate, Link, Pipe, Timed};
use crate::lower::position::{beat_counter, table, tables};
use crate::lower::rows::Levels;
use crate::lower::tree::{self, Bit};

/// What is done to every element.
#[derive(Clone, Debug)]
pub enum Table {
    /// Adds `bias[element]`; `range` holds every result.
    Bias {
        /// One per original element.
        bias: Vec<i64>,
        /// Every possible result.
        range: Range,
    },
    /// Compares with `levels[element]`.
    Threshold {
        /// One per original element, all with the same number of levels.
        levels: Vec<Levels>,
        /// Keep comparison bits apart.
        thermometer: bool,
    },
}

/// Where one constant went: for the proof.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The node that gives the word: a constant, or part of what a ROM's read port gives.
    pub node: NodeId,
}

/// What the proof needs to know about a built unit.
#[derive(Clone, Debug)]
pub struct Built {
    /// Order of the input stream.
    pub order: Vec<u32>,
    /// Per lane, its words: the bias, or thresholds as `x >= t` and at the end the bit that turns the comparisons around.
    pub lanes: Vec<Vec<Place>>,
    /// Per lane, range of the data compared.
    pub ranges: Vec<Range>,
}

/// The word of `place` in beat `beat`.
pub fn word(netlist: &Netlist, place: Place, beat: usize) -> Option<i64> {
    let range = netlist.node(place.node).range;
    match &netlist.node(place.node).op {
        Op::Const(value) => Some(*value),
        Op::Read { memory, .. } => match &netlist.memory(*memory).kind {
            MemoryKind::Rom(words) => words.get(beat).copied(),
            MemoryKind::Ram { .. } => None,
        },
        Op::Slice { a, lo } => word(netlist, Place { node: *a }, beat).map(|w| w >> lo & range.hi),
        Op::Wrap(a) => word(netlist, Place { node: *a }, beat).map(|w| range.wrap(w)),
        _ => None,
    }
}

/// Constants of one element as stored, for data of `range`: falling ones moved by one, all cut to where they still matter.
pub fn stored(levels: &Levels, range: Range) -> impl Iterator<Item = i64> {
    let step = i64::from(levels.falling);
    levels.thresholds.iter().map(move |t| (t + step).clamp(range.lo, range.hi + 1))
}

impl Table {
    /// Builds the unit behind `gate`.
    pub fn build(&self, b: &mut Builder, gate: Gate, x: &Link, levels_per_stage: u32) -> (Link, Built) {
        let ce = gate.ready;
        let mut pipe = Pipe::new(ce, levels_per_stage);
        let moved = b.and(&[x.valid, ce], "x_moved");
        let beat = beat_counter(b, x.beats(), moved, "x_beat").map(|(count, _)| count);
        let lanes = x.data.len();
        let (mut outputs, mut places) = (Vec::new(), Vec::new());
        for (lane, &node) in x.data.iter().enumerate() {
            let at = Pipe::input(node);
            let range = b.range(node);
            let element = |beat: usize| x.order.get(beat * lanes + lane).map(|e| *e as usize);
            let column = |word: &dyn Fn(usize) -> i64| -> Vec<i64> {
                (0..x.beats()).map(|beat| element(beat).map_or(0, word)).collect()
            };
            let name = format!("y{lane}");
            match self {
                Table::Bias { bias, range } => {
                    let word = table(b, column(&|e| bias[e]), beat, ce, &format!("{name}_bias"));
                    let (nodes, time, level) = pipe.meet(b, &[at, word]);
                    let sum = b.sum(&[Term::plus(nodes[0]), Term::plus(nodes[1])], format!("{name}_sum"));
                    let node = b.wrap(sum, *range, format!("{name}_low"));
                    outputs.push((Timed { node, time, level }, format!("{name}_q")));
                    places.push(vec![Place { node: word.node }]);
                }
                Table::Threshold { levels, thermometer } => {
                    let depth = levels[0].thresholds.len();
                    let level =
                        |k: usize| column(&|e| stored(&levels[e], range).nth(k).expect("one word per level"));
                    let flip = column(&|e| i64::from(levels[e].falling));
                    let columns: Vec<Vec<i64>> = (0..depth).map(level).chain([flip]).collect();
                    let words = tables(b, &columns, beat, ce, &format!("{name}_t"));
                    let (flip, words) = (words[depth], &words[..depth]);
                    let mut bits = Vec::new();
                    for (k, word) in words.iter().enumerate() {
                        bits.push(Bit::Node(compare(b, &mut pipe, at, *word, flip, &format!("{name}_{k}"))));
                    }
                    let place = |word: &Timed| Place { node: word.node };
                    places.push(words.iter().chain([&flip]).map(place).collect());
                    if *thermometer {
                        outputs.extend(bits.iter().enumerate().map(|(k, bit)| match bit {
                            Bit::Node(at) => (*at, format!("{name}_{k}_q")),
                            Bit::Known(_) => unreachable!("comparisons with tables are nodes"),
                        }));
                    } else {
                        outputs.push((tree::count(b, &mut pipe, &bits, &name), format!("{name}_q")));
                    }
                }
            }
        }
        let order = match self {
            Table::Threshold { levels, thermometer: true } => {
                let n = levels[0].thresholds.len() as u32;
                x.order.iter().flat_map(|e| e * n..(e + 1) * n).collect()
            }
            _ => x.order.clone(),
        };
        let (data, _) = pipe.finish(b, x.valid, gate, outputs);
        let ranges = x.data.iter().map(|node| b.range(*node)).collect();
        let y = Link { valid: gate.state, data, order, positions: x.positions };
        (y, Built { order: x.order.clone(), lanes: places, ranges })
    }
}

/// `x >= word`, turned around where `flip` says so.
fn compare(b: &mut Builder, pipe: &mut Pipe, x: Timed, word: Timed, flip: Timed, name: &str) -> Timed {
    let (nodes, time, level) = pipe.meet(b, &[x, word, flip]);
    let ge = b.ge(nodes[0], nodes[1], format!("{name}_ge"));
    let node = match b.netlist().node(nodes[2]).op {
        Op::Const(0) => ge,
        Op::Const(_) => b.not(ge, format!("{name}_le")),
        _ => {
            let le = b.not(ge, format!("{name}_le"));
            b.mux(nodes[2], ge, le, format!("{name}_b"))
        }
    };
    Timed { node, time, level }
}
