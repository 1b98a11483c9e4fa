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
    found: Signal<Out, Bits<32>>,
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
        self.found.next = bit_cast::<32, 16>(self.one.m_axis_tdata.val());
        if self.two.m_axis_tvalid.val() {
            self.found.next = bit_cast::<32, 16>(self.two.m_axis_tdata.val());
        }
        self.failed.next = self.one.frame_error.val() | self.two.frame_error.val();
    }
}

/// The modules of the core are there, and once.
#[test]
fn a_design_with_two_cores_is_whole() {
    let mut design = Pair::default();
    design.connect_all();
    let text = generate_verilog(&design);
    lint("top", &text);
}
