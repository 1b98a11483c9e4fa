//! Size: memories that stay memories in synthesis, and text that is printed fast.

use std::time::{Duration, Instant};

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::{NodeId, Term};

use crate::golden::emit;
use crate::tools::{has, run, write};

#[test]
fn yosys_maps_memories_to_block_ram() {
    if !has("yosys") {
        return;
    }
    let mut b = Builder::new("rams", vec![]);
    let (go, write_enable) = (b.input("go", Range::BIT), b.input("write_enable", Range::BIT));
    let addr = b.input("addr", Range::unsigned(11));
    let data = b.input("data", Range::signed(9));
    let rom = b.rom((0..2048).map(|i| ((i * i * 2_654_435_761i64) >> 9) & 255).collect(), "rom");
    let q = b.read(rom, addr, Some(go), "q");
    let ram = b.ram(2048, write_enable, addr, data, "ram");
    let r = b.read(ram, addr, None, "r");
    b.output(q);
    b.output(r);
    let emitted = emit(&b.finish());
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &emitted.files);
    let script = "read_verilog rams.v; synth_ecp5 -top rams; stat";
    let (ok, text) = run(folder.path(), "yosys", &["-p", script]);
    let stat = text.rsplit("Printing statistics").next().unwrap();
    let cells = |kind: &str| {
        let line = stat.lines().find(|l| l.trim_start().starts_with(kind));
        line.map_or(0, |l| l.split_ascii_whitespace().last().unwrap().parse::<u32>().unwrap())
    };
    assert!(ok && cells("DP16KD") == 2 && cells("TRELLIS_FF") < 100, "{stat}");
}

#[test]
fn fifty_thousand_nodes_print_in_a_second() {
    let mut b = Builder::new("big", vec![]);
    let x: Vec<NodeId> = (0..256).map(|i| b.input(format!("x{i}"), Range::unsigned(8))).collect();
    b.bus("x_data", x.clone(), "256 x 8 bit");
    b.enter("layer", vec![]);
    let mut nodes = x;
    for i in 0..50_000 {
        // The oldest of a window of 256 is always read, so that every node is live.
        let (a, c) = (nodes[nodes.len() - 256], nodes[nodes.len() - 1 - i % 251]);
        let wide = b.sum(&[Term::plus(a), Term::minus(c)], format!("n{}_sum", i % 1000));
        nodes.push(if b.range(wide).width() > 20 { b.wrap(wide, Range::signed(8), "low") } else { wide });
    }
    b.leave();
    b.bus("y_data", nodes[nodes.len() - 256..].to_vec(), "the last 256");
    for node in &nodes[nodes.len() - 256..] {
        b.output(*node);
    }
    let netlist = b.finish();
    let start = Instant::now();
    let emitted = emit(&netlist);
    let time = start.elapsed();
    let bytes: usize = emitted.files.iter().map(|f| f.text.len()).sum();
    eprintln!("{} nodes, {bytes} bytes in {time:?}", netlist.nodes.len());
    // Far above what an idle machine needs: this guards against quadratic behaviour, it is no benchmark.
    assert!(time < Duration::from_secs(5) && 1_000_000 < bytes, "{time:?} for {bytes} bytes");
}
