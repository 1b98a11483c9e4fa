//! Two small designs with Verilog written by hand.

use sterna_ir::build::Builder;
use sterna_ir::design::{Design, Probe, Stream, Timing};
use sterna_ir::netlist::Term;
use sterna_ir::{Range, check::check};

/// Four beats of one value: `x0 + x1 - x2 + x3` on a probe, whether it is at least 3 at the output.
pub fn accumulator() -> Design {
    let mut b = Builder::new("acc", vec![]);
    b.reset("rst");
    let valid = b.input("s_axis_tvalid", Range::BIT);
    let x = b.input("s_axis_tdata", Range::signed(8));
    let taken = b.input("m_axis_tready", Range::BIT);
    let full = b.loop_reg(Range::BIT, None, Some(0), "full");
    let empty = b.not(full, "empty");
    let ready = b.or(&[empty, taken], "s_axis_tready");
    let go = b.and(&[valid, ready], "go");
    let count = b.loop_reg(Range::unsigned(2), Some(go), Some(0), "count");
    let one = b.constant(1);
    let up = b.sum(&[Term::plus(count), Term::plus(one)], "up");
    let next = b.wrap(up, Range::unsigned(2), "next");
    b.drive(count, next);
    let sign = b.rom(vec![0, 0, 1, 0], "sign");
    let sign = b.read(sign, next, Some(go), "minus_after");
    let first = b.eq_const(count, 0, "first");
    let begun = b.not(first, "begun");
    let minus = b.and(&[sign, begun], "minus");
    let negated = b.sum(&[Term::minus(x)], "negated");
    let term = b.mux(minus, x, negated, "term");
    let acc = b.loop_reg(Range::signed(11), Some(go), None, "acc");
    let zero = b.constant(0);
    let base = b.mux(first, acc, zero, "base");
    let sum = b.sum(&[Term::plus(base), Term::plus(term)], "sum");
    let cut = b.wrap(sum, Range::signed(11), "cut");
    b.drive(acc, cut);
    let end = b.eq_const(count, 3, "end");
    let fill = b.and(&[go, end], "fill");
    let refused = b.not(taken, "refused");
    let keep = b.and(&[full, refused], "keep");
    let held = b.or(&[fill, keep], "held");
    b.drive(full, held);
    let class = b.ge_const(acc, 3, "m_axis_tdata");
    for id in [ready, full, class] {
        b.output(id);
    }
    let netlist = b.finish();
    check(&netlist).unwrap();
    let stream = |valid, ready, data, order| Stream { valid, ready, last: None, data: vec![data], order };
    Design {
        netlist,
        input: stream(valid, ready, x, vec![0, 1, 2, 3]),
        output: stream(full, taken, class, vec![0]),
        probes: vec![Probe { layer: 0, stream: stream(full, taken, acc, vec![0]) }],
        timing: Timing { latency: 4, interval: 4 },
    }
}

/// The same by hand.
pub const ACCUMULATOR: &str = "
module acc(input wire clk, input wire rst, input wire s_axis_tvalid, output wire s_axis_tready,
  input wire [7:0] s_axis_tdata, output wire m_axis_tvalid, input wire m_axis_tready, output wire m_axis_tdata);
  reg full;
  reg [1:0] count;
  reg [10:0] acc__sum;
  assign s_axis_tready = !full | m_axis_tready;
  wire go = s_axis_tvalid & s_axis_tready;
  wire minus = count == 2'd2;
  wire [10:0] x = {{3{s_axis_tdata[7]}}, s_axis_tdata};
  wire [10:0] base = (count == 2'd0) ? 11'd0 : acc__sum;
  assign m_axis_tvalid = full;
  assign m_axis_tdata = $signed(acc__sum) >= 11'sd3;
  always @(posedge clk) begin
    if (rst) full <= 1'b0; else full <= (go & (count == 2'd3)) | (full & !m_axis_tready);
    if (rst) count <= 2'd0; else if (go) count <= count + 2'd1;
    if (go) acc__sum <= minus ? base - x : base + x;
  end
endmodule
";

