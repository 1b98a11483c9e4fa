// sterna_serial : samples in and results out over a serial line, for a core with AXI-Stream ports
//
//   to the board                        answer
//   "?"                                 "i" and the four bytes of ID
//   "s" and the beats of a sample       "r" and the beats of the result
//
//   A beat is IN_BYTES or OUT_BYTES, a word its low byte first.  The answer is "e" instead, and the core starts anew, where
//   it took a beat too late, reported an error, or the line fell silent for 65,536 bit times within a sample.
//   Other bytes between samples mean nothing.
`default_nettype none

module sterna_serial #(
    parameter        DIVIDER   = 104,
    parameter        IN_BYTES  = 1,
    parameter        IN_BEATS  = 2,
    parameter        OUT_BYTES = 1,
    parameter [31:0] ID        = 32'd0
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   rx,
    output wire                   tx,
    // The low byte of the last result.
    output reg  [7:0]             leds,
    output wire                   core_rst,
    input  wire                   core_error,
    output reg                    in_valid,
    input  wire                   in_ready,
    output reg                    in_last,
    output reg  [8*IN_BYTES-1:0]  in_data,
    input  wire                   out_valid,
    output wire                   out_ready,
    input  wire                   out_last,
    input  wire [8*OUT_BYTES-1:0] out_data
);

    localparam IN_W    = $clog2(IN_BYTES + 1);
    localparam BEAT_W  = $clog2(IN_BEATS + 1);
    localparam QUIET_W = $clog2(DIVIDER) + 17;
    // Bytes of the longest answer but its first.
    localparam LONGEST = OUT_BYTES > 4 ? OUT_BYTES : 4;
    localparam LEFT_W  = $clog2(LONGEST + 2);

    localparam [31:0] LAST_BYTE = IN_BYTES - 1;
    localparam [31:0] LAST_BEAT = IN_BEATS - 1;
    localparam [31:0] QUIET     = DIVIDER << 16;
    localparam [31:0] BEAT      = OUT_BYTES;
    localparam [31:0] FIRST     = OUT_BYTES + 1;

    // ---- Errors
    wire      late;
    wire      silent;
    wire      regret;
    reg       fault;
    reg [3:0] again;

    assign core_rst = rst || fault || again[3];

    always @(posedge clk) begin
        again <= regret ? 4'hf : {again[2:0], 1'b0};
        if (rst || regret) fault <= 1'b0;
        else if (!core_rst && (late || silent || core_error)) fault <= 1'b1;
    end

    // ---- Receiver: bytes to beats
    wire       byte_valid;
    wire [7:0] byte_data;

    sterna_uart_rx #(.DIVIDER(DIVIDER)) receiver (
        .clk(clk),
        .rst(rst),
        .rx(rx),
        .valid(byte_valid),
        .data(byte_data)
    );

    wire               tell;
    reg                asked;
    reg                sample;
    reg  [IN_W-1:0]    byte_at;
    reg  [BEAT_W-1:0]  beat_at;
    reg  [QUIET_W-1:0] quiet;

    wire taken = byte_valid && sample;
    wire whole = taken && byte_at == LAST_BYTE[IN_W-1:0];
    wire last  = beat_at == LAST_BEAT[BEAT_W-1:0];

    assign late   = taken && in_valid && !in_ready;
    assign silent = sample && quiet == {QUIET_W{1'b0}};

    always @(posedge clk) begin
        quiet <= byte_valid || !sample ? QUIET[QUIET_W-1:0] : quiet - 1'b1;
        if (core_rst) begin
            asked    <= 1'b0;
            sample   <= 1'b0;
            byte_at  <= {IN_W{1'b0}};
            beat_at  <= {BEAT_W{1'b0}};
            in_valid <= 1'b0;
        end else begin
            if (in_ready) in_valid <= 1'b0;
            if (tell) asked <= 1'b0;
            if (byte_valid && !sample) begin
                asked  <= byte_data == "?" || (asked && !tell);
                sample <= byte_data == "s";
            end
            if (taken) byte_at <= whole ? {IN_W{1'b0}} : byte_at + 1'b1;
            if (whole) begin
                in_valid <= 1'b1;
                in_last  <= last;
                beat_at  <= last ? {BEAT_W{1'b0}} : beat_at + 1'b1;
                sample   <= !last;
            end
        end
    end

    generate
        if (IN_BYTES == 1) begin : narrow
            always @(posedge clk) if (taken) in_data <= byte_data;
        end else begin : wide
            always @(posedge clk) if (taken) in_data <= {byte_data, in_data[8*IN_BYTES-1:8]};
        end
    endgenerate

    // ---- Sender: answers to bytes
    wire                   ready;
    reg  [8*LONGEST+7:0]   answer;
    reg  [LEFT_W-1:0]      left;
    // Within a result of several beats.
    reg                    within;
    wire                   idle = left == {LEFT_W{1'b0}};
    wire [8*LONGEST-1:0]   beat;

    assign regret    = idle && fault;
    assign out_ready = idle && !core_rst;
    assign tell      = out_ready && !out_valid && asked && !within;

    generate
        if (LONGEST == OUT_BYTES) begin : full
            assign beat = out_data;
        end else begin : padded
            assign beat = {{8*(LONGEST-OUT_BYTES){1'b0}}, out_data};
        end
    endgenerate

    always @(posedge clk) begin
        if (out_valid && out_ready) leds <= out_data[7:0];
        if (rst) begin
            left   <= {LEFT_W{1'b0}};
            leds   <= 8'd0;
            within <= 1'b0;
        end else if (regret) begin
            answer[7:0] <= "e";
            left        <= 1;
            within      <= 1'b0;
        end else if (out_valid && out_ready) begin
            answer <= within ? {8'd0, beat} : {beat, "r"};
            left   <= within ? BEAT[LEFT_W-1:0] : FIRST[LEFT_W-1:0];
            within <= !out_last;
        end else if (tell) begin
            answer[39:0] <= {ID, "i"};
            left         <= 5;
        end else if (!idle && ready) begin
            answer <= {8'd0, answer[8*LONGEST+7:8]};
            left   <= left - 1'b1;
        end
    end

    sterna_uart_tx #(.DIVIDER(DIVIDER)) sender (
        .clk(clk),
        .rst(rst),
        .valid(!idle),
        .ready(ready),
        .data(answer[7:0]),
        .tx(tx)
    );

endmodule

`default_nettype wire
