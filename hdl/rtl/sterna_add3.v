// sterna_add3 : sum of three words modulo 2^WIDTH, the last MINUS of them subtracted
//   For Xilinx 7-series, UltraScale and UltraScale+: one LUT6_2 per bit and one carry chain.
//   The look-up table of bit i compresses the three operands to a sum bit and a carry; the carry of bit i - 1 enters the
//   same table, which gives the chain its propagate signal.  Inversions are in the tables; the two ones that complete two
//   negations enter at the chain's start and as the carry below bit 0.
`default_nettype none

module sterna_add3 #(
    parameter WIDTH = 8,
    parameter MINUS = 0
) (
    input  wire [WIDTH-1:0] a,
    input  wire [WIDTH-1:0] b,
    input  wire [WIDTH-1:0] c,
    output wire [WIDTH-1:0] y
);

    localparam CHAINS = (WIDTH + 3) / 4;

    // The operands as truth tables over {c, b, a}.
    localparam [7:0] A     = 8'haa;
    localparam [7:0] B     = (MINUS >= 2) ? 8'h33 : 8'hcc;
    localparam [7:0] C     = (MINUS >= 1) ? 8'h0f : 8'hf0;
    localparam [7:0] SUM   = A ^ B ^ C;
    localparam [7:0] CARRY = (A & B) | (A & C) | (B & C);
    // Lower half, O5: the carry.  Upper half, O6: the sum bit, inverted where the carry from below is 1.
    localparam [63:0] TABLE = {~SUM, SUM, ~SUM, SUM, {4{CARRY}}};

    // The carry out of the last bit, and the ends of the chain past it, are cut.
    // verilator lint_off UNUSEDSIGNAL
    wire      [WIDTH:0] m  /* verilator split_var */;
    wire [4*CHAINS-1:0] s  /* verilator split_var */;
    wire [4*CHAINS-1:0] d  /* verilator split_var */;
    wire [4*CHAINS-1:0] o  /* verilator split_var */;
    wire [4*CHAINS-1:0] co /* verilator split_var */;
    // verilator lint_on UNUSEDSIGNAL

    assign m[0] = MINUS >= 2;
    assign y = o[WIDTH-1:0];

    genvar i;
    generate
        for (i = 0; i < WIDTH; i = i + 1) begin : bits
            LUT6_2 #(
                .INIT(TABLE)
            ) lut (
                .O6(s[i]),
                .O5(m[i+1]),
                .I0(a[i]),
                .I1(b[i]),
                .I2(c[i]),
                .I3(m[i]),
                .I4(1'b0),
                .I5(1'b1)
            );
            assign d[i] = m[i];
        end
        for (i = WIDTH; i < 4 * CHAINS; i = i + 1) begin : pads
            assign s[i] = 1'b0;
            assign d[i] = 1'b0;
        end
        for (i = 0; i < CHAINS; i = i + 1) begin : chains
            wire below;
            if (i > 0) begin : next
                assign below = co[4*i-1];
            end else begin : first
                assign below = 1'b0;
            end
            CARRY4 carry (
                .CO(co[4*i+3:4*i]),
                .O(o[4*i+3:4*i]),
                .CI(below),
                .CYINIT(i == 0 && MINUS >= 1),
                .DI(d[4*i+3:4*i]),
                .S(s[4*i+3:4*i])
            );
        end
    endgenerate

endmodule

`default_nettype wire
