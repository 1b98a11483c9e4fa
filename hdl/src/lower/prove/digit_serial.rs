//! Digit-serial stages: what every digit of every node is, found from the netlist.
//!
//! In front of the first registers everything is known bit by bit for each digit that is read, for cycles without a vector,
//! and for what the registers hold behind reset. Adders and comparisons are tried on all digits of their operands, all
//! carries and all states of the control part: the operands' forms then give that of the sum, and the carry must be 0
//! wherever a vector can begin. Digits are those of a form modulo 2^bits, which is exact where all values of the form fit.

mod cells;

use std::collections::HashMap;

use sterna_ir::interpret::computed;
use sterna_ir::netlist::{Netlist, NodeId, Op};

use super::Difference;
use super::forms::{Atoms, Form};
use super::walk::{self, Outputs, prove_valid};
use crate::lower::digit_serial::{Built, DigitSerial};

/// A bit, where it is known what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bit {
    Known(bool),
    /// Of an input.
    Of(NodeId, u32),
    Unknown,
}

/// What a node is at each digit.
#[derive(Clone, Debug)]
enum Meaning {
    /// By digit the bits, then those between vectors, then those behind reset.
    Phases(Vec<Vec<Bit>>),
    /// The digits of a form.
    Digits(Form),
}

/// A meaning and how many clock edges it lies behind the inputs; constants have no age.
type Value = (Meaning, Option<u32>);

/// The nodes of a stage.
struct Reader<'a> {
    netlist: &'a Netlist,
    unit: &'a DigitSerial,
    built: &'a Built,
    atoms: Atoms,
    atom_of: HashMap<NodeId, u32>,
    /// `None` while it is looked for.
    values: HashMap<NodeId, Option<Value>>,
}

/// Compares every output of a digit-serial stage with its row.
pub fn prove(netlist: &Netlist, unit: &DigitSerial, built: &Built) -> Result<(), Difference> {
    let (atoms, atom_of, values) = (Atoms::default(), HashMap::new(), HashMap::new());
    let mut reader = Reader { netlist, unit, built, atoms, atom_of, values };
    let control = |what: String| ("the control part".to_string(), what);
    let at = |node: NodeId| netlist.node(node).name.clone();
    let elements = reader.inputs();
    reader.control().map_err(control)?;
    for adder in &built.adders {
        let value = reader.adder(adder).map_err(|what| (at(adder.result), what))?;
        reader.values.insert(adder.result, Some(value));
    }
    let mut found: HashMap<NodeId, walk::Value> = HashMap::new();
    for comparison in &built.comparisons {
        let value = reader.comparison(comparison).map_err(|what| (at(comparison.result), what))?;
        found.insert(comparison.result, value);
    }
    for output in &built.outputs {
        if let Some(value) = reader.collected(*output).map_err(|what| (at(*output), what))? {
            found.insert(*output, value);
        }
    }
    let outputs = Outputs { ce: built.control.ce, latency: built.latency, nodes: &built.outputs };
    walk::compare(
        netlist,
        (&unit.rows, unit.thermometer),
        &elements,
        &mut reader.atoms,
        &mut found,
        outputs,
    )?;
    let [_, done, valid] = built.valid;
    prove_valid(netlist, built.control.ce, (done, valid), built.latency)
}

