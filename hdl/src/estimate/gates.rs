//! A graph of two-input ANDs and inverters: what is left of a netlist for look-up tables to compute.

use rustc_hash::FxHashMap;

/// A signal, or its inverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lit(u32);

/// Constant 0.
pub const FALSE: Lit = Lit(0);
/// Constant 1.
pub const TRUE: Lit = Lit(1);

impl Lit {
    /// The gate or source, without its polarity.
    pub fn gate(self) -> usize {
        (self.0 >> 1) as usize
    }

    /// Whether it is the inverse of its gate.
    pub fn is_inverted(self) -> bool {
        self.0 & 1 == 1
    }

    /// Whether it never moves.
    pub fn is_constant(self) -> bool {
        self.gate() == 0
    }
}

impl std::ops::Not for Lit {
    type Output = Lit;

    fn not(self) -> Lit {
        Lit(self.0 ^ 1)
    }
}

/// One place of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Comes from a register, a carry chain, a memory or outside.
    Source,
    /// Both.
    And(Lit, Lit),
}

/// The graph, operands before their readers. Equal gates are one; each belongs to the group that was current when it was
/// made.
#[derive(Debug)]
pub struct Gates {
    /// All gates; the first is constant 0.
    pub all: Vec<Gate>,
    /// Per gate, its group.
    pub groups: Vec<u32>,
    /// What a cell other than a look-up table reads.
    pub sinks: Vec<Lit>,
    /// Group of the gates to come.
    pub group: u32,
    /// Bits of ROMs in logic.
    pub roms: Vec<Lit>,
    /// What each chain of carries reads, and by source the chain that it comes from.
    chains: Vec<Vec<Lit>>,
    from_chain: FxHashMap<usize, usize>,
    known: FxHashMap<(Lit, Lit), Lit>,
}

impl Gates {
    /// The constants alone.
    pub fn new() -> Self {
        Gates {
            all: vec![Gate::Source],
            groups: vec![0],
            sinks: Vec::new(),
            group: 0,
            roms: Vec::new(),
            chains: Vec::new(),
            from_chain: FxHashMap::default(),
            known: FxHashMap::default(),
        }
    }

    /// A new source.
    pub fn source(&mut self) -> Lit {
        self.push(Gate::Source)
    }

    /// New sources that come from a chain of carries, which reads `inputs`.
    pub fn chain(&mut self, inputs: Vec<Lit>, outputs: usize) -> Vec<Lit> {
        let made: Vec<Lit> = (0..outputs).map(|_| self.source()).collect();
        self.from_chain.extend(made.iter().map(|lit| (lit.gate(), self.chains.len())));
        self.chains.push(inputs);
        made
    }

    /// What the chain reads that this source comes from, if it does from one.
    pub fn before_chain(&self, source: usize) -> Option<&[Lit]> {
        self.from_chain.get(&source).map(|chain| &self.chains[*chain][..])
    }

    fn push(&mut self, gate: Gate) -> Lit {
        self.all.push(gate);
        self.groups.push(self.group);
        Lit((self.all.len() as u32 - 1) << 1)
    }

    /// A cell other than a look-up table reads this.
    pub fn sink(&mut self, a: Lit) {
        if !a.is_constant() {
            self.sinks.push(a);
        }
    }

    /// Both.
    pub fn and(&mut self, a: Lit, b: Lit) -> Lit {
        let (a, b) = (a.min(b), a.max(b));
        match (a, b) {
            (FALSE, _) => FALSE,
            (TRUE, other) => other,
            _ if a == b => a,
            _ if a == !b => FALSE,
            _ => match self.known.get(&(a, b)) {
                Some(known) => *known,
                None => {
                    let made = self.push(Gate::And(a, b));
                    self.known.insert((a, b), made);
                    made
                }
            },
        }
    }

    /// Either.
    pub fn or(&mut self, a: Lit, b: Lit) -> Lit {
        !self.and(!a, !b)
    }

    /// One of both.
    pub fn xor(&mut self, a: Lit, b: Lit) -> Lit {
        self.mux(a, b, !b)
    }

    /// `if sel { one } else { zero }`.
    pub fn mux(&mut self, sel: Lit, zero: Lit, one: Lit) -> Lit {
        if zero == one {
            return zero;
        }
        // One form for a choice and its inverse.
        if zero == !one && zero.is_inverted() {
            return !self.mux(sel, one, zero);
        }
        let (low, high) = (self.and(!sel, zero), self.and(sel, one));
        self.or(low, high)
    }

    /// All of them, as a balanced tree.
    pub fn all_of(&mut self, bits: &[Lit]) -> Lit {
        match bits {
            [] => TRUE,
            [bit] => *bit,
            _ => {
                let (low, high) = bits.split_at(bits.len() / 2);
                let (low, high) = (self.all_of(low), self.all_of(high));
                self.and(low, high)
            }
        }
    }

    /// The entry that `address` names, least bit first. An entry that is `None` does not matter.
    pub fn table(&mut self, address: &[Lit], entries: &[Option<Lit>]) -> Option<Lit> {
        let (Some((top, low)), false) = (address.split_last(), entries.iter().all(Option::is_none)) else {
            return entries.first().copied().flatten();
        };
        let half = 1 << low.len();
        let (below, above) = entries.split_at(half.min(entries.len()));
        match (self.table(low, below), self.table(low, above)) {
            (Some(zero), Some(one)) => Some(self.mux(*top, zero, one)),
            (zero, one) => zero.or(one),
        }
    }
}
