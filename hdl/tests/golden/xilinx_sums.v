// CARRY4 : behaviour of the Xilinx primitive, for simulators alone; synthesis has its own
`ifndef SYNTHESIS
`default_nettype none

module CARRY4 (
    output wire [3:0] CO,
    output wire [3:0] O,
    input  wire       CI,
    input  wire       CYINIT,
    input  wire [3:0] DI,
    input  wire [3:0] S
);

    wire c0 = CI | CYINIT;
    wire c1 = S[0] ? c0 : DI[0];
    wire c2 = S[1] ? c1 : DI[1];
    wire c3 = S[2] ? c2 : DI[2];
    wire c4 = S[3] ? c3 : DI[3];

    assign O  = S ^ {c3, c2, c1, c0};
    assign CO = {c4, c3, c2, c1};

endmodule

`default_nettype wire
`endif
// LUT6_2 : behaviour of the Xilinx primitive, for simulators alone; synthesis has its own
`ifndef SYNTHESIS
`default_nettype none

module LUT6_2 #(
    parameter [63:0] INIT = 64'h0
) (
    output wire O6,
    output wire O5,
    input  wire I0,
    input  wire I1,
    input  wire I2,
    input  wire I3,
    input  wire I4,
    input  wire I5
);

    localparam [31:0] LOW = INIT[31:0];

    assign O6 = INIT[{I5, I4, I3, I2, I1, I0}];
    assign O5 = LOW[{I4, I3, I2, I1, I0}];

endmodule

`default_nettype wire
`endif
// sterna_add3 : sum of three words modulo 2^WIDTH, the last MINUS of them subtracted
//   For Xilinx 7-series, UltraScale and UltraScale+: one LUT6_2 per bit and one carry chain.
//   The look-up table of bit i compresses the three operands to a sum bit and a carry; the carry of bit i - 1 enters the
//   same table, which gives the chain its propagate signal.  Inversions are in the tables; the ones that complete the
//   negations meet bit 0, whose sum bit they leave as it is, and enter above it: one as the inverse of that bit, two as a 1.
//   Operand WIDE may be wider than the two others, whose bits from PAIR - 1 on are copies of their sign.  With the signs
//   inverted, one of them goes on as zeros and the other as ones, which cancels both inversions: from bit PAIR on the chain
//   adds the carry to the wide operand, and where that has ended, too, the chain only passes.
`default_nettype none

module sterna_add3 #(
    parameter WIDTH = 8,
    parameter MINUS = 0,
    parameter WIDE  = 0,
    parameter PAIR  = WIDTH
) (
    input  wire [WIDTH-1:0] a,
    input  wire [WIDTH-1:0] b,
    input  wire [WIDTH-1:0] c,
    output wire [WIDTH-1:0] y
);

    localparam CHAINS = (WIDTH + 3) / 4;

    // The operands as truth tables over {c, b, a}; those with two signs inverted are for bit PAIR - 1.
    localparam [7:0] A     = 8'haa;
    localparam [7:0] B     = (MINUS >= 2) ? 8'h33 : 8'hcc;
    localparam [7:0] C     = (MINUS >= 1) ? 8'h0f : 8'hf0;
    localparam [7:0] SUM   = A ^ B ^ C;
    localparam [7:0] CARRY = (A & B) | (A & C) | (B & C);
    localparam [7:0] P     = (WIDE == 0) ? B : A;
    localparam [7:0] Q     = (WIDE == 2) ? B : C;
    localparam [7:0] R     = (WIDE == 0) ? A : (WIDE == 1) ? B : C;
    localparam [7:0] SIGNS = (~P & ~Q) | (~P & R) | (~Q & R);
    localparam       FLIP  = (WIDE == 1) ? MINUS >= 2 : (WIDE == 2) ? MINUS >= 1 : 0;

    // The carry out of the last bit, and the ends of the chain past it, are cut.
    // verilator lint_off UNUSEDSIGNAL
    wire     [PAIR:1] m    /* verilator split_var */;
    wire [4*CHAINS-1:0] s  /* verilator split_var */;
    wire [4*CHAINS-1:0] d  /* verilator split_var */;
    wire [4*CHAINS-1:0] o  /* verilator split_var */;
    wire [4*CHAINS-1:0] co /* verilator split_var */;
    wire    [WIDTH-1:0] r = (WIDE == 0) ? a : (WIDE == 1) ? b : c;
    // verilator lint_on UNUSEDSIGNAL

    assign d[0] = MINUS >= 1;
    assign y[0] = s[0];

    // The sum bit as it is: 8'h96 over the operands.
    LUT6_2 #(
        .INIT({{4{8'h96}}, {4{(PAIR == 1) ? SIGNS : CARRY}}})
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
        for (i = 1; i < PAIR; i = i + 1) begin : bits
            // Lower half, O5: the carry.  Upper half, O6: the sum bit, inverted where the carry from below is 1.
            LUT6_2 #(
                .INIT({~SUM, SUM, ~SUM, SUM, {4{(i == PAIR - 1) ? SIGNS : CARRY}}})
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
        for (i = PAIR; i < WIDTH; i = i + 1) begin : wide
            if (i == PAIR) begin : last
                assign s[i] = ~(r[i] ^ m[i] ^ FLIP);
                assign d[i] = m[i];
            end else begin : alone
                assign s[i] = ~(r[i] ^ r[i-1]);
                assign d[i] = FLIP ? r[i] : r[i-1];
            end
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
// sums_inner
//
// Generated by sterna.  Do not edit.
`default_nettype none

