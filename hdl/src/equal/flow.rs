//! Two runs of a circuit as one graph that is far smaller than both: what does not depend on data is there twice, once for
//! each run, unless nothing can tell the runs apart there; of data there is one bit that says whether they may differ
//! (information flow tracking: Tiwari et al., "Complete information flow tracking from the gates up", ASPLOS 2009).
//!
//! The runs have the same inputs, but that a switch is 0 in the first and 1 in the second, and that data which are not valid
//! may be others. A bit of data that carries no mark is the same in both: of a gate over a control bit and data, a
//! difference comes through where the control bit is 1 in both runs and the data are marked, or where it is not the same;
//! over data, where either is marked. So a graph whose output is never 1 proves both runs alike at the ports; one that can
//! be 1 proves nothing.

use std::collections::BTreeMap;

use super::aiger::{Graph, Literal, Maker};

/// What ports are for; all others carry control, and are the same in both runs if they are inputs, and must be if outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// An input that is 1 in the first cycle and free from then on.
    pub reset: Option<String>,
    /// Whether outputs are compared in the first cycle and under reset, too.
    pub always: bool,
    /// The last part of the names of inputs that tell the runs apart.
    pub switch: String,
    /// Whether words that enter are followed bit by bit like control. They are the same in both runs, but for those below.
    pub exact: bool,
    /// Inputs that carry data, with the input that says when they are the same in both runs, if not always.
    pub data: BTreeMap<String, Option<String>>,
    /// Outputs that need only be the same while another output is 1.
    pub while_valid: BTreeMap<String, String>,
}

/// What is known of a variable, and where it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    /// The same in both runs.
    Same(Literal),
    /// Control, in both runs.
    Twice(Literal, Literal),
    /// Data: whether they may differ.
    Mark(Literal),
}

use Variable::{Mark, Same, Twice};

impl Variable {
    fn differs(self, maker: &mut Maker) -> Literal {
        match self {
            Same(_) => 0,
            Twice(one, two) => maker.xor(one, two),
            Mark(mark) => mark,
        }
    }

    /// The value of control in both runs.
    fn runs(self) -> Option<[Literal; 2]> {
        match self {
            Same(one) => Some([one, one]),
            Twice(one, two) => Some([one, two]),
            Mark(_) => None,
        }
    }

    fn inverted(self, by: Literal) -> Self {
        match self {
            Same(one) => Same(one ^ by),
            Twice(one, two) => Twice(one ^ by, two ^ by),
            Mark(mark) => Mark(mark),
        }
    }

    fn and(self, other: Self, maker: &mut Maker) -> Self {
        match (self, other) {
            (Mark(a), Mark(b)) => Mark(maker.or(a, b)),
            (Mark(mark), control) | (control, Mark(mark)) => {
                let one = control.runs().expect("only data have none")[0];
                let (apart, through) = (control.differs(maker), maker.and(one, mark));
                Mark(maker.or(apart, through))
            }
            (Same(a), Same(b)) => Same(maker.and(a, b)),
            _ => {
                let both = |run: usize| [self, other].map(|v| v.runs().expect("only data have none")[run]);
                let [[a, b], [c, d]] = [both(0), both(1)];
                Twice(maker.and(a, b), maker.and(c, d))
            }
        }
    }
}

/// Variables that depend on one of `sources`, over registers too.
fn reached(graph: &Graph, sources: impl Iterator<Item = Literal>) -> Vec<bool> {
    let mut reached = vec![false; graph.variables];
    sources.for_each(|literal| reached[literal as usize / 2] = true);
    loop {
        let mut grown = false;
        let mut spread = |to: Literal, from: &[Literal]| {
            if !reached[to as usize / 2] && from.iter().any(|l| reached[*l as usize / 2]) {
                reached[to as usize / 2] = true;
                grown = true;
            }
        };
        graph.gates.iter().for_each(|[gate, a, b]| spread(*gate, &[*a, *b]));
        graph.registers.iter().for_each(|[q, d]| spread(*q, &[*d]));
        if !grown {
            return reached;
        }
    }
}

