//! A pipeline under one clock enable, and the handshakes that the units of a stage are made of.

mod registers;

use std::collections::{HashMap, HashSet};

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::{Netlist, NodeId, Op};

use crate::complement;
use crate::family::Family;
use crate::lower::digit_serial::Digits;
use crate::lower::maps::stream_order;
use crate::lower::queue::Queue;
use crate::lower::stages::{Limit, Step, maker, stages};
use crate::lower::windows::Scan;

/// A stream inside the design, as its producer gives it; the consumer's `ready` is known before (see [`Gate`]).
#[derive(Clone, Debug)]
pub struct Link {
    /// The beat is there.
    pub valid: NodeId,
    /// One node per lane.
    pub data: Vec<NodeId>,
    /// Element carried at each place of the vector; of an image, channel at each place of a pixel.
    pub order: Vec<u32>,
    /// Pixels of an image, which come one after the other in row-major order; 1 for a vector.
    pub positions: usize,
}

impl Link {
    /// Beats of a vector, or of a pixel.
    pub fn beats(&self) -> usize {
        self.order.len().div_ceil(self.data.len())
    }

    /// The same beats as one vector, whose elements are those of the image.
    pub fn flat(&self) -> Self {
        let order = stream_order(&self.order, self.positions);
        Link { order, positions: 1, ..self.clone() }
    }
}

/// The side of a unit that is built first, from the last unit to the first, because `ready` runs against the data.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    /// The unit takes a beat.
    pub ready: NodeId,
    /// The consumer takes the unit's beat.
    pub y_ready: NodeId,
    /// The register that `ready` depends on.
    pub state: NodeId,
    /// Of a unit that puts padding between beats.
    pub scan: Option<Scan>,
    /// Of a unit in which pixels wait.
    pub queue: Option<Queue>,
    /// Of a unit that takes a beat when it has read all of its digits.
    pub digits: Option<Digits>,
}

impl Gate {
    /// A gate of nothing but handshakes.
    pub fn new(ready: NodeId, y_ready: NodeId, state: NodeId) -> Self {
        Gate { ready, y_ready, state, scan: None, queue: None, digits: None }
    }
}

/// Opens a unit that holds at most its registers: it moves whenever its output is free or leaves.
pub fn open_pipe(b: &mut Builder, y_ready: NodeId) -> Gate {
    let state = b.loop_reg(Range::BIT, None, Some(0), "y_valid");
    let empty = b.not(state, "y_empty");
    let ready = b.or(&[empty, y_ready], "ce");
    b.gate(state, ready);
    Gate::new(ready, y_ready, state)
}

/// Opens a unit behind a double buffer, which takes beats while one of its halves, called `halves`, is free; the gate's state
/// counts the others.
pub fn open_halves(b: &mut Builder, y_ready: NodeId, halves: &str) -> Gate {
    let state = b.loop_reg(Range::new(0, 2).word(), None, Some(0), format!("{halves}_full"));
    let both = b.eq_const(state, 2, format!("{halves}_both_full"));
    Gate::new(b.not(both, "x_free"), y_ready, state)
}

/// A node with its place in the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    /// The value.
    pub node: NodeId,
    /// Clock edges since the input beat moved; 0 where the pipeline has a plan, which knows better.
    pub time: u32,
    /// Adder levels since the last register; since the input where the pipeline has a plan.
    pub level: u32,
}

/// Feed-forward logic with registers at chosen places.
#[derive(Debug)]
pub struct Pipe {
    ce: NodeId,
    places: Places,
    delays: HashMap<NodeId, Vec<NodeId>>,
    /// By register, the one that holds the complement of its value.
    complements: HashMap<NodeId, NodeId>,
    /// Values that nobody reads as they are.
    pub only_subtracted: HashSet<NodeId>,
    /// Whether carry chains take operands as they are, so that a subtracted one is best held as its complement.
    pub complements_pay: bool,
    /// Whether every reader of a register that only delays has a copy of its own.
    pub copies: bool,
    /// Readers of each register so far, where copies count.
    readers: HashMap<NodeId, u32>,
}

/// How registers find their places.
#[derive(Debug)]
enum Places {
    /// As soon as so many adder levels are full.
    Levels(u32),
    /// Nowhere: operations are noted for a plan.
    Noted(Vec<Step>),
    /// By a plan: the stage of each operation, and where the nodes of those built so far begin.
    Planned(Vec<u32>, Vec<usize>),
}

impl Pipe {
    /// A pipeline that moves while `ce` is 1.
    pub fn new(ce: NodeId, levels_per_stage: u32) -> Self {
        Pipe::with(ce, Places::Levels(levels_per_stage))
    }

    fn with(ce: NodeId, places: Places) -> Self {
        Pipe {
            ce,
            places,
            delays: HashMap::new(),
            complements: HashMap::new(),
            only_subtracted: HashSet::new(),
            complements_pay: false,
            copies: false,
            readers: HashMap::new(),
        }
    }

