// sterna_board : Arty A7-35T; LD4 to LD7 show the class
`default_nettype none

module sterna_board (
    input  wire       clk,
    input  wire       rst_n,
    input  wire       rx,
    output wire       tx,
    output wire [3:0] led
);

    wire [7:0] leds;
    assign led = leds[3:0];

    sterna_shell shell (
        .clk(clk),
        .button(!rst_n),
        .rx(rx),
        .tx(tx),
        .leds(leds)
    );

    // verilator lint_off UNUSED
    wire unused = &{1'b0, leds[7:4]};
    // verilator lint_on UNUSED

endmodule

`default_nettype wire
