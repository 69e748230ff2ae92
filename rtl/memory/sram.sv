// Behavioural model of a small SRAM: one read port and one write port with a mask of GRAIN-bit pieces.
//
// Both ports take a new address every cycle; `read_data` follows one cycle later and holds. A write and a read
// of one address in one cycle return the old word. Power-up contents are a pattern or, if HAS_FILE says so,
// come from `<path>.hex` in the working directory; the path is the instance's, from the top module on, with dots.
module sram #(
    parameter WORDS = 16, parameter BITS = 8, parameter ADDRESS = 4, parameter GRAIN = 8,
    parameter HAS_FILE = 0
) (
    input clk,
    input read_enable, input [ADDRESS-1:0] read_address, output reg [BITS-1:0] read_data,
    input write_enable, input [ADDRESS-1:0] write_address, input [BITS-1:0] write_data,
    input [BITS/GRAIN-1:0] write_mask
);
    reg [BITS-1:0] memory [0:WORDS-1];
    reg [BITS-1:0] written;
    string file;
    integer i;

    initial begin
        for (i = 0; i < WORDS; i = i + 1) memory[i] = {(BITS + 31) / 32{32'hdeadbeef}};
        if (HAS_FILE != 0) begin
            file = $sformatf("%m.hex");
            $readmemh(file, memory);
        end
        read_data = 0;
    end

    always @(posedge clk) begin
        if (read_enable) read_data <= memory[read_address];
        // `written` is a variable of this block alone: one write of a whole word simulates much faster than
        // one for every piece of it.
        /* verilator lint_off BLKSEQ */
        if (write_enable) begin
            written = memory[write_address];
            for (i = 0; i < BITS / GRAIN; i = i + 1)
                if (write_mask[i]) written[i*GRAIN +: GRAIN] = write_data[i*GRAIN +: GRAIN];
            memory[write_address] <= written;
        end
        /* verilator lint_on BLKSEQ */
    end
endmodule
