//! Adders and comparisons of one digit, tried on everything that they can read.

use std::collections::HashMap;

use sterna_ir::interpret::computed;
use sterna_ir::netlist::{Netlist, NodeId, Op};

use super::super::forms::Form;
use super::super::walk;
use super::{Bit, Meaning, Reader, Value, same_age};
use crate::lower::digit_serial::Cell;

impl Reader<'_> {
    /// The logic of a cell, cut at its operands and state.
    fn cone(&mut self, cell: &Cell) -> Result<Cone<'_>, String> {
        let netlist = self.netlist;
        let ce = self.built.control.ce;
        let next = match netlist.node(cell.state).op {
            Op::Reg { d, enable, reset: None } if enable == Some(ce) => d,
            _ => return Err("the state is no register under the stage's enable".into()),
        };
        let (mut nodes, mut control, mut forms, mut age) = (vec![], vec![], vec![], None);
        for operand in &cell.operands {
            let (meaning, own) = self.value(*operand)?;
            age = same_age(age, own, &netlist.node(*operand).name)?;
            forms.push(self.form(&meaning).ok_or("an operand is no digit")?);
        }
        let (mut stack, mut seen) = (vec![next, cell.result], cell.operands.clone());
        seen.push(cell.state);
        while let Some(id) = stack.pop() {
            if seen.contains(&id) {
                continue;
            }
            seen.push(id);
            let op = &netlist.node(id).op;
            if !op.is_sequential() && *op != Op::Input {
                nodes.push(id);
                stack.extend(op.operands());
                continue;
            }
            let (Meaning::Phases(phases), own) = self.value(id)? else {
                return Err("reads digits that are not its own".into());
            };
            age = same_age(age, own, &netlist.node(id).name)?;
            control.push((id, phases));
        }
        nodes.sort_unstable();
        Ok(Cone { netlist, cell: cell.clone(), next, nodes, control, forms, age, bits: self.unit.bits })
    }

    /// The form of the sum that an adder gives, tried on everything it can read.
    pub fn adder(&mut self, cell: &Cell) -> Result<Value, String> {
        let (digits, base) = (self.digits(), 1i64 << self.unit.bits);
        let cone = self.cone(cell)?;
        // A difference has borrows for carries.
        let mut ways: Vec<&[i64]> = match cone.forms.len() {
            1 => vec![&[1], &[-1]],
            2 => vec![&[1, 1], &[1, -1], &[-1, 1]],
            n => return Err(format!("adds {n} operands")),
        };
        let mut tried: Vec<(Vec<i64>, bool, bool)> = Vec::new();
        for phase in 0..digits + 2 {
            let (is_digit, ends) = (phase < digits, phase + 1 >= digits);
            let state = (cone.control(phase)?, is_digit, ends);
            if tried.contains(&state) {
                continue;
            }
            for (x, carry) in cone.cases() {
                let [sum, next] = cone.run(&state.0, &x, carry);
                if ends && next != 0 {
                    return Err("a vector can begin with a carry".into());
                }
                let adds = |signs: &&[i64]| {
                    let unit = if signs.contains(&-1) { -1 } else { 1 };
                    let total = signs.iter().zip(&x).map(|(sign, x)| sign * x).sum::<i64>() + unit * carry;
                    match ends {
                        true => (total - sum) % base == 0,
                        false => total == sum + unit * base * next,
                    }
                };
                if is_digit {
                    ways.retain(adds);
                }
            }
            tried.push(state);
        }
        let signs = ways.first().ok_or("is no sum of its operands")?;
        let terms = cone.forms.iter().zip(*signs).map(|(form, sign)| form.clone().scaled((*sign).into()));
        Ok((Meaning::Digits(terms.fold(Form::default(), Form::plus)), cone.age))
    }

    /// The comparison that is decided at the last digit: of the constant each digit is found by trial.
    pub fn comparison(&mut self, cell: &Cell) -> Result<walk::Value, String> {
        let (digits, bits) = (self.digits(), self.unit.bits);
        let cone = self.cone(cell)?;
        let [form] = &cone.forms[..] else { return Err("compares more than one sum".into()) };
        if cone.next != cell.result {
            return Err("the outcome so far is another one".into());
        }
        let (mut t, age) = (-(1i64 << (bits as usize * digits - 1)), cone.age);
        for phase in 0..digits {
            let control = cone.control(phase)?;
            // The sign of the last digit counts down.
            let flip = if phase + 1 == digits { 1 << (bits - 1) } else { 0 };
            let fits = |own: &i64| {
                cone.cases().all(|(x, so_far)| {
                    let x_raised = x[0] ^ flip;
                    let outcome = x_raised > *own || (x_raised == *own && (so_far == 1 || phase == 0));
                    cone.run(&control, &x, so_far)[0] == i64::from(outcome)
                })
            };
            let digit = (0..1i64 << bits).find(fits).ok_or("is no comparison with a constant")?;
            t += digit << (bits as usize * phase);
        }
        let reach = 1i128 << (bits as usize * digits - 1);
        let form = self.within(form.clone(), [-reach, reach - 1])?;
        Ok(walk::Value::linear(self.atoms.compare(form.plus(Form::constant(-t))), age))
    }
}

/// Logic with a bit of memory, cut out of the netlist.
struct Cone<'a> {
    netlist: &'a Netlist,
    cell: Cell,
    /// Next value of the state.
    next: NodeId,
    /// Its nodes, in order of evaluation.
    nodes: Vec<NodeId>,
    /// What else it reads, with its bits by phase.
    control: Vec<(NodeId, Vec<Vec<Bit>>)>,
    /// By operand.
    forms: Vec<Form>,
    age: Option<u32>,
    bits: u32,
}

impl Cone<'_> {
    /// Values of the control part in a phase.
    fn control(&self, phase: usize) -> Result<Vec<i64>, String> {
        let value = |(id, phases): &(NodeId, Vec<Vec<Bit>>)| {
            let bits = phases[phase].iter().enumerate().map(|(k, bit)| match bit {
                Bit::Known(set) => Ok(i64::from(*set) << k),
                _ => Err(format!("{} is not known in every cycle", self.netlist.node(*id).name)),
            });
            bits.sum()
        };
        self.control.iter().map(value).collect()
    }

    /// All digits of the operands with both states.
    fn cases(&self) -> impl Iterator<Item = (Vec<i64>, i64)> + use<> {
        let (bits, operands) = (self.bits, self.forms.len() as u32);
        (0..1i64 << (operands * bits + 1)).map(move |case| {
            let digit = |k: u32| case >> (1 + k * bits) & ((1 << bits) - 1);
            ((0..operands).map(digit).collect(), case & 1)
        })
    }

    /// The result, and the next state.
    fn run(&self, control: &[i64], digits: &[i64], state: i64) -> [i64; 2] {
        let known = self.control.iter().map(|(id, _)| *id).zip(control.iter().copied());
        let operands = self.cell.operands.iter().copied().zip(digits.iter().copied());
        let mut values: HashMap<NodeId, i64> = known.chain(operands).collect();
        values.insert(self.cell.state, state);
        for id in &self.nodes {
            let value = computed(self.netlist, *id, |read| values[&read]);
            values.insert(*id, value.expect("the logic has no registers"));
        }
        [self.cell.result, self.next].map(|id| values[&id])
    }
}
