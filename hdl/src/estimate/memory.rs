//! The cells of memories and registers.

use sterna_ir::netlist::{Memory, MemoryId, MemoryKind, NodeId, Op};

use super::gates::{FALSE, Lit, TRUE};
use super::home::{Home, delays_writes, home_of};
use super::needed::ones;
use super::words::Words;
use crate::family::Family;

impl Words<'_> {
    fn home_of(&self, memory: usize) -> Home {
        home_of(&self.netlist.memories[memory], self.needed.memories[memory], self.family)
    }

    /// What a read port gives, by bit. Bits of a table of logic that are always the same, or the same as others, are one.
    pub fn read_sources(&mut self, id: NodeId, memory: MemoryId) -> Vec<Lit> {
        let netlist = self.netlist;
        let own = netlist.memory(memory).word;
        let width = netlist.node(id).range.width();
        let mut bits: Vec<Lit> = match (&netlist.memory(memory).kind, self.home_of(memory.index())) {
            (MemoryKind::Rom(words), Home::Logic) => {
                let mut known: Vec<(Vec<bool>, Lit)> = Vec::new();
                let mut column = |k: u32| {
                    let column: Vec<bool> = words.iter().map(|w| w >> k & 1 == 1).collect();
                    match () {
                        () if column.iter().all(|b| *b) => TRUE,
                        () if column.iter().all(|b| !*b) => FALSE,
                        () => match known.iter().find(|(c, _)| *c == column) {
                            Some((_, lit)) => *lit,
                            None => {
                                let lit = self.gates.source();
                                known.push((column, lit));
                                lit
                            }
                        },
                    }
                };
                (0..own.width()).map(&mut column).collect()
            }
            (MemoryKind::Ram { .. }, Home::Block { .. }) if delays_writes(self.family) => {
                let collides = self.gates.source();
                let word = |words: &mut Self| -> Vec<Lit> {
                    (0..own.width()).map(|_| words.gates.source()).collect()
                };
                let (stored, written) = (word(self), word(self));
                self.collisions.insert(id);
                std::iter::zip(stored, written).map(|(s, w)| self.gates.mux(collides, s, w)).collect()
            }
            _ => (0..own.width()).map(|_| self.gates.source()).collect(),
        };
        let sign = if own.is_signed() { bits[bits.len() - 1] } else { FALSE };
        bits.resize(width as usize, sign);
        bits
    }

    /// The cells of a memory and of its write port.
    pub fn memory(&mut self, at: usize) {
        let memory: &Memory = &self.netlist.memories[at];
        let bits = self.needed.memories[at];
        let (depth, width) = (memory.depth as u64, u64::from(bits.count_ones()));
        if width == 0 {
            return;
        }
        let home = self.home_of(at);
        match home {
            Home::Block { blocks, .. } => self.here().bram += blocks as f64,
            Home::Distributed { words, luts } => self.here().lut += (luts * depth.div_ceil(words)) as f64,
            Home::Logic => {}
        }
        match &memory.kind {
            MemoryKind::Rom(_) => self.here().rom_bits += depth * u64::from(memory.word.width()),
            MemoryKind::Ram { enable, addr, data } => {
                let address = self.address(*addr, depth);
                let written: Vec<Lit> =
                    (0..64).filter(|k| bits >> k & 1 == 1).map(|k| self.bit(*data, k)).collect();
                let enable = self.bit(*enable, 0);
                if matches!(home, Home::Block { .. }) && delays_writes(self.family) {
                    // Memories that take the same words share what waits, and the copy for reads.
                    let waits = (address.clone(), written.clone(), enable);
                    if self.waiting.insert(waits) {
                        self.here().ff += (address.len() + 2 * written.len() + 1) as f64;
                    }
                }
                written.into_iter().for_each(|bit| self.gates.sink(bit));
                let (inner, parts) = match home {
                    Home::Block { deep, .. } => (depth.div_ceil(deep).next_power_of_two(), deep),
                    Home::Distributed { words, .. } => (words, depth.div_ceil(words)),
                    Home::Logic => (1, depth),
                };
                let inner = inner.ilog2().min(address.len() as u32) as usize;
                address[..inner].iter().for_each(|a| self.gates.sink(*a));
                // Which part is written.
                for part in 0..parts {
                    let chosen = self.is_at(&address[inner..], part);
                    let written = self.gates.and(chosen, enable);
                    self.gates.sink(written);
                }
                if home == Home::Logic {
                    self.here().ff += (depth * width) as f64;
                }
            }
        }
    }

    /// The bits that address `depth` words.
    fn address(&self, addr: NodeId, depth: u64) -> Vec<Lit> {
        (0..depth.next_power_of_two().ilog2()).map(|k| self.bit(addr, k)).collect()
    }

    /// Whether the bits, least first, are `value`.
    fn is_at(&mut self, bits: &[Lit], value: u64) -> Lit {
        let equal: Vec<Lit> =
            bits.iter().enumerate().map(|(k, bit)| if value >> k & 1 == 1 { *bit } else { !*bit }).collect();
        self.gates.all_of(&equal)
    }

    /// The cells of a read port and of the register behind it.
    pub fn read(&mut self, id: NodeId, memory: MemoryId, addr: NodeId, enable: Option<NodeId>) {
        let netlist = self.netlist;
        let found = netlist.memory(memory);
        let depth = found.depth as u64;
        let home = self.home_of(memory.index());
        let address = self.address(addr, depth);
        let wanted: Vec<u32> = self.wanted(id).into_iter().filter(|k| *k < found.word.width()).collect();
        let parts = match home {
            Home::Block { deep, .. } => {
                address.iter().for_each(|a| self.gates.sink(*a));
                if let Some(enable) = enable {
                    self.gates.sink(self.bit(enable, 0));
                }
                if self.collisions.contains(&id) {
                    let mut equal = vec![self.gates.source()];
                    for a in &address {
                        let waits = self.gates.source();
                        equal.push(!self.gates.xor(*a, waits));
                    }
                    let found = self.gates.all_of(&equal);
                    self.gates.sink(found);
                    self.here().ff += 1.0;
                }
                // The bits that choose among blocks wait for the data. The sources stand for what was chosen.
                if deep > 1 {
                    let high: Vec<Lit> =
                        (0..deep.next_power_of_two().ilog2()).map(|_| self.gates.source()).collect();
                    self.here().ff += high.len() as f64;
                    for _ in &wanted {
                        let entries: Vec<Option<Lit>> =
                            (0..deep).map(|_| Some(self.gates.source())).collect();
                        let joined = self.gates.table(&high, &entries).expect("there are entries");
                        self.gates.sink(joined);
                    }
                }
                return;
            }
            Home::Distributed { words, .. } => depth.div_ceil(words),
            Home::Logic => depth,
        };
        let inner = (depth.div_ceil(parts).next_power_of_two().ilog2() as usize).min(address.len());
        let inner = if parts == depth { 0 } else { inner };
        if inner > 0 {
            address[..inner].iter().for_each(|a| self.gates.sink(*a));
        }
        let enable = enable.map(|e| self.bit(e, 0));
        let mut done: Vec<Lit> = Vec::new();
        for k in wanted {
            let q = self.bits[id.index()][k as usize];
            if q.is_constant() || done.contains(&q) {
                continue;
            }
            done.push(q);
            let entries: Vec<Option<Lit>> = match &found.kind {
                MemoryKind::Rom(words) => {
                    words.iter().map(|w| Some(if w >> k & 1 == 1 { TRUE } else { FALSE })).collect()
                }
                MemoryKind::Ram { .. } => (0..parts).map(|_| Some(self.gates.source())).collect(),
            };
            let d = self.gates.table(&address[inner..], &entries).expect("there are entries");
            if matches!(found.kind, MemoryKind::Rom(_)) {
                self.gates.roms.push(d);
            }
            self.gates.sink(d);
            self.here().ff += 1.0;
        }
        if let Some(enable) = enable.filter(|_| !done.is_empty()) {
            self.gates.sink(enable);
        }
    }

    /// The flip-flops of a register or of a read port and what they take.
    pub fn sequential(&mut self, id: NodeId) {
        match self.netlist.node(id).op {
            Op::Reg { d, enable, reset } => self.register(id, d, enable, reset),
            Op::Read { memory, addr, enable } => self.read(id, memory, addr, enable),
            _ => {}
        }
    }

    /// As Yosys's `opt_dff` sees it: a choice between the register and something else is an enable, one between a constant
    /// and something else a reset.
    fn register(&mut self, id: NodeId, d: NodeId, enable: Option<NodeId>, reset: Option<i64>) {
        let netlist = self.netlist;
        let wanted = self.wanted(id);
        if wanted.is_empty() {
            return;
        }
        self.here().ff += wanted.len() as f64;
        let mut enable = enable.map_or(TRUE, |e| self.bit(e, 0));
        let begins = match (netlist.reset, reset) {
            (Some(pin), Some(_)) => self.bit(pin, 0),
            _ => FALSE,
        };
        let mut cleared = begins;
        let mut at = d;
        while let Op::Mux { sel, zero, one } = netlist.node(at).op {
            let sel = self.bit(sel, 0);
            let word = ones(netlist.node(id).range.width()) as i64;
            let fixed = |side: NodeId| match netlist.node(side).op {
                Op::Const(value) => {
                    let free = begins == FALSE && cleared == FALSE;
                    free || (enable == TRUE && reset.is_some_and(|r| (r ^ value) & word == 0))
                }
                _ => false,
            };
            let (when, next, clears) = match () {
                () if zero == id => (sel, one, false),
                () if one == id => (!sel, zero, false),
                () if fixed(zero) => (!sel, one, true),
                () if fixed(one) => (sel, zero, true),
                () => break,
            };
            at = next;
            if clears {
                cleared = self.gates.or(cleared, when);
            } else {
                enable = self.gates.and(enable, when);
            }
        }
        for k in wanted {
            let bit = self.bit(at, k);
            self.gates.sink(bit);
        }
        // Which of both comes first differs: in iCE40 a reset waits for the enable, elsewhere it does not.
        let (enable, cleared) = match self.family {
            _ if enable == TRUE || cleared == FALSE => (enable, cleared),
            Family::Ice40 if begins != FALSE => (self.gates.or(enable, cleared), cleared),
            Family::Ice40 => (enable, cleared),
            _ if begins != FALSE => (enable, cleared),
            _ => (enable, self.gates.and(enable, cleared)),
        };
        // An enable can be low in ECP5 alone.
        self.gates.sink(if self.family == Family::Ecp5 && enable.is_inverted() { !enable } else { enable });
        self.gates.sink(cleared);
    }
}
