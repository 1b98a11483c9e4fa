// sterna_board : Tang Nano 9K; the LEDs show the class
`default_nettype none

module sterna_board (
    input  wire       clk,
    input  wire       rst_n,
    input  wire       rx,
    output wire       tx,
    output wire [5:0] led_n
);

    wire [7:0] leds;
    assign led_n = ~leds[5:0];

    sterna_shell shell (
        .clk(clk),
        .button(!rst_n),
        .rx(rx),
        .tx(tx),
        .leds(leds)
    );

    // verilator lint_off UNUSED
    wire unused = &{1'b0, leds[7:6]};
    // verilator lint_on UNUSED

endmodule

`default_nettype wire
