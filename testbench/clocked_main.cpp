// The program around a verilated design that cocotb drives (SPDX-License-Identifier: Apache-2.0).
//
// It differs from cocotb's own main in one thing: the clock lives here. While cocotb has nothing due, an edge costs
// one eval() and one look at the value-change callbacks, some tens of nanoseconds, where a clock made by cocotb costs
// two timer registrations and two VPI writes a cycle, more than a microsecond.
//
// Compiled with -DCLOCK=<port> -DHALF_PERIOD=<steps of the time precision>, or without both for a design with no
// clock. The clock starts low: rising edges lie at odd multiples of the half period, falling edges at even ones.
// At one instant cocotb's timers come before the edge.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "Vtop.h"
#include "verilated.h"
#include "verilated_vpi.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif
#if VM_COVERAGE
#include "verilated_cov.h"
#endif

extern "C" void vlog_startup_routines_bootstrap(void);

namespace {

constexpr std::uint64_t never = ~std::uint64_t{0};
std::uint64_t now = 0;

#ifdef CLOCK
std::uint64_t next_edge = HALF_PERIOD;

void toggle(Vtop& top) {
    now = next_edge;
    next_edge += HALF_PERIOD;
    top.CLOCK ^= 1;
}
#else
constexpr std::uint64_t next_edge = never;

void toggle(Vtop&) {}
#endif

class Waves {
public:
    Waves(Vtop& top, bool wanted) {
#if VM_TRACE
        if (!wanted) return;
        Verilated::traceEverOn(true);
        file_ = std::make_unique<VerilatedVcdC>();
        top.trace(file_.get(), 99);
        file_->open("dump.vcd");
#else
        (void)top;
        (void)wanted;
#endif
    }
    void dump() {
#if VM_TRACE
        if (file_) file_->dump(now);
#endif
    }
    void close() {
#if VM_TRACE
        if (file_) file_->close();
#endif
    }
    bool on() const {
#if VM_TRACE
        return static_cast<bool>(file_);
#else
        return false;
#endif
    }

private:
#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> file_;
#endif
};

// Calls the value-change callbacks until none changes a value; true when any was called.
bool report_changes() {
    const bool any = VerilatedVpi::callValueCbs();
    if (any) {
        while (VerilatedVpi::callValueCbs()) {
        }
    }
    return any;
}

// One instant: evaluates and hands cocotb its regions until neither has anything left to do.
void settle(Vtop& top, Waves& waves) {
    do {
        do {
            top.eval_step();
            VerilatedVpi::clearEvalNeeded();
            VerilatedVpi::doInertialPuts();
            report_changes();
        } while (VerilatedVpi::evalNeeded());
        VerilatedVpi::callCbs(cbReadWriteSynch);
        VerilatedVpi::doInertialPuts();
        report_changes();
    } while (VerilatedVpi::evalNeeded());
    top.eval_end_step();
    VerilatedVpi::callCbs(cbReadOnlySynch);
    waves.dump();
}

// Runs the clock up to cocotb's next deadline; stops early (true) at an edge that cocotb must see.
bool run_clock(Vtop& top, const Waves& waves) {
    const std::uint64_t deadline = VerilatedVpi::cbNextDeadline();
    const bool step = waves.on() || VerilatedVpi::hasCbs(cbNextSimTime);
    while (next_edge < deadline) {
        toggle(top);
        if (step) {
            VerilatedVpi::callCbs(cbNextSimTime);
            return true;
        }
        top.eval();
        if (report_changes() || VerilatedVpi::evalNeeded() || Verilated::gotFinish()) return true;
    }
    return false;
}

// Goes to cocotb's next timer; false when it has none.
bool advance() {
    const std::uint64_t deadline = VerilatedVpi::cbNextDeadline();
    if (deadline == never) return false;
    now = deadline;
    VerilatedVpi::callCbs(cbNextSimTime);
    report_changes();
    VerilatedVpi::callTimedCbs();
    report_changes();
    return true;
}

// Tells cocotb that the simulation is over, once, so that it writes its results.
void finish(Waves& waves) {
    static bool finished = false;
    if (std::exchange(finished, true)) return;
    VerilatedVpi::callCbs(cbEndOfSimulation);
    waves.close();
#if VM_COVERAGE
    Verilated::threadContextp()->coveragep()->write("coverage.dat");
#endif
}

}  // namespace

double sc_time_stamp() { return static_cast<double>(now); }

int main(int argc, char** argv) {
    Verilated::commandArgs(argc, argv);
    const auto top = std::make_unique<Vtop>("");
    Verilated::fatalOnVpiError(false);  // cocotb asks for things that may not exist
    const bool trace = std::any_of(argv, argv + argc, [](const char* a) { return std::strcmp(a, "--trace") == 0; });
    Waves waves(*top, trace);

    vlog_startup_routines_bootstrap();
    Verilated::addExitCb([](void* w) { finish(*static_cast<Waves*>(w)); }, &waves);  // $fatal leaves through here
    VerilatedVpi::callCbs(cbStartOfSimulation);
    report_changes();
    bool more = true;
    while (more && !Verilated::gotFinish()) {
        settle(*top, waves);
        if (Verilated::gotFinish()) break;
        more = run_clock(*top, waves) || advance();
    }
    top->final();
    finish(waves);
    return Verilated::threadContextp()->errorCount() > 0 ? 1 : 0;
}
