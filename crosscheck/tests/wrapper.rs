//! The block that `compile --package` writes for designs in rust-hdl, in such a design.

use rust_hdl::prelude::*;

use crate::tools::lint;

#[path = "../../hdl/tests/golden/rust_hdl/rows_rust_hdl.rs"]
mod rows;

/// Two cores, which take the same samples in turn.
#[derive(Default, LogicBlock)]
struct Pair {
    clock: Signal<In, Clock>,
    reset: Signal<In, Bit>,
    valid: Signal<In, Bit>,
    data: Signal<In, Bits<8>>,
    last: Signal<In, Bit>,
    ready: Signal<Out, Bit>,
    finds: Signal<Out, Bit>,
    found: Signal<Out, Bits<16>>,
    failed: Signal<Out, Bit>,
    one: rows::Core,
    two: rows::Core,
    turn: DFF<Bit>,
}

impl Logic for Pair {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, turn);
        self.one.clk.next = self.clock.val();
        self.two.clk.next = self.clock.val();
        self.one.rst.next = self.reset.val();
        self.two.rst.next = self.reset.val();
        self.one.s_axis_tvalid.next = self.valid.val() & !self.turn.q.val();
        self.two.s_axis_tvalid.next = self.valid.val() & self.turn.q.val();
        self.one.s_axis_tdata.next = self.data.val();
        self.two.s_axis_tdata.next = self.data.val();
        self.one.s_axis_tlast.next = self.last.val();
        self.two.s_axis_tlast.next = self.last.val();
        self.one.m_axis_tready.next = true;
        self.two.m_axis_tready.next = true;
        self.ready.next = self.one.s_axis_tready.val();
        if self.turn.q.val() {
            self.ready.next = self.two.s_axis_tready.val();
        }
        if self.valid.val() & self.last.val() & self.ready.val() {
            self.turn.d.next = !self.turn.q.val();
        }
        self.finds.next = self.one.m_axis_tvalid.val() | self.two.m_axis_tvalid.val();
        self.found.next = self.one.m_axis_tdata.val();
        if self.two.m_axis_tvalid.val() {
            self.found.next = self.two.m_axis_tdata.val();
        }
        self.failed.next = self.one.frame_error.val() | self.two.frame_error.val();
    }
}

fn verilog() -> String {
    let mut design = Pair::default();
    design.connect_all();
    generate_verilog(&design)
}

/// The modules of the core are there, and once.
#[test]
fn a_design_with_two_cores_is_whole() {
    lint("top", &verilog());
}

/// One sample after the other; the rows are x0 - x2, x1 + x2 and x3 - x0, so that whatever their order they add up to x1 + x3.
pub fn bench() -> (String, String) {
    let text = verilog().replace("module top(", "module pair(")
        + "
module wrapper;
    reg clk, rst, valid, taken;
    reg signed [7:0] x [0:3];
    reg [1:0] at;
    wire ready, finds, failed;
    wire [15:0] found;
    integer sample, results, sum;
    pair cores (.clock(clk), .reset(rst), .valid(valid), .data(x[at]), .last(at == 2'd3), .ready(ready), .finds(finds),
        .found(found), .failed(failed));
    initial begin
        clk = 0;
        rst = 1;
        valid = 0;
        #1 clk = 1;
        #1 clk = 0;
        rst = 0;
        for (sample = 0; sample < 1000; sample = sample + 1) begin
            for (at = 0; at < 2'd3; at = at + 2'd1) x[at] = $urandom;
            x[3] = $urandom;
            at = 0;
            valid = 1;
            results = 0;
            sum = 0;
            while (results < 3) begin
                #1;
                if (finds) begin
                    sum = sum + $signed(found[8:0]);
                    results = results + 1;
                end
                if (failed) $fatal;
                taken = valid & ready;
                clk = 1;
                #1 clk = 0;
                if (taken) begin
                    if (at == 2'd3) valid = 0;
                    at = at + 2'd1;
                end
            end
            if (sum != x[1] + x[3]) begin
                $display(\"wrapper: sample %0d gives %0d\", sample, sum);
                $fatal;
            end
        end
        $display(\"wrapper: done\");
    end
endmodule
";
    ("wrapper".into(), text)
}
