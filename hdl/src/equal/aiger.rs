//! And-inverter graphs: Yosys writes them, ABC reads them (Biere, "The AIGER And-Inverter Graph Format", 2007).

use std::collections::HashMap;

/// Twice the number of a variable, and one more where it is inverted; 0 is false, 1 true.
pub type Literal = u32;

/// A bit of a port: the port's name, and what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bit {
    pub port: String,
    pub literal: Literal,
}

/// A graph as it was read. All registers begin with 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// Variables, that of the constant included.
    pub variables: usize,
    pub inputs: Vec<Bit>,
    pub outputs: Vec<Bit>,
    /// A register and what enters it.
    pub registers: Vec<[Literal; 2]>,
    /// A gate and its operands, which come before it.
    pub gates: Vec<[Literal; 3]>,
}

impl Graph {
    /// Reads the text form, with names; `None` where it is none, or not in order.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let numbers =
            |line: &str| line.split_whitespace().map(|n| n.parse().ok()).collect::<Option<Vec<u32>>>();
        let head = numbers(lines.next()?.strip_prefix("aag ")?)?;
        let [most, inputs, registers, outputs, gates] = head[..] else { return None };
        let mut rows = |count: u32, width: usize| -> Option<Vec<Vec<u32>>> {
            let row = |_| numbers(lines.next()?).filter(|row| row.len() == width);
            (0..count).map(row).collect()
        };
        let bits = |rows: Vec<Vec<u32>>| -> Vec<Bit> {
            rows.into_iter().map(|row| Bit { port: String::new(), literal: row[0] }).collect()
        };
        let mut graph = Graph {
            variables: most as usize + 1,
            inputs: bits(rows(inputs, 1)?),
            // A register with a third number would not begin with 0.
            registers: rows(registers, 2)?.into_iter().map(|r| [r[0], r[1]]).collect(),
            outputs: bits(rows(outputs, 1)?),
            gates: rows(gates, 3)?.into_iter().map(|g| [g[0], g[1], g[2]]).collect(),
        };
        for line in lines.take_while(|line| *line != "c") {
            let (place, name) = line.split_once(' ')?;
            let bits = match place.as_bytes()[0] {
                b'i' => &mut graph.inputs,
                b'o' => &mut graph.outputs,
                _ => continue,
            };
            let bit = bits.get_mut(place[1..].parse::<usize>().ok()?)?;
            let is_bit = |(_, rest): &(&str, &str)| rest.trim_end_matches(']').parse::<u32>().is_ok();
            bit.port = name.rsplit_once('[').filter(is_bit).map_or(name, |(port, _)| port).to_string();
        }
        graph.is_ordered().then_some(graph)
    }

    /// Reads the binary form, without names.
    pub fn parse_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut line = || {
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            let (line, behind) = rest.split_at(end);
            rest = &behind[1..];
            std::str::from_utf8(line).ok()
        };
        let head: Option<Vec<u32>> =
            line()?.strip_prefix("aig ")?.split_whitespace().map(|n| n.parse().ok()).collect();
        let [most, inputs, registers, outputs, gates] = head?[..] else { return None };
        let mut number = || line()?.parse::<Literal>().ok();
        let bit = |literal| Bit { port: String::new(), literal };
        let mut graph = Graph {
            variables: most as usize + 1,
            inputs: (1..=inputs).map(|v| bit(2 * v)).collect(),
            registers: (inputs + 1..)
                .take(registers as usize)
                .map(|v| Some([2 * v, number()?]))
                .collect::<Option<_>>()?,
            outputs: (0..outputs).map(|_| number().map(bit)).collect::<Option<_>>()?,
            gates: Vec::new(),
        };
        let mut bytes = rest.iter();
        let mut step = || {
            let mut step = 0;
            for shift in (0..32).step_by(7) {
                let byte = u32::from(*bytes.next()?);
                step |= (byte & 127) << shift;
                if byte < 128 {
                    return Some(step);
                }
            }
            None
        };
        for v in (inputs + registers + 1..).take(gates as usize) {
            let high = (2 * v).checked_sub(step()?)?;
            graph.gates.push([2 * v, high, high.checked_sub(step()?)?]);
        }
        graph.is_ordered().then_some(graph)
    }

    /// Whether everything is named before a gate reads it, and below the number of variables.
    fn is_ordered(&self) -> bool {
        let mut known = vec![false; self.variables];
        known[0] = true;
        let name = |literal: Literal, known: &mut Vec<bool>| match known.get_mut(literal as usize / 2) {
            Some(known) if literal.is_multiple_of(2) => !std::mem::replace(known, true),
            _ => false,
        };
        let is_known = |literal: Literal, known: &[bool]| known.get(literal as usize / 2) == Some(&true);
        self.inputs.iter().all(|bit| name(bit.literal, &mut known))
            && self.registers.iter().all(|[q, _]| name(*q, &mut known))
            && self
                .gates
                .iter()
                .all(|[gate, a, b]| is_known(*a, &known) && is_known(*b, &known) && name(*gate, &mut known))
            && self.registers.iter().all(|[_, d]| is_known(*d, &known))
            && self.outputs.iter().all(|bit| is_known(bit.literal, &known))
    }
}