module sums_inner (
    // Inputs
    input  wire signed [3:0] a,
    input  wire        [2:0] u,
    input  wire signed [3:0] n,
    input  wire signed [4:0] plus,

    // Outputs
    output wire signed [7:0] two_minus
);

    // Combinational logic
    wire signed [6:0] one_minus;  // -14..=33
    wire signed [6:0] rest;  // -34..=39

    // Primitives of the family
    sterna_add3 #(.WIDTH(7), .MINUS(1), .WIDE(0), .PAIR(4)) u_one_minus (.a({2'b0, u, 2'b0}),
        .b({{3{n[3]}}, n}), .c({{3{a[3]}}, a}), .y(one_minus));
    sterna_add3 #(.WIDTH(7), .MINUS(1), .WIDE(0), .PAIR(5)) u_rest (.a(one_minus), .b(7'd119),
        .c({{2{plus[4]}}, plus}), .y(rest));
    sterna_add3 #(.WIDTH(8), .MINUS(2), .WIDE(1), .PAIR(7)) u_two_minus (.a({{3{plus[4]}}, plus}),
        .b({one_minus, 1'b0}), .c({rest[6], rest}), .y(two_minus));

endmodule

`default_nettype wire
// sums : sums of three operands
//
// Generated by sterna.  Do not edit.
`default_nettype none

module sums (
    // Inputs
    input  wire signed [3:0] a,
    input  wire        [2:0] u,
    input  wire signed [3:0] n,

    // Outputs
    output wire signed [4:0] plus,
    output wire signed [7:0] two_minus,
    output wire signed [4:0] none,
    output wire signed [4:0] pair
);

    // Combinational logic
    assign none = -{a[3], a} - {2'b0, u} - {n[3], n};  // -11..=15
    assign pair = {a[3], a} - {2'b0, u};  // -15..=7

    // Primitives of the family
    sterna_add3 #(.WIDTH(5), .MINUS(0), .WIDE(0), .PAIR(4)) u_plus (.a({a[3], a}), .b({2'b0, u}),
        .c({n[3], n}), .y(plus));

    sums_inner u_inner (
        .a         (a),
        .u         (u),
        .n         (n),
        .plus      (plus),
        .two_minus (two_minus)
    );

endmodule

`default_nettype wire
