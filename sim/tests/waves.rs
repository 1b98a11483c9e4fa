//! Waveforms: the bytes of a small one, and what a reader makes of it.

use crate::common::designs;
use sterna_ir::Design;
use sterna_ir::bench::{self, Stalls};
use sterna_ir::interpret::{Circuit, Interpreter};
use sterna_ir::netlist::NodeId;
use sterna_sim::wave::{Names, PERIOD, Wave};
use sterna_sim::{Simulator, Watch};

/// The waveform of two samples as the bytes of a file.
fn accumulator(scopes: Option<&[&str]>, window: std::ops::Range<u64>, kind: &str) -> Vec<u8> {
    let design = designs::accumulator();
    let simulator = Simulator::new(&design.netlist, Watch::All);
    let mut names = Names::of(&design.netlist);
    if let Some(scopes) = scopes {
        let scopes: Vec<String> = scopes.iter().map(|s| s.to_string()).collect();
        names = names.within(&design.netlist, &scopes).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("wave.{kind}"));
    let mut wave = Wave::create(&design.netlist, simulator, &names, window, &path).unwrap();
    bench::run(&design, &mut wave, &[vec![1, 2, -3, 4], vec![-9, 0, 0, 0]], Stalls::none(), 100).unwrap();
    assert!(!path.exists(), "a file that is not whole is not there");
    wave.finish().unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn golden_waveform() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/accumulator.vcd");
    let found = String::from_utf8(accumulator(None, 3..8, "vcd")).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(golden).unwrap());
}

#[test]
fn a_reader_sees_the_interpreters_values() {
    let design = designs::accumulator();
    let acc = design.probes[0].stream.data[0];
    let bytes = accumulator(Some(&["acc.acc", "acc.full"]), 0..1000, "vcd");
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
    let log = logged(&design, acc);
    for (cycle, value) in log.iter().enumerate() {
        let (_, shown) = seen.range(..=cycle as u64).next_back().unwrap();
        assert_eq!(shown, value, "cycle {cycle}");
    }
    assert!(log.contains(&10) && log.contains(&-9));
}

/// What the interpreter says of one node, cycle by cycle.
fn logged(design: &Design, node: NodeId) -> Vec<i64> {
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
    let mut log = Log(Interpreter::new(&design.netlist), node, vec![]);
    bench::run(design, &mut log, &[vec![1, 2, -3, 4], vec![-9, 0, 0, 0]], Stalls::none(), 100).unwrap();
    log.2
}

/// `wellen`, on which Surfer rests, sees the interpreter's values of every node in both formats.
#[test]
fn a_public_reader_sees_the_same_in_both_formats() {
    let design = designs::accumulator();
    let netlist = &design.netlist;
    for kind in ["vcd", "fst"] {
        let bytes = accumulator(None, 0..1000, kind);
        assert_eq!(bytes, accumulator(None, 0..1000, kind), "the same run gives the same bytes");
        let mut wave = wellen::simple::read_from_reader(std::io::Cursor::new(bytes)).unwrap();
        let times: Vec<u64> = wave.time_table().to_vec();
        for (node, path) in Names::of(netlist).paths(netlist) {
            let parts: Vec<&str> = path.split('.').collect();
            let (name, scopes) = parts.split_last().unwrap();
            let variable =
                wave.hierarchy().lookup_var(scopes, name).unwrap_or_else(|| panic!("{kind}: no {path}"));
            let signal = wave.hierarchy()[variable].signal_ref();
            wave.load_signals(&[signal]);
            let signal = wave.get_signal(signal).unwrap();
            let range = netlist.node(node).range;
            for (cycle, want) in logged(&design, node).into_iter().enumerate() {
                // The middle of the cycle.
                let at = times.partition_point(|t| *t <= cycle as u64 * PERIOD + PERIOD / 2) - 1;
                let offset = signal.get_offset(at as u32).unwrap();
                let text = signal.get_value_at(&offset, 0).to_bit_string().unwrap();
                let bits = i64::from_str_radix(&text, 2).unwrap();
                assert_eq!(range.wrap(bits), want, "{kind}, {path}, cycle {cycle}");
            }
        }
    }
}

#[test]
fn a_scope_without_signals_is_named() {
    let netlist = designs::accumulator().netlist;
    let within = |scope: &str| Names::of(&netlist).within(&netlist, &[scope.to_string()]);
    assert_eq!(within("acc.ful").unwrap_err(), "acc.ful");
    assert_eq!(within("acc.full").unwrap().nodes.len(), 1);
    let all = Names::of(&netlist).nodes.len();
    assert_eq!(within("acc").unwrap().nodes.len(), all);
    assert_eq!(Names::of(&netlist).within(&netlist, &[]).unwrap().nodes.len(), all);
}
