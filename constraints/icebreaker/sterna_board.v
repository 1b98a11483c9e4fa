// sterna_board : iCEBreaker; LED1 to LED5 show the class
`default_nettype none

module sterna_board (
    input  wire       clk,
    input  wire       rst_n,
    input  wire       rx,
    output wire       tx,
    output wire [4:0] led
);

    wire [7:0] leds;
    assign led = leds[4:0];

    sterna_shell shell (
        .clk(clk),
        .button(!rst_n),
        .rx(rx),
        .tx(tx),
        .leds(leds)
    );

    // verilator lint_off UNUSED
    wire unused = &{1'b0, leds[7:5]};
    // verilator lint_on UNUSED

endmodule

`default_nettype wire
