//! In which stage of a pipeline each operation runs: the fewest clock edges, then the fewest register bits.
//!
//! Every path between two operations crosses as many registers as their stages lie apart, so that all rules are bounds on
//! differences: an operand is never later than its reader, and two operations whose path is too long for one stage lie at
//! least one apart (Leiserson and Saxe 1991). The bits to register are a sum of convex functions of differences: from the
//! earliest stages on, moving the set of operations that saves most up by one stage, found as a minimum cut, ends at the
//! least (Murota 2003, steepest descent of L-natural-convex functions).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use petgraph::algo::dinics;
use petgraph::graph::{Graph, NodeIndex};
use petgraph::visit::EdgeRef;
use sterna_ir::netlist::{Netlist, NodeId, Op};

use crate::Options;
use crate::complement;
use crate::delay::{Delays, subtracted};
use crate::estimate::Resources;

/// Capacity of what must not be cut; all bits of a stage together are fewer.
const NEVER: u64 = 1 << 40;

/// Operands brought together for an operation, and where its nodes begin in the arena; they end where the next ones begin.
#[derive(Clone, Debug)]
pub struct Step {
    /// Nodes read.
    pub operands: Vec<NodeId>,
    /// Number of nodes before its own.
    pub first: usize,
    /// Adder levels: 0 for wires, else 1.
    pub levels: u32,
}

/// What fits into one stage.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// So many adder levels; and whether subtracted inputs pass inverters first, which count where there is but one level.
    Levels(u32, bool),
    /// Paths up to so many picoseconds.
    Period(Delays, u32),
}

impl Limit {
    /// What `options` ask for in a stage of these steps.
    pub fn of(options: &Options, netlist: &Netlist, steps: &[Step]) -> Self {
        let made = steps.first().map_or(&[][..], |s| &netlist.nodes[s.first..]);
        // About a table and a flip-flop a bit.
        let bits = made.iter().map(|n| f64::from(n.range.width())).sum();
        let size = Resources { lut: bits, ff: bits, ..Resources::default() };
        let delays = options.family.and_then(|family| Delays::new(family, &size));
        match (options.clock_khz, delays) {
            (Some(khz), Some(delays)) => Limit::Period(delays, (1_000_000_000 / u64::from(khz)) as u32),
            _ => {
                let inverters = options.family.is_some_and(complement::pays);
                Limit::Levels(options.levels_per_stage, inverters)
            }
        }
    }
}

/// Steps that read the same operands, hence are made to run in the same stage and share whatever registers they need.
#[derive(Clone, Debug, Default)]
struct Group {
    steps: Vec<usize>,
    levels: u32,
    operands: Vec<NodeId>,
    /// Runs behind registers that hold the complement of an input: with an inverter in front it would take too long.
    is_late: bool,
    readers: BTreeSet<usize>,
}

/// A word that may be registered.
#[derive(Clone, Debug, Default)]
struct Word {
    bits: u64,
    made_by: Option<usize>,
    readers: Vec<usize>,
    is_result: bool,
}

/// The step that made a node, if any did.
pub fn maker(firsts: &[usize], node: NodeId) -> Option<usize> {
    firsts.partition_point(|first| *first <= node.index()).checked_sub(1)
}

