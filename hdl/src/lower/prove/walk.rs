//! Unrolled stages: the linear form of every output, found from the netlist, against that of its row.

use std::collections::{BTreeMap, HashMap};

use sterna_ir::netlist::{Netlist, NodeId, Op};
use sterna_ir::range::Range;

use super::forms::{Atoms, Form};
use super::{Difference, tables};
use crate::lower::rows::{Levels, Row};
use crate::lower::unrolled::{Built, Unrolled};

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A linear form.
    Linear(Form),
    /// The unsigned word of these bits, the first low, which are truth tables (or selections between some) or linear.
    Bits(Vec<NodeId>),
}

/// A meaning and how many clock edges it lies behind the inputs; constants have no age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// What it is.
    pub meaning: Meaning,
    age: Option<u32>,
}

impl Value {
    /// A linear form of this age.
    pub fn linear(form: Form, age: Option<u32>) -> Self {
        Value { meaning: Meaning::Linear(form), age }
    }
}

/// Compares every output of an unrolled stage with its row.
pub fn prove(netlist: &Netlist, unit: &Unrolled, built: &Built) -> Result<(), Difference> {
    let mut atoms = Atoms::default();
    let mut values: HashMap<NodeId, Value> = HashMap::new();
    let (mut atom_of, mut element_atoms) = (HashMap::new(), HashMap::new());
    for (node, element) in &built.inputs {
        let atom = *atom_of.entry(*node).or_insert_with(|| atoms.input(netlist.node(*node).range));
        element_atoms.insert(*element, atom);
        // An input that never changes is never delayed.
        let age = (!matches!(netlist.node(*node).op, Op::Const(_))).then_some(0);
        values.insert(*node, Value::linear(Form::atom(atom), age));
    }
    let outputs = Outputs { ce: built.ce, latency: built.latency, nodes: &built.outputs };
    compare(netlist, (&unit.rows, unit.thermometer), &element_atoms, &mut atoms, &mut values, outputs)?;
    prove_valid(netlist, built.ce, built.valid, built.latency)
}

/// Where the outputs of rows are.
pub struct Outputs<'a> {
    /// The clock enable.
    pub ce: NodeId,
    /// Their age.
    pub latency: u32,
    /// The nodes, in order.
    pub nodes: &'a [NodeId],
}

/// Compares the outputs of `rows`, thermometer coded or not, with what they are to be. Known are the atom of each element
/// and the `values` of some nodes.
pub fn compare(
    netlist: &Netlist,
    (rows, thermometer): (&[Row], bool),
    atom_of: &HashMap<u32, u32>,
    atoms: &mut Atoms,
    values: &mut HashMap<NodeId, Value>,
    Outputs { ce, latency, nodes }: Outputs,
) -> Result<(), Difference> {
    let mut outputs = nodes.iter();
    for row in rows {
        let wanted = expected(atoms, atom_of, row, thermometer);
        for form in wanted {
            let place = || format!("neuron {}", row.element);
            let node = outputs.next().ok_or_else(|| (place(), "an output is missing".to_string()))?;
            let value = walk(netlist, ce, atoms, values, *node).map_err(|what| (place(), what))?;
            let same = match &value.meaning {
                // A comparison of one bit may have become that bit.
                Meaning::Linear(own) => {
                    *own == form || tables::equals(netlist, atoms, values, &[*node], &form).unwrap_or(false)
                }
                Meaning::Bits(bits) => {
                    let equals = tables::equals(netlist, atoms, values, bits, &form);
                    equals.map_err(|what| (place(), what))?
                }
            };
            if !same {
                return Err((place(), "weights or thresholds differ from the network's".into()));
            }
            if value.age.is_some_and(|age| age != latency) {
                return Err((place(), "the output comes in another cycle than its valid bit".into()));
            }
        }
    }
    match outputs.next() {
        Some(_) => Err(("the last neuron".into(), "an output too many".into())),
        None => Ok(()),
    }
}

/// The valid bit passes as many registers as the data, each cleared by reset and under the same enable.
pub fn prove_valid(
    netlist: &Netlist,
    ce: NodeId,
    (from, to): (NodeId, NodeId),
    latency: u32,
) -> Result<(), Difference> {
    let mut at = to;
    for age in (0..latency).rev() {
        match netlist.node(at).op {
            Op::Reg { d, enable, reset: Some(0) } if enable == Some(ce) => at = d,
            _ => {
                return Err((
                    format!("the valid bit of cycle {}", age + 1),
                    "no register of the pipeline".into(),
                ));
            }
        }
    }
    match at == from {
        true => Ok(()),
        false => Err(("the valid bit".into(), "is later than the data".into())),
    }
}