/// Twenty values over two beats of twelve lanes, in reverse order, each raised by one; a register slice. Zeros take the place
/// of the second beat where the first is said to be the last.
pub fn wide() -> Design {
    let mut b = Builder::new("wide", vec![]);
    b.reset("rst");
    let valid = b.input("s_axis_tvalid", Range::BIT);
    let last = b.input("s_axis_tlast", Range::BIT);
    let data: Vec<_> = (0..12).map(|i| b.input(format!("x{i}"), Range::unsigned(7))).collect();
    let taken = b.input("m_axis_tready", Range::BIT);
    let full = b.loop_reg(Range::BIT, None, Some(0), "full");
    let empty = b.not(full, "empty");
    let room = b.or(&[empty, taken], "room");
    let fill = b.loop_reg(Range::BIT, None, Some(0), "fill");
    let offered = b.or(&[valid, fill], "offered");
    let go = b.and(&[offered, room], "go");
    let second = b.loop_reg(Range::BIT, Some(go), Some(0), "second");
    let first = b.not(second, "first");
    b.drive(second, first);
    let cut = b.and(&[first, last], "cut");
    b.gate(fill, go);
    b.drive(fill, cut);
    let open = b.not(fill, "open");
    let ready = b.and(&[room, open], "s_axis_tready");
    let refused = b.not(taken, "refused");
    let keep = b.and(&[full, refused], "keep");
    let held = b.or(&[go, keep], "held");
    b.drive(full, held);
    let (zero, one) = (b.constant(0), b.constant(1));
    let raised: Vec<_> = data
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let x = b.mux(fill, *x, zero, format!("filled{i}"));
            let sum = b.sum(&[Term::plus(x), Term::plus(one)], format!("sum{i}"));
            b.reg(sum, Some(go), format!("q{i}"))
        })
        .collect();
    let end = b.reg(second, Some(go), "m_axis_tlast");
    b.output(ready);
    b.output(full);
    b.output(end);
    raised.iter().for_each(|id| b.output(*id));
    b.bus("s_axis_tdata", data.clone(), "");
    b.bus("m_axis_tdata", raised.clone(), "");
    let netlist = b.finish();
    check(&netlist).unwrap();
    let order: Vec<u32> = (0..20).rev().collect();
    let output =
        Stream { valid: full, ready: taken, last: Some(end), data: raised.clone(), order: order.clone() };
    Design {
        netlist,
        input: Stream { valid, ready, last: Some(last), data, order },
        probes: vec![Probe { layer: 0, stream: Stream { last: None, ..output.clone() } }],
        output,
        timing: Timing { latency: 2, interval: 2 },
    }
}

/// The same by hand, with lanes that differ where the last beat carries nothing.
pub const WIDE: &str = "
module wide(input wire clk, input wire rst, input wire s_axis_tvalid, output wire s_axis_tready,
  input wire [83:0] s_axis_tdata, input wire s_axis_tlast, output wire m_axis_tvalid, input wire m_axis_tready,
  output wire [95:0] m_axis_tdata, output wire m_axis_tlast);
  reg full, second, fill, end_of_vector;
  reg [95:0] q;
  wire [95:0] tapped = q;
  wire room = !full | m_axis_tready;
  wire go = (s_axis_tvalid | fill) & room;
  wire [83:0] x = fill ? 84'd0 : s_axis_tdata;
  integer i;
  assign s_axis_tready = room & !fill;
  assign m_axis_tvalid = full;
  assign m_axis_tdata = tapped;
  assign m_axis_tlast = end_of_vector;
  always @(posedge clk) begin
    if (rst) full <= 1'b0; else full <= go | (full & !m_axis_tready);
    if (rst) second <= 1'b0; else if (go) second <= !second;
    if (rst) fill <= 1'b0; else if (go) fill <= s_axis_tlast & !second;
    if (go) begin
      for (i = 0; i < 12; i = i + 1) q[8*i +: 8] <= {1'b0, x[7*i +: 7]} + 8'd1;
      if (second) q[95:64] <= 32'hdeadbeef;
      end_of_vector <= second;
    end
  end
endmodule
";

/// Random samples that fit a design's input.
pub fn samples(design: &Design, count: usize, seed: u64) -> Vec<Vec<i64>> {
    let mut dice = super::random::Dice(seed);
    let range = design.netlist.node(design.input.data[0]).range;
    (0..count).map(|_| (0..design.input.order.len()).map(|_| dice.value(range)).collect()).collect()
}
