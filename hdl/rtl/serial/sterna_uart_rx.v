// sterna_uart_rx : bytes from a serial line of 8 data bits, no parity, one stop bit; DIVIDER clocks a bit, DIVIDER >= 4
//   A byte whose stop bit is 0 is dropped.
`default_nettype none

module sterna_uart_rx #(
    parameter DIVIDER = 104
) (
    input  wire       clk,
    input  wire       rst,
    input  wire       rx,
    output reg        valid,
    output reg  [7:0] data
);

    localparam W = $clog2(DIVIDER);
    localparam [31:0] WHOLE = DIVIDER - 1;
    // A bit is sampled in its middle; the line is seen two clocks late.
    localparam [31:0] HALF = DIVIDER / 2 - 1;

    reg [1:0]   seen;
    reg [W-1:0] pause;
    // Bits to come: 10 at a start bit, 1 at a stop bit, 0 between bytes.
    reg [3:0]   left;

    always @(posedge clk) begin
        seen  <= {seen[0], rx};
        valid <= 1'b0;
        if (rst) begin
            left <= 4'd0;
        end else if (left == 4'd0) begin
            pause <= HALF[W-1:0];
            if (!seen[1]) left <= 4'd10;
        end else if (pause != {W{1'b0}}) begin
            pause <= pause - 1'b1;
        end else begin
            pause <= WHOLE[W-1:0];
            left  <= left - 4'd1;
            // A start bit that is over by its middle was a glitch.
            if (left == 4'd10 && seen[1]) left <= 4'd0;
            if (left != 4'd10 && left != 4'd1) data <= {seen[1], data[7:1]};
            if (left == 4'd1) valid <= seen[1];
        end
    end

endmodule

`default_nettype wire
