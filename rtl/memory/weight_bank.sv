// Behavioural model of one non-volatile or SRAM weight bank with a fixed read time.
//
// A read starts at a clock edge with `enable`; `data` changes LATENCY edges later and holds until the next
// read arrives. A bank takes one read in CADENCE cycles: a second one before that is a fault of the schedule,
// which stops the simulation. Contents come from `<PREFIX><ID>.hex` in the working directory.
module weight_bank #(
    parameter WORDS = 16, parameter BITS = 8, parameter ADDRESS = 4,
    parameter LATENCY = 1, parameter CADENCE = 1, parameter ID = 0
) (
    input clk, input enable, input [ADDRESS-1:0] address, output reg [BITS-1:0] data
);
    reg [BITS-1:0] memory [0:WORDS-1];
    reg [ADDRESS-1:0] pending;
    reg [7:0] busy = 0, left = 0;
    string file;

    initial begin
        file = $sformatf("weights_%0d.hex", ID);
        $readmemh(file, memory);
        data = 0;
    end

    always @(posedge clk) begin
        if (busy != 0) busy <= busy - 1;
        if (left != 0) left <= left - 1;
        if (enable) begin
            if (busy != 0) begin
                $display("%m: a read after %0d of %0d cycles", CADENCE - busy, CADENCE);
                $fatal(1);
            end
            busy <= 8'(CADENCE - 1);
            pending <= address;
            left <= 8'(LATENCY - 1);
        end
        if (LATENCY == 1) begin
            if (enable) data <= memory[address];
        end else if (left == 1) data <= memory[pending];
    end
endmodule
