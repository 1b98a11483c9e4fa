// sterna_add3 : sum of three words modulo 2^WIDTH, the last MINUS of them subtracted
//   For Xilinx 7-series, UltraScale and UltraScale+: one LUT6_2 per bit and one carry chain.
//   The look-up table of bit i compresses the three operands to a sum bit and a carry; the carry of bit i - 1 enters the
//   same table, which gives the chain its propagate signal.  Inversions are in the tables; the ones that complete the
//   negations meet bit 0, whose sum bit they leave as it is, and enter above it: one as the inverse of that bit, two as a 1.
//   In the top EXTENDED bits all operands repeat the bit below, so that sum bit and carry are functions of the same three
//   bits: plain logic, equal for all of them, and any operand is the carry where the chain does not pass.
`default_nettype none

module sterna_add3 #(
    parameter WIDTH    = 8,
    parameter MINUS    = 0,
    parameter EXTENDED = 0
) (
    input  wire [WIDTH-1:0] a,
    input  wire [WIDTH-1:0] b,
    input  wire [WIDTH-1:0] c,
    output wire [WIDTH-1:0] y
);

    localparam CHAINS = (WIDTH + 3) / 4;
    localparam TABLES = WIDTH - EXTENDED;

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
    wire     [TABLES:1] m  /* verilator split_var */;
    wire [4*CHAINS-1:0] s  /* verilator split_var */;
    wire [4*CHAINS-1:0] d  /* verilator split_var */;
    wire [4*CHAINS-1:0] o  /* verilator split_var */;
    wire [4*CHAINS-1:0] co /* verilator split_var */;
    // verilator lint_on UNUSEDSIGNAL

    assign d[0] = MINUS >= 1;
    assign y[0] = s[0];

    // The sum bit as it is: 8'h96 over the operands.
    LUT6_2 #(
        .INIT({{4{8'h96}}, {4{CARRY}}})
    ) first (
        .O6(s[0]),
        .O5(m[1]),
        .I0(a[0]),
        .I1(b[0]),
        .I2(c[0]),
        .I3(1'b0),
        .I4(1'b0),
        .I5(1'b1)
    );

    genvar i;
    generate
        if (WIDTH > 1) begin : upper
            assign y[WIDTH-1:1] = o[WIDTH-1:1];
        end
        for (i = 1; i < TABLES; i = i + 1) begin : bits
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
        for (i = TABLES; i < WIDTH; i = i + 1) begin : extended
            wire p = b[i] ^ (MINUS >= 2);
            wire q = c[i] ^ (MINUS >= 1);
            assign s[i] = a[i] ^ p ^ q ^ ((a[i] & p) | (a[i] & q) | (p & q));
            assign d[i] = a[i];
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
                .CYINIT(i == 0 && MINUS >= 2),
                .DI(d[4*i+3:4*i]),
                .S(s[4*i+3:4*i])
            );
        end
    endgenerate

endmodule

`default_nettype wire
