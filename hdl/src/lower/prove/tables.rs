//! Truth tables: trees of them are tried on all combinations of the bits that they depend on.

use std::collections::HashMap;

use sterna_ir::netlist::{Netlist, NodeId, Op};

use super::forms::{Atoms, Form};
use super::walk::{Meaning, Value};

/// Most bits that a tree may depend on: 2^20 combinations.
const MOST_ATOMS: usize = 20;

/// How one node of a tree gets its 64 combinations at a time.
enum Step {
    /// Bit `k` of the number of the combination.
    Atom(usize),
    Not(usize),
    Constant(bool),
    Lut(Vec<usize>, u64),
    Mux(usize, usize, usize),
}

/// A tree of tables over atoms that are bits.
#[derive(Default)]
struct Tree {
    atoms: Vec<u32>,
    steps: Vec<Step>,
    of_node: HashMap<NodeId, usize>,
    of_atom: HashMap<u32, usize>,
}

impl Tree {
    fn push(&mut self, step: Step) -> usize {
        self.steps.push(step);
        self.steps.len() - 1
    }

    fn atom(&mut self, known: &Atoms, atom: u32) -> Result<usize, String> {
        if let Some(step) = self.of_atom.get(&atom) {
            return Ok(*step);
        }
        // One that is always 0 or always 1 is a bit as well.
        let range = known.range(atom);
        if range.lo < 0 || range.hi > 1 {
            return Err("a table reads what is not a bit".into());
        }
        self.atoms.push(atom);
        if self.atoms.len() > MOST_ATOMS {
            return Err(format!("tables depend on more than {MOST_ATOMS} bits"));
        }
        let step = self.push(Step::Atom(self.atoms.len() - 1));
        self.of_atom.insert(atom, step);
        Ok(step)
    }

    /// The step that gives bit `node`; recursion is as deep as the tree.
    fn node(
        &mut self,
        netlist: &Netlist,
        known: &Atoms,
        values: &HashMap<NodeId, Value>,
        node: NodeId,
    ) -> Result<usize, String> {
        if let Some(step) = self.of_node.get(&node) {
            return Ok(*step);
        }
        let step = match &values.get(&node).ok_or("a loop")?.meaning {
            Meaning::Linear(form) => match (&form.terms[..], form.constant) {
                ([], value @ (0 | 1)) => self.push(Step::Constant(value == 1)),
                ([(atom, 1)], 0) => self.atom(known, *atom)?,
                ([(atom, -1)], 1) => {
                    let atom = self.atom(known, *atom)?;
                    self.push(Step::Not(atom))
                }
                _ => return Err(format!("{} is not a bit", netlist.node(node).name)),
            },
            Meaning::Bits(bits) => match bits[..] {
                [bit] if bit != node => self.node(netlist, known, values, bit)?,
                [_] => {
                    let operands = netlist.node(node).op.operands();
                    let steps: Vec<usize> = operands
                        .iter()
                        .map(|o| self.node(netlist, known, values, *o))
                        .collect::<Result<_, _>>()?;
                    match &netlist.node(node).op {
                        Op::Lut { table, .. } => self.push(Step::Lut(steps, *table)),
                        Op::Mux { .. } => self.push(Step::Mux(steps[0], steps[1], steps[2])),
                        other => return Err(format!("{other:?} is no table")),
                    }
                }
                _ => return Err(format!("{} is a word inside a table", netlist.node(node).name)),
            },
        };
        self.of_node.insert(node, step);
        Ok(step)
    }

