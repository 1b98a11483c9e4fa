//! In which stage of a pipeline each operation runs: the fewest clock edges, then the fewest register bits.
//!
//! Every path between two operations crosses as many registers as their stages lie apart, so that all rules are bounds on
//! differences: an operand is never later than its reader, and two operations whose path is too long for one stage lie at
//! least one apart (Leiserson and Saxe 1991). The bits to register are a sum of convex functions of differences: from the
//! earliest stages on, moving the set of operations that saves most up by one stage, found as a minimum cut, ends at the
//! least (Murota 2003, steepest descent of L-natural-convex functions).

mod cut;
mod paths;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sterna_ir::netlist::{Netlist, NodeId, Op};

use crate::Options;
use crate::complement;
use crate::delay::Delays;
use crate::estimate::Resources;
use crate::family::Family;
use cut::Network;
use paths::{Paths, too_slow};

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
    /// So many adder levels. Where there is but one, the family's ways of adding count.
    Levels(u32, Option<Family>),
    /// Paths up to so many picoseconds.
    Period(Delays, u32),
}

impl Limit {
    /// What `options` ask for in a stage of these steps.
    pub fn of(options: &Options, netlist: &Netlist, steps: &[Step]) -> Self {
        let made = steps.first().map_or(&[][..], |s| &netlist.nodes[s.first..]);
        // About a table a bit.
        let lut = made.iter().map(|n| f64::from(n.range.width())).sum();
        let size = Resources { lut, ..Resources::default() };
        let delays = options.family.and_then(|family| Delays::new(family, &size));
        match (options.clock_khz, delays) {
            (Some(khz), Some(delays)) => Limit::Period(delays, (1_000_000_000 / u64::from(khz)) as u32),
            _ => Limit::Levels(options.levels_per_stage, options.family),
        }
    }

    /// Whether subtracted inputs pass inverters, which are as much as a level of their own.
    fn inverts(self) -> bool {
        matches!(self, Limit::Levels(1, Some(family)) if complement::pays(family))
    }

