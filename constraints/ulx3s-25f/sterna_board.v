// sterna_board : ULX3S; the LEDs show the class
`default_nettype none

module sterna_board (
    input  wire       clk,
    input  wire       rst,
    input  wire       rx,
    output wire       tx,
    output wire [7:0] led
);

    sterna_shell shell (
        .clk(clk),
        .button(rst),
        .rx(rx),
        .tx(tx),
        .leds(led)
    );

endmodule

`default_nettype wire
