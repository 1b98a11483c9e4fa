// IBUFDS : behaviour of the Xilinx primitive, for simulators alone; synthesis has its own
`ifndef SYNTHESIS
`default_nettype none

module IBUFDS (
    output wire O,
    input  wire I,
    input  wire IB
);

    assign O = I & ~IB;

endmodule

`default_nettype wire
`endif