/// The stage of each step. `netlist` holds their nodes without any registers between; nodes before the first step are inputs
/// of stage 0. All `results` are wanted in the last stage.
pub fn stages(netlist: &Netlist, steps: &[Step], results: &[NodeId], limit: Limit) -> Vec<u32> {
    let firsts: Vec<usize> = steps.iter().map(|s| s.first).collect();
    let moves = |id: &NodeId| !matches!(netlist.node(*id).op, Op::Const(_));
    let mut groups: Vec<Group> = Vec::new();
    let mut group_of = Vec::with_capacity(steps.len());
    let mut known: HashMap<Vec<NodeId>, usize> = HashMap::new();
    for (s, step) in steps.iter().enumerate() {
        let mut operands: Vec<NodeId> = step.operands.iter().copied().filter(moves).collect();
        operands.sort_unstable();
        operands.dedup();
        let g = *known.entry(operands.clone()).or_insert(groups.len());
        if g == groups.len() {
            groups.push(Group { operands, ..Group::default() });
        }
        groups[g].steps.push(s);
        groups[g].levels = groups[g].levels.max(step.levels);
        group_of.push(g);
    }
    let made_by = |id: NodeId| maker(&firsts, id).map(|s| group_of[s]);
    let mut words: BTreeMap<NodeId, Word> = BTreeMap::new();
    let word = |id: NodeId| Word {
        bits: netlist.node(id).range.width().into(),
        made_by: made_by(id),
        ..Word::default()
    };
    for g in 0..groups.len() {
        for id in groups[g].operands.clone() {
            words.entry(id).or_insert_with(|| word(id)).readers.push(g);
            if let Some(maker) = made_by(id) {
                groups[maker].readers.insert(g);
            }
        }
    }
    for id in results.iter().filter(|id| moves(id)) {
        words.entry(*id).or_insert_with(|| word(*id)).is_result = true;
    }

    let mut paths = Paths::new(netlist, &firsts, results);
    for group in &mut groups {
        group.is_late = match limit {
            Limit::Levels(most, inverters) => inverters && most == 1 && paths.subtracts_input(group),
            Limit::Period(delays, period) => {
                let latest = paths.latest(group, &delays, &mut HashMap::new());
                latest + delays.setup > period && delays.inverter > 0 && paths.subtracts_input(group)
            }
        };
    }
    match limit {
        Limit::Period(delays, period) => paths.complement_later(&groups, &delays, period),
        Limit::Levels(1, true) => paths.later = paths.both.clone(),
        Limit::Levels(..) => {}
    }
    let mut bounds: Vec<(usize, usize, u32)> = Vec::new();
    for g in 0..groups.len() {
        bounds.extend(groups[g].readers.iter().map(|r| (g, *r, 0)));
        let far = match limit {
            Limit::Levels(most, _) => too_deep(&groups, g, most),
            Limit::Period(delays, period) => too_slow(&paths, &groups, g, (&delays, period)),
        };
        bounds.extend(far.into_iter().map(|r| (g, r, 1)));
        let later = paths.subtracted_later(&groups[g]);
        bounds.extend(later.filter_map(made_by).map(|maker| (maker, g, 2)));
    }
    // Groups stand in an order of evaluation.
    bounds.sort_unstable();
    let mut stage: Vec<u32> = groups.iter().map(|g| g.is_late.into()).collect();
    for (from, to, apart) in &bounds {
        stage[*to] = stage[*to].max(stage[*from] + apart);
    }
    let words: Vec<Word> = words.into_values().collect();
    while let Some(later) = best_move(&words, &bounds, &stage) {
        later.into_iter().for_each(|g| stage[g] += 1);
    }
    group_of.into_iter().map(|g| stage[g]).collect()
}

/// Groups that end a path from `g` of more than `most` levels, those aside that lie behind such.
fn too_deep(groups: &[Group], g: usize, most: u32) -> Vec<usize> {
    let mut reached = BTreeMap::from([(g, groups[g].levels)]);
    let mut far = Vec::new();
    while let Some((at, depth)) = reached.pop_first() {
        if depth > most && at != g {
            far.push(at);
            continue;
        }
        for r in &groups[at].readers {
            let depth = depth + groups[*r].levels;
            reached.entry(*r).and_modify(|d| *d = depth.max(*d)).or_insert(depth);
        }
    }
    far
}

/// The nodes of the steps, to follow paths through.
struct Paths<'a> {
    netlist: &'a Netlist,
    firsts: &'a [usize],
    /// Sums that are wanted both as they are and subtracted, hence registered both ways, one behind inverters.
    both: HashSet<NodeId>,
    /// Those whose complement has to be taken a stage later.
    later: HashSet<NodeId>,
}

impl<'a> Paths<'a> {
    fn new(netlist: &'a Netlist, firsts: &'a [usize], results: &[NodeId]) -> Self {
        let mut paths = Paths { netlist, firsts, both: HashSet::new(), later: HashSet::new() };
        let (mut plain, mut taken) = (HashSet::<NodeId>::from_iter(results.iter().copied()), HashSet::new());
        for id in netlist.ids().skip(firsts.first().copied().unwrap_or(netlist.nodes.len())) {
            let minus: Vec<NodeId> = subtracted(netlist, id).collect();
            plain.extend(netlist.node(id).op.operands().into_iter().filter(|x| !minus.contains(x)));
            taken.extend(minus);
        }
        paths.both = taken.into_iter().filter(|x| plain.contains(x) && !paths.is_input(*x)).collect();
        paths
    }

    /// Finds the sums that leave no time for inverters behind them.
    fn complement_later(&mut self, groups: &[Group], delays: &Delays, period: u32) {
        for group in groups.iter().filter(|_| delays.inverter > 0) {
            let latest = self.latest(group, delays, &mut HashMap::new());
            if latest + delays.setup > period {
                let nodes: Vec<NodeId> = self.nodes(group).filter(|n| self.both.contains(n)).collect();
                self.later.extend(nodes);
            }
        }
    }

    /// What a group subtracts that has to be complemented behind a register.
    fn subtracted_later(&self, group: &Group) -> impl Iterator<Item = NodeId> {
        self.nodes(group).flat_map(|n| subtracted(self.netlist, n)).filter(|x| self.later.contains(x))
    }