impl Reader<'_> {
    /// The numbers of the digits.
    fn digits(&self) -> usize {
        self.unit.digits as usize
    }

    /// One value for each digit, then those between vectors and behind reset.
    fn phases(&self, digit: impl Fn(usize) -> i64, idle: Option<i64>, width: u32) -> Meaning {
        let word = |value: i64| (0..width).map(|k| Bit::Known(value >> k & 1 == 1)).collect();
        let digits = (0..self.digits()).map(|k| word(digit(k)));
        let unknown = vec![Bit::Unknown; width as usize];
        Meaning::Phases(digits.chain([idle.map_or(unknown.clone(), word), unknown]).collect())
    }

    /// The atoms of the inputs; by element.
    fn inputs(&mut self) -> HashMap<u32, u32> {
        let mut elements = HashMap::new();
        for (node, element) in &self.built.inputs {
            let Some(range) = self.unit.x.get(*element as usize) else { continue };
            let atom = *self.atom_of.entry(*node).or_insert_with(|| self.atoms.input(*range));
            elements.insert(*element, atom);
            let width = self.netlist.node(*node).range.width();
            let held: Vec<Bit> = (0..width).map(|k| Bit::Of(*node, k)).collect();
            let mut phases = vec![held; self.digits()];
            phases.resize(self.digits() + 2, vec![Bit::Unknown; width as usize]);
            self.values.insert(*node, Some((Meaning::Phases(phases), Some(0))));
        }
        let (count, [valid, ..]) = (self.built.control.count, self.built.valid);
        let width = self.netlist.node(count).range.width();
        let counts = self.phases(|k| k as i64, Some(0), width);
        self.values.insert(count, Some((counts, Some(0))));
        let is_valid = self.phases(|_| 1, Some(0), 1);
        self.values.insert(valid, Some((is_valid, Some(0))));
        elements
    }

    /// Digits are counted while a vector is there, which leaves with the last.
    fn control(&mut self) -> Result<(), String> {
        let (control, [valid, done, _]) = (self.built.control, self.built.valid);
        let last = self.digits() - 1;
        let Op::Reg { d, enable: Some(step), reset: Some(0) } = self.netlist.node(control.count).op else {
            return Err("the counter of digits is none".into());
        };
        let both = |node: NodeId, bits: [NodeId; 2]| match &self.netlist.node(node).op {
            Op::And(list) => list.len() == 2 && bits.iter().all(|bit| list.contains(bit)),
            _ => false,
        };
        if !both(step, [control.ce, valid]) || !both(self.built.ready, [control.ce, control.last]) {
            return Err(
                "digits are read, or vectors taken, at another time than the clock enable says".into()
            );
        }
        let next = |k: usize| if k == last { 0 } else { k as i64 + 1 };
        self.expect(d, next, None)?;
        self.expect(control.last, |k| i64::from(k == last), Some(0))?;
        self.expect(done, |k| i64::from(k == last), Some(0))
    }

    /// Refuses a node in front of the registers that is not as given for each digit, and between vectors where that matters.
    fn expect(
        &mut self,
        node: NodeId,
        digit: impl Fn(usize) -> i64,
        idle: Option<i64>,
    ) -> Result<(), String> {
        let name = &self.netlist.node(node).name;
        let Meaning::Phases(wanted) = self.phases(digit, idle, self.netlist.node(node).range.width()) else {
            unreachable!("they were made so")
        };
        match self.value(node)? {
            (Meaning::Phases(own), Some(0)) => {
                let upto = self.digits() + usize::from(idle.is_some());
                let same = own[..upto] == wanted[..upto];
                if same { Ok(()) } else { Err(format!("{name} is not what the number of the digit says")) }
            }
            _ => Err(format!("{name} does not go by the number of the digit")),
        }
    }

    /// What a node is, adders aside.
    fn value(&mut self, id: NodeId) -> Result<Value, String> {
        let name = &self.netlist.node(id).name;
        match self.values.get(&id) {
            Some(Some(value)) => return Ok(value.clone()),
            Some(None) => return Err(format!("{name} lies in a loop")),
            None => {}
        }
        self.values.insert(id, None);
        let value = match &self.netlist.node(id).op {
            Op::Reg { d, enable, reset } => {
                if *enable != Some(self.built.control.ce) {
                    return Err(format!("register {name} is not under the stage's enable"));
                }
                let (meaning, age) = self.value(*d)?;
                self.clocked(meaning, age, *reset).ok_or_else(|| format!("register {name} is reset"))?
            }
            Op::Input | Op::Read { .. } => return Err(format!("{name} is no part of the stage")),
            _ => self.bits(id)?,
        };
        self.values.insert(id, Some(value.clone()));
        Ok(value)
    }

    /// What a register holds. Reset counts for the first one, behind which the next value arrives right before a vector.
    fn clocked(&self, meaning: Meaning, age: Option<u32>, reset: Option<i64>) -> Option<Value> {
        let meaning = match (meaning, age, reset) {
            (Meaning::Phases(mut phases), Some(0), reset) => {
                let last = phases.len() - 1;
                let bit = |k: usize| reset.map_or(Bit::Unknown, |value| Bit::Known(value >> k & 1 == 1));
                phases[last] = (0..phases[last].len()).map(bit).collect();
                Meaning::Phases(phases)
            }
            (meaning, _, None) => meaning,
            _ => return None,
        };
        Some((meaning, age.map(|age| age + 1)))
    }

    /// Bits of a node without registers, from those of what it reads.
    fn bits(&mut self, id: NodeId) -> Result<Value, String> {
        let node = self.netlist.node(id);
        let width = node.range.width() as usize;
        let mut read: HashMap<NodeId, Vec<Vec<Bit>>> = HashMap::new();
        let mut age = None;
        for operand in node.op.operands() {
            let (Meaning::Phases(phases), own) = self.value(operand)? else {
                return Err(format!("{} is no adder of digits", node.name));
            };
            age = same_age(age, own, &node.name)?;
            read.insert(operand, phases);
        }
        let number = |id: NodeId, phase: usize| {
            let range = self.netlist.node(id).range;
            let bit = |(k, bit): (usize, &Bit)| match bit {
                Bit::Known(value) => Some(i64::from(*value) << k),
                _ => None,
            };
            let word: Option<i64> = read[&id][phase].iter().enumerate().map(bit).sum();
            word.map(|word| range.word().wrap(word))
        };
        let extended = |id: NodeId, phase: usize, at: usize| {
            let bits = &read[&id][phase];
            let sign = if self.netlist.node(id).range.is_signed() {
                bits[bits.len() - 1]
            } else {
                Bit::Known(false)
            };
            bits.get(at).copied().unwrap_or(sign)
        };
        let known = |value: i64| (0..width).map(|k| Bit::Known(value >> k & 1 == 1)).collect::<Vec<Bit>>();
        let phase = |phase: usize| match &node.op {
            Op::Mux { sel, zero, one } => match read[sel][phase][0] {
                Bit::Known(bit) => {
                    let chosen = if bit { *one } else { *zero };
                    (0..width).map(|k| extended(chosen, phase, k)).collect()
                }
                _ => vec![Bit::Unknown; width],
            },
            Op::Slice { a, lo } => (0..width).map(|k| extended(*a, phase, k + *lo as usize)).collect(),
            Op::Wrap(a) => (0..width).map(|k| extended(*a, phase, k)).collect(),
            Op::Concat(parts) => parts.iter().flat_map(|part| read[part][phase].iter().copied()).collect(),
            op => {
                let all_known = op.operands().iter().all(|id| number(*id, phase).is_some());
                let value = || computed(self.netlist, id, |id| number(id, phase).unwrap_or(0));
                all_known.then(value).flatten().map_or(vec![Bit::Unknown; width], known)
            }
        };
        Ok((Meaning::Phases((0..self.digits() + 2).map(phase).collect()), age))
    }

    /// The form whose digits these are.
    fn form(&self, meaning: &Meaning) -> Option<Form> {
        let phases = match meaning {
            Meaning::Digits(form) => return Some(form.clone()),
            Meaning::Phases(phases) => &phases[..self.digits()],
        };
        if phases.iter().any(|digit| digit.len() != self.unit.bits as usize) {
            return None;
        }
        let all = phases.concat();
        match all[0] {
            Bit::Of(node, 0) => {
                let range = self.netlist.node(node).range;
                let width = range.width();
                let bit = |k: u32| match range.is_signed() {
                    true => Bit::Of(node, k.min(width - 1)),
                    false if k < width => Bit::Of(node, k),
                    false => Bit::Known(false),
                };
                let is_whole = (0..).zip(&all).all(|(k, own)| bit(k) == *own);
                is_whole.then(|| Form::atom(self.atom_of[&node]))
            }
            _ => {
                let last = all.len() - 1;
                let value = all.iter().enumerate().try_fold(0i64, |sum, (k, bit)| match bit {
                    Bit::Known(true) if k == last => Some(sum - (1 << k)),
                    Bit::Known(set) => Some(sum + (i64::from(*set) << k)),
                    _ => None,
                });
                value.map(Form::constant)
            }
        }
    }

    /// The sum whose digits are collected in an output; nothing for other outputs.
    fn collected(&mut self, id: NodeId) -> Result<Option<walk::Value>, String> {
        let node = self.netlist.node(id);
        let Op::Wrap(all) = node.op else { return Ok(None) };
        let Op::Concat(parts) = &self.netlist.node(all).op else { return Ok(None) };
        let mut sum = None;
        if parts.len() != self.digits() || node.range.width() > self.unit.bits * self.unit.digits {
            return Err("digits are missing".into());
        }
        for (later, part) in parts.iter().rev().enumerate() {
            let (meaning, age) = self.value(*part)?;
            let form = self.form(&meaning).ok_or("is no digit of a sum")?;
            if age != Some(self.built.latency + later as u32) || sum.get_or_insert(form.clone()) != &form {
                return Err("digits of different sums or cycles".into());
            }
        }
        let form = sum.expect("there are digits");
        let form = self.within(form, [node.range.lo.into(), node.range.hi.into()])?;
        Ok(Some(walk::Value::linear(form, Some(self.built.latency))))
    }

    /// The form that has the digits of this one and lies within bounds: no other does where they hold no more values than the
    /// digits tell apart.
    fn within(&self, mut form: Form, [least, most]: [i128; 2]) -> Result<Form, String> {
        let values = 1i128 << (self.unit.bits * self.unit.digits);
        let [lo, _] = self.atoms.bounds(&form);
        form.constant += (least - lo + values - 1).div_euclid(values) * values;
        let [_, hi] = self.atoms.bounds(&form);
        if hi <= most && most - least < values {
            Ok(form)
        } else {
            Err("has too few digits for its sum".into())
        }
    }
}

fn same_age(a: Option<u32>, b: Option<u32>, name: &str) -> Result<Option<u32>, String> {
    match (a, b) {
        (Some(a), Some(b)) if a != b => Err(format!("{name} is of another cycle")),
        (a, b) => Ok(a.or(b)),
    }
}