/// The graph in AIGER's binary form; its output is 1 where the runs may be told apart. `None` where a port is missing or
/// carries data that says when others are valid.
pub fn graph(from: &Graph, ports: &Ports) -> Option<Vec<u8>> {
    let is_switch = |port: &str| port.rsplit('.').next() == Some(&ports.switch);
    let inputs = |wanted: &dyn Fn(&str) -> bool| -> Vec<Literal> {
        from.inputs.iter().filter(|bit| wanted(&bit.port)).map(|bit| bit.literal).collect()
    };
    let of_port = |port: &str| inputs(&|name| name == port);
    // Control comes in single bits. To take control for data would be right, but too careful.
    let is_word = |port: &str| from.inputs.iter().filter(|bit| bit.port == port).nth(1).is_some();
    let is_followed = |port: &str| ports.exact || !is_word(port) || port.is_empty();
    let carries_data = |port: &str| ports.data.contains_key(port) || !is_followed(port);
    let data = inputs(&carries_data);
    let garbage = inputs(&|port| matches!(ports.data.get(port), Some(Some(_))));
    let is_data = reached(from, data.into_iter());
    let moves = reached(from, inputs(&is_switch).into_iter().chain(garbage));

    // Inputs come first, one more than there are for nobody; then whether it has started, then the registers, twice if need be.
    let registers: Vec<u32> = (from.registers.iter())
        .map(|[q, _]| q / 2)
        .map(|v| match (is_data[v as usize], moves[v as usize]) {
            (true, false) => 0,
            (false, true) => 2,
            _ => 1,
        })
        .collect();
    let mut maker = Maker::new(from.inputs.len() as u32, 1 + registers.iter().sum::<u32>());
    let started = maker.register(0);
    let mut is: Vec<Variable> = vec![Same(0); from.variables];
    for (index, bit) in (0..).zip(&from.inputs) {
        let raw = maker.input(index);
        is[bit.literal as usize / 2] = match &bit.port {
            port if is_switch(port) => Twice(0, 1),
            // What Yosys adds for nobody: the power-up state of a register without one, a word past the end of a memory.
            port if port.is_empty() => Same(0),
            port if Some(port) == ports.reset.as_ref() => Same(maker.or(raw, started ^ 1)),
            port if carries_data(port) => Mark(0),
            _ => Same(raw),
        };
    }
    for bit in &from.inputs {
        if let Some(Some(valid)) = ports.data.get(&bit.port) {
            let [valid] = of_port(valid)[..] else { return None };
            let Same(valid) = is[valid as usize / 2] else { return None };
            is[bit.literal as usize / 2] = Mark(valid ^ 1);
        }
    }
    let mut next_register = 1;
    let mut register = || {
        next_register += 1;
        maker.register(next_register - 1)
    };
    for ([q, _], count) in from.registers.iter().zip(&registers) {
        let v = *q as usize / 2;
        is[v] = match (is_data[v], count) {
            (true, 0) => Mark(0),
            (true, _) => Mark(register()),
            (false, 2) => Twice(register(), register()),
            _ => Same(register()),
        };
    }
    let value = |is: &[Variable], literal: Literal| is[literal as usize / 2].inverted(literal % 2);
    for [gate, a, b] in &from.gates {
        is[*gate as usize / 2] = value(&is, *a).and(value(&is, *b), &mut maker);
    }
    let mut next = vec![1];
    for ([_, d], count) in from.registers.iter().zip(&registers) {
        let entering = value(&is, *d);
        match (entering, count) {
            (_, 0) => {}
            (Mark(mark), _) => next.push(mark),
            (control, 2) => next.extend(control.runs().expect("data have one register")),
            (control, _) => next.push(control.runs().expect("only data have none")[0]),
        }
    }
    let mut apart = 0;
    for bit in &from.outputs {
        let mut differs = value(&is, bit.literal).differs(&mut maker);
        if let Some(valid) = ports.while_valid.get(&bit.port) {
            let valid = from.outputs.iter().find(|bit| bit.port == *valid)?;
            let [valid, _] = value(&is, valid.literal).runs()?;
            differs = maker.and(valid, differs);
        }
        apart = maker.or(apart, differs);
    }
    if !ports.always {
        let in_reset = from.inputs.iter().find(|bit| Some(&bit.port) == ports.reset.as_ref());
        let in_reset =
            in_reset.map_or(Some(started ^ 1), |bit| Some(is[bit.literal as usize / 2].runs()?[0]))?;
        apart = maker.and(in_reset ^ 1, apart);
    }
    Some(maker.bytes(&next, apart))
}

#[cfg(test)]
mod tests;