    fn nodes(&self, group: &Group) -> impl Iterator<Item = NodeId> + use<'a> {
        let end = |s: usize| self.firsts.get(s + 1).copied().unwrap_or(self.netlist.nodes.len());
        let nodes: Vec<_> = group.steps.iter().map(|s| self.firsts[*s]..end(*s)).collect();
        nodes.into_iter().flatten().map(|n| NodeId(n as u32))
    }

    fn is_input(&self, node: NodeId) -> bool {
        maker(self.firsts, node).is_none() && !matches!(self.netlist.node(node).op, Op::Const(_))
    }

    fn subtracts_input(&self, group: &Group) -> bool {
        self.nodes(group).any(|n| subtracted(self.netlist, n).any(|x| self.is_input(x)))
    }

    /// The latest arrival in a group, given those in front of it that run in the same stage; its own are added to them.
    fn latest(&self, group: &Group, delays: &Delays, at: &mut HashMap<NodeId, Vec<u32>>) -> u32 {
        let launched = [delays.clock_to_q; 64];
        let mut latest = 0;
        for node in self.nodes(group) {
            // Registers hold what is subtracted as its complement.
            let inverts = |x: NodeId| match self.is_input(x) {
                true => !group.is_late,
                // A sum that is wanted no other way leaves its tables inverted.
                false => at.contains_key(&x) && self.both.contains(&x),
            };
            let inverter = if subtracted(self.netlist, node).any(inverts) { delays.inverter } else { 0 };
            let mut arrival =
                Delays { inverter, ..*delays }.through(self.netlist, node, |id| match at.get(&id) {
                    Some(bits) => bits,
                    None if matches!(self.netlist.node(id).op, Op::Const(_)) => &[],
                    None => &launched[..self.netlist.node(id).range.width() as usize],
                });
            let inverted = self.both.contains(&node) && !self.later.contains(&node);
            let inverter = if inverted { delays.inverter } else { 0 };
            latest = latest.max(arrival.iter().copied().max().unwrap_or(0) + inverter);
            delays.leave_chain(self.netlist, node, &mut arrival);
            at.insert(node, arrival);
        }
        latest
    }
}

/// Groups that end a path from `g` longer than the period, those aside that lie behind such.
fn too_slow(paths: &Paths, groups: &[Group], g: usize, (delays, period): (&Delays, u32)) -> Vec<usize> {
    let mut at: HashMap<NodeId, Vec<u32>> = HashMap::new();
    let mut reached = BTreeSet::from([g]);
    let mut far = Vec::new();
    while let Some(next) = reached.pop_first() {
        let latest = paths.latest(&groups[next], delays, &mut at);
        if latest + delays.setup > period && next != g {
            far.push(next);
            paths.nodes(&groups[next]).for_each(|n| {
                at.remove(&n);
            });
        } else {
            reached.extend(&groups[next].readers);
        }
    }
    far
}

/// The groups that save most register bits when all of them move up by one stage; `None` when nothing saves any.
fn best_move(words: &[Word], bounds: &[(usize, usize, u32)], stage: &[u32]) -> Option<Vec<usize>> {
    let made = |w: &Word| w.made_by.map_or(0, |g| stage[g]);
    let last = words.iter().filter(|w| w.is_result).map(made).max()?;
    let mut graph: Graph<(), u64> = Graph::new();
    let (source, sink) = (graph.add_node(()), graph.add_node(()));
    let group: Vec<NodeIndex> = stage.iter().map(|_| graph.add_node(())).collect();
    let mut gain = vec![0; stage.len()];
    for word in words {
        let until = word.readers.iter().map(|r| stage[*r]).chain(word.is_result.then_some(last)).max();
        if let Some(g) = word.made_by {
            gain[g] += word.bits;
            if word.is_result && stage[g] == last {
                graph.add_edge(group[g], sink, NEVER);
            }
        }
        let latest: Vec<usize> = word.readers.iter().copied().filter(|r| Some(stage[*r]) == until).collect();
        if !latest.is_empty() {
            let longer = graph.add_node(());
            graph.add_edge(longer, sink, word.bits);
            latest.into_iter().for_each(|r| {
                graph.add_edge(group[r], longer, NEVER);
            });
        }
    }
    for (g, gain) in gain.iter().enumerate().filter(|(_, gain)| **gain > 0) {
        graph.add_edge(source, group[g], *gain);
    }
    for (from, to, apart) in bounds.iter().filter(|(from, to, apart)| stage[*to] - stage[*from] == *apart) {
        debug_assert!(stage[*to] >= stage[*from] + apart);
        graph.add_edge(group[*from], group[*to], NEVER);
    }
    let (_, flow) = dinics(&graph, source, sink);
    // The side of the source in the least cut.
    let mut inside = vec![false; graph.node_count()];
    let mut stack = vec![source];
    while let Some(at) = stack.pop() {
        if std::mem::replace(&mut inside[at.index()], true) {
            continue;
        }
        let open = graph.edges(at).filter(|e| flow[e.id().index()] < *e.weight()).map(|e| e.target());
        stack.extend(open);
        let back = graph.edges_directed(at, petgraph::Incoming).filter(|e| flow[e.id().index()] > 0);
        stack.extend(back.map(|e| e.source()));
    }
    let moved: Vec<usize> = (0..stage.len()).filter(|g| inside[group[*g].index()]).collect();
    (!moved.is_empty()).then_some(moved)
}
