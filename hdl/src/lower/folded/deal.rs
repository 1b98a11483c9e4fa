//! Which elements work on which rows, and when.
//!
//! So many elements as results leave per beat are a team, and take a group of as many rows at once. Each team goes its own
//! pace. Results leave along a chain that moves by a team per cycle, team 0 first: what team `t` ends in cycle `c` leaves in
//! cycle `c + t`, so that at most one may end for each such sum. The last group of each team ends with the schedule, where its
//! words run out. All that leaves of a sample does so from cycle `teams` on and before `teams + cycles`: samples do not mix.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::MOST_LANES;

/// How much slower than the fastest is as good, for fewer results per beat or fewer bits.
const SLACK: (usize, usize) = (51, 50);

/// How much shorter a group may be that is taken instead of the longest: little keeps the teams even, more lets fewer wait.
/// All are tried.
const REACHES: [usize; 2] = [2, 8];

/// Fewest cycles of a schedule: a counter of none is no counter.
pub const SHORTEST: usize = 2;

/// The order in which rows may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Any.
    Free,
    /// Any, but row `r` in lane `r` modulo the lanes, so that memories behind them can restore the order.
    InLanes,
    /// As they are given.
    InOrder,
}

/// A group of rows on its team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The group.
    pub group: usize,
    /// Its first cycle.
    pub start: usize,
}

/// Groups of rows dealt to teams.
#[derive(Clone, Debug)]
pub struct Deal {
    /// Results per beat.
    pub lanes: usize,
    /// Rows of each group, of the last one perhaps fewer than there are lanes.
    pub groups: Vec<Vec<usize>>,
    /// Turns of each team, in order of time.
    pub teams: Vec<Vec<Turn>>,
    /// Length of the schedule.
    pub cycles: usize,
}

/// Whether so many cycles are as good as `best`.
pub fn as_good(cycles: usize, best: usize) -> bool {
    cycles * SLACK.1 <= best * SLACK.0
}

/// Results per beat that teams of `pes` elements can have.
pub fn lanes(pes: usize, most: usize) -> impl Iterator<Item = usize> {
    (0..=most.min(MOST_LANES).ilog2()).map(|bits| 1 << bits).filter(move |lanes| pes.is_multiple_of(*lanes))
}

/// Cycles that rows of these lengths take in any case on `pes` elements, with at most so many results per beat: each element
/// adds once in one, and a beat leaves.
pub fn least_cycles(lengths: &[usize], (pes, most): (usize, usize)) -> usize {
    let widest = lanes(pes, most).last().unwrap_or(1);
    lengths.iter().sum::<usize>().div_ceil(pes).max(lengths.len().div_ceil(widest))
}

/// Fewest cycles of rows of these lengths on `pes` elements that may leave in any order, at most so many per beat.
pub fn fewest_cycles(lengths: &[usize], (pes, most): (usize, usize)) -> usize {
    let cycles = |lanes: usize| Deal::new(lengths, pes, lanes, Leave::Free).cycles;
    let mut widths: Vec<usize> = lanes(pes, most).collect();
    let mut best = cycles(widths.pop().unwrap_or(1));
    while let Some(lanes) = widths.pop() {
        let least = least_cycles(lengths, (pes, lanes));
        if as_good(best, least) || least >= best {
            break;
        }
        best = best.min(cycles(lanes));
    }
    best
}

impl Deal {
    /// Deals rows of these lengths to `pes` elements in teams of `lanes`.
    pub fn new(lengths: &[usize], pes: usize, lanes: usize, leave: Leave) -> Self {
        let groups = groups(lengths, lanes, leave);
        let longest = |group: &Vec<usize>| group.iter().map(|row| lengths[*row]).max().unwrap_or(0).max(1);
        let lengths: Vec<usize> = groups.iter().map(longest).collect();
        let (teams, part) = (pes / lanes, groups.last().is_some_and(|last| last.len() < lanes));
        let deals = match leave {
            Leave::InOrder => vec![in_order(&lengths, teams)],
            _ => REACHES.iter().map(|reach| balanced(&lengths, teams, part, *reach)).collect(),
        };
        // Where the last turn of a team begins the one before it leaves: before all that leave at the end.
        let end = |(team, turns): (usize, &Vec<Turn>)| {
            turns.last().map_or(0, |last| last.start + lengths[last.group].max(team + 1))
        };
        let cycles =
            |teams: &Vec<Vec<Turn>>| teams.iter().enumerate().map(end).max().unwrap_or(0).max(SHORTEST);
        let teams = deals.into_iter().min_by_key(cycles).expect("one is tried");
        let cycles = cycles(&teams);
        Deal { lanes, groups, teams, cycles }
    }