    /// Builds twice: for show, to see all operations, then with registers where they keep the `limit` and are fewest bits.
    /// Returns what `build` does: results, in groups, that are to reach [`Pipe::finish`].
    pub fn planned(
        b: &mut Builder,
        ce: NodeId,
        family: Option<Family>,
        limit: impl Fn(&Netlist, &[Step]) -> Limit,
        mut build: impl FnMut(&mut Builder, &mut Pipe) -> Vec<Vec<Timed>>,
    ) -> (Self, Vec<Vec<Timed>>) {
        let mut show = b.clone();
        let mut pipe = Pipe::with(ce, Places::Noted(Vec::new()));
        let results: Vec<NodeId> = build(&mut show, &mut pipe).concat().iter().map(|t| t.node).collect();
        let Places::Noted(steps) = &pipe.places else { unreachable!("it was made so") };
        let netlist = show.netlist();
        let limit = limit(netlist, steps);
        let stages = stages(netlist, steps, &results, limit);
        let mut pipe = Pipe::with(ce, Places::Planned(stages, Vec::new()));
        pipe.complements_pay = family.is_some_and(complement::pays);
        pipe.copies = limit.spreads();
        let results = build(b, &mut pipe);
        (pipe, results)
    }

    /// Clock edges since the input beat moved.
    fn time(&self, t: Timed) -> u32 {
        match &self.places {
            Places::Planned(stages, firsts) => maker(firsts, t.node).map_or(0, |step| stages[step]),
            _ => t.time,
        }
    }

    /// Operands brought together as a plan says, or wants to know, for an operation of so many levels.
    fn gather(&mut self, b: &mut Builder, operands: &[Timed], levels: u32) -> (Vec<NodeId>, u32, u32) {
        let depth =
            operands.iter().filter(|t| !is_constant(b, t.node)).map(|t| t.level).max().unwrap_or(0) + levels;
        let time = match &self.places {
            Places::Planned(stages, firsts) => stages[firsts.len()],
            _ => 0,
        };
        let nodes: Vec<NodeId> = operands.iter().map(|t| self.near(b, *t, time)).collect();
        let first = b.netlist().nodes.len();
        match &mut self.places {
            Places::Planned(_, firsts) => firsts.push(first),
            Places::Noted(steps) => steps.push(Step { operands: nodes.clone(), first, levels }),
            Places::Levels(_) => unreachable!("there is a plan"),
        }
        (nodes, 0, depth)
    }

    /// A value that moves with the input beat.
    pub fn input(node: NodeId) -> Timed {
        Timed { node, time: 0, level: 0 }
    }

    /// Operands brought together for an operation of one adder level, and the place of its result. Constants never wait.
    pub fn meet(&mut self, b: &mut Builder, operands: &[Timed]) -> (Vec<NodeId>, u32, u32) {
        let Places::Levels(levels_per_stage) = self.places else { return self.gather(b, operands, 1) };
        let moving = || operands.iter().filter(|t| !is_constant(b, t.node));
        let mut time = moving().map(|t| t.time).max().unwrap_or(0);
        let mut level = moving().filter(|t| t.time == time).map(|t| t.level).max().unwrap_or(0);
        if level >= levels_per_stage {
            (time, level) = (time + 1, 0);
        }
        let nodes = operands.iter().map(|t| self.at(b, *t, time)).collect();
        (nodes, time, level + 1)
    }

    /// Operands brought together as wires alone, and the place of what is made of them.
    pub fn together(&mut self, b: &mut Builder, operands: &[Timed]) -> (Vec<NodeId>, u32, u32) {
        if !matches!(self.places, Places::Levels(_)) {
            return self.gather(b, operands, 0);
        }
        let moving = || operands.iter().filter(|t| !is_constant(b, t.node));
        let time = moving().map(|t| t.time).max().unwrap_or(0);
        let level = moving().filter(|t| t.time == time).map(|t| t.level).max().unwrap_or(0);
        (operands.iter().map(|t| self.at(b, *t, time)).collect(), time, level)
    }

    /// Output registers, all at the same time, each its own; and `y_valid`, driven by as many delays of `valid`.
    /// Returns the outputs and the latency.
    pub fn finish(
        &mut self,
        b: &mut Builder,
        valid: NodeId,
        gate: Gate,
        outputs: Vec<(Timed, String)>,
    ) -> (Vec<NodeId>, u32) {
        let moving = outputs.iter().filter(|(t, _)| !is_constant(b, t.node));
        let last = moving.map(|(t, _)| self.time(*t)).max().unwrap_or(0);
        let mut nodes = Vec::with_capacity(outputs.len());
        for (t, name) in outputs {
            let d = self.at(b, t, last);
            nodes.push(match b.netlist().node(d).op {
                Op::Const(value) => {
                    let constant = b.constant(value);
                    b.rename(constant, name);
                    constant
                }
                _ => b.reg(d, Some(self.ce), name),
            });
        }
        let mut v = valid;
        for k in 1..=last {
            v = b.control(v, Some(self.ce), 0, format!("v{k}"));
        }
        b.drive(gate.state, v);
        (nodes, last + 1)
    }
}

/// Whether a node is a constant by construction.
pub fn is_constant(b: &Builder, node: NodeId) -> bool {
    matches!(b.netlist().node(node).op, Op::Const(_))
}
