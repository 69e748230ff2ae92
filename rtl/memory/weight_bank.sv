// Behavioural model of one non-volatile or SRAM weight bank with a fixed read time.
//
// A read starts at a clock edge with `enable`; `data` changes LATENCY edges later and holds until the next
// read arrives. A write starts at an edge with `write` and takes WRITE cycles, a read takes CADENCE: anything that
// starts before that is a fault of the schedule, which stops the simulation. Contents come from `<path>.bin` in the
// working directory, if HAS_FILE says so; the path is the instance's, from the top module on, with dots.
//
// Cells can fail, at rates per bit that are given on the command line (rtl/memory/faults.py says what each means and
// draws the same faults): +read_error_rate, +read_disturb_rate, +write_error_rate, +retention_error_rate, +stuck_rate,
// and +fault_seed. Every draw is a hash of seed, bank, kind and the number of the read or write, or the address: nothing
// depends on the simulator, or on what other banks do.
module weight_bank #(
    parameter WORDS = 16, parameter BITS = 8, parameter ADDRESS = 4,
    parameter LATENCY = 1, parameter CADENCE = 1, parameter WRITE = 1, parameter ID = 0, parameter HAS_FILE = 1
) (
    input clk, input enable, input write, input [ADDRESS-1:0] address, input [BITS-1:0] write_data,
    output reg [BITS-1:0] data
);
    localparam READ_ERROR = 0, DISTURB = 1, WRITE_ERROR = 2, RETENTION = 3, STUCK = 4;

    reg [BITS-1:0] memory [0:WORDS-1];
    reg [ADDRESS-1:0] pending;
    reg [15:0] busy = 0;
    reg [7:0] left = 0;
    reg faulty = 0;
    reg [63:0] reads = 0, writes = 0, seed = 0;
    real read_error, disturb, write_error, retention, stuck;
    string file;
    integer i, used;

    initial begin
        if (!$value$plusargs("read_error_rate=%f", read_error)) read_error = 0;
        if (!$value$plusargs("read_disturb_rate=%f", disturb)) disturb = 0;
        if (!$value$plusargs("write_error_rate=%f", write_error)) write_error = 0;
        if (!$value$plusargs("retention_error_rate=%f", retention)) retention = 0;
        if (!$value$plusargs("stuck_rate=%f", stuck)) stuck = 0;
        if (!$value$plusargs("fault_seed=%d", seed)) seed = 0;
        faulty = read_error + disturb + write_error + retention + stuck > 0;
        if (HAS_FILE != 0) begin
            file = $sformatf("%m.bin");
            i = $fopen(file, "rb");
            if (i == 0) begin
                $display("%m: %s is not there", file);
                $fatal(1);
            end
            used = $fread(memory, i);
            $fclose(i);
        end else for (i = 0; i < WORDS; i = i + 1) memory[i] = 0;
        if (faulty) for (i = 0; i < WORDS; i = i + 1)
            memory[i] = settled(i, memory[i] ^ drawn(RETENTION, retention, i));
        data = 0;
    end

    // SplitMix64: Steele, Lea and Flood, OOPSLA 2014.
    function automatic [63:0] mix(input [63:0] value);
        reg [63:0] z;
        begin
            z = value + 64'h9e3779b97f4a7c15;
            z = (z ^ (z >> 30)) * 64'hbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 64'h94d049bb133111eb;
            mix = z ^ (z >> 31);
        end
    endfunction

    function automatic [63:0] stream(input integer kind, input [63:0] index);
        stream = mix(mix(mix(seed) + 64'(ID) * 8 + 64'(kind)) + index);
    endfunction

    // Bits that fail in event `index`: from one to the next is a geometric distance.
    function automatic [BITS-1:0] drawn(input integer kind, input real rate, input [63:0] index);
        real position, uniform, keep;
        reg [63:0] origin, count;
        begin
            drawn = 0;
            if (rate > 0) begin
                keep = $ln(1.0 - rate);
                origin = stream(kind, index);
                position = -1.0;
                for (count = 0; position < BITS; count = count + 1) begin
                    uniform = ((mix(origin + count) >> 11) + 0.5) / 9007199254740992.0;
                    position = position + 1.0 + $floor($ln(uniform) / keep);
                    if (position < BITS) drawn[$rtoi(position)] = 1;
                end
            end
        end
    endfunction

    // A word as its cells can hold it: a stuck one keeps a value of its own.
    function automatic [BITS-1:0] settled(input [63:0] where, input [BITS-1:0] word);
        reg [BITS-1:0] cells;
        reg [63:0] origin;
        integer bit_;
        begin
            cells = drawn(STUCK, stuck, where);
            settled = word;
            origin = ~stream(STUCK, where);
            if (cells != 0) for (bit_ = 0; bit_ < BITS; bit_ = bit_ + 1)
                if (cells[bit_]) settled[bit_] = 1'(mix(origin + 64'(bit_)) >> 63);
        end
    endfunction

    // A write that fails leaves a cell as it was.
    function automatic [BITS-1:0] written(input [BITS-1:0] old, input [BITS-1:0] word);
        reg [BITS-1:0] failed;
        begin
            failed = drawn(WRITE_ERROR, write_error, writes);
            written = settled(64'(address), (word & ~failed) | (old & failed));
        end
    endfunction

    wire arrives = LATENCY == 1 ? enable : left == 1;
    wire [ADDRESS-1:0] source = LATENCY == 1 ? address : pending;

    always @(posedge clk) begin
        if (busy != 0) busy <= busy - 1;
        if (left != 0) left <= left - 1;
        if (enable || write) begin
            if (busy != 0 || (enable && write)) begin
                $display("%m: an access begins %0d cycles before the last one ends", busy);
                $fatal(1);
            end
            busy <= write ? 16'(WRITE - 1) : 16'(CADENCE - 1);
            pending <= address;
        end
        if (enable) left <= 8'(LATENCY - 1);
        if (arrives) begin
            if (faulty) begin
                data <= memory[source] ^ drawn(READ_ERROR, read_error, reads);
                memory[source] <= memory[source] | drawn(DISTURB, disturb, reads);
                reads <= reads + 1;
            end else data <= memory[source];
        end
        if (write) begin
            memory[address] <= faulty ? written(memory[address], write_data) : write_data;
            writes <= writes + 1;
        end
    end
endmodule