/// A graph that is being made, with one output.
#[derive(Debug)]
pub struct Maker {
    inputs: u32,
    registers: u32,
    gates: Vec<[Literal; 2]>,
    known: HashMap<[Literal; 2], Literal>,
}

impl Maker {
    pub fn new(inputs: u32, registers: u32) -> Self {
        Maker { inputs, registers, gates: Vec::new(), known: HashMap::new() }
    }

    pub fn input(&self, index: u32) -> Literal {
        assert!(index < self.inputs);
        2 * (1 + index)
    }

    pub fn register(&self, index: u32) -> Literal {
        assert!(index < self.registers);
        2 * (1 + self.inputs + index)
    }

    pub fn and(&mut self, a: Literal, b: Literal) -> Literal {
        let [low, high] = [a.min(b), a.max(b)];
        match (low, high) {
            (0, _) => 0,
            (1, _) => high,
            _ if low == high => low,
            _ if low == high ^ 1 => 0,
            _ => *self.known.entry([high, low]).or_insert_with(|| {
                self.gates.push([high, low]);
                2 * (self.inputs + self.registers + self.gates.len() as u32)
            }),
        }
    }

    pub fn or(&mut self, a: Literal, b: Literal) -> Literal {
        self.and(a ^ 1, b ^ 1) ^ 1
    }

    pub fn xor(&mut self, a: Literal, b: Literal) -> Literal {
        let (one, other) = (self.and(a, b ^ 1), self.and(a ^ 1, b));
        self.or(one, other)
    }

    /// The binary form; `next` is what enters the registers.
    pub fn bytes(&self, next: &[Literal], output: Literal) -> Vec<u8> {
        assert_eq!(next.len(), self.registers as usize);
        let (first, gates) = (self.inputs + self.registers + 1, self.gates.len());
        let most = first as usize - 1 + gates;
        let mut text = format!("aig {most} {} {} 1 {gates}\n", self.inputs, self.registers);
        next.iter().chain([&output]).for_each(|literal| text += &format!("{literal}\n"));
        let mut bytes = text.into_bytes();
        let mut put = |mut step: u32| {
            while step > 127 {
                bytes.push(step as u8 | 128);
                step >>= 7;
            }
            bytes.push(step as u8);
        };
        for (gate, [high, low]) in (first..).zip(&self.gates) {
            put(2 * gate - high);
            put(high - low);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_is_read_with_its_names() {
        let graph =
            Graph::parse("aag 4 2 1 1 1\n2\n4\n6 9\n6\n8 2 5\ni0 a[0]\ni1 a[1]\nl0 q\no0 y\nc\nfoo\n")
                .unwrap();
        let bit = |port: &str, literal| Bit { port: port.into(), literal };
        let want = Graph {
            variables: 5,
            inputs: vec![bit("a", 2), bit("a", 4)],
            outputs: vec![bit("y", 6)],
            registers: vec![[6, 9]],
            gates: vec![[8, 2, 5]],
        };
        assert_eq!(graph, want);
        // A gate before its operand, one too many, a register that begins with 1, no graph.
        for text in [
            "aag 2 0 0 0 2\n2 4 4\n4 0 0\n",
            "aag 1 1 0 0 1\n2\n4 2 2\n",
            "aag 1 0 1 0 0\n2 2 1\n",
            "aag 1 1",
            "",
        ] {
            assert_eq!(Graph::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_graph_is_written_as_abc_reads_it() {
        let mut maker = Maker::new(1, 1);
        let (a, q) = (maker.input(0), maker.register(0));
        assert_eq!((maker.and(a, 0), maker.and(1, q), maker.and(a, a ^ 1)), (0, q, 0));
        let gate = maker.and(a, q);
        assert_eq!((gate, maker.and(q, a)), (6, 6));
        let bytes = maker.bytes(&[gate ^ 1], gate);
        assert_eq!(bytes, b"aig 3 1 1 1 1\n7\n6\n\x02\x02");
        let graph = Graph::parse_bytes(&bytes).unwrap();
        assert_eq!((graph.registers, graph.gates), (vec![[4, 7]], vec![[6, 4, 2]]));
        assert_eq!(Graph::parse_bytes(&bytes[..bytes.len() - 1]), None);
    }
}
