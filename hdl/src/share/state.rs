//! The rows being rewritten: where every node is used, what every row costs, and the way back to an earlier state.

use sterna_ir::Range;

use super::pairs::Pairs;
use super::tree::{self, Item};
use super::{Chain, Problem, Term};

/// A place where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The row.
    pub row: u32,
    /// Shift there.
    pub shift: u8,
    /// Sign there.
    pub negate: bool,
}

/// One primitive change.
#[derive(Clone, Copy, Debug)]
enum Step {
    Put(u32, Term),
    Take(u32, Term),
    /// With the range that the place had before.
    Open(u32, Range),
    Close(u32),
}

/// Rows are the outputs, then one per shared sum, whose terms define it.
#[derive(Debug)]
pub struct State {
    /// Number of inputs: node `inputs + i` is defined by row `outputs + i`.
    pub inputs: u32,
    /// Number of outputs.
    pub outputs: u32,
    /// What a sum may be.
    pub chain: Chain,
    /// Terms of each row, ascending by (node, shift).
    pub rows: Vec<Vec<Term>>,
    /// Uses of each node, ascending.
    pub uses: Vec<Vec<Use>>,
    /// Range of each node.
    pub ranges: Vec<Range>,
    /// How often every pair occurs.
    pub pairs: Pairs,
    any_sign: Vec<bool>,
    live: Vec<bool>,
    free: Vec<u32>,
    cost: Vec<u32>,
    total: u64,
    touched: Vec<u32>,
    is_touched: Vec<bool>,
    journal: Vec<Step>,
    /// Costs replaced since the last [`State::keep`].
    replaced: Vec<(u32, u32)>,
}

impl State {
    /// The rows as given, nothing shared.
    pub fn new(problem: &Problem, chain: Chain) -> Self {
        let (inputs, outputs) = (problem.inputs.len(), problem.rows.len());
        let mut state = State {
            inputs: inputs as u32,
            outputs: outputs as u32,
            chain,
            rows: vec![Vec::new(); outputs],
            uses: vec![Vec::new(); inputs],
            ranges: problem.inputs.clone(),
            pairs: Pairs::default(),
            any_sign: problem.rows.iter().map(|r| r.any_sign).collect(),
            live: Vec::new(),
            free: Vec::new(),
            cost: vec![0; outputs],
            total: 0,
            touched: Vec::new(),
            is_touched: vec![false; outputs],
            journal: Vec::new(),
            replaced: Vec::new(),
        };
        for (row, terms) in problem.rows.iter().enumerate() {
            terms.terms.iter().for_each(|t| state.insert(row as u32, *t));
        }
        state.keep();
        state
    }

    /// The row that defines a node, `None` for an input.
    pub fn definition(&self, node: u32) -> Option<u32> {
        node.checked_sub(self.inputs).map(|i| i + self.outputs)
    }

    /// The node that a row defines, `None` for an output.
    pub fn node(&self, row: u32) -> Option<u32> {
        row.checked_sub(self.outputs).map(|i| i + self.inputs)
    }

