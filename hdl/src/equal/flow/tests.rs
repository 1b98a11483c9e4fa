//! The graph beside two runs of random circuits.

use super::*;
use crate::equal::aiger::Bit;
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

fn ports(always: bool, exact: bool, valid: Option<&str>) -> Ports {
    // Bit by bit, unless they may differ.
    let data = (!exact || valid.is_some()).then(|| ("data".to_string(), valid.map(str::to_string)));
    Ports {
        reset: Some("rst".into()),
        always,
        exact,
        switch: "m".into(),
        data: data.into_iter().collect(),
        while_valid: BTreeMap::from([("y_data".to_string(), "y_valid".to_string())]),
    }
}

#[test]
fn no_difference_between_two_runs_is_overlooked() {
    let mut dice = Dice(Stall::new(7, 0));
    let (mut made, mut shown, mut proved) = (0, 0, 0);
    for turn in 0..3000 {
        let from = random(&mut dice);
        let ports = ports(turn % 2 == 0, turn % 5 < 2, (turn % 3 > 0).then_some("valid"));
        let Some(bytes) = graph(&from, &ports) else { continue };
        let flow = Graph::parse_bytes(&bytes).unwrap();
        made += 1;
        let never = crate::equal::reach::never(&flow, std::time::Duration::MAX) == Some(true);
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
            if ports.data.get("data").is_some_and(Option::is_some) && !inputs[2] {
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

/// A counter of eight bits, and whether it is full under the switch.
fn counter() -> Graph {
    let bit = |port: &str, literal| Bit { port: port.into(), literal };
    let registers: Vec<u32> = (3..11).map(|v| 2 * v).collect();
    let mut graph = Graph { variables: 11, inputs: vec![bit("rst", 2), bit("m", 4)], ..Graph::default() };
    let mut and = |a: u32, b: u32| {
        graph.variables += 1;
        let gate = 2 * (graph.variables as u32 - 1);
        graph.gates.push([gate, a, b]);
        gate
    };
    let mut carry = 1;
    for q in registers {
        let [up, down] = [and(q ^ 1, carry), and(q, carry ^ 1)];
        let next = and(up ^ 1, down ^ 1) ^ 1;
        carry = and(q, carry);
        graph.registers.push([q, next]);
    }
    let shown = and(carry, 4);
    graph.outputs.push(bit("x_ready", shown));
    graph
}

#[test]
fn a_difference_that_takes_long_is_found() {
    let mut from = counter();
    let never = |from: &Graph, exact| {
        let bytes = graph(from, &ports(true, exact, None)).unwrap();
        crate::equal::reach::never(&Graph::parse_bytes(&bytes).unwrap(), std::time::Duration::MAX)
    };
    assert_eq!([never(&from, false), never(&from, true)], [Some(false); 2]);
    // The lowest bit stays 0.
    from.registers[0][1] = 0;
    assert_eq!([never(&from, false), never(&from, true)], [Some(true); 2]);
}