/// The forms of a row's outputs, from the network's numbers alone.
fn expected(atoms: &mut Atoms, atom_of: &HashMap<u32, u32>, row: &Row, thermometer: bool) -> Vec<Form> {
    let mut terms: BTreeMap<u32, i128> = BTreeMap::new();
    row.terms.iter().for_each(|(e, w)| *terms.entry(atom_of[e]).or_default() += i128::from(*w));
    let terms = terms.into_iter().filter(|(_, w)| *w != 0).collect();
    let sum = Form { terms, constant: i128::from(row.bias) };
    let Some(Levels { thresholds, falling }) = &row.levels else { return vec![sum] };
    let mut bit = |t: &i64| match falling {
        false => atoms.compare(sum.clone().plus(Form::constant(-t))),
        true => atoms.compare(sum.clone().scaled(-1).plus(Form::constant(*t))),
    };
    let bits: Vec<Form> = thresholds.iter().map(&mut bit).collect();
    match thermometer {
        true => bits,
        false => vec![bits.into_iter().fold(Form::default(), Form::plus)],
    }
}

/// The value of a node, after those of everything it reads.
fn walk(
    netlist: &Netlist,
    ce: NodeId,
    atoms: &mut Atoms,
    values: &mut HashMap<NodeId, Value>,
    node: NodeId,
) -> Result<Value, String> {
    let mut stack = vec![(node, false)];
    while let Some((id, ready)) = stack.pop() {
        if values.contains_key(&id) {
            continue;
        }
        let op = &netlist.node(id).op;
        let reads: Vec<NodeId> = match op {
            Op::Reg { d, .. } => vec![*d],
            Op::Sum(_) | Op::Ge(..) | Op::Not(_) | Op::Const(_) => op.operands(),
            Op::Lut { .. } | Op::Mux { .. } | Op::Concat(_) | Op::Wrap(_) => op.operands(),
            other => return Err(format!("{} is no part of an adder tree: {other:?}", netlist.node(id).name)),
        };
        if ready {
            let value = value(netlist, ce, atoms, values, id)?;
            values.insert(id, value);
        } else {
            stack.push((id, true));
            if stack.len() > netlist.nodes.len() * 4 {
                return Err("a loop".into());
            }
            stack.extend(reads.into_iter().map(|r| (r, false)));
        }
    }
    Ok(values[&node].clone())
}

fn value(
    netlist: &Netlist,
    ce: NodeId,
    atoms: &mut Atoms,
    values: &HashMap<NodeId, Value>,
    id: NodeId,
) -> Result<Value, String> {
    let of = |id: &NodeId| values.get(id).cloned().ok_or("a loop".to_string());
    let form_of = |id: &NodeId| {
        let Value { meaning, age } = of(id)?;
        match meaning {
            Meaning::Linear(form) => Ok((form, age)),
            Meaning::Bits(bits) => {
                tables::linear(netlist, atoms, values, &bits, false).map(|form| (form, age))
            }
        }
    };
    let name = &netlist.node(id).name;
    let together = |a: Option<u32>, b: Option<u32>| match (a, b) {
        (Some(a), Some(b)) if a != b => Err(format!("{name} mixes values of different cycles")),
        (a, b) => Ok(a.or(b)),
    };
    let ages = |of_all: &[NodeId]| of_all.iter().try_fold(None, |age, id| together(age, of(id)?.age));
    Ok(match &netlist.node(id).op {
        Op::Const(value) => Value::linear(Form::constant(*value), None),
        Op::Reg { d, enable, reset } => {
            if *enable != Some(ce) || reset.is_some() {
                return Err(format!("register {name} is not under the stage's enable"));
            }
            let Value { meaning, age } = of(d)?;
            Value { meaning, age: age.map(|age| age + 1) }
        }
        Op::Not(a) => {
            let (form, age) = form_of(a)?;
            Value::linear(form.scaled(-1).plus(Form::constant(1)), age)
        }
        Op::Ge(a, b) => {
            let ((a, a_age), (b, b_age)) = (form_of(a)?, form_of(b)?);
            let age = together(a_age, b_age)?;
            Value::linear(atoms.compare(a.plus(b.scaled(-1))), age)
        }
        Op::Sum(terms) => {
            let (mut form, mut age) = (Form::default(), None);
            for t in terms {
                let (x, x_age) = form_of(&t.node)?;
                let factor = (1i128 << t.shift) * if t.negate { -1 } else { 1 };
                age = together(age, x_age)?;
                form = form.plus(x.scaled(factor));
            }
            Value::linear(form, age)
        }
        Op::Lut { inputs, .. } => Value { meaning: Meaning::Bits(vec![id]), age: ages(inputs)? },
        Op::Mux { sel, zero, one } if netlist.node(id).range == Range::BIT => {
            Value { meaning: Meaning::Bits(vec![id]), age: ages(&[*sel, *zero, *one])? }
        }
        Op::Concat(parts) if parts.iter().all(|p| netlist.node(*p).range.width() == 1) => {
            Value { meaning: Meaning::Bits(parts.clone()), age: ages(parts)? }
        }
        // Two's complement of as many bits.
        Op::Wrap(a) => {
            let Value { meaning: Meaning::Bits(bits), age } = of(a)? else {
                return Err(format!("{name} cuts a sum"));
            };
            let range = netlist.node(id).range;
            if range.width() as usize != bits.len() {
                return Err(format!("{name} is not as wide as its bits"));
            }
            Value::linear(tables::linear(netlist, atoms, values, &bits, range.is_signed())?, age)
        }
        other => return Err(format!("{name} is no part of an adder tree: {other:?}")),
    })
}
