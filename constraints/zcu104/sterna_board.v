// sterna_board : ZCU104; the user LEDs show the class
`default_nettype none

module sterna_board (
    input  wire       clk_p,
    input  wire       clk_n,
    input  wire       rx,
    output wire       tx,
    output wire [3:0] led
);

    wire clk;
    IBUFDS clock_pins (
        .O(clk),
        .I(clk_p),
        .IB(clk_n)
    );

    sterna_shell #(.LEDS(4)) shell (
        .clk(clk),
        .button(1'b0),
        .rx(rx),
        .tx(tx),
        .leds(led)
    );

endmodule

`default_nettype wire
