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
    let carries_data = |port: &str| ports.data.contains_key(port) || is_word(port) && !port.is_empty();
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
mod tests {
    use super::super::aiger::Bit;
    use super::*;
    use sterna_ir::bench::Stall;

    struct Dice(Stall);

    impl Dice {
        fn below(&mut self, n: usize) -> usize {
            self.0.draw();
            (self.0.state >> 20) as usize % n
        }
    }

    const INPUTS: [&str; 7] = ["rst", "a.b.m", "valid", "data", "data", "ready", "other"];
    const OUTPUTS: [&str; 4] = ["y_valid", "y_data", "y_data", "x_ready"];
    const REGISTERS: usize = 5;

    /// A graph of random gates.
    fn random(dice: &mut Dice) -> Graph {
        let bit = |port: &str, v: usize| Bit { port: port.into(), literal: 2 * v as u32 };
        let mut graph = Graph { variables: 1, ..Graph::default() };
        let more = |graph: &mut Graph| {
            graph.variables += 1;
            graph.variables - 1
        };
        for port in INPUTS {
            let v = more(&mut graph);
            graph.inputs.push(bit(port, v));
        }
        for _ in 0..REGISTERS {
            let v = more(&mut graph) as u32;
            graph.registers.push([2 * v, 0]);
        }
        for _ in 0..25 {
            let known = 2 * graph.variables;
            let [a, b] = [dice.below(known) as u32, dice.below(known) as u32];
            let v = more(&mut graph) as u32;
            graph.gates.push([2 * v, a, b]);
        }
        let known = 2 * graph.variables;
        graph.registers.iter_mut().for_each(|[_, d]| *d = dice.below(known) as u32);
        for port in OUTPUTS {
            let literal = dice.below(known) as u32;
            graph.outputs.push(Bit { port: port.into(), literal });
        }
        graph
    }

    /// The outputs of a cycle; `state` becomes that of the next.
    fn cycle(graph: &Graph, state: &mut [bool], inputs: &[bool]) -> Vec<bool> {
        let mut values = vec![false; graph.variables];
        let get = |values: &[bool], literal: u32| values[literal as usize / 2] ^ (literal % 2 == 1);
        graph.inputs.iter().zip(inputs).for_each(|(bit, v)| values[bit.literal as usize / 2] = *v);
        graph.registers.iter().zip(&*state).for_each(|([q, _], v)| values[*q as usize / 2] = *v);
        for [gate, a, b] in &graph.gates {
            values[*gate as usize / 2] = get(&values, *a) && get(&values, *b);
        }
        state.iter_mut().zip(&graph.registers).for_each(|(v, [_, d])| *v = get(&values, *d));
        graph.outputs.iter().map(|bit| get(&values, bit.literal)).collect()
    }

    fn ports(always: bool, valid: Option<&str>) -> Ports {
        Ports {
            reset: Some("rst".into()),
            always,
            switch: "m".into(),
            data: BTreeMap::from([("data".to_string(), valid.map(str::to_string))]),
            while_valid: BTreeMap::from([("y_data".to_string(), "y_valid".to_string())]),
        }
    }

    #[test]
    fn no_difference_between_two_runs_is_overlooked() {
        let mut dice = Dice(Stall::new(7, 0));
        let (mut made, mut shown, mut proved) = (0, 0, 0);
        for turn in 0..3000 {
            let from = random(&mut dice);
            let ports = ports(turn % 2 == 0, (turn % 3 > 0).then_some("valid"));
            let Some(bytes) = graph(&from, &ports) else { continue };
            let flow = Graph::parse_bytes(&bytes).unwrap();
            made += 1;
            let never = super::super::reach::never(&flow, std::time::Duration::MAX) == Some(true);
            proved += usize::from(never);
            let mut states = [vec![false; REGISTERS], vec![false; REGISTERS]];
            let mut marks = vec![false; flow.registers.len()];
            for time in 0..12 {
                let mut inputs: Vec<bool> = INPUTS.iter().map(|_| dice.below(2) == 1).collect();
                inputs[0] = dice.below(8) == 0;
                let apart = cycle(&flow, &mut marks, &inputs)[0];
                inputs[0] |= time == 0;
                let compared = ports.always || !inputs[0];
                let mut runs = [inputs.clone(), inputs.clone()];
                (runs[0][1], runs[1][1]) = (false, true);
                if ports.data["data"].is_some() && !inputs[2] {
                    (runs[1][3], runs[1][4]) = (dice.below(2) == 1, dice.below(2) == 1);
                }
                let [one, two] = [0, 1].map(|run: usize| cycle(&from, &mut states[run], &runs[run]));
                let unlike = |at: &usize| one[*at] != two[*at] && (one[0] || OUTPUTS[*at] != "y_data");
                if compared && (0..OUTPUTS.len()).any(|at| unlike(&at)) {
                    shown += 1;
                    assert!(apart && !never, "turn {turn}, cycle {time}");
                }
            }
        }
        assert!(made > 1000 && shown > 1000 && proved > 50, "{made} {shown} {proved}");
    }
}