    /// Whether a word with several readers is to have a register near each of them: with a register behind every adder
    /// the way there is most of a path.
    pub fn spreads(self) -> bool {
        matches!(self, Limit::Levels(1, Some(Family::Ecp5)))
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
            Limit::Levels(..) => limit.inverts() && paths.subtracts_input(group),
            Limit::Period(delays, period) => {
                let latest = paths.latest(group, &delays, &mut HashMap::new());
                delays.period_of(latest) > period && delays.inverter > 0 && paths.subtracts_input(group)
            }
        };
    }
    match limit {
        Limit::Period(delays, period) => paths.complement_later(&groups, &delays, period),
        Limit::Levels(..) if limit.inverts() => paths.later = paths.both.clone(),
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
    if limit.spreads() {
        // The copies stand behind the register that takes the sum.
        let shared = words.values().filter(|word| word.bits > 1 && word.readers.len() > 1);
        let readers = shared.flat_map(|word| word.readers.iter().map(|r| (word.made_by, *r)));
        bounds.extend(readers.filter_map(|(maker, r)| Some((maker?, r, 2))));
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

/// The groups that save most register bits when all of them move up by one stage; `None` when nothing saves any.
fn best_move(words: &[Word], bounds: &[(usize, usize, u32)], stage: &[u32]) -> Option<Vec<usize>> {
    let made = |w: &Word| w.made_by.map_or(0, |g| stage[g]);
    let last = words.iter().filter(|w| w.is_result).map(made).max()?;
    // Groups, then words that become longer when any of several groups moves.
    let mut network = Network::new(stage.len());
    let (mut gain, mut loss) = (vec![0; stage.len()], vec![0; stage.len()]);
    let mut longer = Vec::new();
    for word in words {
        let until = word.readers.iter().map(|r| stage[*r]).chain(word.is_result.then_some(last)).max();
        if let Some(g) = word.made_by {
            gain[g] += word.bits;
            if word.is_result && stage[g] == last {
                loss[g] = NEVER;
            }
        }
        let latest: Vec<usize> = word.readers.iter().copied().filter(|r| Some(stage[*r]) == until).collect();
        match latest[..] {
            [] => {}
            [only] => loss[only] += word.bits,
            _ => {
                let node = network.node();
                longer.push((node, word.bits));
                latest.into_iter().for_each(|r| network.arc(r, node, NEVER));
            }
        }
    }
    let (source, sink) = (network.node(), network.node());
    longer.into_iter().for_each(|(word, bits)| network.arc(word, sink, bits));
    for (g, (gain, loss)) in gain.into_iter().zip(loss).enumerate() {
        match gain > loss {
            true => network.arc(source, g, gain - loss),
            false => network.arc(g, sink, loss - gain),
        }
    }
    debug_assert!(bounds.iter().all(|(from, to, apart)| stage[*to] >= stage[*from] + apart));
    for (from, to, _) in bounds.iter().filter(|(from, to, apart)| stage[*to] - stage[*from] == *apart) {
        network.arc(*from, *to, NEVER);
    }
    let inside = network.least_cut(source, sink);
    let moved: Vec<usize> = (0..stage.len()).filter(|g| inside[*g]).collect();
    (!moved.is_empty()).then_some(moved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;
    use sterna_ir::Range;
    use sterna_ir::build::Builder;
    use sterna_ir::netlist::Term;

    /// Sums of two earlier words each, no two of the same, and those that nobody reads.
    fn sums(rng: &mut Xoshiro256PlusPlus) -> (Netlist, Vec<Step>, Vec<NodeId>) {
        let mut b = Builder::new("sums", vec![]);
        let width = |rng: &mut Xoshiro256PlusPlus| Range::unsigned(rng.random_range(1..12));
        let mut nodes: Vec<NodeId> = (0..3).map(|i| b.input(format!("x{i}"), width(rng))).collect();
        let mut steps: Vec<Step> = Vec::new();
        for _ in 0..6 {
            let mut operands = [0; 2].map(|_| nodes[rng.random_range(0..nodes.len())]).to_vec();
            operands.sort_unstable();
            if operands[0] != operands[1] && steps.iter().all(|s| s.operands != operands) {
                let first = b.netlist().nodes.len();
                nodes.push(b.sum(&[Term::plus(operands[0]), Term::plus(operands[1])], "s"));
                steps.push(Step { operands, first, levels: 1 });
            }
        }
        let unread = |n: &NodeId| steps.iter().all(|s| !s.operands.contains(n));
        let results = nodes[3..].iter().copied().filter(unread).collect();
        (b.finish(), steps, results)
    }

    /// The last stage, and the bits that registers hold; `None` where a stage is too deep or an operand too late.
    fn price(
        (netlist, steps, results): &(Netlist, Vec<Step>, Vec<NodeId>),
        stage: &[u32],
        most: u32,
    ) -> Option<(u32, u64)> {
        let maker = |n: NodeId| steps.iter().position(|s| s.first == n.index());
        let made = |n: NodeId| maker(n).map_or(0, |s| stage[s]);
        let mut depth: Vec<u32> = Vec::new();
        for (step, own) in steps.iter().zip(stage) {
            let before = step.operands.iter().filter_map(|n| maker(*n)).filter(|m| stage[*m] == *own);
            depth.push(1 + before.map(|m| depth[m]).max().unwrap_or(0));
            if step.operands.iter().any(|n| made(*n) > *own) || depth.last() > Some(&most) {
                return None;
            }
        }
        let last = results.iter().map(|n| made(*n)).max()?;
        let held = |n: NodeId| {
            let readers = steps.iter().zip(stage).filter(|(s, _)| s.operands.contains(&n)).map(|(_, at)| *at);
            let until = readers.chain(results.contains(&n).then_some(last)).max().unwrap_or(0);
            u64::from(netlist.node(n).range.width()) * u64::from(until - made(n))
        };
        Some((last, netlist.ids().map(held).sum()))
    }

    #[test]
    fn no_other_stages_hold_fewer_bits() {
        for seed in 0..60 {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let case = sums(&mut rng);
            let most = 1 + seed as u32 % 2;
            let count = case.1.len() as u32;
            let way = |n: u32| (0..count).map(|s| n / count.pow(s) % count).collect::<Vec<u32>>();
            let best = (0..count.pow(count)).filter_map(|n| price(&case, &way(n), most)).min();
            let found = stages(&case.0, &case.1, &case.2, Limit::Levels(most, None));
            assert_eq!(price(&case, &found, most), best, "seed {seed}: {found:?}");
        }
    }
}
