// sterna_uart_tx : bytes to a serial line of 8 data bits, no parity, one stop bit; DIVIDER clocks a bit
`default_nettype none

module sterna_uart_tx #(
    parameter DIVIDER = 104
) (
    input  wire       clk,
    input  wire       rst,
    input  wire       valid,
    output wire       ready,
    input  wire [7:0] data,
    output wire       tx
);

    localparam W = $clog2(DIVIDER);
    localparam [31:0] WHOLE = DIVIDER - 1;

    // Start bit, data and stop bit, the next one lowest; ones when idle.
    reg [9:0]   frame;
    reg [W-1:0] pause;
    reg [3:0]   left;

    initial frame = 10'h3ff;

    assign tx    = frame[0];
    assign ready = left == 4'd0;

    always @(posedge clk) begin
        if (rst) begin
            frame <= 10'h3ff;
            left  <= 4'd0;
        end else if (ready) begin
            pause <= WHOLE[W-1:0];
            if (valid) begin
                frame <= {1'b1, data, 1'b0};
                left  <= 4'd10;
            end
        end else if (pause != {W{1'b0}}) begin
            pause <= pause - 1'b1;
        end else begin
            pause <= WHOLE[W-1:0];
            frame <= {1'b1, frame[9:1]};
            left  <= left - 4'd1;
        end
    end

endmodule

`default_nettype wire
