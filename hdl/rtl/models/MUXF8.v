// MUXF8 : behaviour of the Xilinx primitive, for simulators alone; synthesis has its own
`ifndef SYNTHESIS
`default_nettype none

module MUXF8 (
    output wire O,
    input  wire I0,
    input  wire I1,
    input  wire S
);

    assign O = S ? I1 : I0;

endmodule

`default_nettype wire
`endif
