// sterna_board : Tang Nano 9K; the LEDs show the class
`default_nettype none

module sterna_board (
    input  wire       clk,
    input  wire       rst_n,
    input  wire       rx,
    output wire       tx,
    output wire [5:0] led_n
);

    wire [5:0] led;
    assign led_n = ~led;

    sterna_shell #(.LEDS(6)) shell (
        .clk(clk),
        .button(!rst_n),
        .rx(rx),
        .tx(tx),
        .leds(led)
    );

endmodule

`default_nettype wire
