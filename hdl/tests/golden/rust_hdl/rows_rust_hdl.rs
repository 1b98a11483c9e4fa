//! The Verilog module `rows` as a block of rust-hdl 0.46, for designs written with it:
//!
//! ```ignore
//! #[path = "rows_rust_hdl.rs"] // this file, from where the design stands
//! mod rows;
//!
//! #[derive(LogicBlock, Default)]
//! struct Design {
//!     core: rows::Core,
//!     // signals of one's own: here of the same names and types as the core's
//! }
//!
//! impl Logic for Design {
//!     #[hdl_gen]
//!     fn update(&mut self) {
//!         self.core.clk.next = self.clk.val();
//!         self.core.rst.next = self.rst.val();
//!         self.core.s_axis_tdata.next = self.s_axis_tdata.val();
//!         self.core.s_axis_tvalid.next = self.s_axis_tvalid.val();
//!         self.core.s_axis_tlast.next = self.s_axis_tlast.val();
//!         self.s_axis_tready.next = self.core.s_axis_tready.val();
//!         self.core.m_axis_tready.next = self.m_axis_tready.val();
//!         self.m_axis_tvalid.next = self.core.m_axis_tvalid.val();
//!         self.m_axis_tdata.next = self.core.m_axis_tdata.val();
//!         self.m_axis_tlast.next = self.core.m_axis_tlast.val();
//!         self.frame_error.next = self.core.frame_error.val();
//!     }
//! }
//! ```
//!
//! A beat moves in a cycle in which valid and ready are both 1; the header of the Verilog says what the data hold.
//!
//! What `generate_verilog` gives then holds the Verilog beside this file; it calls the design itself `top`, which no core may
//! be called then. rust-hdl's own simulation does not see inside: there the outputs stay 0.

use rust_hdl::prelude::*;

/// The module `rows`.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct Core {
    /// Rising edge.
    pub clk: Signal<In, Clock>,
    /// Synchronous, active high.
    pub rst: Signal<In, Bit>,
    /// one element of 8 bits per beat.
    pub s_axis_tdata: Signal<In, Bits<8>>,
    /// A beat of a sample is there.
    pub s_axis_tvalid: Signal<In, Bit>,
    /// It is the last of its sample.
    pub s_axis_tlast: Signal<In, Bit>,
    /// The core takes the beat.
    pub s_axis_tready: Signal<Out, Bit>,
    /// The beat is taken.
    pub m_axis_tready: Signal<In, Bit>,
    /// A beat of a result is there.
    pub m_axis_tvalid: Signal<Out, Bit>,
    /// one value of 9 bits per beat, zero above.
    pub m_axis_tdata: Signal<Out, Bits<16>>,
    /// It is the last of its result.
    pub m_axis_tlast: Signal<Out, Bit>,
    /// A sample had the wrong number of beats; 1 until reset.
    pub frame_error: Signal<Out, Bit>,
}

impl Logic for Core {
    fn update(&mut self) {}

    fn connect(&mut self) {
        self.s_axis_tready.connect();
        self.m_axis_tvalid.connect();
        self.m_axis_tdata.connect();
        self.m_axis_tlast.connect();
        self.frame_error.connect();
    }

    fn hdl(&self) -> Verilog {
        Verilog::Blackbox(BlackBox {
            name: "rows".into(),
            code: concat!(
                "`ifndef sterna_rows_layer0_pe0_v\n`define sterna_rows_layer0_pe0_v\n",
                include_str!("rows_layer0_pe0.v"),
                "`endif\n",
                "`ifndef sterna_rows_layer0_v\n`define sterna_rows_layer0_v\n",
                include_str!("rows_layer0.v"),
                "`endif\n",
                "`ifndef sterna_rows_v\n`define sterna_rows_v\n",
                include_str!("rows.v"),
                "`endif\n",
            )
            .into(),
        })
    }
}
