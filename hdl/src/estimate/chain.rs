//! One addition on a family's carry chain.

use super::gates::{FALSE, Lit, TRUE};
use super::words::Words;
use crate::family::Family;

/// Widest sum that Yosys leaves to logic (its maps of arithmetic for each family).
fn logic(family: Family) -> usize {
    match family {
        Family::Ecp5 => 4,
        Family::Ice40 | Family::Gowin | Family::Xcup => 2,
    }
}

impl Words<'_> {
    /// `a + b`, or `a - b` if `minus`, modulo their width; of the result the bits of `needed`.
    pub fn chain(&mut self, a: Vec<Lit>, b: Vec<Lit>, minus: bool, needed: u64) -> Vec<Lit> {
        let key = (a, b, minus);
        if let Some(known) = self.chains.get(&key) {
            return known.clone();
        }
        let (a, b, _) = &key;
        // Low bits that one operand alone reaches pass by.
        let passes = |k: &usize| b[*k] == FALSE || (!minus && a[*k] == FALSE);
        let low = (0..a.len()).take_while(passes).count();
        let mut y: Vec<Lit> = (0..low).map(|k| if b[k] == FALSE { a[k] } else { b[k] }).collect();
        let invert = |bit: &Lit| if minus { !*bit } else { *bit };
        let operands: Vec<(Lit, Lit)> =
            std::iter::zip(&a[low..], &b[low..]).map(|(p, q)| (*p, invert(q))).collect();
        let carry = if minus { TRUE } else { FALSE };
        let rest = if operands.len() <= logic(self.family) {
            self.ripple(&operands, carry)
        } else {
            self.cells_of_chain(&operands, &b[low..], carry, needed >> low)
        };
        y.extend(rest);
        self.chains.insert(key, y.clone());
        y
    }

    fn ripple(&mut self, operands: &[(Lit, Lit)], mut carry: Lit) -> Vec<Lit> {
        let mut y = Vec::new();
        for (p, q) in operands {
            let (bit, next) = self.full_adder(*p, *q, carry);
            y.push(bit);
            carry = next;
        }
        y
    }

    fn full_adder(&mut self, p: Lit, q: Lit, carry: Lit) -> (Lit, Lit) {
        let half = self.gates.xor(p, q);
        let bit = self.gates.xor(half, carry);
        let next = self.gates.mux(half, p, carry);
        (bit, next)
    }

    /// `operands` with what is subtracted inverted, `second` as it is.
    fn cells_of_chain(
        &mut self,
        operands: &[(Lit, Lit)],
        second: &[Lit],
        mut carry: Lit,
        needed: u64,
    ) -> Vec<Lit> {
        let bits = operands.len();
        self.here().carry += bits as f64;
        match self.family {
            // A bit with two constant operands is not on the chain; else a table per bit that is read, which reads what the
            // carry cell beside it reads.
            Family::Ice40 => {
                let mut y = Vec::new();
                let mut on_chain = false;
                for (k, (p, q)) in operands.iter().enumerate() {
                    let fixed = [*p, *q, carry].into_iter().filter(|l| l.is_constant()).count();
                    if !on_chain && fixed >= 2 {
                        let (bit, next) = self.full_adder(*p, *q, carry);
                        y.push(bit);
                        carry = next;
                        continue;
                    }
                    if !on_chain {
                        self.gates.sink(carry);
                    }
                    on_chain = true;
                    if k + 1 < bits {
                        [p, q].into_iter().for_each(|l| self.gates.sink(*l));
                    }
                    let bit = self.gates.source();
                    if needed >> k & 1 == 1 {
                        self.here().lut += 1.0;
                        [p, q].into_iter().for_each(|l| self.gates.sink(*l));
                        let reads = [p, q].into_iter().filter(|l| !l.is_constant()).map(|l| l.gate());
                        self.roomy.insert(bit.gate(), reads.collect());
                    }
                    y.push(bit);
                }
                y
            }
            // Inverters are inside.
            Family::Ecp5 | Family::Gowin => {
                for ((p, _), q) in std::iter::zip(operands, second) {
                    self.gates.sink(*p);
                    self.gates.sink(*q);
                }
                let cells = if self.family == Family::Ecp5 { 2 * bits.div_ceil(2) } else { bits };
                self.here().lut += cells as f64;
                let inputs = operands.iter().flat_map(|(p, q)| [*p, *q]).collect();
                self.gates.chain(inputs, bits)
            }
            // A table in front of each bit, into which the logic before it goes.
            Family::Xcup => {
                let mut inputs = Vec::new();
                for (p, q) in operands {
                    let half = self.gates.xor(*p, *q);
                    self.gates.sink(half);
                    self.gates.sink(*p);
                    inputs.extend([half, *p]);
                }
                self.gates.chain(inputs, bits)
            }
        }
    }
}