    /// Nodes that are shared sums now.
    pub fn shared(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.live.len() as u32).filter(|i| self.live[*i as usize]).map(|i| i + self.inputs)
    }

    /// Number of node numbers for shared sums, used or not.
    pub fn places(&self) -> u32 {
        self.live.len() as u32
    }

    /// Whether the shared sum of this number exists.
    pub fn is_live(&self, place: u32) -> bool {
        self.live[place as usize]
    }

    /// Whether the output may leave with any sign and shift.
    pub fn any_sign(&self, row: u32) -> bool {
        self.any_sign.get(row as usize).copied().unwrap_or(true)
    }

    /// Adds a term; with an equal one it becomes the next power of two, with its opposite nothing.
    pub fn insert(&mut self, row: u32, mut term: Term) {
        while let Ok(at) = self.find(row, term) {
            let old = self.rows[row as usize][at];
            self.remove(row, old);
            if old.negate != term.negate {
                return;
            }
            term.shift += 1;
        }
        self.put(row, term);
        self.journal.push(Step::Put(row, term));
    }

    /// Removes a term that is there.
    pub fn remove(&mut self, row: u32, term: Term) {
        self.take(row, term);
        self.journal.push(Step::Take(row, term));
    }

    /// Whether the row holds the term, sign included.
    pub fn holds(&self, row: u32, term: Term) -> bool {
        self.find(row, term).is_ok_and(|at| self.rows[row as usize][at].negate == term.negate)
    }

    /// A new shared sum.
    pub fn open(&mut self, terms: &[Term]) -> u32 {
        let place = self.free.pop().unwrap_or(self.live.len() as u32);
        if place as usize == self.live.len() {
            self.live.push(false);
            self.rows.push(Vec::new());
            self.uses.push(Vec::new());
            self.ranges.push(Range::point(0));
            self.cost.push(0);
            self.is_touched.push(false);
        }
        self.live[place as usize] = true;
        let node = place + self.inputs;
        let range = terms.iter().map(|t| self.range(*t)).reduce(add).unwrap_or(Range::point(0));
        let before = std::mem::replace(&mut self.ranges[node as usize], range);
        self.journal.push(Step::Open(place, before));
        terms.iter().for_each(|t| self.insert(place + self.outputs, *t));
        node
    }

    /// Puts a shared sum's terms in its place, everywhere, and ends it.
    pub fn dissolve(&mut self, node: u32) {
        let row = self.definition(node).expect("inputs are not dissolved");
        let terms = self.rows[row as usize].clone();
        for place in self.uses[node as usize].clone() {
            let outer = Term { node, shift: place.shift, negate: place.negate };
            self.remove(place.row, outer);
            terms.iter().for_each(|t| self.insert(place.row, t.under(outer)));
        }
        terms.iter().for_each(|t| self.remove(row, *t));
        self.close(node - self.inputs);
        self.journal.push(Step::Close(node - self.inputs));
    }

    fn close(&mut self, place: u32) {
        self.live[place as usize] = false;
        self.free.push(place);
    }

    /// Range of a term's value.
    pub fn range(&self, t: Term) -> Range {
        scaled(self.ranges[t.node as usize], t)
    }

    /// Bits of a node's word; a constant has none that vary.
    pub fn bits(&self, node: u32) -> u32 {
        let range = self.ranges[node as usize];
        if range.lo == range.hi { 0 } else { range.width() }
    }

    /// Bits of all rows, brought up to date.
    pub fn total(&mut self) -> u64 {
        while let Some(row) = self.touched.pop() {
            self.is_touched[row as usize] = false;
            let now = self.row_cost(row);
            let before = std::mem::replace(&mut self.cost[row as usize], now);
            self.total = self.total + u64::from(now) - u64::from(before);
            self.replaced.push((row, before));
        }
        self.total
    }

    fn row_cost(&self, row: u32) -> u32 {
        let mut bits = 0;
        let items = self.items(row);
        tree::reduce(items, self.chain, !self.any_sign(row), false, |sum| {
            bits += sum.bits;
            0
        });
        bits
    }

    /// The row's terms as leaves of a tree.
    pub fn items(&self, row: u32) -> Vec<Item> {
        let leaf = |t: &Term| Item { term: *t, range: self.ranges[t.node as usize], level: 0 };
        self.rows[row as usize].iter().map(leaf).collect()
    }

    /// Rows changed since the last [`State::total`].
    pub fn touched(&self) -> &[u32] {
        &self.touched
    }

    /// Makes everything since the last call final.
    pub fn keep(&mut self) {
        self.total();
        self.journal.clear();
        self.replaced.clear();
    }

    /// Undoes everything since the last [`State::keep`].
    pub fn undo(&mut self) {
        while let Some(step) = self.journal.pop() {
            match step {
                Step::Put(row, term) => self.take(row, term),
                Step::Take(row, term) => self.put(row, term),
                Step::Open(place, range) => {
                    self.close(place);
                    self.ranges[(place + self.inputs) as usize] = range;
                }
                Step::Close(place) => {
                    assert_eq!(self.free.pop(), Some(place), "places come back in order");
                    self.live[place as usize] = true;
                }
            }
        }
        for row in self.touched.drain(..) {
            self.is_touched[row as usize] = false;
        }
        while let Some((row, before)) = self.replaced.pop() {
            let now = std::mem::replace(&mut self.cost[row as usize], before);
            self.total = self.total + u64::from(before) - u64::from(now);
        }
    }

    fn find(&self, row: u32, term: Term) -> Result<usize, usize> {
        self.rows[row as usize].binary_search_by_key(&(term.node, term.shift), |t| (t.node, t.shift))
    }

    fn put(&mut self, row: u32, term: Term) {
        let at = self.find(row, term).expect_err("terms are distinct");
        let terms = &mut self.rows[row as usize];
        self.pairs.count(terms, &term);
        terms.insert(at, term);
        let place = Use { row, shift: term.shift, negate: term.negate };
        let uses = &mut self.uses[term.node as usize];
        let at = uses.binary_search(&place).expect_err("a term is used once");
        uses.insert(at, place);
        self.touch(row);
    }

    fn take(&mut self, row: u32, term: Term) {
        let at = self.find(row, term).expect("the term is there");
        let terms = &mut self.rows[row as usize];
        terms.remove(at);
        self.pairs.uncount(terms, &term);
        let place = Use { row, shift: term.shift, negate: term.negate };
        let uses = &mut self.uses[term.node as usize];
        let at = uses.binary_search(&place).expect("the use is there");
        uses.remove(at);
        self.touch(row);
    }

    fn touch(&mut self, row: u32) {
        if !std::mem::replace(&mut self.is_touched[row as usize], true) {
            self.touched.push(row);
        }
    }
}

/// Range of `±(x << shift)`.
pub fn scaled(x: Range, t: Term) -> Range {
    let factor = 1i64 << t.shift;
    x.checked_scale(if t.negate { -factor } else { factor }).expect("sums stay within 60 bits")
}

/// Range of a sum.
pub fn add(a: Range, b: Range) -> Range {
    a.checked_add(b).expect("sums stay within 60 bits")
}
