// sterna_board : Arty A7-35T; LD4 to LD7 show the class
`default_nettype none

module sterna_board (
    input  wire       clk,
    input  wire       rst_n,
    input  wire       rx,
    output wire       tx,
    output wire [3:0] led
);

    sterna_shell #(.LEDS(4)) shell (
        .clk(clk),
        .button(!rst_n),
        .rx(rx),
        .tx(tx),
        .leds(led)
    );

endmodule

`default_nettype wire
