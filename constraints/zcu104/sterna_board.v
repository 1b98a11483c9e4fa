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

    wire [7:0] leds;
    assign led = leds[3:0];

    sterna_shell shell (
        .clk(clk),
        .button(1'b0),
        .rx(rx),
        .tx(tx),
        .leds(leds)
    );

    // verilator lint_off UNUSED
    wire unused = &{1'b0, leds[7:4]};
    // verilator lint_on UNUSED

endmodule

`default_nettype wire
