// Behavioural model of a clock gate: a pulse of `clk` passes if `enable` was high at the end of the low half before it.
//
// Every library has this as one cell, a latch and an and, made so that `gated` has no glitches.
module clock_gate (input clk, input enable, output gated);
    reg open;
    always_latch if (!clk) open = enable;
    assign gated = clk && open;
endmodule