    /// Rows in the order in which they leave.
    pub fn order(&self) -> Vec<usize> {
        let mut leaving: Vec<(usize, usize)> = Vec::new();
        for (team, turns) in self.teams.iter().enumerate() {
            let ends = turns.iter().skip(1).map(|turn| turn.start).chain([self.cycles]);
            leaving.extend(turns.iter().zip(ends).map(|(turn, end)| (end + team, turn.group)));
        }
        leaving.sort_unstable();
        leaving.iter().flat_map(|(_, group)| self.groups[*group].iter().copied()).collect()
    }
}

/// Rows that leave side by side, of like lengths where the order is free.
fn groups(lengths: &[usize], lanes: usize, leave: Leave) -> Vec<Vec<usize>> {
    let mut rows: Vec<usize> = (0..lengths.len()).collect();
    let sort = |rows: &mut Vec<usize>| rows.sort_by_key(|row| Reverse(lengths[*row]));
    match leave {
        Leave::InOrder => {}
        Leave::Free => sort(&mut rows),
        Leave::InLanes => {
            let mut classes: Vec<Vec<usize>> =
                (0..lanes).map(|lane| rows.iter().copied().skip(lane).step_by(lanes).collect()).collect();
            classes.iter_mut().for_each(sort);
            let group = |k: usize| classes.iter().filter_map(|class| class.get(k).copied()).collect();
            return (0..lengths.len().div_ceil(lanes)).map(group).collect();
        }
    }
    rows.chunks(lanes).map(<[usize]>::to_vec).collect()
}

/// The longest group first, to the team that is free first and, of several, leaves last; or one shorter by up to `reach` that
/// has less to wait for others to leave. A last group that is not whole leaves last.
fn balanced(lengths: &[usize], teams: usize, part: bool, reach: usize) -> Vec<Vec<Turn>> {
    let whole = lengths.len() - usize::from(part);
    let mut pool: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for group in (0..whole).rev() {
        pool.entry(lengths[group]).or_default().push(group);
    }
    let kept = |team: usize| if part && team + 1 == teams { lengths[whole] } else { 0 };
    let mut free: BTreeSet<(usize, Reverse<usize>)> = (0..teams).map(|t| (kept(t), Reverse(t))).collect();
    let mut turns = vec![Vec::new(); teams];
    let mut leaves: Vec<bool> = Vec::new();
    while let Some(longest) = pool.last_key_value().map(|(length, _)| *length) {
        let (at, Reverse(team)) = free.pop_first().expect("there are teams");
        let start = at - kept(team);
        let end = |length: usize| {
            let is_free = |end: &usize| *end + team >= teams && leaves.get(end + team) != Some(&true);
            (start + length..).find(is_free).expect("some cycle is free")
        };
        let like = pool.keys().rev().copied().take_while(|length| length + reach >= longest);
        let ends = like.map(|length| (length, end(length)));
        let (length, end) = ends.min_by_key(|(length, end)| end - length).expect("the longest is one");
        leaves.resize(leaves.len().max(end + team + 1), false);
        leaves[end + team] = true;
        let same = pool.get_mut(&length).expect("a length of the pool");
        turns[team].push(Turn { group: same.pop().expect("lengths have groups"), start });
        if same.is_empty() {
            pool.remove(&length);
        }
        free.insert((end + kept(team), Reverse(team)));
    }
    if part {
        let last = free.iter().find(|(_, Reverse(team))| team + 1 == teams);
        let start = last.map_or(0, |(at, _)| at - lengths[whole]);
        turns[teams - 1].push(Turn { group: whole, start });
    }
    turns
}

/// One group after the other, to one team after the other so that the last team has the last group; each ends when it may
/// leave behind the one before.
fn in_order(lengths: &[usize], teams: usize) -> Vec<Vec<Turn>> {
    let mut turns = vec![Vec::new(); teams];
    let mut free = vec![0; teams];
    let mut leaves = teams;
    for (group, length) in lengths.iter().enumerate() {
        let team = (teams - lengths.len() % teams + group) % teams;
        let start = free[team];
        turns[team].push(Turn { group, start });
        free[team] = (start + length).max(leaves.saturating_sub(team));
        leaves = free[team] + team + 1;
    }
    turns
}
