//! The Verilog module `rows` as a block of rust-hdl 0.46, for designs written with it:
//!
//! ```ignore
//! #[path = "build/rows_rust_hdl.rs"]
//! mod rows;
//!
//! #[derive(LogicBlock, Default)]
//! struct Design {
//!     core: rows::Core,
//!     // ...
//! }
//! ```
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
    /// See the header of the Verilog.
    pub s_axis_tvalid: Signal<In, Bit>,
    /// See the header of the Verilog.
    pub s_axis_tlast: Signal<In, Bit>,
    /// See the header of the Verilog.
    pub s_axis_tready: Signal<Out, Bit>,
    /// See the header of the Verilog.
    pub m_axis_tready: Signal<In, Bit>,
    /// See the header of the Verilog.
    pub m_axis_tvalid: Signal<Out, Bit>,
    /// one value of 9 bits per beat, zero above.
    pub m_axis_tdata: Signal<Out, Bits<16>>,
    /// See the header of the Verilog.
    pub m_axis_tlast: Signal<Out, Bit>,
    /// See the header of the Verilog.
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