    /// The word of `bits`, the first low, for every combination of the atoms.
    fn words(&self, bits: &[usize], signed: bool) -> Vec<i128> {
        const LOW: [u64; 6] = [
            0xaaaa_aaaa_aaaa_aaaa,
            0xcccc_cccc_cccc_cccc,
            0xf0f0_f0f0_f0f0_f0f0,
            0xff00_ff00_ff00_ff00,
            0xffff_0000_ffff_0000,
            0xffff_ffff_0000_0000,
        ];
        let count = 1usize << self.atoms.len();
        let mut words = vec![0i128; count];
        let mut lanes = vec![0u64; self.steps.len()];
        for block in 0..count.div_ceil(64) {
            for (i, step) in self.steps.iter().enumerate() {
                lanes[i] = match step {
                    Step::Atom(k) if *k < 6 => LOW[*k],
                    Step::Atom(k) => 0u64.wrapping_sub((block >> (k - 6) & 1) as u64),
                    Step::Not(a) => !lanes[*a],
                    Step::Constant(value) => 0u64.wrapping_sub(u64::from(*value)),
                    Step::Lut(inputs, table) => lookup(inputs, *table, &lanes),
                    Step::Mux(sel, zero, one) => (lanes[*sel] & lanes[*one]) | (!lanes[*sel] & lanes[*zero]),
                };
            }
            for (lane, word) in words.iter_mut().skip(block * 64).take(64).enumerate() {
                for (k, bit) in bits.iter().enumerate() {
                    let weight = if signed && k + 1 == bits.len() { -(1i128 << k) } else { 1 << k };
                    *word += weight * i128::from(lanes[*bit] >> lane & 1);
                }
            }
        }
        words
    }
}

/// A table looked up in 64 lanes.
fn lookup(inputs: &[usize], table: u64, lanes: &[u64]) -> u64 {
    match inputs.split_last() {
        None => 0u64.wrapping_sub(table & 1),
        Some((last, rest)) => {
            let half = 1u32 << rest.len();
            let low = table & (u64::MAX >> (64 - half));
            let (zero, one) = (lookup(rest, low, lanes), lookup(rest, table >> half, lanes));
            (lanes[*last] & one) | (!lanes[*last] & zero)
        }
    }
}

/// The word of `bits` as a linear form, when it is one.
pub fn linear(
    netlist: &Netlist,
    known: &Atoms,
    values: &HashMap<NodeId, Value>,
    bits: &[NodeId],
    signed: bool,
) -> Result<Form, String> {
    let mut tree = Tree::default();
    let steps: Vec<usize> =
        bits.iter().map(|bit| tree.node(netlist, known, values, *bit)).collect::<Result<_, _>>()?;
    let words = tree.words(&steps, signed);
    let mut form = Form { terms: Vec::new(), constant: words[0] };
    form.terms = (tree.atoms.iter().enumerate()).map(|(k, atom)| (*atom, words[1 << k] - words[0])).collect();
    if combinations(&form, &tree.atoms) != words {
        return Err("tables count in another way than claimed".into());
    }
    form.terms.retain(|t| t.1 != 0);
    form.terms.sort_unstable();
    Ok(form)
}

/// Whether the word of `bits` is `form`, whose comparisons are followed to what they compare.
pub fn equals(
    netlist: &Netlist,
    known: &Atoms,
    values: &HashMap<NodeId, Value>,
    bits: &[NodeId],
    form: &Form,
) -> Result<bool, String> {
    let mut tree = Tree::default();
    let steps: Vec<usize> =
        bits.iter().map(|bit| tree.node(netlist, known, values, *bit)).collect::<Result<_, _>>()?;
    for (atom, _) in &form.terms {
        match known.compared(*atom) {
            Some(compared) => {
                for (atom, _) in &compared.terms {
                    tree.atom(known, *atom)?;
                }
            }
            None => drop(tree.atom(known, *atom)?),
        }
    }
    let mut wanted = vec![form.constant; 1 << tree.atoms.len()];
    for (atom, factor) in &form.terms {
        let bits = match known.compared(*atom) {
            Some(compared) => {
                combinations(compared, &tree.atoms).iter().map(|v| i128::from(*v >= 0)).collect()
            }
            None => combinations(&Form { terms: vec![(*atom, 1)], constant: 0 }, &tree.atoms),
        };
        wanted.iter_mut().zip(bits).for_each(|(sum, bit)| *sum += factor * bit);
    }
    Ok(tree.words(&steps, false) == wanted)
}

/// The value of a form for every combination of the atoms, which hold all of its own.
fn combinations(form: &Form, atoms: &[u32]) -> Vec<i128> {
    let mut all = vec![form.constant];
    for atom in atoms {
        let factor = form.terms.iter().find(|t| t.0 == *atom).map_or(0, |t| t.1);
        all.extend_from_within(..);
        let half = all.len() / 2;
        all[half..].iter_mut().for_each(|v| *v += factor);
    }
    all
}
