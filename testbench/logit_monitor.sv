// Writes down every word of results that the arg max sees: `<path>.txt` gets a line with the number of the word and
// its elements, the lowest first. The path is the instance's, from the top module on, with dots.
module logit_monitor #(parameter LANES = 2, parameter BITS = 32) (
    input clk, input seen, input [15:0] word, input [LANES*BITS-1:0] elements
);
    integer file, i;

    initial file = $fopen($sformatf("%m.txt"), "w");

    always @(posedge clk)
        if (seen) begin
            $fwrite(file, "%0d", word);
            for (i = 0; i < LANES; i = i + 1) $fwrite(file, " %0d", $signed(elements[i*BITS +: BITS]));
            $fwrite(file, "\n");
        end

    final $fclose(file);
endmodule
