// sterna_reset : reset for 256 clocks after power-up and after a button
//   The block RAMs of iCE40 are not readable in the first microseconds after configuration.
`default_nettype none

module sterna_reset (
    input  wire clk,
    input  wire button,
    output wire rst
);

    reg [1:0] seen;
    reg [8:0] count;

    initial begin
        seen  = 2'd0;
        count = 9'd0;
    end

    assign rst = !count[8];

    always @(posedge clk) begin
        seen <= {seen[0], button};
        if (seen[1]) count <= 9'd0;
        else if (rst) count <= count + 9'd1;
    end

endmodule

`default_nettype wire
