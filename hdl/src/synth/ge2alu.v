// ge2alu : turns each comparison into the sign of a difference that is one bit wider
//   Yosys computes `a >= b` as "not less, or equal", and equality takes tables beside the chain: 24 LUT4 instead of 14 for two
//   words of 13 bits on iCE40, 25 instead of 15 on ECP5.  FEW is the width up to which a comparison with a constant is best
//   left to logic.
(* techmap_celltype = "$ge $gt $le $lt" *)
module ge_to_alu (A, B, Y);
    parameter A_SIGNED = 0;
    parameter B_SIGNED = 0;
    parameter A_WIDTH = 1;
    parameter B_WIDTH = 1;
    parameter Y_WIDTH = 1;
    input  [A_WIDTH-1:0] A;
    input  [B_WIDTH-1:0] B;
    output [Y_WIDTH-1:0] Y;

    parameter _TECHMAP_CELLTYPE_ = "";
    parameter _TECHMAP_CONSTMSK_A_ = 0;
    parameter _TECHMAP_CONSTMSK_B_ = 0;

    localparam SWAPPED = _TECHMAP_CELLTYPE_ == "$gt" || _TECHMAP_CELLTYPE_ == "$le";
    localparam INVERTED = _TECHMAP_CELLTYPE_ == "$ge" || _TECHMAP_CELLTYPE_ == "$le";
    localparam CONSTANT = &_TECHMAP_CONSTMSK_A_ || &_TECHMAP_CONSTMSK_B_;
    localparam WIDTH = A_WIDTH > B_WIDTH ? A_WIDTH + 1 : B_WIDTH + 1;
    wire _TECHMAP_FAIL_ = WIDTH <= (CONSTANT ? `FEW + 1 : 3);

    // The cell is only legal with all its outputs as wide as the difference.
    wire [WIDTH-1:0] x;
    wire [WIDTH-1:0] co;
    wire [WIDTH-1:0] difference;

    generate
        if (SWAPPED)
            \$alu #(
                .A_SIGNED(B_SIGNED), .B_SIGNED(A_SIGNED),
                .A_WIDTH(B_WIDTH), .B_WIDTH(A_WIDTH), .Y_WIDTH(WIDTH)
            ) alu (.A(B), .B(A), .BI(1'b1), .CI(1'b1), .X(x), .Y(difference), .CO(co));
        else
            \$alu #(
                .A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED),
                .A_WIDTH(A_WIDTH), .B_WIDTH(B_WIDTH), .Y_WIDTH(WIDTH)
            ) alu (.A(A), .B(B), .BI(1'b1), .CI(1'b1), .X(x), .Y(difference), .CO(co));
    endgenerate

    assign Y = INVERTED ? ~difference[WIDTH-1] : difference[WIDTH-1];
endmodule
