// sterna_board : PYNQ-Z2; LD0 to LD3 show the class
`default_nettype none

module sterna_board (
    input  wire       clk,
    input  wire       rx,
    output wire       tx,
    output wire [3:0] led
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
