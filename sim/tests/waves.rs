//! Waveforms: the bytes of a small one, and what a reader makes of it.

use crate::common::designs;
use sterna_ir::bench::{self, Stalls};
use sterna_ir::interpret::{Circuit, Interpreter};
use sterna_ir::netlist::NodeId;
use sterna_sim::vcd::{PERIOD, Wave};
use sterna_sim::{Simulator, Watch};

fn accumulator(nodes: Option<&[NodeId]>, window: std::ops::Range<u64>) -> Vec<u8> {
    let design = designs::accumulator();
    let mut out = Vec::new();
    let simulator = Simulator::new(&design.netlist, Watch::All);
    let mut wave = Wave::new(&design.netlist, simulator, nodes, window, &mut out).unwrap();
    bench::run(&design, &mut wave, &[vec![1, 2, -3, 4], vec![-9, 0, 0, 0]], Stalls::none(), 100).unwrap();
    wave.finish().unwrap();
    out
}

#[test]
fn golden_waveform() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/accumulator.vcd");
    let found = String::from_utf8(accumulator(None, 3..8)).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(golden).unwrap());
}

#[test]
fn a_reader_sees_the_interpreters_values() {
    let design = designs::accumulator();
    let acc = design.probes[0].stream.data[0];
    let bytes = accumulator(Some(&[acc, design.output.valid]), 0..1000);
    let mut parser = vcd::Parser::new(&bytes[..]);
    let header = parser.parse_header().unwrap();
    let code = header.find_var(&["acc", "acc"]).expect("scope and name").code;
    assert!(header.find_var(&["acc", "clk"]).is_some() && header.find_var(&["acc", "sum"]).is_none());
    let (mut time, mut seen) = (0, std::collections::BTreeMap::new());
    for command in parser {
        match command.unwrap() {
            vcd::Command::Timestamp(t) => time = t,
            vcd::Command::ChangeVector(id, value) if id == code => {
                let bits = value.iter().fold(0i64, |word, bit| word << 1 | i64::from(bit == vcd::Value::V1));
                seen.insert(time / PERIOD, design.netlist.node(acc).range.wrap(bits));
            }
            _ => {}
        }
    }
    /// Writes down one node.
    struct Log<'a>(Interpreter<'a>, NodeId, Vec<i64>);
    impl Circuit for Log<'_> {
        fn set(&mut self, input: NodeId, value: i64) {
            self.0.set(input, value);
        }
        fn settle(&mut self) {
            self.0.settle();
            self.2.push(self.0.get(self.1));
        }
        fn get(&self, node: NodeId) -> i64 {
            self.0.get(node)
        }
        fn clock(&mut self) {
            self.0.clock();
        }
    }
    let mut log = Log(Interpreter::new(&design.netlist), acc, vec![]);
    bench::run(&design, &mut log, &[vec![1, 2, -3, 4], vec![-9, 0, 0, 0]], Stalls::none(), 100).unwrap();
    for (cycle, value) in log.2.iter().enumerate() {
        let (_, shown) = seen.range(..=cycle as u64).next_back().unwrap();
        assert_eq!(shown, value, "cycle {cycle}");
    }
    assert!(log.2.contains(&10) && log.2.contains(&-9));
}
