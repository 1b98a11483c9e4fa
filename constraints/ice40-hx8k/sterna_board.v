// sterna_board : iCE40HX-8K Breakout Board; the LEDs show the class
`default_nettype none

module sterna_board (
    input  wire       clk,
    input  wire       rx,
    output wire       tx,
    output wire [7:0] led
);

    sterna_shell shell (
        .clk(clk),
        .button(1'b0),
        .rx(rx),
        .tx(tx),
        .leds(led)
    );

endmodule

`default_nettype wire
