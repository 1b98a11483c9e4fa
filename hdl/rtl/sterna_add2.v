// sterna_add2 : sum of two words modulo 2^WIDTH, WIDTH >= 2, the second subtracted if MINUS
//   For ECP5, whose carry chains are whole CCU2C of two bits: the last bit of an odd number is a look-up table behind the
//   chain instead of half a CCU2C.  The carry into it follows from the sum bit below and the operands there.
`default_nettype none

module sterna_add2 #(
    parameter WIDTH = 8,
    parameter MINUS = 0
) (
    input  wire [WIDTH-1:0] a,
    input  wire [WIDTH-1:0] b,
    output wire [WIDTH-1:0] y
);

    wire [WIDTH-2:0] low;

    generate
        if (MINUS != 0) begin : difference
            assign low = a[WIDTH-2:0] - b[WIDTH-2:0];
        end else begin : total
            assign low = a[WIDTH-2:0] + b[WIDTH-2:0];
        end
    endgenerate

    wire c = b[WIDTH-2] ^ (MINUS != 0);
    wire carry = (a[WIDTH-2] & c) | ((a[WIDTH-2] | c) & ~low[WIDTH-2]);

    assign y = {a[WIDTH-1] ^ b[WIDTH-1] ^ (MINUS != 0) ^ carry, low};

endmodule

`default_nettype wire
